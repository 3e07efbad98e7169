"""Which content was used in this process, noted at once in memory and on the disk within a second, for every process."""

import asyncio
import contextlib
import time
from collections import OrderedDict

from proxy.content.keeping import marks
from proxy.content.keeping.stock import Stock
from proxy.errors import StorageError
from proxy.oci.digest import Digest

FLUSH_SECONDS = 1.0  # how long another process may not know of a use
_LIMIT = 100_000  # uses in memory; those of longest ago are on the disk


class Usage:
    """`note` costs half a microsecond, and belongs to the event loop."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        self._noted: OrderedDict[Digest, float] = OrderedDict()  # monotonic seconds
        self._marked: dict[Digest, float] = {}
        self._unmarked: set[Digest] = set()

    def note(self, digest: Digest) -> None:
        now = time.monotonic()
        self._noted[digest] = now
        self._noted.move_to_end(digest)
        if now - self._marked.get(digest, -marks.EVERY) >= marks.EVERY:
            self._unmarked.add(digest)
        if len(self._noted) > _LIMIT:
            forgotten, _ = self._noted.popitem(last=False)
            self._marked.pop(forgotten, None)

    def is_used_since(self, digest: Digest, moment: float) -> bool:
        """`moment` is `time.monotonic()` of before."""
        return self._noted.get(digest, -1.0) >= moment

    async def flush(self) -> None:
        """Mark on the disk what was noted. Never fails: a mark that could not be made is made with the next use."""
        digests, self._unmarked = list(self._unmarked), set()
        if not digests:
            return
        now = time.monotonic()
        self._marked.update({digest: now for digest in digests if digest in self._noted})
        with contextlib.suppress(StorageError):
            await asyncio.to_thread(self._stock.mark, digests)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()
