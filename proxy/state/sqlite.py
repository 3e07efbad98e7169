"""The state store in one SQLite file, shared by every process of one machine.

One thread for each store does all that SQLite does, one whole transaction at a time, so that an asker who leaves in the
middle leaves nothing half done. The event loop never waits for the disk.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from proxy.errors import StorageError
from proxy.state.connection import translated
from proxy.state.database import Database
from proxy.state.store import Change, Entry
from proxy.state.watching import ANYTHING, Watchers

T = TypeVar("T")

_POLL_SECONDS = 0.2  # how soon another process's change is noticed (T62: within a second)


class SqliteStore:
    """Implements StateStore. Made by `open`; belongs to the event loop that opened it."""

    def __init__(self, path: Path, thread: ThreadPoolExecutor, database: Database) -> None:
        self._path = path
        self._thread = thread
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._watchers = Watchers()
        self._poller: asyncio.Task[None] | None = None
        self._is_closed = False

    @classmethod
    async def open(cls, path: Path, *, clock: Callable[[], float] = time.time, read_only: bool = False) -> Self:
        """Make or migrate the file, or open what is there. Raises StorageError with what to do, also for a damaged one.

        With `read_only` the file must be there, and every write is a StorageError.
        """
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")

        def begin() -> Database:
            with translated(path):
                return Database(path, clock, read_only=read_only)

        try:
            database = await asyncio.get_running_loop().run_in_executor(thread, begin)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(path, thread, database)

    @property
    def is_new(self) -> bool:
        """Whether the file did not exist, or held no state, before this store was opened."""
        return self._database.is_new

    async def get(self, book: str, key: str) -> Entry | None:
        return await self._run(partial(self._database.get, book, key))

    async def put(self, book: str, key: str, value: bytes, *, expires_at: float | None = None) -> Entry:
        return await self._run(partial(self._database.put, book, key, value, expires_at), Change(book, key))

    async def compare_and_set(
        self, book: str, key: str, value: bytes, *, expected: int | None, expires_at: float | None = None
    ) -> Entry | None:
        work = partial(self._database.compare_and_set, book, key, value, expected, expires_at)
        return await self._run(work, Change(book, key))

    async def delete(self, book: str, key: str, *, expected: int | None = None) -> bool:
        return await self._run(partial(self._database.delete, book, key, expected), Change(book, key))

    async def scan(self, book: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Entry]:
        return await self._run(partial(self._database.scan, book, prefix, after, limit))

    async def lease(self, name: str, *, owner: str, seconds: float) -> bool:
        return await self._run(partial(self._database.lease, name, owner, seconds))

    async def release(self, name: str, *, owner: str) -> None:
        await self._run(partial(self._database.release, name, owner))

    def watch(self) -> AsyncIterator[Change]:
        """Own changes at once; those of other processes soon after, marked as theirs: of many, `Change("", "")`."""
        self._require_open()
        watch = self._watchers.join()
        if self._poller is None or self._poller.done():
            self._poller = self._loop.create_task(self._poll())
        return watch

    async def close(self) -> None:
        """Safe to call twice. What was begun is finished first."""
        if self._is_closed:
            return
        self._is_closed = True
        self._watchers.end()
        if self._poller:
            self._poller.cancel()
        closing = self._loop.run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)
        await asyncio.shield(closing)

    async def _run(self, work: Callable[[], T], change: Change | None = None) -> T:
        """A cancelled asker does not stop work that began: it ends as a whole, and its change is told."""
        self._require_open()
        return await self._loop.run_in_executor(self._thread, self._attempt, work, change)

    def _attempt(self, work: Callable[[], T], change: Change | None) -> T:
        with translated(self._path):
            outcome = work()
        if change and outcome:
            # The loop may have ended while its last asker's work was done: then nobody watches.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._watchers.tell, change)
        return outcome

    def _disconnect(self) -> None:
        # What was committed is on disk already; closing only tidies the write-ahead log away.
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def _require_open(self) -> None:
        if self._is_closed:
            raise StorageError("the state store is closed; the program is ending")

    async def _poll(self) -> None:
        """Ends when the last watcher has left. A file that cannot be read may have changed: that is told once."""
        is_read = True
        while len(self._watchers):
            was_read, is_read, changes = is_read, False, None
            with contextlib.suppress(StorageError):
                changes = await self._run(self._database.changes)
                is_read = True
            if changes is None and (is_read or was_read):
                self._watchers.tell(ANYTHING)
            for change in changes or ():
                self._watchers.tell(change)
            await asyncio.sleep(_POLL_SECONDS)
