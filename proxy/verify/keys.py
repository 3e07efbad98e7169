"""A public key is parsed once, and only kinds whose signatures are checked here are ever loaded.

What tools sign with is not in the object: it follows from the key (evidence.md 2). EC signs over its curve's own hash,
RSA is PKCS#1 v1.5 over SHA-256, Ed25519 is pure or, from cosign, Ed25519ph. A `hash` is the publisher's departure.
"""

import hashlib
from collections.abc import Mapping
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from proxy.errors import ConfigError
from proxy.verify import ed25519ph
from proxy.verify.hashed import Hashed, Message

MAX_PEM = 64 * 1024  # bytes; an RSA-8192 key is under 2 KiB
HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA_BITS = range(2048, 8193)  # below it is breakable, above it a forger chooses how long we compute
# What may be tried in turn: cosign v2 signs over the curve's own hash, other tools over SHA-256 whatever the curve.
_CURVE_HASHES = {"secp256r1": ("sha256",), "secp384r1": ("sha384", "sha256"), "secp521r1": ("sha512", "sha256")}
_ECDSA = {name: ec.ECDSA(algorithm) for name, algorithm in HASHES.items()}
_PKCS1 = padding.PKCS1v15()

SigningKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


def load(pem: bytes) -> tuple[PublicKeyTypes, str]:
    """Return the key and the SHA-256 of its SubjectPublicKeyInfo in hex; raise ConfigError with what to change."""
    if len(pem) > MAX_PEM:
        raise ConfigError("the key file is over 64 KiB; name a file that holds one PEM public key")
    if pem.count(b"-----BEGIN ") != 1 or b"PUBLIC KEY-----" not in pem:
        raise ConfigError(f"{_what_it_is(pem)}; write one block that begins with -----BEGIN PUBLIC KEY-----")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("the PEM block holds no public key that can be read; copy it again") from None
    sound = _require_sound(key)
    spki = sound.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sound, hashlib.sha256(spki).hexdigest()


def require_hash(key: PublicKeyTypes, name: str) -> None:
    """Raise ConfigError unless `name` is a hash that this kind of key can depart to."""
    if name not in HASHES:
        raise ConfigError(f"hash {name!r} is not known; write one of {', '.join(HASHES)}, or leave it out")
    if isinstance(key, ed25519.Ed25519PublicKey):
        raise ConfigError("an Ed25519 key has its own hash; remove `hash`")


def verify_signature(key: PublicKeyTypes, *, signature: bytes, message: Message, hash: str | None) -> bool:  # noqa: A002 the policy file's word
    """Whether `key` signed these bytes. `hash` None means the key's own. EC signatures are DER (RFC 3279).

    Where only a hash of them is at hand, the signature must be over that very hash.
    """
    if isinstance(message, Hashed):
        return _is_over_hash(key, signature, message, hash)
    if isinstance(key, ec.EllipticCurvePublicKey):
        names = (hash,) if hash else _CURVE_HASHES[key.curve.name]
        return any(_is_ecdsa(key, signature, message, name) for name in names)
    if isinstance(key, rsa.RSAPublicKey):
        return _is_pkcs1(key, signature, message, hash or "sha256")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _is_ed25519(key, signature, message)
    return False


def _is_over_hash(key: PublicKeyTypes, signature: bytes, hashed: Hashed, wanted: str | None) -> bool:
    prehashed = Prehashed(HASHES[hashed.algorithm])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and hashed.algorithm in (
            (wanted,) if wanted else _CURVE_HASHES[key.curve.name]
        ):
            key.verify(signature, hashed.digest, ec.ECDSA(prehashed))
        elif isinstance(key, rsa.RSAPublicKey) and hashed.algorithm == (wanted or "sha256"):
            key.verify(signature, hashed.digest, _PKCS1, prehashed)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _is_ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes, name: str) -> bool:
    try:
        key.verify(signature, message, _ECDSA[name])
    except InvalidSignature:
        return False
    return True


def _is_pkcs1(key: rsa.RSAPublicKey, signature: bytes, message: bytes, name: str) -> bool:
    try:
        key.verify(signature, message, _PKCS1, HASHES[name])
    except InvalidSignature:
        return False
    return True


def _is_ed25519(key: ed25519.Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return ed25519ph.verify(key.public_bytes_raw(), signature=signature, message=message)
    return True


def _require_sound(key: PublicKeyTypes) -> SigningKey:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVE_HASHES:
        return key
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size in _RSA_BITS:
            return key
        raise ConfigError(f"the RSA key has {key.key_size} bits; 2048 to 8192 are accepted")
    if isinstance(key, ed25519.Ed25519PublicKey):
        if ed25519ph.is_sound_key(key.public_bytes_raw()):
            return key
        raise ConfigError("the Ed25519 key is not a point of large order, so it would prove nothing; copy it again")
    raise ConfigError("this kind of key is not verified here; EC P-256, P-384 and P-521, RSA and Ed25519 are")


def _what_it_is(pem: bytes) -> str:
    if b"PRIVATE KEY-----" in pem:
        return "this is a private key, which does not belong here"
    if b"BEGIN CERTIFICATE" in pem:
        return "this is a certificate, not a bare key"
    if pem.count(b"-----BEGIN ") > 1:
        return "several keys stand in one file; name a signer for each"
    return "this is not a PEM public key"
