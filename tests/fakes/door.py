"""A door in memory: what the pipeline would answer, over a real content store in memory, with knobs for what goes wrong."""

import json
from collections.abc import Callable

from proxy.content.store import Partial
from proxy.errors import BlobUnknown, ManifestUnknown, PratiqueError
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.oci.route import GetBlob, GetManifest, ListReferrers, ListTags
from proxy.pipeline.answers import Asker, BlobAnswer, ListingAnswer, ManifestAnswer, TagsAnswer
from tests.fakes.content import MemoryStore


class FakeDoor:
    """`refusal` is raised for every request; `wrap` may put a strange body around a real one."""

    def __init__(self) -> None:
        self.content = MemoryStore()
        self.manifests: dict[str, tuple[bytes, str]] = {}
        self.growing: dict[Digest, Partial] = {}
        self.tags_of: dict[str, list[str]] = {}
        self.listing: bytes = json.dumps(
            {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": []}
        ).encode()
        self.refusal: Exception | None = None
        self.warning: str | None = None
        self.wrap: Callable = lambda body: body
        self.generation = 0
        self.until: float | None = None
        self.askers: list[Asker] = []
        self.requests: list[object] = []

    def put_manifest(self, raw: bytes, *, tag: str | None = None, media_type: str = mediatype.OCI_MANIFEST) -> Digest:
        digest = Digest.of(raw)
        self.manifests[str(digest)] = (raw, media_type)
        if tag:
            self.manifests[tag] = (raw, media_type)
        return digest

    async def put_blob(self, raw: bytes) -> Digest:
        digest = Digest.of(raw)
        await self.content.write(digest, raw)
        return digest

    async def grow_blob(self, digest: Digest, size: int) -> Partial:
        """A blob that the test fills by hand."""
        partial = await self.content.partial(digest, size)
        assert partial is not None
        self.growing[digest] = partial
        return partial

    async def manifest(self, asker: Asker, request: GetManifest) -> ManifestAnswer:
        repository = self._heard(asker, request, request.name, request.ns)
        found = self.manifests.get(str(request.reference))
        if found is None:
            raise ManifestUnknown("the upstream has no such manifest")
        raw, media_type = found
        outcome = "hit" if isinstance(request.reference, Tag) else "miss"
        repeats = (self.generation, self.until) if outcome == "hit" else None
        return ManifestAnswer(raw, media_type, Digest.of(raw), repository, outcome, self.warning, repeats)

    async def blob(self, asker: Asker, request: GetBlob) -> BlobAnswer:
        repository = self._heard(asker, request, request.name, request.ns)
        growing = self.growing.get(request.digest)
        size = growing.size if growing else await self.content.size(request.digest)
        if size is None:
            raise BlobUnknown("no admitted image of this repository names the blob")
        if request.is_head:
            return BlobAnswer(request.digest, size, repository, "hit", None)
        body = growing.follow() if growing else await self.content.open(request.digest)
        return BlobAnswer(request.digest, size, repository, "miss" if growing else "hit", self.wrap(body))

    async def referrers(self, asker: Asker, request: ListReferrers) -> ListingAnswer:
        repository = self._heard(asker, request, request.name, request.ns)
        return ListingAnswer(self.listing, repository, is_filtered=request.artifact_type is not None)

    async def tags(self, asker: Asker, request: ListTags) -> TagsAnswer:
        repository = self._heard(asker, request, request.name, request.ns)
        names = [name for name in sorted(self.tags_of.get(request.name, [])) if name > (request.last or "")]
        page = names if request.n is None else names[: request.n]
        return TagsAnswer(tuple(page), len(page) < len(names), repository, request.name)

    def _heard(self, asker: Asker, request: object, name: str, ns: str | None) -> Repository:
        self.askers.append(asker)
        self.requests.append(request)
        if self.refusal is not None:
            if isinstance(self.refusal, PratiqueError):
                self.refusal.__traceback__ = None
            raise self.refusal
        return Repository(ns or asker.bound or "docker.io", name)
