"""Room for what comes: a transfer reserves its size before it begins, and above high water what is old goes by itself."""

import asyncio
import time
from collections.abc import Callable

from proxy.content.disk import FULL
from proxy.content.keeping.budget import Budget, Reservation, Standing
from proxy.errors import StorageError
from proxy.events import Event, Evicted
from proxy.observe.logs import say
from proxy.oci.digest import Digest
from proxy.pipeline.keeping.evict import Evictor, Removed

LOOK_SECONDS = 10.0
_FRUITLESS_SECONDS = (
    60.0  # after an eviction that could not free enough; a survey of 10^5 blobs is a second of a thread
)
_WAITS, _WAIT_SECONDS = 20, 0.5  # for another process that evicts, within what a client waits
_SHORT = "the content store has no room for a blob of {size} bytes: the rest is pinned, or was used within the hour"


class Room:
    """`seen` is told, each time, how things stand."""

    def __init__(
        self,
        budget: Budget,
        evictor: Evictor,
        emit: Callable[[Event], None],
        *,
        seen: Callable[[Standing], None],
    ) -> None:
        self._budget = budget
        self._evictor = evictor
        self._emit = emit
        self._seen = seen
        self._turn = asyncio.Lock()  # a budget belongs to one thread at a time
        self._evicting: asyncio.Task[Removed] | None = None
        self._fruitless_until = 0.0
        self._is_short = False

    async def reserve(self, digest: Digest, size: int) -> Reservation:
        """Room for a growing file, made where it must be. Raise StorageError (`trouble` full) where it cannot."""
        missing = await self._reserve(digest, size)
        for _ in range(_WAITS):
            if isinstance(missing, Reservation):
                return missing
            try:
                removed = await self.make(missing)
            except StorageError:  # whatever it is: what cannot be kept may pass by
                removed = None
            if removed is None:
                break
            if not removed.is_ours:
                await asyncio.sleep(_WAIT_SECONDS)
            missing = await self._reserve(digest, size)
        if isinstance(missing, Reservation):
            return missing
        raise StorageError(_SHORT.format(size=size), retry_after=30, trouble=FULL)

    async def _reserve(self, digest: Digest, size: int) -> Reservation | int:
        async with self._turn:
            return await _uncancelled(lambda: self._budget.reserve(digest, size))

    async def look(self) -> Standing:
        async with self._turn:
            standing = await asyncio.to_thread(self._budget.look)
        self._seen(standing)
        return standing

    async def make(self, wanted: int) -> Removed | None:
        """Evict until `wanted` bytes are free, once for all who wait; None where that was tried in vain just now."""
        if self._evicting is None:
            if time.monotonic() < self._fruitless_until:
                return None
            self._evicting = asyncio.create_task(self._evict(wanted))
            self._evicting.add_done_callback(self._ended)
        return await asyncio.shield(self._evicting)

    async def _evict(self, wanted: int) -> Removed:
        wanted = max(wanted, (await self.look()).excess)
        removed = await self._evictor.make_room(wanted)
        if removed.is_ours:
            if removed.freed < wanted:
                self._fruitless_until = time.monotonic() + _FRUITLESS_SECONDS
            self._tell(removed, wanted)
        return removed

    def _tell(self, removed: Removed, wanted: int) -> None:
        """Said each time that something went; that it is not enough, once until it is."""
        is_short = removed.freed < wanted
        if removed.freed or (is_short and not self._is_short):
            self._emit(
                Evicted(
                    removed.images,
                    removed.blobs,
                    removed.freed,
                    wanted=wanted,
                    pinned=removed.pinned,
                    leased=removed.leased,
                )
            )
        self._is_short = is_short

    def _ended(self, task: asyncio.Task[Removed]) -> None:
        self._evicting = None
        if not task.cancelled():
            task.exception()  # told to whoever waits; nobody may

    async def run(self) -> None:
        """Look now and then; above high water make room down to low water."""
        while True:
            try:
                standing = await self.look()
                if standing.excess:
                    await self.make(standing.excess)
            except StorageError as error:
                say("eviction-failed", level="warning", message=error.message)
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        if self._evicting is not None:
            self._evicting.cancel()
            await asyncio.wait({self._evicting})


async def _uncancelled(work: Callable[[], Reservation | int]) -> Reservation | int:
    """A waiter that leaves must not leave a reservation behind."""
    job = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        made = await job
        if isinstance(made, Reservation):
            made.release()
        raise
