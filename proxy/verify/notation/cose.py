"""COSE_Sign1, tagged, verified over the bytes that came (signature-envelope-cose.md; RFC 9052 4.4)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from proxy.verify.encoding import shown
from proxy.verify.evidence import NotProved
from proxy.verify.notation.cbor import Tagged, decode, head
from proxy.verify.notation.envelope import (
    AUTHENTIC_TIME,
    EXPIRY,
    MAX_CERTIFICATES,
    SIGNING_TIME,
    TIMESTAMP,
    Envelope,
    read_attributes,
)

_SIGN1, _EPOCH = 18, 1  # tags
_ALGORITHM, _CRITICAL, _CONTENT_TYPE, _CHAIN = 1, 2, 3, 33  # labels
_ALGORITHMS = {-7: "ES256", -35: "ES384", -36: "ES512", -37: "PS256", -38: "PS384", -39: "PS512"}
_BYTES, _TEXT, _ARRAY = 2, 3, 4  # major types
_YEARS = range(253_402_300_800)  # seconds from 1970 up to the year 10000


def read(raw: bytes) -> Envelope:
    """Return the neutral record of a COSE envelope; raise NotProved unless it has one meaning."""
    outer = decode(raw, what="COSE envelope", tags=frozenset({_SIGN1}))
    if not isinstance(outer, Tagged) or not isinstance(outer.value, list) or len(outer.value) != 4:
        raise NotProved("the COSE envelope is not a tagged COSE_Sign1")
    sealed, header, payload, signature = outer.value
    if not (isinstance(sealed, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise NotProved("the COSE envelope lacks its protected header, its payload or its signature")
    protected = _map(decode(sealed, what="protected header", tags=frozenset({_EPOCH})), what="protected header")
    header = _map(header, what="unprotected header")
    _require_disjoint(protected, header)
    return Envelope(
        form="notation-cose",
        algorithm=_algorithm(protected.get(_ALGORITHM)),
        message=_to_be_signed(sealed, payload),
        signature=signature,
        payload=payload,
        attributes=read_attributes(
            {name: _value(name, value) for name, value in protected.items() if isinstance(name, str)},
            critical=protected.get(_CRITICAL),
            content_type=protected.get(_CONTENT_TYPE),
        ),
        certificates=_chain(header.get(_CHAIN)),
        timestamp=_timestamp(header.get(TIMESTAMP)),
    )


def _map(value: Any, *, what: str) -> Mapping[int | str, Any]:
    if not isinstance(value, dict):
        raise NotProved(f"the {what} of the COSE envelope is not a map")
    return value


def _require_disjoint(protected: Mapping[int | str, Any], header: Mapping[int | str, Any]) -> None:
    """No label twice (RFC 9052 3), and of numbers only those that Notation uses: 258 would make the payload a hash."""
    for label in protected:
        if isinstance(label, int) and label not in (_ALGORITHM, _CRITICAL, _CONTENT_TYPE):
            raise NotProved(f"the COSE header {label} is not understood here; sign with notation's default settings")
    for label in header:
        if label in protected or (isinstance(label, int) and label != _CHAIN):
            raise NotProved(f"the COSE header {shown(str(label))} must not stand outside what is signed")


def _algorithm(value: Any) -> str:
    name = _ALGORITHMS.get(value) if isinstance(value, int) else None
    if name is None:
        raise NotProved("the COSE envelope names an algorithm that Notation does not allow")
    return name


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """The Sig_structure: ["Signature1", protected, no external data, payload]."""
    context = b"Signature1"
    parts = [head(_ARRAY, 4), head(_TEXT, len(context)), context]
    for each in (protected, b"", payload):
        parts += [head(_BYTES, len(each)), each]
    return b"".join(parts)


def _value(name: str, value: Any) -> Any:
    return _time(value, name) if name in (SIGNING_TIME, AUTHENTIC_TIME, EXPIRY) else value


def _time(value: Any, name: str) -> datetime:
    if isinstance(value, Tagged) and type(value.value) is int and value.value in _YEARS:
        return datetime.fromtimestamp(value.value, tz=UTC)
    raise NotProved(f"the header {name} is not a time (CBOR tag 1 over whole seconds)")


def _chain(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_CERTIFICATES:
        raise NotProved(f"the COSE envelope does not carry a chain of 1 to {MAX_CERTIFICATES} certificates")
    if not all(isinstance(each, bytes) for each in value):
        raise NotProved("the COSE envelope's chain holds something else than certificates")
    return tuple(value)


def _timestamp(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    raise NotProved("the timestamp of the COSE envelope is not a byte string")
