"""Evidence of admitted subjects, and nothing else, for whoever verifies behind us (T60). It admits and pins nothing."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from proxy.content.store import ContentStore
from proxy.errors import (
    BlobUnknown,
    ContentMismatch,
    ManifestInvalid,
    ManifestUnknown,
    NotAllowed,
    UpstreamError,
)
from proxy.oci import mediatype, referrers
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_MANIFEST, Index, Manifest, is_evidence_manifest, parse_manifest
from proxy.oci.reference import EvidenceTag, Repository
from proxy.pipeline.books import Book
from proxy.pipeline.clock import Clock
from proxy.pipeline.family.parentage import Known, Parentage
from proxy.pipeline.gathering.proofs import REFERRERS
from proxy.state.store import StateStore
from proxy.upstream.registry import Registry, Upstreams
from proxy.verify import lookup

_WRITTEN = 256  # fallback indexes that we wrote and that may be asked for by digest
_MAX_ANNOTATIONS = 4 * 1024  # bytes of a listed manifest's; with more it is listed without (T08: a listing stays small)
_AT_ONCE = 8
# Of one subject; whoever may push lists others in each listing, and what was listed is never forgotten (T50). What a
# Decision rests on is kept whatever their number.
_HELD = 4 * lookup.MAX_REFERRERS
# Evidence that is listed is kept whole up to this size: a verifier behind us reads all of it, or fails (Notation does).
_SMALL = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Written:
    """A fallback index of ours: no upstream has these bytes."""

    raw: bytes = field(repr=False)
    digest: Digest
    media_type: str
    subject: Digest


def _nobody(_repository: Repository, _subject: Digest) -> None:
    """Nobody judges by it here."""


class Witnesses:
    """Who calls it has made sure that the subject is admitted. What is known is refreshed after `refresh_seconds`.

    `noticed` is told of a subject of which other evidence was kept than was known.
    """

    refresh_seconds = 300.0

    def __init__(
        self, content: ContentStore, upstreams: Upstreams, parentage: Parentage, store: StateStore, clock: Clock
    ) -> None:
        self._content = content
        self._upstreams = upstreams
        self._parentage = parentage
        self._clock = clock
        self._looked = Book(store, "witnesses", limit=10_000)
        self.noticed: Callable[[Repository, Digest], None] = _nobody
        self._written: OrderedDict[tuple[Repository, Digest], Written] = OrderedDict()

    async def listing(self, repository: Repository, subject: Digest) -> tuple[Descriptor, ...]:
        """Every referrer that may be served, wherever it was found; with the upstream out of reach those that are whole here.

        Raise an UpstreamError only where nothing complete was ever learned.
        """
        try:
            is_fresh = await self._refresh(f"{repository}@{subject}", lambda: self._discover(repository, subject))
        except UpstreamError:
            found = await self._described(repository, subject, only_whole=True)
            if not found:
                raise
            return found
        return await self._described(repository, subject, only_whole=not is_fresh)

    async def at_tag(self, repository: Repository, evidence: EvidenceTag) -> Manifest | Written:
        """What lies at `sha256-…[.sig|.att|.sbom]`; raise ManifestUnknown, NotAllowed or an UpstreamError."""
        if not evidence.suffix:
            return await self._fallback(repository, evidence.subject)
        place = evidence.tag.name
        try:
            await self._refresh(f"{repository}:{place}", lambda: self._fetch(repository, evidence))
        except UpstreamError:
            stored = await self._stored(repository, evidence.subject, place)
            if stored is None:
                raise
            return stored
        stored = await self._stored(repository, evidence.subject, place)
        if stored is None:
            raise ManifestUnknown(f"{repository} has nothing at {place}")
        return stored

    async def learned(
        self, repository: Repository, subject: Digest, nothing_at: Iterable[str | None], *, is_listed: bool = False
    ) -> None:
        """Take note of complete answers that a judgement got: there is nothing at these tags; None is the listing.

        A listing that named something (`is_listed`) was not read for who verifies behind us: it is looked at again when
        somebody asks, and what was kept of it stands in where the upstream is out of reach.
        """
        now = self._clock.now().timestamp()
        if is_listed and None not in nothing_at and await self._looked.get(f"{repository}@{subject}") is None:
            await self._looked.put(f"{repository}@{subject}", {"at": 0})
        for place in nothing_at:
            key = f"{repository}@{subject}" if place is None else f"{repository}:{place}"
            await self._looked.put(key, {"at": now})

    def forget(self, key: str | None = None) -> None:
        """When the upstream was last asked, of one place or of all: another process may know better."""
        self._looked.forget(key)

    def written(self, repository: Repository, digest: Digest) -> Written | None:
        return self._written.get((repository, digest))

    async def _fallback(self, repository: Repository, subject: Digest) -> Written:
        found = await self.listing(repository, subject)
        if not found:
            raise ManifestUnknown(f"nothing refers to {subject} in {repository}")
        raw = referrers.build_index(found)
        written = Written(raw, Digest.of(raw), mediatype.OCI_INDEX, subject)
        self._written[(repository, written.digest)] = written
        while len(self._written) > _WRITTEN:
            self._written.popitem(last=False)
        return written

    async def _refresh(self, key: str, look: Callable[[], Awaitable[None]]) -> bool:
        """Look at the upstream unless that was done lately; a failure is forgiven where a complete answer is remembered.

        Return whether what is known is as the upstream had it lately.
        """
        now = self._clock.now().timestamp()
        seen = await self._looked.get(key)
        if seen is not None and 0 <= now - seen[0]["at"] < self.refresh_seconds:
            return True
        try:
            await look()
        except UpstreamError:
            if seen is None:
                raise
            return False
        await self._looked.put(key, {"at": now})
        return True

    async def _discover(self, repository: Repository, subject: Digest) -> None:
        registry = self._upstreams.registry(repository.upstream)
        listed = lookup.likely_first(await registry.referrers(repository, subject))[: lookup.MAX_REFERRERS]
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(descriptor: Descriptor) -> None:
            async with slots:
                await self._take(repository, subject, descriptor.digest)

        await asyncio.gather(*(one(each) for each in listed))

    async def _take(self, repository: Repository, subject: Digest, digest: Digest) -> None:
        """Keep a listed referrer if it refers to the subject and can be nothing but evidence."""
        held = (await self._parentage.family(repository)).evidence_of.get(subject, {})
        known = held.get(digest)
        if known is not None and REFERRERS in known.places(subject):
            return
        if known is None and len(held) >= _HELD:
            return
        registry = self._upstreams.registry(repository.upstream)
        try:
            fetched = await registry.manifest(repository, digest)
            manifest = parse_manifest(fetched.raw, digest=digest, content_type=fetched.content_type)
        except (ManifestUnknown, ManifestInvalid, ContentMismatch):
            return
        if isinstance(manifest, Manifest) and _refers(manifest, subject) and is_evidence_manifest(manifest):
            await self._keep(repository, subject, manifest, place=REFERRERS)

    async def _fetch(self, repository: Repository, evidence: EvidenceTag) -> None:
        registry = self._upstreams.registry(repository.upstream)
        try:
            fetched = await registry.manifest(repository, evidence.tag, is_guess=True)
            manifest = parse_manifest(fetched.raw, digest=fetched.digest, content_type=fetched.content_type)
        except ManifestUnknown:
            return
        except ManifestInvalid as error:
            raise NotAllowed(f"what lies at {evidence.tag} is refused: {error.message}") from error
        if isinstance(manifest, Index) or not is_evidence_manifest(manifest):
            raise NotAllowed(f"what lies at {evidence.tag} could be run; only evidence is served by such names")
        await self._keep(repository, evidence.subject, manifest, place=evidence.tag.name)

    async def _keep(self, repository: Repository, subject: Digest, manifest: Manifest, *, place: str) -> None:
        if sum(each.size for each in manifest.blobs) <= _SMALL:
            registry = self._upstreams.registry(repository.upstream)
            await asyncio.gather(*(self._keep_blob(registry, repository, each) for each in manifest.blobs))
        await self._content.write(manifest.digest, manifest.raw)
        is_new = manifest.digest not in (await self._parentage.family(repository)).evidence_of.get(subject, {})
        await self._parentage.remember(repository, manifest, kind="evidence", place=place, parent=subject)
        if is_new:
            self.noticed(repository, subject)
        await self._looked.put(f"{repository}:{place}:newest", {"digest": str(manifest.digest)})

    async def _keep_blob(self, registry: Registry, repository: Repository, blob: Descriptor) -> None:
        """One that cannot be had now is asked for again when a client wants it."""
        if await self._content.size(blob.digest) is not None:
            return
        with contextlib.suppress(UpstreamError, BlobUnknown, ContentMismatch):
            raw = await registry.small_blob(repository, blob.digest, limit=max(blob.size, 1))
            await self._content.write(blob.digest, raw)

    async def _stored(self, repository: Repository, subject: Digest, slot: str) -> Manifest | None:
        """What lay at this tag when it was last seen; else what lies at it where `evidenceFrom` looked."""
        family = await self._parentage.family(repository)
        newest = await self._looked.get(f"{repository}:{slot}:newest")

        def order(known: Known) -> tuple[bool, bool, Digest]:
            is_newest = newest is not None and str(known.digest) == newest[0]["digest"]
            return slot not in known.places(subject), not is_newest, known.digest

        known = [each for each in family.evidence_of.get(subject, {}).values() if slot in _slots(each, subject)]
        for each in sorted(known, key=order):
            manifest = await self._read(each)
            if manifest is not None:
                return manifest
        return None

    async def _read(self, known: Known) -> Manifest | None:
        raw = await self._content.read(known.digest, limit=MAX_MANIFEST)
        if raw is None:
            return None
        manifest = parse_manifest(raw, digest=known.digest, content_type=known.media_type)
        return manifest if isinstance(manifest, Manifest) else None

    async def _described(self, repository: Repository, subject: Digest, *, only_whole: bool) -> tuple[Descriptor, ...]:
        """What names the subject as its own, also where a tag led to it or another repository holds it."""
        family = await self._parentage.family(repository)
        known = list(family.evidence_of.get(subject, {}).values())
        read = await asyncio.gather(*(self._describe(each, subject, only_whole=only_whole) for each in known))
        return referrers.merge([each for each in read if each is not None])

    async def _describe(self, known: Known, subject: Digest, *, only_whole: bool) -> Descriptor | None:
        manifest = await self._read(known)
        if manifest is None or not _refers(manifest, subject):
            return None
        if only_whole and not await self._is_whole(manifest):
            return None
        return Descriptor(
            media_type=manifest.media_type,
            digest=manifest.digest,
            size=len(manifest.raw),
            artifact_type=manifest.artifact_type or manifest.config.media_type,
            annotations=manifest.annotations if _length(manifest.annotations) <= _MAX_ANNOTATIONS else {},
        )

    async def _is_whole(self, manifest: Manifest) -> bool:
        sizes = await asyncio.gather(*(self._content.size(each.digest) for each in manifest.blobs))
        return None not in sizes


def _refers(manifest: Manifest, subject: Digest) -> bool:
    return manifest.subject is not None and manifest.subject.digest == subject


def _slots(known: Known, subject: Digest) -> set[str]:
    """Where it lies, without where that was: the first word of each place."""
    return {place.partition(" ")[0] for place in known.places(subject)}


def _length(annotations: Mapping[str, str]) -> int:
    return sum(len(key) + len(text) for key, text in annotations.items())
