"""What the searches for one image bring home, within one cap on all its bytes.

Which blobs are kept under that cap is decided at the end, by what they are and never by what came first (T50). Where
all of them fit, as those of any real image do, none waits for another.
"""

import asyncio
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.errors import ContentMismatch, PratiqueError, StorageError
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.gathering.proofs import INDEX, REFERRERS, Gathered, Proof, gathered
from proxy.upstream.registry import Registry
from proxy.verify.evidence import Rejection
from proxy.verify.lookup import MAX_MANIFESTS, Wants

_TOO_MUCH = "it was not read: all evidence is more than the limit"
_AT_ONCE = 16  # requests side by side for one image: eight attestations and what comes beside them wait for nobody


@dataclass(slots=True)
class Claim:
    """A blob that a manifest names as evidence. `rank` says how likely it is wanted; `raw` is None until it is read."""

    source: Repository
    layer: Descriptor
    rank: tuple[int, int]
    place: str
    raw: bytes | None = field(default=None, repr=False)
    is_begun: bool = False
    fault: PratiqueError | None = None

    @property
    def order(self) -> tuple[tuple[int, int], int, Digest, str]:
        return self.rank, self.layer.size, self.layer.digest, str(self.source)


@dataclass(frozen=True, slots=True)
class Opened:
    """A manifest that was read, and what was claimed of it; `at_hand` are blobs that cost nothing more."""

    proof: Proof
    claims: tuple[Claim, ...]
    at_hand: dict[Digest, bytes] = field(default_factory=dict, repr=False)

    @property
    def order(self) -> tuple[bool, bool, int, str, Digest]:
        """What is likeliest to prove something first: of the image, at a tag, small."""
        proof = self.proof
        is_listed = proof.slots[0] in (REFERRERS, INDEX)
        return proof.subject is not None, is_listed, len(proof.manifest.raw), proof.origin, proof.manifest.digest


class Catch:
    """What all searches for one image share: what is wanted, the requests at once, the cap, and what was found."""

    def __init__(self, wants: Wants, *, registry_of: Callable[[Repository], Registry], most: int) -> None:
        self.wants = wants
        self.slots = asyncio.Semaphore(_AT_ONCE)
        self.rejections: set[Rejection] = set()
        self.gaps: set[str] = set()
        self.nothing_at: list[str | None] = []
        self.is_listed = False
        self._registry_of = registry_of
        self._most = most
        self._opened: list[Opened] = []
        self._claims: dict[tuple[Repository, Digest, int], Claim] = {}
        self._begun = 0
        self._held = 0
        self._dropped: Opened | None = None

    def open(self, opened: Opened) -> None:
        """Hold it, within the cap on all manifests: what is dropped is the last of all that ever come, whatever came first."""
        if self._dropped is not None and opened.order >= self._dropped.order:
            self._drop(opened)
            return
        insort(self._opened, opened, key=lambda each: each.order)
        self._held += len(opened.proof.manifest.raw)
        while self._held > MAX_MANIFESTS:
            self._dropped = self._opened.pop()
            self._held -= len(self._dropped.proof.manifest.raw)
            self._drop(self._dropped)

    def _drop(self, opened: Opened) -> None:
        self.reject(opened.proof.place, opened.proof.manifest.digest, _TOO_MUCH)

    def claim(self, source: Repository, layer: Descriptor, *, rank: tuple[int, int], place: str) -> Claim:
        """One claim for one blob, however many manifests name it: the likeliest says when it is read."""
        made = Claim(source, layer, rank, place)
        claim = self._claims.setdefault((source, layer.digest, layer.size), made)
        claim.rank = min(claim.rank, rank)
        claim.place = min(claim.place, place)
        return claim

    def hold(self, claim: Claim, raw: bytes) -> None:
        """Its bytes came with the listing: they count under the cap like any other."""
        claim.raw, claim.is_begun = raw, True

    async def begin(self, claim: Claim) -> None:
        """Read it at once where all that is being read stays under the cap; else it waits for the end."""
        if claim.is_begun or self._begun + claim.layer.size > self._most:
            return
        await self._read(claim)

    async def settle(self) -> Gathered:
        """Read what waited, drop what is beyond the cap, and return all that was found."""
        kept, left = [], self._most
        for claim in sorted(self._claims.values(), key=lambda each: each.order):
            if claim.layer.size <= left:
                left -= claim.layer.size
                kept.append(claim)
            else:
                claim.raw = None
                self.reject(claim.place, claim.layer.digest, _TOO_MUCH)
        await asyncio.gather(*(self._read(claim) for claim in kept if not claim.is_begun))
        for claim in kept:
            self._tell(claim)
        return gathered(
            [self._proof(opened) for opened in self._opened],
            self.rejections,
            self.gaps,
            nothing_at=self.nothing_at,
            is_listed=self.is_listed,
        )

    def _proof(self, opened: Opened) -> Proof:
        read = {claim.layer.digest: claim.raw for claim in opened.claims if claim.raw is not None}
        return opened.proof.with_blobs({**opened.at_hand, **read})

    async def _read(self, claim: Claim) -> None:
        claim.is_begun = True
        self._begun += claim.layer.size
        registry, layer = self._registry_of(claim.source), claim.layer
        try:
            async with self.slots:
                claim.raw = await registry.small_blob(claim.source, layer.digest, limit=max(layer.size, 1))
        except PratiqueError as error:
            claim.fault = error

    def _tell(self, claim: Claim) -> None:
        if isinstance(claim.fault, ContentMismatch):  # T04
            self.reject(claim.place, claim.layer.digest, claim.fault.message)
        elif claim.fault is not None:
            self.miss(f"evidence at {claim.place}", claim.fault)

    def reject(self, place: str, source: Digest | None, reason: str) -> None:
        self.rejections.add(Rejection(place, source, reason))

    def miss(self, what: str, error: PratiqueError) -> None:
        """Out of reach: raise a StorageError, which is our own; anything else is a gap."""
        if isinstance(error, StorageError):
            raise error
        self.gaps.add(f"{what} could not be read: {error.message}")
