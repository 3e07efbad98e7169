"""Base64 and PEM as tools really write them, and nothing that merely looks like it."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.verify.encoding import read_base64, read_certificates, shown
from proxy.verify.evidence import NotProved

BLOCK = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n"


@given(st.binary(max_size=200), st.integers(1, 30))
def test_both_alphabets_are_read_however_they_are_folded(raw, width):
    for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        folded = "\r\n".join(text[at : at + width] for at in range(0, len(text), width))
        assert read_base64(folded, what="x") == raw


@pytest.mark.parametrize("value", ["?", "YQ", "YQ==YQ==", "YQ==\x00", "ä", None, 7, ["YQ=="]])
def test_what_is_not_base64_is_refused_by_name(value):
    with pytest.raises(NotProved, match="the token is not"):
        read_base64(value, what="token")


def test_pem_blocks_become_der_in_their_order():
    der = base64.b64decode("AAAABBBB")
    assert read_certificates(BLOCK * 2, what="chain", limit=2) == (der, der)


@pytest.mark.parametrize(
    "pem", ["", "x", BLOCK.replace("CERTIFICATE", "PUBLIC KEY"), BLOCK + "-----BEGIN RSA-----\nAAAA", BLOCK[:-10]]
)
def test_what_is_not_certificates_alone_is_refused(pem):
    with pytest.raises(NotProved, match="does not hold PEM certificates alone"):
        read_certificates(pem, what="chain", limit=3)


def test_t53_a_thousand_certificates_are_refused_unread():
    with pytest.raises(NotProved, match="over 10 certificates"):
        read_certificates(BLOCK * 1000, what="chain", limit=10)


@given(st.text())
def test_a_strangers_text_is_bounded_and_printable(text):
    assert shown(text).isprintable()
    assert len(shown(text)) <= 90


def test_what_is_no_text_is_named_by_its_type():
    assert shown(["x"]) == "of type list"
