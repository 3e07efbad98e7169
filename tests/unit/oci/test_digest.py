"""A digest names bytes, and only sha256 and sha512 in lower-case hex do (T07)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ContentMismatch, DigestInvalid
from proxy.oci.digest import Digest, Hasher, require_digest

HEX = "ab" * 32


@pytest.mark.parametrize("text", [f"sha256:{HEX}", "sha512:" + "0f" * 64])
def test_registered_digests_are_read_and_written_alike(text):
    assert str(Digest.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        "sha256:../../etc/passwd",
        f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX}\n",
        f"sha256:{HEX[:-1]}\N{ARABIC-INDIC DIGIT ONE}",
        f"sha512:{HEX}",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        f"sha256+b64u:{HEX}",
        f"sha256:{HEX}:{HEX}",
        f" sha256:{HEX}",
    ],
)
def test_t07_any_other_digest_is_refused(text):
    with pytest.raises(DigestInvalid):
        Digest.parse(text)


@given(st.text())
def test_t07_no_text_leads_to_another_error_or_to_a_path(text):
    try:
        digest = Digest.parse(text)
    except DigestInvalid:
        return
    assert str(digest) == text
    assert not set("/\\.\0") & set(text)


@given(st.text(alphabet="0123456789abcdefABCDEF:sha256/.", max_size=80))
def test_t07_what_looks_like_a_digest_is_one_or_is_refused(text):
    try:
        assert str(Digest.parse(f"sha256:{text}")) == f"sha256:{text}"
    except DigestInvalid:
        assert len(text) != 64 or not set(text) <= set("0123456789abcdef")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_digest_of_bytes_is_their_hash(algorithm):
    assert Digest.of(b"x", algorithm) == Digest(algorithm, hashlib.new(algorithm, b"x").hexdigest())


def test_the_empty_json_digest_is_that_of_two_braces():
    assert str(Digest.of(b"{}")) == Digest.EMPTY_JSON


def test_dashed_is_how_evidence_tags_begin():
    assert Digest("sha256", HEX).dashed == f"sha256-{HEX}"


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_a_hasher_proves_what_was_fed_in_pieces(chunks):
    raw = b"".join(chunks)
    hasher = Hasher(Digest.of(raw))
    for chunk in chunks:
        hasher.update(chunk)
    hasher.prove()
    assert hasher.count == len(raw)


def test_t03_other_bytes_of_the_same_length_are_a_mismatch_that_names_both():
    with pytest.raises(ContentMismatch) as caught:
        require_digest(b"evil", Digest.of(b"good"))
    assert Digest.of(b"evil").hex in caught.value.message
    assert Digest.of(b"good").hex in caught.value.message
