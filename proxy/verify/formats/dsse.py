"""A DSSE envelope signs its payload's bytes as they are, under their type: PAE (DSSE protocol.md).

Which key made a signature is never taken from `keyid`: that field is not signed.
"""

from dataclasses import dataclass, field
from typing import Any

from proxy.oci.strictjson import as_object, parse
from proxy.verify.encoding import read_base64, shown
from proxy.verify.evidence import NotProved

MAX_SIGNATURES = 8  # of one envelope outside bundles; each is tried with each key
MAX_TYPE = 255  # RFC 6838 4.2: two names of 127 and a slash
_FIELDS = frozenset({"payloadType", "payload", "signatures"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """`payload` is decoded; `signatures` are raw, in the order in which they came, and at least one."""

    payload_type: str
    payload: bytes = field(repr=False)
    signatures: tuple[bytes, ...]

    @property
    def pae(self) -> bytes:
        """Pre-authentication encoding: what the signature is over."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


def parse_envelope(raw: bytes) -> Envelope:
    """Return the envelope in a layer's bytes; raise NotProved or ManifestInvalid unless it has one meaning."""
    return read_envelope(parse(raw, what="DSSE envelope"), limit=MAX_SIGNATURES)


def read_envelope(value: Any, *, limit: int) -> Envelope:
    """Return the envelope in a JSON value, with 1 to `limit` signatures (T24: none at all is no signature)."""
    document = as_object(value, what="DSSE envelope", names=_FIELDS)
    kind = document.get("payloadType")
    if not isinstance(kind, str) or not kind.isascii() or not 0 < len(kind) <= MAX_TYPE:
        raise NotProved("the DSSE envelope has no payloadType that is a media type")
    return Envelope(
        payload_type=kind,
        signatures=_signatures(document.get("signatures"), limit=limit),
        payload=read_base64(document.get("payload"), what="payload of the DSSE envelope"),
    )


def require_type(envelope: Envelope, wanted: str) -> None:
    """T22: a payload of another type is never read as this one."""
    if envelope.payload_type != wanted:
        raise NotProved(f"the DSSE envelope holds {shown(envelope.payload_type)}, not {wanted}")


def _signatures(value: Any, *, limit: int) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not value:
        raise NotProved("the DSSE envelope has no signature; it proves nothing")
    if len(value) > limit:
        plenty = "one is allowed in a bundle" if limit == 1 else f"at most {limit} are tried"
        raise NotProved(f"the DSSE envelope has {len(value)} signatures; {plenty}")
    return tuple(_signature(each) for each in value)


def _signature(value: Any) -> bytes:
    document = as_object(value, what="signature of the DSSE envelope", names={"sig", "keyid"})
    signature = read_base64(document.get("sig"), what="signature of the DSSE envelope")
    if not signature:
        raise NotProved("the DSSE envelope's signature is empty; it proves nothing")
    return signature
