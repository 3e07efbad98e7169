"""A certificate is believed only if a CT log promised to show it: its embedded SCTs, each over the pre-certificate.

RFC 6962 3.2 and 3.3. Detached SCTs, which no stored signature carries, are not read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.certificate_transparency import (
    LogEntryType,
    SignatureAlgorithm,
    SignedCertificateTimestamp,
    Version,
)

from proxy.verify.certificates.certificate import spki
from proxy.verify.evidence import NotProved
from proxy.verify.keys import verify_signature
from proxy.verify.material import Log

_MAX_SCTS = 10
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the library gives an SCT's time without a zone, in UTC
_MILLISECOND = timedelta(milliseconds=1)
_KINDS: Mapping[type, SignatureAlgorithm] = {
    ec.EllipticCurvePublicKey: SignatureAlgorithm.ECDSA,
    rsa.RSAPublicKey: SignatureAlgorithm.RSA,
}


def require(leaf: x509.Certificate, *, issuer: x509.Certificate, logs: Sequence[Log]) -> tuple[str, ...]:
    """The items of the CT logs that promised to show `leaf`, at least one; else NotProved.

    An SCT of a known log must be right, one of an unknown log counts for nothing. The log's window must cover the
    SCT's own time. `issuer` is the certificate that issued the leaf.
    """
    scts = _scts(leaf)
    known = {log.id for log in logs}
    message = _precertificate(leaf, issuer)
    if not any(sct.log_id in known for sct in scts):
        raise NotProved("the certificate was shown to no CT log that the trust root lists")
    items = [item for sct in scts if sct.log_id in known for item in _prove(sct, logs, message)]
    if not items:
        raise NotProved("the CT log that the certificate was shown to was not trusted at the time of its promise")
    return tuple(dict.fromkeys(items))


def _scts(leaf: x509.Certificate) -> list[SignedCertificateTimestamp]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    except x509.ExtensionNotFound:
        raise NotProved(
            "the certificate carries no promise of a CT log (SCT), and the trust root requires one"
        ) from None
    if len(found) > _MAX_SCTS:
        raise NotProved(f"the certificate carries {len(found)} promises of CT logs; at most {_MAX_SCTS} are read")
    return list(found)


def _precertificate(leaf: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """`PreCert`: the issuer's key hash and the TBS without the SCTs."""
    try:
        body = leaf.tbs_precertificate_bytes
    except ValueError:
        raise NotProved("the certificate's promises of CT logs cannot be taken out of it") from None
    return hashlib.sha256(spki(issuer)).digest() + len(body).to_bytes(3) + body


def _prove(sct: SignedCertificateTimestamp, logs: Sequence[Log], precertificate: bytes) -> list[str]:
    promised, signed = _time(sct).replace(tzinfo=UTC), _signed(sct, precertificate)
    items = []
    for log in logs:
        if log.id != sct.log_id:
            continue
        if not _is_signed(log, sct, signed):
            raise NotProved(f"the promise of the CT log {log.host or log.id.hex()[:16]} is not over this certificate")
        if log.window.covers(promised):
            items.append(log.item)
    return items


def _time(sct: SignedCertificateTimestamp) -> datetime:
    try:
        return sct.timestamp
    except (ValueError, OverflowError):
        raise NotProved("the certificate carries a promise of a CT log of a time that there is not") from None


def _signed(sct: SignedCertificateTimestamp, precertificate: bytes) -> bytes:
    """`digitally-signed struct` of RFC 6962 3.2: version, certificate_timestamp, time, precert_entry, extensions."""
    if sct.version is not Version.v1 or sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        raise NotProved("the certificate carries a promise of a CT log in a form that is not known here")
    time = (_time(sct) - _EPOCH) // _MILLISECOND
    extensions = sct.extension_bytes
    return b"\x00\x00" + time.to_bytes(8) + b"\x00\x01" + precertificate + len(extensions).to_bytes(2) + extensions


def _is_signed(log: Log, sct: SignedCertificateTimestamp, signed: bytes) -> bool:
    # RFC 6962 2.1.4: ECDSA over P-256 or RSA, both with SHA-256; and what it says of itself must be what it is.
    kind = next((kind for key, kind in _KINDS.items() if isinstance(log.key, key)), None)
    if kind is None or sct.signature_algorithm is not kind or sct.signature_hash_algorithm.name != "sha256":
        return False
    return verify_signature(log.key, signature=sct.signature, message=signed, hash="sha256")
