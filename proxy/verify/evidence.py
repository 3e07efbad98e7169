"""What was found, what was proved, and what was not. Discovery and proof are different types (evidence.md 0)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository


class NotProved(ValueError):
    """Something does not prove what it claims. The text is one sentence that an operator can act on."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is judged, as Notation binds it too: digest, media type and size of the manifest (CVE-2023-33959)."""

    repository: Repository
    digest: Digest
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """Bytes that claim to be evidence. Nothing about them is believed.

    `manifest` is the digest of the evidence manifest they came in and `blob` the layer's; `media_type` and
    `annotations` are the layer's descriptor's. `place` says where: a tag, `referrers`, `fallback`, `index`, or what
    `evidenceFrom` names. `subject` is set where it speaks of something else than the image: of a carrier.

    `carriers`: of an unsigned statement, the manifests that name it. It counts as said by whoever signed one of them:
    the Index that lists a BuildKit attestation manifest, or the attestation manifest itself (evidence.md 1.8, 5).
    """

    place: str
    manifest: Digest
    blob: Digest
    media_type: str
    annotations: Mapping[str, str] = field(hash=False)
    payload: bytes = field(repr=False)
    subject: Digest | None = None
    carriers: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a proved certificate says. `extensions`: Fulcio's own names in camelCase to their text.

    `san_type`: email | uri | dns | other. `subject` is the distinguished name (RFC 4514). Times are aware UTC.
    `sha256` is the certificate's fingerprint in hex, `authority` that of the root that its chain ends in.
    """

    subject: str
    sha256: str
    authority: str
    not_before: datetime
    not_after: datetime
    san: str = ""
    san_type: str = ""
    issuer: str = ""
    extensions: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class LogProof:
    """A transparency log's entry that was proved. `integrated_at` only where a SET signs it."""

    log: str  # the log's id in hex
    host: str
    index: int
    kind: str  # "hashedrekord 0.0.1"
    integrated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One proved statement about `subject`.

    kind: signature | attestation. `identity` tells signers apart (T30): `key:<SPKI sha256>`, `keyless:<issuer> <SAN>`,
    `x509:<root sha256> <subject> <SAN>`. `names` are repositories that the signed bytes name; None where their form
    has no place for a name (in-toto statements, Notation). `proved_at` is the time that a log or a timestamp proves.
    `rests_on` are items of the trust material that it used (`TrustMaterial.items`). `form`: simple-signing | bundle |
    dsse | notation-jws | notation-cose | carried. `opinions` are the verifiers that were asked and agree.
    """

    kind: str
    signer: str  # the policy's name of the signer who proved it
    identity: str
    subject: Digest
    names: tuple[str, ...] | None
    claims: Mapping[str, str] = field(hash=False)
    sources: tuple[Digest, ...]  # the evidence manifest and blob it rests on
    place: str
    proved_at: datetime | None = None
    valid_until: datetime | None = None  # until when it may be used: a key's window against now, a signature's expiry
    predicate_type: str = ""
    predicate: Any = field(default=None, hash=False, compare=False, repr=False)  # parsed JSON, of an attestation
    form: str = "simple-signing"
    rests_on: tuple[str, ...] = ()
    certificate: CertificateFacts | None = None
    log: LogProof | None = None
    opinions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # revocation that could not be asked under mode `log`
    unasked: tuple[str, ...] = ()  # what should be asked of its revocation before it is used, under mode `log`


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something was found and not proved. `reason` is a sentence that an operator can act on."""

    place: str
    source: Digest | None
    reason: str
    signer: str | None = None
    is_alarm: bool = False  # two verifiers disagree: somebody must look


@dataclass(frozen=True, slots=True)
class Proved:
    """All that was proved, all that was not, and what else would have to be known: URLs of CRLs and OCSP responders.

    `gaps` are sentences about what was asked and could not be told: later it may be, so that nothing follows from it.
    """

    evidence: tuple[Evidence, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    wanted: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
