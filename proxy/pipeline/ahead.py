"""Fetches config and layers of an admitted manifest before the client asks. Bounded; a failure here is nobody's."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine

from proxy.errors import PratiqueError
from proxy.observe.logs import say
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.fill import Fills

_QUEUE = 256  # blobs waiting; more are left for the client to ask for
_CHILDREN = 16  # of one index; the rule's platforms are seldom more than two
_OFFERED = 10_000  # manifests remembered as offered


class Ahead:
    """`fills_at_once` 0 switches it off. Of an Index only the children of platforms that the rule names are fetched."""

    def __init__(self, regime: Regime, fills: Fills, *, fills_at_once: int) -> None:
        self._regime = regime
        self._fills = fills
        self._fills_at_once = fills_at_once
        self._queue: asyncio.Queue[tuple[Repository, Descriptor]] = asyncio.Queue(_QUEUE)
        self._offered: OrderedDict[tuple[Repository, Digest], None] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self._admitting: set[asyncio.Task[None]] = set()
        self.admit_child: Callable[[Repository, Digest], Coroutine[None, None, None]] | None = None

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._fills_at_once)]

    async def close(self) -> None:
        tasks = [*self._tasks, *self._admitting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def offer(self, repository: Repository, manifest: Manifest | Index) -> None:
        """Take note that a client was given this manifest; once is enough."""
        key = (repository, manifest.digest)
        if not self._tasks or key in self._offered:
            return
        self._offered[key] = None
        while len(self._offered) > _OFFERED:
            self._offered.popitem(last=False)
        for blob in manifest.blobs:
            if not self._queue.full():
                self._queue.put_nowait((repository, blob))
        if isinstance(manifest, Index) and self.admit_child is not None:
            for child in self._named_children(repository, manifest):
                task = asyncio.create_task(self.admit_child(repository, child))
                self._admitting.add(task)
                task.add_done_callback(self._admitting.discard)

    def _named_children(self, repository: Repository, index: Index) -> list[Digest]:
        named = self._regime.current.rule(repository).platforms
        children = [
            child.digest
            for child in index.manifests
            if child.platform is not None and any(each.covers(child.platform) for each in named)
        ]
        return children[:_CHILDREN]

    async def _work(self) -> None:
        while True:
            repository, blob = await self._queue.get()
            try:
                body, _ = await self._fills.body(repository, blob, is_kept=True)
                try:
                    await body.more(blob.size - 1) if blob.size else None
                finally:
                    body.close()
            except PratiqueError:
                continue  # the client that asks is told; here nobody is
            except Exception as error:  # noqa: BLE001 one defect must not end what is fetched ahead for all
                say("ahead-failed", level="error", message=f"{type(error).__name__}: {error}")
