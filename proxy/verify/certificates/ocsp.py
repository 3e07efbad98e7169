"""An OCSP answer counts only for the certificate that was asked about, signed by its authority or whom that named.

RFC 6960 3.2 and 4.2.2.2. No nonce, since the judge knows no chance: freshness is thisUpdate and nextUpdate, both needed.
A delegated responder needs `id-pkix-ocsp-nocheck`, since whether it was itself revoked is not asked.
"""

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from proxy.verify.certificates.certificate import UNREADABLE, key_of
from proxy.verify.certificates.told import Told, why_stale
from proxy.verify.evidence import NotProved
from proxy.verify.keys import HASHES, verify_signature

MAX_BYTES = 64 * 1024
_MAX_RESPONDERS = 10
# Every responder knows it (RFC 5019 2.1.1); it only names the authority, whose key checks the answer.
_NAMING = SHA1()  # noqa: S303 no security rests on it


def responder_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """The URLs of the OCSP responders that its authority names."""
    try:
        listed = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ()
    names = [each.access_location for each in listed if each.access_method == AuthorityInformationAccessOID.OCSP]
    return tuple(dict.fromkeys(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)))


def question(certificate: x509.Certificate, issuer: x509.Certificate) -> str:
    """What names the certificate to its responder: serial, hash of the issuer's name and of its key, in hex."""
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _NAMING).build()
    return f"{asked.serial_number:x}-{asked.issuer_name_hash.hex()}-{asked.issuer_key_hash.hex()}"


def request(question: str) -> bytes:
    """The DER to send by POST for a `question`; ValueError if it is none."""
    serial, name, key = question.split("-")
    asked = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        bytes.fromhex(name), bytes.fromhex(key), int(serial, 16), _NAMING
    )
    return asked.build().public_bytes(Encoding.DER)


def tell(raw: bytes, *, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Told:
    """Whether the answer (DER) proves that `certificate` is not revoked; NotProved where it is. `now` is aware UTC."""
    if len(raw) > MAX_BYTES:
        return Told("the OCSP answer is over 64 KiB")
    try:
        return _tell(ocsp.load_der_ocsp_response(raw), certificate, issuer, now)
    except NotProved:
        raise
    except UNREADABLE:
        return Told("the OCSP answer cannot be read")


def ends(raw: bytes) -> datetime | None:
    """When the answer's own word ends, whoever signed it; None for what is no answer, or names no end."""
    try:
        found = [each.next_update_utc for each in ocsp.load_der_ocsp_response(raw).responses]
    except UNREADABLE:
        return None
    return min((end for end in found if end is not None), default=None)


def _tell(answer: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Told:
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return Told(f"the OCSP responder says {answer.response_status.name.lower()}")
    if not _is_signed(answer, issuer, now):
        return Told("the OCSP answer is not signed by the certificate's authority or a responder that it named")
    singles = [each for each in answer.responses if _is_about(each, certificate, issuer)]
    if not singles:
        return Told("the OCSP answer is about another certificate")
    for single in singles:
        if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            raise _revoked(single)
    doubts = (_doubt_of(single, now) for single in singles)
    until = min((end for each in singles if (end := each.next_update_utc) is not None), default=None)
    return Told(next(filter(None, doubts), ""), until)


def _doubt_of(single: ocsp.OCSPSingleResponse, now: datetime) -> str:
    if single.certificate_status is not ocsp.OCSPCertStatus.GOOD:
        return "the OCSP responder does not know the certificate"
    return why_stale("OCSP answer", single.this_update_utc, single.next_update_utc, now)


def _revoked(single: ocsp.OCSPSingleResponse) -> NotProved:
    moment, reason = single.revocation_time_utc, single.revocation_reason
    when = f" at {moment.isoformat()}" if moment else ""
    why = f", {reason.value}" if reason else ""
    return NotProved(
        f"revoked: the certificate with serial {single.serial_number:x} was revoked by its authority{when}{why} (OCSP)"
    )


def _is_about(single: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, single.hash_algorithm).build()
    return (single.serial_number, single.issuer_name_hash, single.issuer_key_hash) == (
        asked.serial_number,
        asked.issuer_name_hash,
        asked.issuer_key_hash,
    )


def _is_signed(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> bool:
    return any(_signed(answer, each) for each in _responders(answer, issuer, now))


def _responders(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> Iterator[x509.Certificate]:
    """The authority itself, and who it certified for this and nothing else may have happened to since."""
    yield issuer
    for each in answer.certificates[:_MAX_RESPONDERS]:
        if (
            each != issuer
            and _is_delegated(each, issuer)
            and each.not_valid_before_utc <= now <= each.not_valid_after_utc
        ):
            yield each


def _is_delegated(responder: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        responder.verify_directly_issued_by(issuer)
        purposes = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        responder.extensions.get_extension_for_class(x509.OCSPNoCheck)
        key_of(responder)
    except Exception:  # noqa: BLE001 whatever is wrong with it, it is no responder
        return False
    algorithm = responder.signature_hash_algorithm
    return ExtendedKeyUsageOID.OCSP_SIGNING in purposes and (algorithm is None or algorithm.name in HASHES)


def _signed(answer: ocsp.OCSPResponse, responder: x509.Certificate) -> bool:
    algorithm = answer.signature_hash_algorithm
    if algorithm is not None and algorithm.name not in HASHES:
        return False
    return verify_signature(
        key_of(responder),
        signature=answer.signature,
        message=answer.tbs_response_bytes,
        hash=None if algorithm is None else algorithm.name,
    )
