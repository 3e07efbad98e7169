"""Evidence of admitted subjects, and nothing else, for whoever verifies behind us (T60). It admits and pins nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from proxy.content.store import ContentStore
from proxy.errors import ContentMismatch, ManifestInvalid, ManifestUnknown, NotAllowed, UpstreamError
from proxy.oci import mediatype, referrers
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_MANIFEST, Index, Manifest, is_evidence_manifest, parse_manifest
from proxy.oci.reference import EvidenceTag, Repository
from proxy.pipeline.books import Book
from proxy.pipeline.clock import Clock
from proxy.pipeline.parentage import Known, Parentage
from proxy.state.store import StateStore
from proxy.upstream.registry import Upstreams
from proxy.verify import lookup

_WRITTEN = 256  # fallback indexes that we wrote and that may be asked for by digest
_MAX_ANNOTATIONS = 4 * 1024  # bytes of a listed manifest's; with more it is listed without (T08: a listing stays small)
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Written:
    """A fallback index of ours: no upstream has these bytes."""

    raw: bytes = field(repr=False)
    digest: Digest
    media_type: str
    subject: Digest


class Witnesses:
    """Who calls it has made sure that the subject is admitted. What is known is refreshed after `refresh_seconds`."""

    refresh_seconds = 300.0

    def __init__(
        self, content: ContentStore, upstreams: Upstreams, parentage: Parentage, store: StateStore, clock: Clock
    ) -> None:
        self._content = content
        self._upstreams = upstreams
        self._parentage = parentage
        self._clock = clock
        self._looked = Book(store, "witnesses", limit=10_000)
        self._written: OrderedDict[tuple[Repository, Digest], Written] = OrderedDict()

    async def listing(self, repository: Repository, subject: Digest) -> tuple[Descriptor, ...]:
        """Every referrer that may be served; raise an UpstreamError only where nothing complete was ever learned."""
        try:
            await self._refresh(f"{repository}@{subject}", lambda: self._discover(repository, subject))
        except UpstreamError:
            if not await self._known_referrers(repository, subject):
                raise
        known = await self._known_referrers(repository, subject)
        read = await asyncio.gather(*(self._describe(each) for each in known))
        return referrers.merge([each for each in read if each is not None])

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

    async def learned(self, repository: Repository, subject: Digest, nothing_at: Iterable[str | None]) -> None:
        """Take note of complete answers that a judgement got: there is nothing at these tags; None is the listing."""
        now = self._clock.now().timestamp()
        for place in nothing_at:
            key = f"{repository}@{subject}" if place is None else f"{repository}:{place}"
            await self._looked.put(key, {"at": now})

    async def _known_referrers(self, repository: Repository, subject: Digest) -> list[Known]:
        family = await self._parentage.family(repository)
        return [each for each in family.evidence_of.get(subject, {}).values() if "referrers" in each.places(subject)]

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

    async def _refresh(self, key: str, look: Callable[[], Awaitable[None]]) -> None:
        """Look at the upstream unless that was done lately; a failure is forgiven where a complete answer is remembered."""
        now = self._clock.now().timestamp()
        seen = await self._looked.get(key)
        if seen is not None and 0 <= now - seen[0]["at"] < self.refresh_seconds:
            return
        try:
            await look()
        except UpstreamError:
            if seen is None:
                raise
            return
        await self._looked.put(key, {"at": now})

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
        family = await self._parentage.family(repository)
        known = family.evidence_of.get(subject, {}).get(digest)
        if known is not None and "referrers" in known.places(subject):
            return
        registry = self._upstreams.registry(repository.upstream)
        try:
            fetched = await registry.manifest(repository, digest)
            manifest = parse_manifest(fetched.raw, digest=digest, content_type=fetched.content_type)
        except (ManifestUnknown, ManifestInvalid, ContentMismatch):
            return
        refers = manifest.subject is not None and manifest.subject.digest == subject
        if refers and is_evidence_manifest(manifest):
            await self._keep(repository, subject, manifest, place="referrers")

    async def _fetch(self, repository: Repository, evidence: EvidenceTag) -> None:
        registry = self._upstreams.registry(repository.upstream)
        try:
            fetched = await registry.manifest(repository, evidence.tag)
            manifest = parse_manifest(fetched.raw, digest=fetched.digest, content_type=fetched.content_type)
        except ManifestUnknown:
            return
        except ManifestInvalid as error:
            raise NotAllowed(f"what lies at {evidence.tag} is refused: {error.message}") from error
        if not is_evidence_manifest(manifest):
            raise NotAllowed(f"what lies at {evidence.tag} could be run; only evidence is served by such names")
        await self._keep(repository, evidence.subject, manifest, place=evidence.tag.name)

    async def _keep(self, repository: Repository, subject: Digest, manifest: Manifest | Index, *, place: str) -> None:
        await self._content.write(manifest.digest, manifest.raw)
        await self._parentage.remember(repository, manifest, kind="evidence", place=place, parent=subject)
        await self._looked.put(f"{repository}:{place}:newest", {"digest": str(manifest.digest)})

    async def _stored(self, repository: Repository, subject: Digest, place: str) -> Manifest | None:
        family = await self._parentage.family(repository)
        known = [each for each in family.evidence_of.get(subject, {}).values() if place in each.places(subject)]
        newest = await self._looked.get(f"{repository}:{place}:newest")
        known.sort(key=lambda each: newest is not None and str(each.digest) == newest[0]["digest"], reverse=True)
        for each in known:
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

    async def _describe(self, known: Known) -> Descriptor | None:
        manifest = await self._read(known)
        if manifest is None:
            return None
        return Descriptor(
            media_type=manifest.media_type,
            digest=manifest.digest,
            size=len(manifest.raw),
            artifact_type=manifest.artifact_type or manifest.config.media_type,
            annotations=manifest.annotations if _length(manifest.annotations) <= _MAX_ANNOTATIONS else {},
        )


def _length(annotations: Mapping[str, str]) -> int:
    return sum(len(key) + len(text) for key, text in annotations.items())
