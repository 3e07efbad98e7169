"""What rotted is fetched again, where an admitted image names it: through the same fills, and proved as they are.

What no image names any more stays away. What cannot be had now is fetched when a client asks for it.
"""

import asyncio
from collections.abc import Iterable

from proxy.content.store import ContentStore
from proxy.errors import PratiqueError, RequestError
from proxy.observe.logs import say
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.family.lineage import Lineage
from proxy.pipeline.fill import Fills
from proxy.pipeline.keeping.records import Reader, Row
from proxy.pipeline.manifests import Manifests
from proxy.state.store import StateStore


class Mender:
    """`lost` may be told of any digest at any time; `run` fetches what was told, all that waits at once."""

    def __init__(
        self,
        state: StateStore,
        content: ContentStore,
        *,
        lineage: Lineage,
        manifests: Manifests,
        fills: Fills,
    ) -> None:
        self._state = state
        self._content = content
        self._lineage = lineage
        self._manifests = manifests
        self._fills = fills
        self._lost: set[Digest] = set()
        self._told = asyncio.Event()
        self._is_mending = False

    @property
    def is_idle(self) -> bool:
        return not self._lost and not self._is_mending

    def lost(self, digest: Digest) -> None:
        self._lost.add(digest)
        self._told.set()

    async def run(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            waiting, self._lost = self._lost, set()
            self._is_mending = True
            try:
                await self.mend(waiting)
            except PratiqueError as error:  # the next client that asks finds out by itself
                say("mending-failed", level="warning", message=error.message)
            finally:
                self._is_mending = False

    async def mend(self, digests: Iterable[Digest]) -> set[Digest]:
        """Fetch these again; return those that stand here now. The records are read once for all of them."""
        wanted = set(digests)
        mended: set[Digest] = set()
        for row in await Reader(self._state).rows():
            for digest in wanted - mended:
                if (digest == row.digest or digest in row.names) and await self._tried(row, digest):
                    mended.add(digest)
        for digest in sorted(wanted):
            say("mended" if digest in mended else "not-mended", digest=str(digest))
        return mended

    async def _tried(self, row: Row, digest: Digest) -> bool:
        try:
            repository = _repository(row.repository)
            if digest == row.digest:
                await self._manifest(repository, digest)
            elif not row.is_index:
                await self._blob(repository, digest)
            return await self._content.size(digest) is not None
        except PratiqueError as error:
            say("mending-failed", level="warning", digest=str(digest), message=error.message)
            return False

    async def _manifest(self, repository: Repository, digest: Digest) -> None:
        """One that is recorded was admitted, or is evidence of what was: whoever is answered with it is judged anew."""
        if await self._content.size(digest) is None:
            manifest = await self._manifests.fetch(repository, digest)
            await self._content.write(digest, manifest.raw)

    async def _blob(self, repository: Repository, digest: Digest) -> None:
        """Only under a Decision that holds now."""
        stand = await self._lineage.recall_blob(repository, digest)
        if stand is None or stand.descriptor is None:
            return
        descriptor: Descriptor = stand.descriptor
        body, _ = await self._fills.body(repository, descriptor, is_kept=True)
        try:
            await body.more(descriptor.size)
        finally:
            body.close()


def _repository(name: str) -> Repository:
    """From its text in the records; raise RequestError where that is no name."""
    upstream, slash, rest = name.partition("/")
    if not slash:
        raise RequestError(f"{name[:80]!r} names no repository")
    return Repository(upstream, rest)
