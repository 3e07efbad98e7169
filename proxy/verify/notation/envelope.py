"""One record for both envelopes: what is signed, by what, and the attributes that must be understood.

Notary Project signature specification, "Signed Attributes". Attributes that must be processed are critical; exactly those
that are known here may be, so that nobody's condition is passed over: a verification plugin's least of all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proxy.verify.encoding import shown
from proxy.verify.evidence import NotProved

MAX_ENVELOPE = 128 * 1024  # bytes; real ones are under 12 KiB, with chain and timestamp
MAX_CERTIFICATES = 10  # T53
PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
X509, SIGNING_AUTHORITY = "notary.x509", "notary.x509.signingAuthority"
SCHEME = "io.cncf.notary.signingScheme"
SIGNING_TIME = "io.cncf.notary.signingTime"
AUTHENTIC_TIME = "io.cncf.notary.authenticSigningTime"
EXPIRY = "io.cncf.notary.expiry"
TIMESTAMP = "io.cncf.notary.timestampSignature"
NAMES = frozenset({SCHEME, SIGNING_TIME, AUTHENTIC_TIME, EXPIRY})
_PLUGIN = "io.cncf.notary.verificationPlugin"  # also …MinVersion
# An attribute of somebody's own has a name under a domain; every other name is the envelope's and changes its meaning.
_OWN_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")


@dataclass(frozen=True, slots=True)
class Attributes:
    """The signed attributes. `signed_at` is the signer's word; its meaning follows from the scheme. Aware UTC."""

    scheme: str
    signed_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """`message` are the bytes that `signature` is over. `certificates` are DER, leaf first; `timestamp` a bare token."""

    form: str  # notation-jws | notation-cose
    algorithm: str  # PS256 … ES512
    message: bytes = field(repr=False)
    signature: bytes
    payload: bytes = field(repr=False)
    attributes: Attributes
    certificates: tuple[bytes, ...] = field(repr=False)
    timestamp: bytes | None = field(repr=False)


def read_attributes(protected: Mapping[str, Any], *, critical: Any, content_type: Any) -> Attributes:
    """Return the signed attributes, whose times are already aware datetimes; raise NotProved unless all are understood.

    `protected` are the named headers without those of the envelope's own form (alg, crit, content type).
    """
    if content_type != PAYLOAD_TYPE:
        raise NotProved(f"the signature is over content of type {shown(content_type)}, not a Notation payload")
    for name in protected:
        if name.casefold().startswith(_PLUGIN.casefold()):
            raise NotProved("the signature asks for a Notation verification plugin, which is not available here")
        if name not in NAMES and not _OWN_NAME.fullmatch(name):
            raise NotProved(f"the signed header {shown(name)} is none of Notation's; it is not understood here")
    attributes = _attributes(protected)
    _require_critical(protected, critical, scheme=attributes.scheme)
    return attributes


def _attributes(protected: Mapping[str, Any]) -> Attributes:
    scheme = protected.get(SCHEME)
    if scheme not in (X509, SIGNING_AUTHORITY):
        raise NotProved(f"the signing scheme {shown(scheme)} is not known; {X509} and {SIGNING_AUTHORITY} are")
    wanted, other = (SIGNING_TIME, AUTHENTIC_TIME) if scheme == X509 else (AUTHENTIC_TIME, SIGNING_TIME)
    if wanted not in protected or other in protected:
        raise NotProved(f"a signature of scheme {scheme} must carry {wanted} and must not carry {other}")
    signed_at, expires_at = protected[wanted], protected.get(EXPIRY)
    if expires_at is not None and expires_at <= signed_at:
        raise NotProved("the signature expires before it was made")
    return Attributes(scheme, signed_at, expires_at)


def _require_critical(protected: Mapping[str, Any], critical: Any, *, scheme: str) -> None:
    must = {SCHEME} | ({EXPIRY} & protected.keys()) | ({AUTHENTIC_TIME} if scheme == SIGNING_AUTHORITY else set())
    if not isinstance(critical, list) or not all(isinstance(name, str | int) for name in critical):
        raise NotProved("the signature does not list its critical headers")
    if len(set(critical)) != len(critical):
        raise NotProved("the signature lists a critical header twice")
    unknown = [name for name in critical if name not in must]
    if unknown:
        raise NotProved(f"the critical header {shown(str(unknown[0]))} is not understood here, so nothing is proved")
    if missing := must - set(critical):
        raise NotProved(f"the header {min(missing)} is not marked critical, as Notation requires")
