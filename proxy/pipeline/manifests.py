"""A manifest's bytes, parsed: from memory, from the store, else from its upstream. Nothing is stored here by a mere look."""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

from proxy.content.store import ContentStore
from proxy.errors import (
    BlobUnknown,
    ContentMismatch,
    Inconclusive,
    ManifestInvalid,
    NotAllowed,
    StorageError,
    UpstreamError,
)
from proxy.oci import mediatype
from proxy.oci.config import platform_of
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_MANIFEST, Index, Manifest, parse_manifest
from proxy.oci.reference import Reference, Repository
from proxy.pipeline.beside import beside
from proxy.pipeline.family.parentage import Parentage
from proxy.upstream.registry import Upstreams

_MEMORY = 64 * 1024 * 1024  # bytes of manifests held; an index is some kilobytes
_MAX_CONFIG = 8 * 1024 * 1024  # an image's config; the largest known are some hundred kilobytes


def _nobody(_digest: Digest) -> None:
    """Nobody counts uses here."""


class Manifests:
    """`used` is told what an admission that is recorded now rests on, before anything of it is recorded."""

    def __init__(
        self,
        content: ContentStore,
        upstreams: Upstreams,
        parentage: Parentage,
        *,
        used: Callable[[Digest], None] = _nobody,
    ) -> None:
        self.used = used
        self._content = content
        self._upstreams = upstreams
        self._parentage = parentage
        self._memory: OrderedDict[tuple[Repository, Digest], Manifest | Index] = OrderedDict()
        self._held = 0

    async def fetch(self, repository: Repository, reference: Reference) -> Manifest | Index:
        """Once from the upstream: hashed and strictly parsed (T01, T05-T08); raises NotAllowed for what no node may run."""
        try:
            fetched = await self._upstreams.registry(repository.upstream).manifest(repository, reference)
        except ManifestInvalid as error:  # larger than any manifest
            raise NotAllowed(error.message) from error
        return _parse(fetched.raw, fetched.digest, fetched.content_type)

    async def get(self, repository: Repository, digest: Digest) -> Manifest | Index:
        """The manifest of this digest, wherever it is nearest."""
        held = self._memory.get((repository, digest))
        if held is not None:
            self._memory.move_to_end((repository, digest))
            return held
        stored = await self._stored(repository, digest)
        if stored is not None:
            return stored
        manifest = await self.fetch(repository, digest)
        if digest in (await self._parentage.family(repository)).known:  # it was admitted, and its bytes were lost here
            with contextlib.suppress(StorageError):  # where the disk cannot take it, it is answered all the same
                await self.keep(repository, manifest)
            self._hold(repository, manifest)
        return manifest

    async def keep(self, repository: Repository, manifest: Manifest | Index, *, config: bytes | None = None) -> None:
        """Store an admitted manifest, with the config that was judged with it, and hold it in memory."""
        blobs = {manifest.digest: manifest.raw}
        if config is not None and isinstance(manifest, Manifest):
            blobs[manifest.config.digest] = config
        for digest in blobs:
            self.used(digest)
        await beside(*(self._write(digest, raw) for digest, raw in blobs.items()))
        self._hold(repository, manifest)

    async def of_base(self, repository: Repository, digest: Digest) -> Manifest | Index:
        """As `get`; where its upstream is out of reach, what `lay_by` kept."""
        try:
            return await self.get(repository, digest)
        except (Inconclusive, UpstreamError):
            raw = await self._content.read(digest, limit=MAX_MANIFEST)
            if raw is None:
                raise
            return _of_any_type(raw, digest)

    async def lay_by(self, repository: Repository, manifests: Sequence[Manifest | Index]) -> None:
        """Keep what an image was built on, so that it can be judged again without a network (promise 6).

        Nothing names these bytes for a client, so that nobody is served them; a disk that cannot take them loses them.
        """
        for manifest in manifests:
            with contextlib.suppress(StorageError, Inconclusive, UpstreamError):
                config = await self.config(repository, manifest)
                await self._write(manifest.digest, manifest.raw)
                if config is not None and isinstance(manifest, Manifest):
                    await self._write(manifest.config.digest, config)

    async def _write(self, digest: Digest, raw: bytes) -> None:
        if await self._content.size(digest) is None:
            await self._content.write(digest, raw)

    async def platform(self, repository: Repository, manifest: Manifest | Index) -> Platform | None:
        """The platform that an image's config names; None for an index and for what is no image.

        A config that names none counts as `unknown/unknown`, which no list of platforms covers.
        """
        raw = await self.config(repository, manifest)
        return None if raw is None else platform_in(raw)

    async def config(
        self, repository: Repository, manifest: Manifest | Index, *, is_here: bool = False
    ) -> bytes | None:
        """An image's config, hashed; None for an index and for what is no image. Raise Inconclusive or an UpstreamError.

        With `is_here` no upstream is asked.
        """
        if isinstance(manifest, Index) or mediatype.bare(manifest.config.media_type) not in mediatype.IMAGE_CONFIGS:
            return None
        raw = await self._content.read(manifest.config.digest, limit=_MAX_CONFIG)
        if raw is not None:
            return raw
        if is_here:
            raise Inconclusive("its config is not kept here")
        registry = self._upstreams.registry(repository.upstream)
        try:
            return await registry.small_blob(repository, manifest.config.digest, limit=_MAX_CONFIG)
        except BlobUnknown as error:
            raise Inconclusive(f"its config cannot be read: {error.message}", retry_after=30) from error

    async def here(self, repository: Repository, digest: Digest) -> Manifest | Index | None:
        """The manifest of this digest where it is kept here; no upstream is asked."""
        return self._memory.get((repository, digest)) or await self._stored(repository, digest)

    async def _stored(self, repository: Repository, digest: Digest) -> Manifest | Index | None:
        known = (await self._parentage.family(repository)).known.get(digest)
        if known is None:
            return None
        raw = await self._content.read(digest, limit=MAX_MANIFEST)
        if raw is None:
            return None
        manifest = _parse(raw, digest, known.media_type)
        self._hold(repository, manifest)
        return manifest

    def _hold(self, repository: Repository, manifest: Manifest | Index) -> None:
        if (repository, manifest.digest) in self._memory:
            return
        self._memory[(repository, manifest.digest)] = manifest
        self._held += len(manifest.raw)
        while self._held > _MEMORY:
            self._held -= len(self._memory.popitem(last=False)[1].raw)


def _parse(raw: bytes, digest: Digest, content_type: str) -> Manifest | Index:
    try:
        return parse_manifest(raw, digest=digest, content_type=content_type)
    except ManifestInvalid as error:
        raise NotAllowed(error.message) from error


def _of_any_type(raw: bytes, digest: Digest) -> Manifest | Index:
    """A manifest whose type was not written down: its own word, else OCI's, whichever fits its shape."""
    for media_type in ("", mediatype.OCI_MANIFEST):
        with contextlib.suppress(ManifestInvalid):
            return parse_manifest(raw, digest=digest, content_type=media_type)
    return _parse(raw, digest, mediatype.OCI_INDEX)


def platform_in(config: bytes) -> Platform:
    """The platform that an image config names, `unknown/unknown` for none; raise NotAllowed for what is no config."""
    try:
        return platform_of(config) or Platform("unknown", "unknown")
    except ManifestInvalid as error:
        raise NotAllowed(f"its config is not one: {error.message}") from error


def require_child(manifest: Manifest | Index, *, media_type: str, size: int) -> None:
    """Raise ContentMismatch unless a child is what the Index says of it."""
    if len(manifest.raw) != size or manifest.media_type != mediatype.bare(media_type):
        raise ContentMismatch(
            f"the index says {media_type} of {size} bytes for {manifest.digest}; "
            f"it is {manifest.media_type} of {len(manifest.raw)}"
        )
