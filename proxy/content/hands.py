"""Threads for what blocks: the loop never waits for a disk. Each OSError comes back as a StorageError."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from proxy.content.disk import disk_errors

T = TypeVar("T")


class Hands:
    """A pool of its own: a slow disk must not hold up what others do in the loop's default threads."""

    def __init__(self, count: int = 32) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="content")

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin; whoever waits for the future uses `asyncio.wait` or `run`, so that no cancellation reaches it."""

        def translated() -> T:
            with disk_errors():
                return work()

        return asyncio.get_running_loop().run_in_executor(self._pool, translated)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """For a thread that goes on meanwhile; for work that touches no disk."""
        return self._pool.submit(work)

    async def run(self, work: Callable[[], T], *, undo: Callable[[T], None] | None = None) -> T:
        """Do it and wait. Where the waiter is cancelled the work ends all the same, and `undo` gets what it made."""
        job = self.start(work)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            job.add_done_callback(lambda done: _undo(done, undo))
            raise

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def _undo(job: asyncio.Future[T], undo: Callable[[T], None] | None) -> None:
    if job.cancelled() or job.exception() is not None or undo is None:
        return
    undo(job.result())
