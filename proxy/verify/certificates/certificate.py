"""A certificate is read strictly: one name and one issuer, each with one meaning, or it speaks for nobody (T29, T52, T53)."""

import hashlib
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.verify import ed25519ph
from proxy.verify.certificates import fulcio
from proxy.verify.certificates.distinguished import is_fit, subject_attributes, subject_text
from proxy.verify.certificates.fulcio import EXTENSIONS
from proxy.verify.encoding import shown
from proxy.verify.evidence import CertificateFacts, NotProved
from proxy.verify.keys import SigningKey

__all__ = [
    "EXTENSIONS",
    "MAX_CERTIFICATES",
    "UNREADABLE",
    "facts",
    "key_of",
    "load_chain",
    "san_of",
    "sha256",
    "sound",
    "spki",
    "spki_sha256",
    "subject_attributes",
]

MAX_CERTIFICATES = 10  # evidence.md 0
MAX_DER = 64 * 1024  # bytes; a Fulcio leaf is under 2 KiB

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")  # RFC 3986 3.1
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_RSA_BITS = range(2048, 8193)  # as of bare keys: below it is breakable, above it a forger chooses how long we compute
# What the library raises about bytes that are not what they should be.
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def load_chain(ders: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Read DER certificates, leaf first, at most 10 (T53). Everything in them parses, or NotProved is raised."""
    if len(ders) > MAX_CERTIFICATES:
        raise NotProved(f"it brings {len(ders)} certificates; at most {MAX_CERTIFICATES} are read")
    return tuple(_load(der) for der in ders)


def key_of(certificate: x509.Certificate) -> SigningKey:
    """Its public key, of a kind and size that is verified here; else NotProved."""
    try:
        key = certificate.public_key()
    except UNREADABLE:
        raise NotProved("a certificate's public key is of a kind that is not verified here") from None
    return sound(key)


def sound(key: PublicKeyTypes) -> SigningKey:
    """`key` if it is of a kind and size that is verified here; else NotProved. For keys that stand alone too."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
        return key
    if isinstance(key, ed25519.Ed25519PublicKey) and ed25519ph.is_sound_key(key.public_bytes_raw()):
        return key
    raise NotProved("a key is none of EC P-256, P-384, P-521, RSA with 2048 to 8192 bits, Ed25519")


def spki(certificate: x509.Certificate) -> bytes:
    """The DER of its SubjectPublicKeyInfo."""
    return key_of(certificate).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(certificate: x509.Certificate) -> str:
    """The SHA-256 of its SubjectPublicKeyInfo in hex, as `TrustMaterial.revoked` names keys."""
    return hashlib.sha256(spki(certificate)).hexdigest()


def sha256(certificate: x509.Certificate) -> str:
    """Its fingerprint in hex."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def facts(leaf: x509.Certificate, *, authority: x509.Certificate) -> CertificateFacts:
    """What a leaf says whose chain to `authority` (its root) was proved elsewhere; NotProved where it says two things.

    A certificate with any of Fulcio's extensions must have exactly one SAN, and its issuer in .1.8 and .1.1 must agree
    (T29). Of any other `san` is "" unless `san_of` has one: who asks for a SAN must not take "" for an answer.
    """
    found = fulcio.extensions_of(leaf)
    san, kind = san_of(leaf) if found else _san_or_none(leaf)
    return CertificateFacts(
        subject=subject_text(leaf),
        sha256=sha256(leaf),
        authority=sha256(authority),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        san=san,
        san_type=kind,
        issuer=fulcio.issuer_of(found),
        extensions=fulcio.named(found),
    )


def san_of(leaf: x509.Certificate) -> tuple[str, str]:
    """Its one SubjectAlternativeName and that name's kind: `email`, `uri`, `dns` or `other`; NotProved unless just one.

    The kind shows in the text, so that a pattern for one kind never fits another (T28).
    """
    names = _sans(leaf)
    if len(names) != 1:
        raise NotProved(f"the certificate has {len(names) or 'no'} alternative names; an identity has exactly one")
    text, kind = _text_of(names[0])
    if not is_fit(text) or not _reads_as(text, kind):
        raise NotProved(f"the certificate's alternative name {shown(text)} is not a plain {kind} name")
    return text, kind


def _san_or_none(leaf: x509.Certificate) -> tuple[str, str]:
    """Of a certificate that speaks by its subject, as Notation's do, whatever alternative names it has."""
    try:
        return san_of(leaf)
    except NotProved:
        return "", ""


def _load(der: bytes) -> x509.Certificate:
    if len(der) > MAX_DER:
        raise NotProved("a certificate is over 64 KiB, which no signing tool writes")
    try:
        certificate = x509.load_der_x509_certificate(der)
        # These are parsed late by the library: whoever reads them later need not expect that they fail.
        _ = certificate.extensions, certificate.not_valid_before_utc, certificate.not_valid_after_utc
        _ = certificate.signature_hash_algorithm
    except UNREADABLE as error:
        raise NotProved(f"a certificate cannot be read: {shown(str(error))}") from None
    # X.690 11.2.2: of the signature, which nothing signs, another spelling would be another fingerprint of one certificate.
    if der[-len(certificate.signature) - 1] != 0:
        raise NotProved("a certificate's signature is not written as DER has it; sign the image again")
    return certificate


def _sans(leaf: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _text_of(name: x509.GeneralName) -> tuple[str, str]:
    if isinstance(name, x509.RFC822Name):
        return name.value, "email"
    if isinstance(name, x509.UniformResourceIdentifier):
        return name.value, "uri"
    if isinstance(name, x509.DNSName):
        return name.value, "dns"
    if isinstance(name, x509.OtherName) and name.type_id.dotted_string == fulcio.OTHER_NAME:
        return fulcio.text_in(name.value, is_bare=False), "other"
    raise NotProved("the certificate's alternative name is none of an email, a URI, a DNS name and Fulcio's own")


def _reads_as(text: str, kind: str) -> bool:
    """T28: only a URI has a scheme, only an email an @ alone, only Fulcio's own, `user!domain`, an exclamation mark."""
    if kind == "uri":
        return _SCHEME.match(text) is not None
    if kind == "email":
        return text.count("@") == 1 and not set(text) & set(":!")
    if kind == "other":
        return "!" in text and ":" not in text
    return not set(text) & set(":@!")
