"""A revocation list counts only if it is its authority's own, whole and in time; what it lists as revoked, always.

RFC 5280 5 and 6.3, narrowed: no indirect lists, none by reason, no delta list alone (a full list holds until its own
nextUpdate). A list for one distribution point speaks only of certificates that name that point.
"""

import functools
from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from proxy.verify.certificates.certificate import UNREADABLE, key_of
from proxy.verify.certificates.told import Told, why_stale
from proxy.verify.evidence import NotProved

MAX_BYTES = 16 * 1024 * 1024  # evidence.md 0
_HASHES = frozenset({"sha256", "sha384", "sha512"})
_UNDERSTOOD = frozenset(
    {ExtensionOID.ISSUING_DISTRIBUTION_POINT, ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
)


def is_by(raw: bytes, issuer: x509.Certificate) -> bool:
    """Whether this is a list that `issuer` signed under its own name."""
    try:
        return _is_signed(raw, issuer)
    except (*UNREADABLE, NotProved):
        return False


def tell(
    raw: bytes, *, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime, at: datetime | None
) -> Told:
    """Whether the list (DER) proves that `certificate` is not revoked.

    Raises NotProved where it is revoked; a list out of time still says so. `now` is compared with nextUpdate; `at` is
    the time that a timestamp proved for the signature, None without one: before the `invalidityDate` it still counts
    (Notation trust policy, "Revocation Checking with CRL").
    """
    if len(raw) > MAX_BYTES:
        return Told("the CRL is over 16 MiB")
    try:
        if not _is_signed(raw, issuer):
            return Told("the CRL is not by the authority that issued the certificate")
        return Told(_doubt(_load(raw), certificate, now, at), _load(raw).next_update_utc)
    except NotProved:
        raise
    except UNREADABLE:
        return Told("the CRL cannot be read")


def ends(raw: bytes) -> datetime | None:
    """When the list's own word ends, whoever signed it; None for what is no list, or names no end."""
    try:
        return _load(raw).next_update_utc if len(raw) <= MAX_BYTES else None
    except UNREADABLE:
        return None


@functools.lru_cache(maxsize=8)
def _load(raw: bytes) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(raw)


@functools.lru_cache(maxsize=8)
def _is_signed(raw: bytes, issuer: x509.Certificate) -> bool:
    listed = _load(raw)
    algorithm = listed.signature_hash_algorithm
    if listed.issuer != issuer.subject or not _may_sign(issuer):
        return False
    return listed.is_signature_valid(key_of(issuer)) and (algorithm is None or algorithm.name in _HASHES)


def _may_sign(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _doubt(
    listed: x509.CertificateRevocationList, certificate: x509.Certificate, now: datetime, at: datetime | None
) -> str:
    partial = _why_partial(listed.extensions, certificate)
    if partial:
        return f"the CRL {partial}"
    stale = why_stale("CRL", listed.last_update_utc, listed.next_update_utc, now)
    entry = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
    return stale if entry is None else _doubt_of_entry(entry, certificate, at, is_in_time=not stale)


def _doubt_of_entry(
    entry: x509.RevokedCertificate, certificate: x509.Certificate, at: datetime | None, *, is_in_time: bool
) -> str:
    reason = _reason(entry)
    if reason is x509.ReasonFlags.certificate_hold and not is_in_time:
        return "the CRL is stale, and the certificate was on hold in it"
    if at is not None and is_in_time and _is_before_invalidity(entry, at):
        return ""
    why = f", {reason.value}" if reason else ""
    raise NotProved(
        f"revoked: the certificate with serial {certificate.serial_number:x} was revoked by its authority at"
        f" {entry.revocation_date_utc.isoformat()}{why} (CRL)"
    )


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None


def _is_before_invalidity(entry: x509.RevokedCertificate, at: datetime) -> bool:
    try:
        return at < entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc
    except x509.ExtensionNotFound:
        return False


def _why_partial(extensions: Iterable["x509.Extension[x509.ExtensionType]"], certificate: x509.Certificate) -> str:
    for extension in extensions:
        if extension.oid == ExtensionOID.DELTA_CRL_INDICATOR:
            return "is a delta of another that is not here"
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return f"has the critical extension {extension.oid.dotted_string}, which is not understood here"
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            return _why_elsewhere(extension.value, certificate)
    return ""


def _why_elsewhere(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> str:
    """RFC 5280 6.3.3 b: which certificates and reasons a list is for."""
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs or point.relative_name:
        return "is indirect, for some reasons only, or for another kind of certificate"
    is_authority = _is_authority(certificate)
    if (point.only_contains_user_certs and is_authority) or (point.only_contains_ca_certs and not is_authority):
        return "is for another kind of certificate"
    if point.full_name and not {name.value for name in point.full_name} & set(distribution_urls(certificate)):
        return "is for another distribution point than the certificate names"
    return ""


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def distribution_urls(certificate: x509.Certificate) -> tuple[str, ...]:
    """The URLs of its CRL distribution points, of whatever scheme; none of points for an indirect or partial list."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    names = [name for point in points if not (point.crl_issuer or point.reasons) for name in point.full_name or ()]
    return tuple(dict.fromkeys(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)))


def is_listed_somewhere(certificate: x509.Certificate) -> bool:
    """Whether it names distribution points at all, understood here or not."""
    return any(extension.oid == ExtensionOID.CRL_DISTRIBUTION_POINTS for extension in certificate.extensions)
