"""What was gathered for one image, as values: the same whatever the order in which it came (T50). It proves nothing yet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from proxy.oci.digest import Digest
from proxy.oci.manifest import Manifest
from proxy.oci.reference import Repository
from proxy.verify import lookup
from proxy.verify.evidence import Found, Rejection

# Slots: under which name a manifest is served as evidence. Any other is the evidence tag that it lies at.
REFERRERS = "referrers"
INDEX = "index"  # an Index lists it, as BuildKit does (evidence.md 1.8)
EMPTY_JSON = b"{}"  # the config of artifacts that have none (image-spec, "Guidance for an Empty Descriptor")


@dataclass(frozen=True, slots=True)
class Proof:
    """An evidence manifest as it was found, with the blobs of it that were read.

    `slots`: where it lies. `origin`: "" for the image's own repository, else what `evidenceFrom` names. `subject`: of
    what it is evidence, where that is not the image; `carriers`: who says the bare statements in it (both as in Found).
    `source`: the repository whence its other blobs may be had; None where it was read from the store.
    """

    manifest: Manifest
    blobs: Mapping[Digest, bytes] = field(repr=False)
    slots: tuple[str, ...]
    origin: str = ""
    subject: Digest | None = None
    carriers: tuple[Digest, ...] = ()
    source: Repository | None = None

    @property
    def place(self) -> str:
        return self.origin or self.slots[0]

    @property
    def key(self) -> tuple[str, str, Digest]:
        return self.origin, str(self.subject or ""), self.manifest.digest

    def with_blobs(self, blobs: Mapping[Digest, bytes]) -> "Proof":
        return replace(self, blobs={**self.blobs, **blobs})

    def joined(self, other: "Proof") -> "Proof":
        """The same manifest, found twice: in all its places, with all that was read of it."""
        return replace(
            self,
            blobs={**other.blobs, **self.blobs},
            slots=tuple(sorted({*self.slots, *other.slots}, key=_slot_order)),
            carriers=tuple(sorted({*self.carriers, *other.carriers})),
            source=self.source or other.source,
        )

    def founds(self) -> Iterable[Found]:
        """Each layer that may prove something and was read."""
        of = lookup.evidence_layers if self.carriers else lookup.signature_layers
        for layer in of(self.manifest).layers:
            raw = self.blobs.get(layer.digest)
            if raw is not None:
                yield Found(
                    self.place,
                    self.manifest.digest,
                    layer.digest,
                    layer.media_type,
                    layer.annotations,
                    raw,
                    subject=self.subject,
                    carriers=self.carriers if lookup.is_statement(layer) else (),
                )


@dataclass(frozen=True, slots=True)
class Gathered:
    """Bytes to be proved, what could not be read (`gaps`), and what was seen to be useless at once.

    `nothing_at` are complete answers of "none": a tag that is absent, or None for an empty listing of referrers.
    `is_listed`: the referrers were listed, completely.
    """

    found: tuple[Found, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    gaps: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = field(default=(), repr=False)
    nothing_at: tuple[str | None, ...] = ()
    is_listed: bool = False

    def with_more(self, later: "Gathered") -> "Gathered":
        """What is stored and what the upstream has prove together: neither need hold all of it."""
        return gathered(
            (*self.proofs, *later.proofs),
            (*self.rejections, *later.rejections),
            (*self.gaps, *later.gaps),
            nothing_at=(*self.nothing_at, *later.nothing_at),
            is_listed=self.is_listed or later.is_listed,
        )


def gathered(
    proofs: Iterable[Proof],
    rejections: Iterable[Rejection],
    gaps: Iterable[str],
    *,
    nothing_at: Iterable[str | None] = (),
    is_listed: bool = False,
) -> Gathered:
    """Join what was found twice, and put all of it in an order that nobody outside decides."""
    joined: dict[tuple[str, str, Digest], Proof] = {}
    for proof in proofs:
        before = joined.get(proof.key)
        joined[proof.key] = proof if before is None else before.joined(proof)
    ordered = tuple(joined[key] for key in sorted(joined))
    return Gathered(
        found=tuple(found for proof in ordered for found in proof.founds()),
        rejections=tuple(sorted(set(rejections), key=lambda each: (each.place, str(each.source), each.reason))),
        gaps=tuple(sorted(set(gaps))),
        proofs=ordered,
        nothing_at=tuple(sorted(set(nothing_at), key=str)),
        is_listed=is_listed,
    )


def rests_on(proofs: Iterable[Proof], used: set[Digest]) -> list[Proof]:
    """The proofs that a Decision used, by their manifests or blobs, and with a carried statement who signed its carrier."""
    listed = list(proofs)
    direct = [proof for proof in listed if used & {proof.manifest.digest, *proof.blobs}]
    carriers = {carrier for proof in direct for carrier in proof.carriers}
    chosen = {proof.key: proof for proof in (*direct, *(each for each in listed if each.subject in carriers))}
    return list(chosen.values())


def _slot_order(slot: str) -> tuple[bool, str]:
    return slot in (REFERRERS, INDEX), slot  # a tag first: there signatures are likeliest
