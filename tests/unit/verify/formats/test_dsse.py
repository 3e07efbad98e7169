"""An envelope is read strictly: one type, one payload, and signatures that are there."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import PratiqueError
from proxy.verify.evidence import NotProved
from proxy.verify.formats.dsse import MAX_SIGNATURES, Envelope, parse_envelope, read_envelope, require_type

SIGNATURE = {"keyid": "", "sig": "YWJj"}
HONEST = {"payloadType": "t", "payload": "e30=", "signatures": [SIGNATURE]}


def test_an_envelope_is_what_it_says():
    assert parse_envelope(json.dumps(HONEST).encode()) == Envelope("t", b"{}", (b"abc",))


def test_the_encoding_that_is_signed_is_the_specifications_example():
    """DSSE protocol.md, "PAE"."""
    assert Envelope("http://example.com/HelloWorld", b"hello world", (b"s",)).pae == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=20), st.binary(max_size=50))
def test_no_two_envelopes_have_one_encoding(kind, payload):
    other = Envelope(kind + " ", payload, (b"s",))
    assert Envelope(kind, payload, (b"s",)).pae not in (other.pae, Envelope(kind, payload + b" ", (b"s",)).pae)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"signatures": []}, "has no signature"),
        ({"signatures": None}, "has no signature"),
        ({"signatures": {}}, "has no signature"),
        ({"signatures": [{"sig": ""}]}, "signature is empty"),
        ({"signatures": [{}]}, "is not text"),
        ({"signatures": ["YWJj"]}, "not a JSON object"),
        ({"signatures": [{"sig": "?"}]}, "not base64"),
        ({"signatures": [{"Sig": "YWJj"}]}, "spells 'sig' as 'Sig'"),
        ({"payload": None}, "payload of the DSSE envelope is not text"),
        ({"payload": "?"}, "payload of the DSSE envelope is not base64"),
        ({"payloadType": ""}, "no payloadType"),
        ({"payloadType": 1}, "no payloadType"),
        ({"payloadType": "ä"}, "no payloadType"),
        ({"payloadType": "x" * 256}, "no payloadType"),
        ({"PayloadType": "t"}, "spells 'payloadType'"),
    ],
)
def test_t24_what_is_no_signed_envelope_is_refused(change, sentence):
    with pytest.raises((NotProved, PratiqueError), match=sentence):
        parse_envelope(json.dumps(HONEST | change).encode())


def test_t06_a_field_that_stands_twice_is_refused():
    raw = json.dumps(HONEST).replace('"payload"', '"payload": "e30=", "payload"', 1).encode()
    with pytest.raises(PratiqueError, match="twice"):
        parse_envelope(raw)


def test_signatures_are_bounded_and_one_in_a_bundle():
    assert (
        len(read_envelope(HONEST | {"signatures": [SIGNATURE] * MAX_SIGNATURES}, limit=MAX_SIGNATURES).signatures) == 8
    )
    with pytest.raises(NotProved, match="9 signatures; at most 8 are tried"):
        read_envelope(HONEST | {"signatures": [SIGNATURE] * 9}, limit=MAX_SIGNATURES)
    with pytest.raises(NotProved, match="2 signatures; one is allowed in a bundle"):
        read_envelope(HONEST | {"signatures": [SIGNATURE] * 2}, limit=1)


def test_t22_a_payload_of_another_type_is_named_and_refused():
    require_type(parse_envelope(json.dumps(HONEST).encode()), "t")
    with pytest.raises(NotProved, match=r"holds 't', not application/vnd.in-toto\+json"):
        require_type(parse_envelope(json.dumps(HONEST).encode()), "application/vnd.in-toto+json")


def test_a_payload_may_be_folded_and_url_safe():
    raw = b'{"a": "???>>>"}'
    folded = base64.urlsafe_b64encode(raw).decode()
    assert parse_envelope(json.dumps(HONEST | {"payload": folded[:8] + "\n" + folded[8:]}).encode()).payload == raw


@given(st.binary(max_size=300))
def test_t55_any_bytes_are_an_envelope_or_refused_in_our_words(raw):
    with pytest.raises((NotProved, PratiqueError)):
        parse_envelope(raw)
