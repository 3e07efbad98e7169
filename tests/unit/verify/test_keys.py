"""Every kind of key that the real tools sign with, and none that proves less than it seems to."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.verify import ed25519ph
from proxy.verify.keys import MAX_PEM, load, require_hash, verify_signature

HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
RSA = rsa.generate_private_key(65537, 2048)
PRIVATE = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
}


def pem(public) -> bytes:
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("kind", "signed", "asked", "holds"),
    [
        ("p256", "sha256", None, True),
        ("p256", "sha512", None, False),
        ("p256", "sha512", "sha512", True),
        ("p256", "sha256", "sha512", False),
        ("p384", "sha384", None, True),
        ("p384", "sha256", None, True),
        ("p384", "sha256", "sha384", False),
        ("p384", "sha384", "sha256", False),
        ("p521", "sha512", None, True),
        ("p521", "sha256", None, True),
        ("p521", "sha384", None, False),
        ("p521", "sha384", "sha384", True),
    ],
)
def test_an_ec_key_speaks_with_its_curves_hash_or_sha256_and_an_override_stands_alone(kind, signed, asked, holds):
    signature = PRIVATE[kind].sign(b"payload", ec.ECDSA(HASHES[signed]))
    key = PRIVATE[kind].public_key()
    assert verify_signature(key, signature=signature, message=b"payload", hash=asked) is holds
    assert not verify_signature(key, signature=signature, message=b"payloaD", hash=asked)


@pytest.mark.parametrize(
    ("signed", "asked", "holds"), [("sha256", None, True), ("sha512", None, False), ("sha512", "sha512", True)]
)
def test_an_rsa_key_speaks_pkcs1_over_sha256(signed, asked, holds):
    signature = RSA.sign(b"payload", padding.PKCS1v15(), HASHES[signed])
    assert verify_signature(RSA.public_key(), signature=signature, message=b"payload", hash=asked) is holds
    assert not verify_signature(RSA.public_key(), signature=signature[:-1], message=b"payload", hash=asked)


def test_an_rsa_pss_signature_is_not_taken_for_pkcs1():
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    signature = RSA.sign(b"payload", pss, hashes.SHA256())
    assert not verify_signature(RSA.public_key(), signature=signature, message=b"payload", hash=None)


def test_a_pure_ed25519_signature_is_verified():
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    signature = private.sign(b"payload")
    assert verify_signature(private.public_key(), signature=signature, message=b"payload", hash=None)
    assert not verify_signature(private.public_key(), signature=signature, message=b"other", hash=None)


def test_a_key_of_another_kind_verifies_nothing():
    key = ed448.Ed448PrivateKey.generate()
    assert not verify_signature(key.public_key(), signature=key.sign(b""), message=b"", hash=None)


@given(st.binary(max_size=200), st.sampled_from([None, "sha256", "sha512"]))
def test_t55_no_signature_bytes_make_it_raise_or_hold(signature, asked):
    for key in (PRIVATE["p256"], PRIVATE["p384"], RSA, ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))):
        assert not verify_signature(key.public_key(), signature=signature, message=b"payload", hash=asked)


def test_a_key_is_known_by_the_hash_of_its_spki():
    public = PRIVATE["p256"].public_key()
    key, spki = load(pem(public))
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert spki == hashlib.sha256(der).hexdigest()
    assert isinstance(key, ec.EllipticCurvePublicKey)


def test_the_same_rsa_key_in_its_older_form_is_the_same_key():
    """T30: one key in two files is one signer."""
    older = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    assert load(older)[1] == load(pem(RSA.public_key()))[1]


@pytest.mark.parametrize(
    ("public", "sentence"),
    [
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "kind of key"),
        (ec.generate_private_key(ec.SECP224R1()).public_key(), "kind of key"),
        (ed448.Ed448PrivateKey.generate().public_key(), "kind of key"),
        (x25519.X25519PrivateKey.generate().public_key(), "kind of key"),
        (dsa.generate_private_key(2048).public_key(), "kind of key"),
        (rsa.generate_private_key(65537, 1024).public_key(), "1024 bits"),  # noqa: S505 weak, to be refused
    ],
    ids=["secp256k1", "p224", "ed448", "x25519", "dsa", "rsa1024"],
)
def test_a_key_that_is_not_verified_here_is_refused_at_load(public, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load(pem(public))


@pytest.mark.parametrize("raw", sorted(ed25519ph._SMALL_ORDER))
def test_an_ed25519_key_of_small_order_is_refused_at_load(raw):
    with pytest.raises(ConfigError, match="large order"):
        load(pem(ed25519.Ed25519PublicKey.from_public_bytes(raw)))


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (b"", "not a PEM public key"),
        (b"nonsense", "not a PEM public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "holds no public key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
        (pem(PRIVATE["p256"].public_key()) + pem(PRIVATE["p384"].public_key()), "several keys"),
        (RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "private key"),
        (b"x" * (MAX_PEM + 1), "64 KiB"),
    ],
    ids=["empty", "nonsense", "broken", "certificate", "two", "private", "large"],
)
def test_what_is_no_public_key_is_refused_with_what_to_do(written, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load(written)


@given(st.binary(max_size=100))
def test_t55_no_bytes_make_load_raise_anything_else(body):
    with pytest.raises(ConfigError):
        load(b"-----BEGIN PUBLIC KEY-----\n" + body + b"\n-----END PUBLIC KEY-----\n")


def test_t27_a_hash_that_the_key_cannot_use_is_refused():
    require_hash(PRIVATE["p256"].public_key(), "sha512")
    with pytest.raises(ConfigError, match="sha256, sha384, sha512"):
        require_hash(PRIVATE["p256"].public_key(), "md5")
    with pytest.raises(ConfigError, match="own hash"):
        require_hash(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key(), "sha512")
