"""One producer, many waiters: work under a key runs once, is owned by nobody who waits, and ends by its own deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from proxy.errors import Inconclusive

T = TypeVar("T")

_MOST = 4_096  # works under way: a flood of names must not fill the memory, since each work outlives who asked for it


class Flights:
    """`work_seconds` bounds the work itself; a waiter brings its own, shorter bound and leaves without stopping it."""

    def __init__(self, *, work_seconds: float) -> None:
        self._work_seconds = work_seconds
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]], *, wait_seconds: float) -> tuple[T, bool]:
        """Return what the work returned and whether it was under way already.

        Raise what the work raised, or Inconclusive when `wait_seconds` are over: the work goes on, so that the
        client's next try finds it done.
        """
        task = self._flights.get(key)
        is_joined = task is not None
        if task is None:
            if len(self._flights) >= _MOST:
                raise Inconclusive("too much is being judged at once; ask again", retry_after=5)
            task = asyncio.create_task(self._fly(work))
            self._flights[key] = task
            task.add_done_callback(lambda done: self._land(key, done))
        done, _ = await asyncio.wait({task}, timeout=wait_seconds)
        if not done:
            raise Inconclusive("judging takes longer than a client waits; it goes on, ask again", retry_after=5)
        return task.result(), is_joined

    async def _fly(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._work_seconds):
                return await work()
        except TimeoutError:
            raise Inconclusive(
                f"it could not be judged within {self._work_seconds:.0f} s; see whether its upstream is slow",
                retry_after=30,
            ) from None

    def _land(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._flights.get(key) is task:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # seen by whoever still waits; nobody waiting is no fault

    async def close(self) -> None:
        tasks = list(self._flights.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
