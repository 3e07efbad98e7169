"""JWS in flattened JSON with one signature, verified over the text that came (signature-envelope-jws.md; T06, T36)."""

import binascii
import re
from datetime import UTC, datetime
from typing import Any

from proxy.oci.strictjson import as_object, parse
from proxy.verify.encoding import read_base64, shown
from proxy.verify.evidence import NotProved
from proxy.verify.notation.envelope import (
    AUTHENTIC_TIME,
    EXPIRY,
    MAX_CERTIFICATES,
    NAMES,
    SIGNING_TIME,
    TIMESTAMP,
    Envelope,
    read_attributes,
)

_MEMBERS = frozenset({"payload", "protected", "header", "signature"})
_OWN = frozenset({"alg", "cty", "crit"})
_CHAIN = "x5c"
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def read(raw: bytes) -> Envelope:
    """Return the neutral record of a JWS envelope; raise NotProved or ManifestInvalid unless it has one meaning."""
    document = as_object(parse(raw, what="JWS envelope", limit_depth=8), what="JWS envelope", names=_MEMBERS)
    if document.keys() != _MEMBERS:
        odd = min(document.keys() ^ _MEMBERS)
        raise NotProved(f"the JWS envelope does not hold exactly {', '.join(sorted(_MEMBERS))}: see {shown(odd)}")
    payload = _segment(document["payload"], what="payload")
    protected = parse(_segment(document["protected"], what="protected header"), what="protected header", limit_depth=8)
    protected = as_object(protected, what="protected header", names=NAMES | _OWN | {"b64"})
    header = _header(document["header"], protected)
    return Envelope(
        form="notation-jws",
        algorithm=str(protected.get("alg")),
        message=f"{document['protected']}.{document['payload']}".encode(),
        signature=_segment(document["signature"], what="signature"),
        payload=payload,
        attributes=read_attributes(
            {name: _value(name, value) for name, value in protected.items() if name not in _OWN},
            critical=protected.get("crit"),
            content_type=protected.get("cty"),
        ),
        certificates=_chain(header.get(_CHAIN)),
        timestamp=_timestamp(header.get(TIMESTAMP)),
    )


def _header(value: Any, protected: dict[str, Any]) -> dict[str, Any]:
    """The unsigned header: RFC 7515 7.2.1 wants its names disjoint from the signed one's, and `crit` signed."""
    header = as_object(value, what="unprotected header", names=frozenset({_CHAIN, TIMESTAMP}) | _OWN | {"b64"})
    for name in header:
        if name in protected or (name != _CHAIN and "." not in name):
            raise NotProved(f"the header {shown(name)} must not stand outside what is signed")
    return header


def _segment(value: Any, *, what: str) -> bytes:
    """RFC 7515 2: base64url without padding, and without any bit that is not decoded."""
    if not isinstance(value, str) or not _SEGMENT.fullmatch(value):
        raise NotProved(f"the {what} of the JWS envelope is not base64url; sign the image again")
    try:
        raw = binascii.a2b_base64(
            value.translate(str.maketrans("-_", "+/")) + "=" * (-len(value) % 4), strict_mode=True
        )
    except ValueError:
        raise NotProved(f"the {what} of the JWS envelope is not base64url; sign the image again") from None
    if binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_")) != value.encode():
        raise NotProved(f"the {what} of the JWS envelope ends in bits that mean nothing")
    return raw


def _value(name: str, value: Any) -> Any:
    return _time(value, name) if name in (SIGNING_TIME, AUTHENTIC_TIME, EXPIRY) else value


def _time(value: Any, name: str) -> datetime:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise NotProved(f"the header {name} is {shown(value)}, which is not a time (RFC 3339)")


def _chain(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_CERTIFICATES:
        raise NotProved(f"the JWS envelope does not carry a chain of 1 to {MAX_CERTIFICATES} certificates")
    return tuple(read_base64(each, what="certificate of the JWS envelope") for each in value)


def _timestamp(value: Any) -> bytes | None:
    return None if value is None else read_base64(value, what="timestamp of the JWS envelope")
