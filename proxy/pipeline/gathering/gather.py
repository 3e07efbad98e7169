"""Fetches what may prove an image, as bytes, and keeps what proved it. Out of reach is a gap, never "none"."""

import asyncio
from collections.abc import Iterable, Sequence

from proxy.content.store import ContentStore
from proxy.errors import ManifestInvalid, NameInvalid, NotAllowed
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_EVIDENCE, MAX_MANIFEST, Index, Manifest, is_evidence_manifest, parse_manifest
from proxy.oci.reference import Repository
from proxy.pipeline.beside import beside
from proxy.pipeline.family.parentage import Family, Known, Parentage
from proxy.pipeline.gathering.borrowed import borrow
from proxy.pipeline.gathering.catch import Catch
from proxy.pipeline.gathering.looking import Search
from proxy.pipeline.gathering.proofs import Gathered, Proof, gathered, rests_on
from proxy.pipeline.gathering.referrers import Witnesses
from proxy.upstream.attestations import is_attestation_api
from proxy.upstream.registry import Upstreams
from proxy.verify import lookup
from proxy.verify.lookup import ANYTHING, Wants

__all__ = ["ANYTHING", "Gathered", "Gatherer", "Proof", "Wants"]

_ELSEWHERE = "evidenceFrom "


class Gatherer:
    """Evidence of one image at a time, from the store and from its upstream."""

    def __init__(self, content: ContentStore, upstreams: Upstreams, parentage: Parentage, witnesses: Witnesses) -> None:
        self._content = content
        self._upstreams = upstreams
        self._parentage = parentage
        self._witnesses = witnesses

    async def stored(self, repository: Repository, subject: Digest, *, index: Index | None = None) -> Gathered:
        """What was kept with the image, carriers and what came from elsewhere included.

        It costs no network, and proves nothing by being kept. `index`: the Index that the image is judged under, if any.
        """
        family = await self._parentage.family(repository)
        proofs = await self._kept(family, subject, index=index)
        carriers = dict.fromkeys(carrier for proof in proofs for carrier in proof.carriers)
        signed = await asyncio.gather(*(self._kept(family, carrier, carrier=carrier) for carrier in carriers))
        return gathered([*proofs, *(proof for each in signed for proof in each)], (), ())

    async def fetch(
        self,
        repository: Repository,
        subject: Digest,
        *,
        manifest: Manifest | Index | None = None,
        index: Index | None = None,
        elsewhere: Sequence[str] = (),
        wants: Wants = ANYTHING,
    ) -> Gathered:
        """Everything that the upstream holds for this subject, likely first, side by side, within the caps.

        `manifest` is the image's own, `index` the Index that lists it: what BuildKit attached there is read too, and the
        Index's signatures, by which it counts. `elsewhere` is what `evidenceFrom` names: repositories (`host/name`),
        where the same is looked up under the image's digest, and sources of GitHub's attestation API.
        """
        catch = Catch(
            wants, registry_of=lambda source: self._upstreams.registry(source.upstream), most=lookup.MAX_TOTAL
        )
        image = Descriptor(manifest.media_type, subject, len(manifest.raw)) if manifest else _unknown(subject)
        others = (each for each in dict.fromkeys(elsewhere) if each != str(repository))
        await asyncio.gather(
            self._look(catch, repository, image, index=index, origin=""),
            *(self._look_elsewhere(catch, each, image, index=index) for each in others),
        )
        return await catch.settle()

    async def keep(self, repository: Repository, subject: Digest, gathered: Gathered, *, used: set[Digest]) -> None:
        """Store the evidence that was used, so that judging, here and behind us, needs no network again (promise 5)."""
        # What proved something, and yet is nothing that may be served, is not kept (T60).
        kept = [each for each in rests_on(gathered.proofs, used) if is_evidence_manifest(each.manifest)]
        await beside(
            self._witnesses.learned(repository, subject, gathered.nothing_at, is_listed=gathered.is_listed),
            *(self._keep(repository, subject, proof) for proof in kept),
        )

    async def _look(
        self, catch: Catch, source: Repository, image: Descriptor, *, index: Index | None, origin: str
    ) -> None:
        """One repository, and there the signatures of the Index by which what is attached to it counts."""
        registry = self._upstreams.registry(source.upstream)
        looks = [Search(catch, registry, source, image.digest, origin=origin, index=None if origin else index)]
        if index is not None and catch.wants.has_attestations and lookup.attestations_in(index, image.digest):
            looks.append(Search(catch, registry, source, index.digest, origin=origin, carrier=index.digest))
        await asyncio.gather(*(each.look() for each in looks))

    async def _look_elsewhere(self, catch: Catch, named: str, image: Descriptor, *, index: Index | None) -> None:
        """What `evidenceFrom` names; what is no upstream here is a gap that says so."""
        origin = f"{_ELSEWHERE}{named}"
        try:
            source = _repository(named)
            if is_attestation_api(source.upstream):
                await borrow(catch, self._upstreams.attestations(source.upstream), source, image, origin=origin)
            else:
                await self._look(catch, source, image, index=index, origin=origin)
        except (NotAllowed, NameInvalid) as error:
            catch.miss(origin, error)

    async def _keep(self, repository: Repository, subject: Digest, proof: Proof) -> None:
        """All of its bytes first: whoever verifies behind us reads layers that we had no use for."""
        whole = {**proof.blobs, **await self._rest(proof), proof.manifest.digest: proof.manifest.raw}
        await beside(*(self._content.write(digest, raw) for digest, raw in whole.items()))
        for slot in proof.slots:
            place = f"{slot} {proof.origin}" if proof.origin else slot
            await self._parentage.remember(
                repository, proof.manifest, kind="evidence", place=place, parent=proof.subject or subject
            )

    async def _rest(self, proof: Proof) -> dict[Digest, bytes]:
        """Blobs that it names and that were not read; one that cannot be had is not missed by any proof."""
        missing = [
            each
            for each in {each.digest: each for each in proof.manifest.blobs}.values()
            if each.digest not in proof.blobs and await self._content.size(each.digest) is None
        ]
        if proof.source is None or not missing:
            return {}
        registry, source = self._upstreams.registry(proof.source.upstream), proof.source
        limits = [min(max(each.size, 1), MAX_EVIDENCE) for each in missing]
        looks = [
            registry.small_blob(source, each.digest, limit=most) for each, most in zip(missing, limits, strict=True)
        ]
        read = await asyncio.gather(*looks, return_exceptions=True)
        return {each.digest: raw for each, raw in zip(missing, read, strict=True) if isinstance(raw, bytes)}

    async def _kept(
        self, family: Family, subject: Digest, *, index: Index | None = None, carrier: Digest | None = None
    ) -> list[Proof]:
        known = _within(family.evidence_of.get(subject, {}).values())
        read = await asyncio.gather(*(self._read(each) for each in known))
        return [
            proof
            for each, (manifest, blobs) in zip(known, read, strict=True)
            if manifest is not None
            for proof in _proofs(each.places(subject), manifest, blobs, carrier, _carriers(family, manifest, index))
        ]

    async def _read(self, known: Known) -> tuple[Manifest | None, dict[Digest, bytes]]:
        raw = await self._content.read(known.digest, limit=MAX_MANIFEST)
        manifest = _parsed(raw, known.digest, known.media_type) if raw is not None else None
        if manifest is None:
            return None, {}
        layers = {layer.digest: layer for layer in lookup.evidence_layers(manifest).layers}
        read = await asyncio.gather(*(self._layer(layer) for layer in layers.values()))
        return manifest, {digest: raw for digest, raw in zip(layers, read, strict=True) if raw is not None}

    async def _layer(self, layer: Descriptor) -> bytes | None:
        """None also where what lies under this digest is not what was fetched as evidence: it may be a layer of 20 GB."""
        if layer.size > lookup.size_limit(layer) or await self._content.size(layer.digest) != layer.size:
            return None
        return await self._content.read(layer.digest, limit=lookup.size_limit(layer))


def _proofs(
    places: Iterable[str],
    manifest: Manifest,
    blobs: dict[Digest, bytes],
    carrier: Digest | None,
    carriers: tuple[Digest, ...],
) -> Iterable[Proof]:
    """A place is recorded as the slot, and after it where it came from if that was elsewhere."""
    for place in places:
        slot, _, origin = place.partition(" ")
        said_by = () if carrier is not None else carriers
        yield Proof(manifest, blobs, slots=(slot,), origin=origin, subject=carrier, carriers=said_by)


def _within(known: Iterable[Known]) -> list[Known]:
    """As many as one image may have, the smallest first: what was learned over years is no more than what is fetched."""
    kept, left = [], lookup.MAX_TOTAL
    for size, _, each in sorted(
        ((sum(named.size for named in each.names), each.digest, each) for each in known), key=lambda each: each[:2]
    ):
        left -= size
        if left >= 0:
            kept.append(each)
    return kept


def _carriers(family: Family, manifest: Manifest, index: Index | None) -> tuple[Digest, ...]:
    """Of bare statements: their manifest, and every Index that names it."""
    if not lookup.has_statements(manifest):
        return ()
    listed = {index.digest} if index and any(each.digest == manifest.digest for each in index.manifests) else set()
    return tuple(sorted({manifest.digest, *family.parents_of_manifest.get(manifest.digest, {}), *listed}))


def _repository(named: str) -> Repository:
    """`host/name`; owners and repositories of GitHub are the same in any case of their letters."""
    host, _, name = named.partition("/")
    return Repository(host, name.lower() if is_attestation_api(host) else name)


def _unknown(subject: Digest) -> Descriptor:
    return Descriptor(mediatype.OCI_MANIFEST, subject, 0)


def _parsed(raw: bytes, digest: Digest, media_type: str) -> Manifest | None:
    try:
        manifest = parse_manifest(raw, digest=digest, content_type=media_type)
    except ManifestInvalid:
        return None
    return manifest if isinstance(manifest, Manifest) else None
