"""One look for one image's evidence: side by side, within the caps, out of reach is a gap, and what is odd a Rejection.

Nothing waits for what it does not need: a blob is asked for when its manifest is read, a carrier's signatures when the
carrier is. What a listing or an annotation says decides what is read first, and a manifest's own layers decide what it is.
"""

import asyncio

from proxy.errors import ContentMismatch, ManifestInvalid, ManifestUnknown, PratiqueError
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest, parse_manifest
from proxy.oci.reference import Reference, Repository, Tag
from proxy.pipeline.gathering.catch import Catch, Opened
from proxy.pipeline.gathering.proofs import EMPTY_JSON, INDEX, REFERRERS, Proof
from proxy.upstream.registry import Registry
from proxy.verify import lookup

_MAX_CONFIG = 64 * 1024
_TOO_LARGE = "its manifest is larger than one of evidence is"


class Search:
    """One look for one subject's evidence in one repository.

    `origin` is "" in the image's own repository, else what `evidenceFrom` names. `carrier` is the subject where that is
    not the image but a manifest that carries statements about it: then only signatures are looked for.
    """

    def __init__(
        self,
        catch: Catch,
        registry: Registry,
        repository: Repository,
        subject: Digest,
        *,
        origin: str = "",
        index: Index | None = None,
        carrier: Digest | None = None,
        most: int = lookup.MAX_REFERRERS,
    ) -> None:
        self._catch = catch
        self._registry = registry
        self._repository = repository
        self._subject = subject
        self._origin = origin
        self._carrier = carrier
        self._most = most
        self._index = index
        listed = lookup.attestations_in(index, subject) if index and catch.wants.has_attestations else ()
        self._listed = {each.digest: each for each in listed}

    async def look(self) -> None:
        """Raise StorageError at most; an upstream's failure is a gap."""
        sources = lookup.sources(self._subject) if self._carrier is None else lookup.carrier_sources(self._subject)
        looks = [self._tag(each.tag) if isinstance(each, lookup.TagSource) else self._referrers() for each in sources]
        await asyncio.gather(*looks, *(self._in_index(each) for each in self._listed))

    async def _tag(self, tag: Tag) -> None:
        manifest = await self._manifest(tag, slot=tag.name)
        if manifest is not None:
            await self._open(manifest, slot=tag.name)

    async def _referrers(self) -> None:
        try:
            async with self._catch.slots:
                listed = await self._registry.referrers(self._repository, self._subject)
        except PratiqueError as error:
            self._catch.miss(f"the referrers of {self._whose}", error)
            return
        if self._is_own:
            self._catch.is_listed = True
            self._catch.nothing_at += [] if listed else [None]
        ordered = lookup.likely_first(listed, self._catch.wants)
        if len(ordered) > self._most:
            skipped = f"{len(ordered) - self._most} of {len(ordered)} referrers were not read: more than the limit"
            self._catch.reject(self._place(REFERRERS), None, skipped)
        await asyncio.gather(*(self._referrer(each) for each in ordered[: self._most]))

    async def _referrer(self, descriptor: Descriptor) -> None:
        if descriptor.size > lookup.MAX_MANIFEST:
            self._catch.reject(self._place(REFERRERS), descriptor.digest, _TOO_LARGE)
            return
        manifest = await self._manifest(descriptor.digest, slot=REFERRERS)
        if manifest is None:
            return
        if manifest.subject is None or manifest.subject.digest != self._subject:
            self._catch.reject(self._place(REFERRERS), manifest.digest, "it refers to another image")
            return
        await self._open(manifest, slot=REFERRERS)

    async def _in_index(self, digest: Digest) -> None:
        manifest = await self._manifest(digest, slot=INDEX)
        if manifest is not None:
            await self._open(manifest, slot=INDEX)

    async def _open(self, manifest: Manifest, *, slot: str) -> None:
        """Read the layers that may prove something, the config, and the signatures of a carrier, side by side."""
        place, wants = self._place(slot), self._catch.wants
        read = lookup.evidence_layers if self._carrier is None else lookup.signature_layers
        layers, skipped = read(manifest, wants)
        if skipped:
            self._catch.reject(place, manifest.digest, f"{skipped} of its layers were not read: more than the limit")
        if not layers:
            if not lookup.has_statements(manifest) or self._carrier is not None:
                reason = "it holds no signature and no attestation that can be read here"
                self._catch.reject(place, manifest.digest, reason)
            return
        fitting = [layer for layer in layers if self._fits(layer, place)]
        is_tagged = slot not in (REFERRERS, INDEX)
        claims = tuple(
            self._catch.claim(
                self._repository, layer, rank=(int(not is_tagged), lookup.layer_rank(layer, wants)), place=place
            )
            for layer in fitting
        )
        opened = Opened(self._proof(manifest, slot), claims)
        self._catch.open(opened)
        carried = [self._carried(manifest)] if opened.proof.carriers == (manifest.digest,) else []
        await asyncio.gather(*map(self._catch.begin, claims), self._config(manifest.config, opened.at_hand), *carried)

    def _fits(self, layer: Descriptor, place: str) -> bool:
        if layer.size <= lookup.size_limit(layer):
            return True
        self._catch.reject(place, layer.digest, "it is larger than evidence of its kind is")
        return False

    def _proof(self, manifest: Manifest, slot: str) -> Proof:
        carriers: tuple[Digest, ...] = ()
        if self._carrier is None and lookup.has_statements(manifest):
            is_listed = self._index is not None and manifest.digest in self._listed
            by_index = (self._index.digest,) if self._index is not None and is_listed else ()
            carriers = by_index if slot == INDEX else (manifest.digest,)
        return Proof(
            manifest,
            {},
            slots=(slot,),
            origin=self._origin,
            subject=self._carrier,
            carriers=carriers,
            source=self._repository,
        )

    async def _carried(self, manifest: Manifest) -> None:
        """Who signed the manifest that carries bare statements, said what they say."""
        await Search(
            self._catch,
            self._registry,
            self._repository,
            manifest.digest,
            origin=self._origin,
            carrier=manifest.digest,
            most=lookup.MAX_CARRIER_REFERRERS,
        ).look()

    async def _config(self, config: Descriptor, at_hand: dict[Digest, bytes]) -> None:
        """Kept for whoever verifies behind us; it proves nothing, so that it may be missing."""
        if str(config.digest) == Digest.EMPTY_JSON:
            at_hand[config.digest] = EMPTY_JSON
            return
        try:
            async with self._catch.slots:
                at_hand[config.digest] = await self._registry.small_blob(
                    self._repository, config.digest, limit=_MAX_CONFIG
                )
        except PratiqueError:
            return

    async def _manifest(self, reference: Reference, *, slot: str) -> Manifest | None:
        place, is_guess = self._place(slot), isinstance(reference, Tag)
        try:
            async with self._catch.slots:
                fetched = await self._registry.manifest(self._repository, reference, is_guess=is_guess)
            if len(fetched.raw) > lookup.MAX_MANIFEST and not (is_guess and self._carrier is None):
                self._catch.reject(place, fetched.digest, _TOO_LARGE)
                return None
            manifest = parse_manifest(fetched.raw, digest=fetched.digest, content_type=fetched.content_type)
        except ManifestUnknown:
            self._absent(reference, place)
            return None
        except (ManifestInvalid, ContentMismatch) as error:
            self._catch.reject(place, reference if isinstance(reference, Digest) else None, error.message)
            return None
        except PratiqueError as error:
            self._catch.miss(place, error)
            return None
        if isinstance(manifest, Index):
            self._catch.reject(place, manifest.digest, "it is an index, and holds no evidence")
            return None
        return manifest

    def _absent(self, reference: Reference, place: str) -> None:
        if isinstance(reference, Digest):  # listed, and not there: the listing or the registry is incomplete
            self._catch.gaps.add(f"{place}: {self._repository.upstream} lists {reference} and does not have it")
        elif self._is_own:
            self._catch.nothing_at.append(reference.name)

    @property
    def _is_own(self) -> bool:
        return not self._origin and self._carrier is None

    @property
    def _whose(self) -> str:
        whose = "the image" if self._carrier is None else f"the attestation manifest {self._subject}"
        return f"{whose} ({self._origin})" if self._origin else whose

    def _place(self, slot: str) -> str:
        return self._origin or slot
