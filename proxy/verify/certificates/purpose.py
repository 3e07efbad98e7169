"""A certificate does only what its extensions permit; what would have to be understood and is not, is refused.

RFC 5280 4.2 and 6.1.4, RFC 3161 2.3; narrower where one key for two purposes would confuse (T33).
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from proxy.verify.certificates.fulcio import EXTENSIONS
from proxy.verify.evidence import NotProved

_PURPOSES = {"codeSigning": ExtendedKeyUsageOID.CODE_SIGNING, "timeStamping": ExtendedKeyUsageOID.TIME_STAMPING}
_ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
# A code signer's key that also stamps or answers for others would speak in two rooms (T33).
_NEVER_WITH_CODE = frozenset({_ANY, ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.OCSP_SIGNING})
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,  # no policy is asked for, so that each is as good (RFC 5280 6.1.1 c, e)
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        *(x509.ObjectIdentifier(oid) for oid in EXTENSIONS.values()),
    }
)
_READ = (ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE)


@dataclass(frozen=True, slots=True)
class Use:
    """What a certificate's extensions permit, read once; `fault` where they cannot be honoured."""

    fault: str
    is_authority: bool = False
    may_certify: bool = False
    may_sign: bool = False
    path_length: int | None = None
    purposes: frozenset[x509.ObjectIdentifier] | None = None
    is_purpose_critical: bool = False


def require_leaf(use: Use, eku: str, *, is_purpose_needed: bool) -> None:
    if use.fault:
        raise NotProved(f"the signing certificate {use.fault}")
    if use.is_authority or use.may_certify:
        raise NotProved("the signing certificate is a certificate authority's, which must not sign images or times")
    if not use.may_sign:
        raise NotProved("the signing certificate's key usage does not permit digital signatures")
    if use.purposes is None:
        if is_purpose_needed:
            raise NotProved(f"the signing certificate has no extended key usage; {eku} is needed")
        return
    if _PURPOSES[eku] not in use.purposes:
        raise NotProved(f"the signing certificate's extended key usage does not permit {eku}")
    if eku == "timeStamping" and not (len(use.purposes) == 1 and use.is_purpose_critical):
        raise NotProved("the time stamping certificate's extended key usage is not timeStamping alone and critical")
    if eku == "codeSigning" and use.purposes & _NEVER_WITH_CODE:
        raise NotProved("the signing certificate's extended key usage permits more than signing code")


def require_authority(use: Use, eku: str, *, below: int) -> None:
    if use.fault:
        raise NotProved(f"an issuing certificate {use.fault}")
    if not (use.is_authority and use.may_certify):
        raise NotProved("an issuing certificate is not that of a certificate authority (CA flag or key usage)")
    if use.path_length is not None and below > use.path_length:
        raise NotProved(f"an issuing certificate permits {use.path_length} authorities below it, and {below} are there")
    if use.purposes is not None and not use.purposes & {_PURPOSES[eku], _ANY}:
        raise NotProved(f"an issuing certificate's extended key usage does not permit {eku}")


@functools.lru_cache(maxsize=256)
def use_of(certificate: x509.Certificate) -> Use:
    """Kept, since the same authorities are asked again and again."""
    try:
        found = {extension.oid: extension for extension in certificate.extensions}
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return Use(fault="has extensions that cannot be read")
    basic, keys, purposes = (found.get(oid) for oid in _READ)
    is_authority = basic is not None and basic.value.ca
    return Use(
        is_authority=is_authority,
        may_certify=is_authority if keys is None else keys.value.key_cert_sign,
        may_sign=keys is None or keys.value.digital_signature,
        path_length=None if basic is None else basic.value.path_length,
        purposes=None if purposes is None else frozenset(purposes.value),
        is_purpose_critical=purposes is not None and purposes.critical,
        fault=_fault(certificate, found.values()),
    )


def _fault(certificate: x509.Certificate, extensions: "Iterable[x509.Extension[x509.ExtensionType]]") -> str:
    if certificate.version is not x509.Version.v3:
        return "is not of version 3"
    for extension in extensions:
        # Constraints on names bind even where their issuer forgot to mark them critical.
        if extension.oid == ExtensionOID.NAME_CONSTRAINTS:
            return "constrains names, which is not verified here; use a chain without name constraints"
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return f"has the critical extension {extension.oid.dotted_string}, which is not understood here"
    return ""
