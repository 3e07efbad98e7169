"""Changes on their way to whoever watches. Bounded: a watcher that falls behind hears "anything", and misses nothing."""

import asyncio
import weakref
from collections.abc import AsyncIterator

from proxy.state.store import Change

ANYTHING = Change(book="", key="")
_BEHIND = 1000  # pending changes beyond which one "anything" says it shorter


class Watch(AsyncIterator[Change]):
    """The changes since it was made, each once however often it happened; ends when the store is closed. One reader."""

    def __init__(self) -> None:
        self._pending: dict[Change, None] = {}
        self._ready = asyncio.Event()
        self._has_ended = False

    def tell(self, change: Change) -> None:
        if len(self._pending) >= _BEHIND:
            self._pending = {ANYTHING: None}
        self._pending[change] = None
        self._ready.set()

    def end(self) -> None:
        self._has_ended = True
        self._ready.set()

    async def __anext__(self) -> Change:
        while not self._pending:
            if self._has_ended:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        change = next(iter(self._pending))
        del self._pending[change]
        return change


class Watchers:
    """Everyone who watches one store. Held weakly: who drops a Watch has left."""

    def __init__(self) -> None:
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self._watches)

    def join(self) -> Watch:
        watch = Watch()
        self._watches.add(watch)
        return watch

    def tell(self, change: Change) -> None:
        for watch in list(self._watches):
            watch.tell(change)

    def end(self) -> None:
        for watch in list(self._watches):
            watch.end()
