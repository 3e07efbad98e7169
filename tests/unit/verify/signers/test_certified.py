"""Which certificate's key made a signature; a certificate that merely stands beside it is nobody's word."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from proxy.verify.evidence import CertificateFacts, NotProved
from proxy.verify.formats.annotations import attaching
from proxy.verify.formats.simplesigning import read_signature
from proxy.verify.signers.certified import require_leaf, told
from proxy.verify.signers.voices import Signed
from tests.fakes.layouts import LAB, needs_vectors
from tests.fakes.vectors import scene_named

TIME = datetime(2026, 11, 1, tzinfo=UTC)
FACTS = CertificateFacts("CN=x", "0", "1", TIME, TIME)


def leaf_of_the_lab() -> tuple[Signed, bytes]:
    (found,) = scene_named("v2-own-pki").founds
    bare = Signed(found.payload, read_signature(found.annotations), found.payload)
    return attaching(found.annotations)(bare), found.payload


@needs_vectors
def test_the_leaf_is_the_first_certificate_and_its_key_made_the_signature():
    signed, _ = leaf_of_the_lab()
    leaf = require_leaf(signed)
    assert leaf.der == signed.certificates[0]
    assert len(leaf.intermediates) == len(signed.certificates) - 1 > 0
    assert (LAB / "trust" / "keys" / "pki_leaf.pub").is_file()


@needs_vectors
def test_t24_another_first_certificate_is_not_who_signed():
    signed, _ = leaf_of_the_lab()
    with pytest.raises(NotProved, match="not made by the key of the certificate"):
        require_leaf(replace(signed, certificates=signed.certificates[::-1]))
    with pytest.raises(NotProved, match="not made by the key of the certificate"):
        require_leaf(replace(signed, message=signed.message + b" "))


@needs_vectors
def test_t53_a_thousand_certificates_are_refused():
    signed, _ = leaf_of_the_lab()
    with pytest.raises(NotProved, match="at most 10"):
        require_leaf(replace(signed, certificates=signed.certificates * 1000))


def test_without_a_certificate_it_is_a_bare_keys():
    private = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(NotProved, match="carries no certificate"):
        require_leaf(Signed(b"m", private.sign(b"m", ec.ECDSA(SHA256())), b"m"))


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x30\x80", b"\x30\x82" + b"0" * 70_000])
def test_t55_a_certificate_that_is_junk_is_refused_in_our_words(junk):
    with pytest.raises(NotProved):
        require_leaf(Signed(b"m", b"s", b"m", certificates=(junk,)))


def test_who_signed_is_told_by_the_san_else_by_the_subject():
    assert told(replace(FACTS, san="a@b.test", issuer="https://i")) == "a@b.test (issuer https://i)"
    assert told(FACTS) == "CN=x"
    assert told(replace(FACTS, subject="")) == "a certificate without a name"
    assert len(told(replace(FACTS, san="x" * 5000, issuer="y" * 5000))) < 500
