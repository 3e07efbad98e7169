"""One filler writes one growing file, under a file lock. Chunks are hashed and written in order by one worker at a time.

A worker goes on while chunks wait for it, and the upstream is read meanwhile; what may wait is bounded, so memory is
constant. Nothing here waits for a reader.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from proxy.content import origin, proofs
from proxy.content.disk import (
    FAILING,
    FULL,
    Steps,
    disk_errors,
    feed,
    make_folder,
    open_plain,
    publish,
    require_room,
    stands_at,
    write_all,
)
from proxy.content.growing import GrowingBody, Growth, Stage, Written
from proxy.content.hands import Hands
from proxy.content.progress import Progress
from proxy.content.shelf import Shelf
from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Digest, Hasher

# Bytes that may wait while a worker writes: beyond it the upstream waits.
BACKLOG = 2 * 1024 * 1024
# Bytes that a worker writes and hashes before it tells the readers: each telling wakes the loop.
BATCH = 512 * 1024
# A follower looks at the lock by taking it for an instant: ask again before believing that somebody fills.
_ASKS = 4
_BETWEEN_ASKS = 0.003


@dataclass(frozen=True, slots=True)
class Held:
    """A growing file whose lock is ours."""

    path: Path
    descriptor: int
    progress: Progress
    hasher: Hasher

    def let_go(self) -> None:
        """The record goes before the lock does, so that a successor's record is never the one removed."""
        self.progress.remove()
        os.close(self.descriptor)


def hold(shelf: Shelf, digest: Digest, size: int) -> Held | None:
    """Take the growing file and hash what is there of it. None: another filler has it, or has stored it. Blocking.

    Raises OSError (ENOSPC) where the rest of it would find no room.
    """
    path = shelf.growing(digest)
    make_folder(path.parent)
    descriptor = _locked(shelf, digest, size)
    if descriptor is None:
        return None
    try:
        progress = Progress(shelf.progress(digest), inode=os.fstat(descriptor).st_ino)
        held = Held(path, descriptor, progress, Hasher(digest))
    except BaseException:
        os.close(descriptor)
        raise
    try:
        progress.say(Stage.GROWING, 0)
        require_room(path.parent, size - os.fstat(descriptor).st_size)
        feed(held.hasher, descriptor)
        progress.say(Stage.GROWING, held.hasher.count)
    except BaseException as error:
        if _is_worthless(descriptor, error):
            with contextlib.suppress(OSError):
                path.unlink()
        held.let_go()
        raise
    return held


def _is_worthless(descriptor: int, error: BaseException) -> bool:
    """What cannot be read is no beginning, and neither is nothing."""
    is_unreadable = isinstance(error, OSError) and error.errno == errno.EIO
    return is_unreadable or os.fstat(descriptor).st_size == 0


def _locked(shelf: Shelf, digest: Digest, size: int) -> int | None:
    """Open and lock, until what is locked is also what stands at the path: a former holder may have moved it away."""
    path = shelf.growing(digest)
    while not os.path.lexists(shelf.blob(digest)):
        try:
            descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
        except ContentMismatch:
            shelf.quarantine.take(path, digest)
            continue
        assert descriptor is not None
        if not _lock(descriptor):
            os.close(descriptor)
            return None
        if stands_at(path, descriptor) and not os.path.lexists(shelf.blob(digest)):
            if os.fstat(descriptor).st_size <= size:
                return descriptor
            # Never cut it short in place: a reader elsewhere may have sent what stood there.
            path.unlink()
        os.close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    for turn in range(_ASKS):
        if turn:
            time.sleep(_BETWEEN_ASKS)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _nobody(_error: Exception) -> None:
    """Nobody asks how the disk is."""


class FilesystemPartial:
    """The filler's side of a growing file; `store.Partial` says what each door promises."""

    def __init__(
        self,
        held: Held,
        *,
        digest: Digest,
        size: int,
        shelf: Shelf,
        hands: Hands,
        steps: Steps,
        told: Callable[[Exception], None] = _nobody,
    ) -> None:
        """`told` of what the disk does, once it was done in a thread."""
        self.digest = digest
        self.size = size
        self._held = held
        self._shelf = shelf
        self._hands = hands
        self._steps = steps
        self._told = told
        self._growth = Growth(digest, size)
        self._received = held.hasher.count
        self._validator = origin.remembered(held.descriptor) if self._received else None
        self._growth.advance(self._received)
        self._identity = os.fstat(held.descriptor)
        self._waiting: deque[bytes] = deque()  # filled by the loop, emptied by the worker
        self._room = asyncio.Event()
        self._job: asyncio.Future[None] | None = None
        self._hashing: Future[None] | None = None  # the last piece that `sink` took
        self._error: Exception | None = None
        self._is_over = False
        self._ending: asyncio.Task[None] | None = None

    @property
    def received(self) -> int:
        return self._received

    @property
    def validator(self) -> str | None:
        return self._validator

    async def remember(self, validator: str | None) -> None:
        if validator != self._validator:
            self._validator = validator
            # A descriptor of its own: whoever cancels this lets go of ours before the thread may have come to it.
            await self._hands.run(partial(origin.remember_and_close, os.dup(self._held.descriptor), validator))

    async def write(self, chunk: bytes) -> None:
        """What the disk does with this chunk is raised by this call, by a later one, or by `commit`."""
        self._require_filling()
        self._require_fit(len(chunk))
        self._received += len(chunk)
        self._waiting.append(chunk)
        self._start()
        while self._job is not None and self._received - self._held.hasher.count > BACKLOG:
            self._room.clear()
            await self._room.wait()
        self._require_filling()

    async def sink(self) -> Callable[[memoryview], None]:
        """After what waits is written; from then on either this or `write` is used, never both."""
        await self._drain()
        return partial(self._absorb, asyncio.get_running_loop())

    async def commit(self) -> None:
        """`received == size` may hold from the start, after a crash between proof and rename: commit then, fetch nothing."""
        await self._drain()
        self._require_filling()
        try:
            self._require_proof()
        except ContentMismatch as reason:
            await self.fail(reason, keep=False)
            raise
        self._is_over = True
        self._growth.prove(Written.of(self._held.descriptor))
        job = self._hands.start(self._publish)
        job.add_done_callback(self._published)
        await asyncio.shield(job)

    async def fail(self, reason: Exception, *, keep: bool) -> None:
        """May be called at any time, and again: only the first end counts.

        Mismatched bytes are never kept, nor what a full disk needs back or a failing one may have spoilt.
        """
        if not self._is_over:
            self._is_over = True
            self._growth.fail(reason)
            is_lost = isinstance(reason, StorageError) and reason.trouble in {FULL, FAILING}
            is_kept = keep and not isinstance(reason, ContentMismatch) and not is_lost
            self._ending = asyncio.create_task(self._abandon(Stage.after(reason), is_kept=is_kept))
        if self._ending is not None:
            await asyncio.shield(self._ending)

    def follow(self) -> GrowingBody:
        """Raises StorageError where the file is no longer there."""
        for path in (self._held.path, self._shelf.blob(self.digest)):
            descriptor = self._shelf.open_file(path)
            if descriptor is not None and os.path.samestat(os.fstat(descriptor), self._identity):
                return GrowingBody(self._growth, descriptor)
            if descriptor is not None:
                os.close(descriptor)
        raise StorageError("the growing file is no longer there; ask again", retry_after=1)

    def _require_filling(self) -> None:
        if self._error is not None:
            raise self._error
        if self._is_over:
            raise StorageError("this growing file was let go already", retry_after=1)

    def _require_fit(self, count: int) -> None:
        if self._received + count > self.size:
            raise ContentMismatch(f"the upstream sent more than the {self.size} bytes that the blob has")

    def _require_proof(self) -> None:
        if self._received < self.size:
            raise ContentMismatch(f"the blob ended after {self._received} of {self.size} bytes")
        self._held.hasher.prove()
        if os.fstat(self._held.descriptor).st_size != self.size:
            raise ContentMismatch("the growing file was changed by another program")

    def _start(self) -> None:
        if self._job is None and self._waiting and self._error is None:
            self._job = self._hands.start(partial(self._put, asyncio.get_running_loop()))
            self._job.add_done_callback(self._put_done)

    def _put(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a worker: hash and write while anything waits. The record follows the bytes, never the other way."""
        while batch := self._take():
            write_all(self._held.descriptor, batch, self._held.hasher.count)
            for chunk in batch:
                self._held.hasher.update(chunk)
            self._steps("written")
            self._held.progress.say(Stage.GROWING, self._held.hasher.count)
            self._steps("recorded")
            loop.call_soon_threadsafe(self._advance)

    def _absorb(self, loop: asyncio.AbstractEventLoop, piece: memoryview) -> None:
        """In a thread of whoever brings the bytes: written when it returns, and hashed while the next piece arrives."""
        self._require_filling()
        self._require_fit(len(piece))
        try:
            with disk_errors():
                write_all(self._held.descriptor, [piece], self._received)
                self._steps("written")
                self._held.progress.say(Stage.GROWING, self._received + len(piece))
                self._steps("recorded")
        except StorageError as error:
            self._error = error
            loop.call_soon_threadsafe(self._told, error)
            raise
        if self._hashing is not None:
            self._hashing.result()
        self._received += len(piece)
        self._hashing = self._hands.submit(partial(self._held.hasher.update, piece))
        loop.call_soon_threadsafe(self._growth.advance, self._received)

    def _take(self) -> list[bytes]:
        batch: list[bytes] = []
        count = 0
        with contextlib.suppress(IndexError):  # empty; the loop may empty it too, when the fill ends
            while count < BATCH:
                batch.append(self._waiting.popleft())
                count += len(batch[-1])
        return batch

    def _advance(self) -> None:
        self._growth.advance(self._held.hasher.count)
        self._room.set()

    def _put_done(self, job: asyncio.Future[None]) -> None:
        self._job = None
        if job.cancelled():
            self._error = StorageError("the process is ending", retry_after=1)
        elif (error := job.exception()) is not None:
            self._error = (
                error if isinstance(error, Exception) else StorageError("the process is ending", retry_after=1)
            )
            self._told(self._error)
        else:
            self._start()
            self._growth.advance(self._held.hasher.count)
        self._room.set()

    async def _drain(self) -> None:
        while self._job is not None:
            await asyncio.wait({self._job})
        if self._hashing is not None:
            await asyncio.wait({asyncio.wrap_future(self._hashing)})

    def _publish(self) -> None:
        """In a worker, in the order that a crash allows: tail released, bytes durable, name durable, proof."""
        held, target = self._held, self._shelf.blob(self.digest)
        try:
            self._steps("proved")
            held.progress.say(Stage.PROVED, self.size)
            origin.remember(held.descriptor, None)
            self._steps("released")
            before = proofs.Proof.of(held.descriptor)
            publish(held.descriptor, held.path, target, self._steps)
            held.progress.say(Stage.STORED, self.size)
            self._shelf.attest(self.digest, held.descriptor, before)
            self._steps("attested")
        except OSError:
            with contextlib.suppress(OSError):
                held.path.unlink()
            raise
        finally:
            held.let_go()

    def _published(self, job: asyncio.Future[None]) -> None:
        if job.cancelled():
            return
        if isinstance(error := job.exception(), Exception):
            self._told(error)
        else:
            self._growth.store()

    async def _abandon(self, stage: Stage, *, is_kept: bool) -> None:
        if not is_kept:
            self._waiting.clear()
        await self._drain()
        with contextlib.suppress(StorageError):
            await self._hands.run(lambda: self._leave(stage, is_kept=is_kept))

    def _leave(self, stage: Stage, *, is_kept: bool) -> None:
        try:
            self._held.progress.say(stage, self._held.hasher.count)
            if not is_kept:
                self._held.path.unlink(missing_ok=True)
        finally:
            self._held.let_go()
