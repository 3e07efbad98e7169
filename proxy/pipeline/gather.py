"""Fetches what may prove an image, as bytes, and keeps what proved it. Out of reach is a gap, never "none"."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from proxy.content.store import ContentStore
from proxy.errors import ContentMismatch, ManifestInvalid, ManifestUnknown, PratiqueError, StorageError
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_MANIFEST, Index, Manifest, is_evidence_manifest, parse_manifest
from proxy.oci.reference import Reference, Repository, Tag
from proxy.pipeline.parentage import Parentage
from proxy.pipeline.referrers import Witnesses
from proxy.upstream.registry import Registry, Upstreams
from proxy.verify import lookup
from proxy.verify.evidence import Found, Rejection

_AT_ONCE = 8  # evidence fetches side by side for one image
# A simple-signing payload is some hundred bytes. All that one image's search may hold at once hangs on these (T08).
_MAX_PAYLOAD = 64 * 1024
_MAX_PAYLOADS = 1024 * 1024  # of one evidence manifest


@dataclass(frozen=True, slots=True)
class Proof:
    """An evidence manifest as it was found, with the blobs of it that were fetched."""

    place: str
    manifest: Manifest
    blobs: Mapping[Digest, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Bytes to be proved, what could not be read (`gaps`), and what was seen to be useless at once.

    `nothing_at` are complete answers of "none": a tag that is absent, or None for an empty listing of referrers.
    """

    found: tuple[Found, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    gaps: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = field(default=(), repr=False)
    nothing_at: tuple[str | None, ...] = ()

    def with_more(self, later: "Gathered") -> "Gathered":
        """What is stored and what the upstream has prove together: neither need hold all of it."""
        fetched = {(proof.place, proof.manifest.digest) for proof in later.proofs}
        kept = [proof for proof in self.proofs if (proof.place, proof.manifest.digest) not in fetched]
        together = _gathered([*kept, *later.proofs], (*self.rejections, *later.rejections), (*self.gaps, *later.gaps))
        return replace(together, nothing_at=(*self.nothing_at, *later.nothing_at))


class Gatherer:
    def __init__(self, content: ContentStore, upstreams: Upstreams, parentage: Parentage, witnesses: Witnesses) -> None:
        self._content = content
        self._upstreams = upstreams
        self._parentage = parentage
        self._witnesses = witnesses

    async def stored(self, repository: Repository, subject: Digest) -> Gathered:
        """What was kept with the image: it costs no network, and proves nothing by being kept."""
        family = await self._parentage.family(repository)
        proofs = []
        for known in sorted(family.evidence_of.get(subject, {}).values(), key=lambda each: each.digest):
            raw = await self._content.read(known.digest, limit=MAX_MANIFEST)
            manifest = _parsed(raw, known.digest, known.media_type) if raw is not None else None
            if manifest is not None:
                proofs.append(Proof(known.places(subject)[0], manifest, await self._stored_blobs(manifest)))
        return _gathered(proofs, (), ())

    async def fetch(self, repository: Repository, subject: Digest) -> Gathered:
        """Everything that the upstream holds for this subject, likely first, side by side, within the caps."""
        search = Search(self._upstreams.registry(repository.upstream), repository, subject)
        await asyncio.gather(*(search.look(source) for source in lookup.sources(subject)))
        return replace(_gathered(search.proofs, search.rejections, search.gaps), nothing_at=tuple(search.nothing_at))

    async def keep(self, repository: Repository, subject: Digest, gathered: Gathered, *, used: set[Digest]) -> None:
        """Store the evidence that was used, so that judging, here and behind us, needs no network again (promise 5)."""
        await self._witnesses.learned(repository, subject, gathered.nothing_at)
        for proof in gathered.proofs:
            if not used & {proof.manifest.digest, *proof.blobs}:
                continue
            if not is_evidence_manifest(proof.manifest):
                continue  # it proved something, and yet is nothing that may be served (T60)
            for digest, raw in proof.blobs.items():
                await self._content.write(digest, raw)
            await self._content.write(proof.manifest.digest, proof.manifest.raw)
            await self._parentage.remember(
                repository, proof.manifest, kind="evidence", place=proof.place, parent=subject
            )

    async def _stored_blobs(self, manifest: Manifest) -> dict[Digest, bytes]:
        layers = lookup.signature_layers(manifest)[0]
        read = {layer.digest: await self._content.read(layer.digest, limit=_MAX_PAYLOAD) for layer in layers}
        return {digest: raw for digest, raw in read.items() if raw is not None}


class Search:
    """One look for one subject's evidence at one upstream. Everything that fails is a gap; everything odd a Rejection."""

    def __init__(self, registry: Registry, repository: Repository, subject: Digest) -> None:
        self._registry = registry
        self._repository = repository
        self._subject = subject
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.proofs: list[Proof] = []
        self.rejections: list[Rejection] = []
        self.gaps: list[str] = []
        self.nothing_at: list[str | None] = []

    async def look(self, source: lookup.Source) -> None:
        """Raise StorageError at most; an upstream's failure is a gap."""
        if isinstance(source, lookup.TagSource):
            await self._tag(source.tag)
        else:
            await self._referrers()

    async def _tag(self, tag: Tag) -> None:
        manifest = await self._manifest(tag, place=f"tag {tag.name}")
        if manifest is not None:
            await self._open(manifest, place=tag.name)

    async def _referrers(self) -> None:
        try:
            listed = await self._registry.referrers(self._repository, self._subject)
        except PratiqueError as error:
            self._gap("the referrers of the image", error)
            return
        if not listed:
            self.nothing_at.append(None)
        ordered = lookup.likely_first(listed)
        if len(ordered) > lookup.MAX_REFERRERS:
            skipped = len(ordered) - lookup.MAX_REFERRERS
            self.rejections.append(
                Rejection(
                    "referrers", None, f"{skipped} of {len(ordered)} referrers were not read: more than the limit"
                )
            )
        await asyncio.gather(*(self._referrer(each) for each in ordered[: lookup.MAX_REFERRERS]))

    async def _referrer(self, descriptor: Descriptor) -> None:
        manifest = await self._manifest(descriptor.digest, place="referrers")
        if manifest is None:
            return
        if manifest.subject is None or manifest.subject.digest != self._subject:
            self.rejections.append(Rejection("referrers", manifest.digest, "it refers to another image"))
            return
        await self._open(manifest, place="referrers")

    async def _manifest(self, reference: Reference, *, place: str) -> Manifest | None:
        try:
            async with self._slots:
                fetched = await self._registry.manifest(self._repository, reference)
            manifest = parse_manifest(fetched.raw, digest=fetched.digest, content_type=fetched.content_type)
        except ManifestUnknown:
            if isinstance(reference, Digest):  # listed, and not there: the listing or the registry is incomplete
                self.gaps.append(f"{place}: {self._repository.upstream} lists {reference} and does not have it")
            else:
                self.nothing_at.append(reference.name)
            return None
        except (ManifestInvalid, ContentMismatch) as error:
            digest = reference if isinstance(reference, Digest) else None
            self.rejections.append(Rejection(place, digest, error.message))
            return None
        except PratiqueError as error:
            self._gap(place, error)
            return None
        if isinstance(manifest, Index):
            self.rejections.append(Rejection(place, manifest.digest, "it is an index, and holds no signature"))
            return None
        return manifest

    async def _open(self, manifest: Manifest, *, place: str) -> None:
        layers, skipped = lookup.signature_layers(manifest)
        if skipped:
            self.rejections.append(
                Rejection(place, manifest.digest, f"{skipped} of its layers were not read: more than the limit")
            )
        if not layers:
            self.rejections.append(Rejection(place, manifest.digest, "it holds no signature that can be read here"))
            return
        wanted = {layer.digest: layer for layer in layers}
        if sum(layer.size for layer in wanted.values()) > _MAX_PAYLOADS:
            self.rejections.append(Rejection(place, manifest.digest, "its signatures are larger than signatures are"))
            return
        config = asyncio.create_task(self._config(manifest.config))
        read = await asyncio.gather(*(self._blob(each, place) for each in wanted.values()))
        blobs = {each.digest: raw for each, raw in zip(wanted.values(), read, strict=True) if raw is not None}
        self.proofs.append(Proof(place, manifest, {**await config, **blobs}))

    async def _config(self, config: Descriptor) -> dict[Digest, bytes]:
        """Kept for whoever verifies behind us; it proves nothing, so that it may be missing."""
        try:
            async with self._slots:
                raw = await self._registry.small_blob(self._repository, config.digest, limit=_MAX_PAYLOAD)
        except PratiqueError:
            return {}
        return {config.digest: raw}

    async def _blob(self, descriptor: Descriptor, place: str) -> bytes | None:
        if descriptor.size > _MAX_PAYLOAD:
            self.rejections.append(Rejection(place, descriptor.digest, "it is larger than signatures are"))
            return None
        try:
            async with self._slots:
                return await self._registry.small_blob(
                    self._repository, descriptor.digest, limit=max(descriptor.size, 1)
                )
        except ContentMismatch as error:  # T04
            self.rejections.append(Rejection(place, descriptor.digest, error.message))
            return None
        except PratiqueError as error:
            self._gap(f"a signature at {place}", error)
            return None

    def _gap(self, what: str, error: PratiqueError) -> None:
        if isinstance(error, StorageError):
            raise error
        self.gaps.append(f"{what} could not be read: {error.message}")


def _gathered(proofs: Sequence[Proof], rejections: Sequence[Rejection], gaps: Sequence[str]) -> Gathered:
    ordered = sorted(proofs, key=lambda proof: (proof.place, proof.manifest.digest))
    found = tuple(
        Found(proof.place, proof.manifest.digest, layer.digest, layer.media_type, layer.annotations, raw)
        for proof in ordered
        for layer in lookup.signature_layers(proof.manifest)[0]
        if (raw := proof.blobs.get(layer.digest)) is not None
    )
    return Gathered(
        found=found,
        rejections=tuple(sorted(rejections, key=lambda each: (each.place, str(each.source), each.reason))),
        gaps=tuple(sorted(gaps)),
        proofs=tuple(ordered),
    )


def _parsed(raw: bytes, digest: Digest, media_type: str) -> Manifest | None:
    try:
        manifest = parse_manifest(raw, digest=digest, content_type=media_type)
    except ManifestInvalid:
        return None
    return manifest if isinstance(manifest, Manifest) else None
