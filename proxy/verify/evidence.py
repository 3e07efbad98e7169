"""What was found, what was proved, and what was not. Discovery and proof are different types (evidence.md 0)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from proxy.oci.digest import Digest


@dataclass(frozen=True, slots=True)
class Found:
    """Bytes that claim to be evidence. Nothing about them is believed.

    `manifest` is the digest of the evidence manifest they came in and `blob` the layer's; `media_type` and
    `annotations` are the layer's descriptor's. `place` says where: a tag, `referrers` or `fallback`.
    """

    place: str
    manifest: Digest
    blob: Digest
    media_type: str
    annotations: Mapping[str, str] = field(hash=False)
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One proved statement about `subject`. `identity` tells signers apart: `key:<SPKI sha256>`."""

    kind: str  # "signature"
    signer: str  # the policy's name of the signer who proved it
    identity: str
    subject: Digest
    names: tuple[str, ...]  # repositories that the signed payload names
    claims: Mapping[str, str] = field(hash=False)
    sources: tuple[Digest, ...]  # the evidence manifest and blob it rests on
    place: str
    proved_at: datetime | None = None
    valid_until: datetime | None = None  # where the signer's window is compared with now


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something was found and not proved. `reason` is a sentence that an operator can act on."""

    place: str
    source: Digest | None
    reason: str
    signer: str | None = None
