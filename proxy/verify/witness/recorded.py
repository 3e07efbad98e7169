"""What an entry of a log records is compared, byte by byte, with what was proved elsewhere (T20).

Rekor v1 writes hashes in hex and signers in PEM, Rekor v2 both in base64 of what they are.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from proxy.verify.encoding import read_base64
from proxy.verify.evidence import NotProved
from proxy.verify.hashed import Message, hash_of

_MAX_SIGNATURES = 64  # that one entry lists
# A key, or a certificate with perhaps its chain behind it, as Rekor v1 writes them.
_PEM = re.compile(
    rb"-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\s([A-Za-z0-9+/=\s]++)-----END \1-----\s*+(?=-----BEGIN |\Z)"
)
# Rekor v1 and the protobuf enum of Rekor v2 name the hashes apart.
_HASHES: Mapping[str, str] = {
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "SHA2_256": "sha256",
    "SHA2_384": "sha384",
    "SHA2_512": "sha512",
}


@dataclass(frozen=True, slots=True)
class Signing:
    """What an entry must be about. `key` is the signer's SubjectPublicKeyInfo; both it and `certificate` are DER."""

    signature: bytes
    message: Message
    payload: Message
    envelope: bytes | None
    key: bytes
    certificate: bytes | None


Check: TypeAlias = Callable[[Any, Signing], None]


def inner(value: Any, *path: str) -> dict[str, Any]:
    """The object that `path` leads to in an entry, through objects only; else NotProved."""
    found = _as_object(value, "fields")
    for name in path:
        found = _as_object(found.get(name), name)
    return found


def _as_object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotProved(f"the log entry's {name} are not a JSON object")
    return value


def require_hex(recorded: dict[str, Any], logged: Message) -> None:
    """`{"algorithm": "sha256", "value": hex}` of Rekor v1."""
    if recorded.get("value") != _digest(recorded, logged).hex():
        raise NotProved("its log entry records the hash of other bytes than those that were signed")


def require_digest(recorded: dict[str, Any], logged: Message) -> None:
    """`{"algorithm": "SHA2_256", "digest": base64}` of Rekor v2."""
    if read_base64(recorded.get("digest"), what="log entry's digest") != _digest(recorded, logged):
        raise NotProved("its log entry records the hash of other bytes than those that were signed")


def _digest(recorded: dict[str, Any], logged: Message) -> bytes:
    algorithm = recorded.get("algorithm")
    if not isinstance(algorithm, str) or algorithm not in _HASHES:
        raise NotProved("its log entry hashes with an algorithm other than SHA-256, SHA-384 and SHA-512")
    return hash_of(logged, _HASHES[algorithm])


def require_signature(recorded: Any, signing: Signing) -> None:
    raw = read_base64(recorded, what="log entry's signature")
    # intoto 0.0.2 keeps base64 of the base64 that the envelope holds; no signature reads as base64 of another.
    if raw != signing.signature and not _is_base64_of(signing.signature, raw):
        raise NotProved("its log entry records another signature")


def _is_base64_of(signature: bytes, raw: bytes) -> bool:
    return raw.strip() == binascii.b2a_base64(signature, newline=False)


def require_one(listed: Any, signing: Signing, *, signature: str, signer: str, check: Check) -> None:
    """One of the signatures that an entry lists must be this one, by this signer; else why the first is not."""
    if not isinstance(listed, list) or not 0 < len(listed) <= _MAX_SIGNATURES:
        raise NotProved(f"its log entry does not list between 1 and {_MAX_SIGNATURES} signatures")
    first: NotProved | None = None
    for each in listed:
        try:
            record = inner(each)
            require_signature(record.get(signature), signing)
            check(record.get(signer), signing)
        except NotProved as error:
            first = first or error
        else:
            return
    assert first is not None
    raise first


def require_pem(recorded: Any, signing: Signing) -> None:
    block = _PEM.match(read_base64(recorded, what="log entry's public key").lstrip())
    if block is None:
        raise NotProved("its log entry records neither a public key nor a certificate in PEM")
    check = _require_certificate if block[1] == b"CERTIFICATE" else _require_key
    check(read_base64(block[2].decode(), what="log entry's public key"), signing)


def require_verifier(recorded: Any, signing: Signing) -> None:
    """Rekor v2 keeps DER: `{"publicKey": {"rawBytes"}}` or `{"x509Certificate": {"rawBytes"}}`."""
    verifier = inner(recorded)
    kinds = verifier.keys() & {"publicKey", "x509Certificate"}
    if len(kinds) != 1:
        raise NotProved("its log entry does not record exactly one public key or certificate")
    (kind,) = kinds
    der = read_base64(inner(verifier, kind).get("rawBytes"), what="log entry's public key")
    check = _require_certificate if kind == "x509Certificate" else _require_key
    check(der, signing)


def _require_key(der: bytes, signing: Signing) -> None:
    # Whoever watches the log for an identity would not see it.
    if signing.certificate is not None:
        raise NotProved("its log entry records a bare key instead of the certificate, which hides who signed")
    if der != signing.key:
        raise NotProved("its log entry records another key")


def _require_certificate(der: bytes, signing: Signing) -> None:
    if signing.certificate is not None:
        if der != signing.certificate:
            raise NotProved("its log entry records another certificate")
        return
    try:
        key = load_der_x509_certificate(der).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # noqa: BLE001 what a malformed certificate raises is not bounded by the library
        raise NotProved("its log entry records a certificate that cannot be read") from None
    if spki != signing.key:
        raise NotProved("its log entry records the certificate of another key")
