"""A growing blob as its readers see it. One event wakes them all; the last block is released by a proof and by nothing else."""

import asyncio
import enum
import os
from typing import NamedTuple, Self

from proxy.content.disk import disk_errors
from proxy.content.store import TAIL
from proxy.errors import ContentMismatch, StorageError, UpstreamError, UpstreamUnavailable
from proxy.oci.digest import Digest


class Stage(enum.IntEnum):
    """How far a fill is; the numbers stand in the progress record."""

    GROWING = 1
    PROVED = 2
    STORED = 3
    MISMATCHED = 4
    UPSTREAM_FAILED = 5
    STORAGE_FAILED = 6

    @property
    def is_proved(self) -> bool:
        return self in {Stage.PROVED, Stage.STORED}

    @classmethod
    def after(cls, reason: Exception) -> "Stage":
        if isinstance(reason, ContentMismatch):
            return cls.MISMATCHED
        return cls.UPSTREAM_FAILED if isinstance(reason, UpstreamError) else cls.STORAGE_FAILED

    def reason(self) -> Exception | None:
        """What another process's readers are told."""
        return {
            Stage.MISMATCHED: ContentMismatch("the bytes are not what their digest says; they were thrown away"),
            Stage.UPSTREAM_FAILED: UpstreamUnavailable("the upstream failed while the blob was fetched; try again"),
            Stage.STORAGE_FAILED: StorageError("the blob could not be stored; look at the log of this machine"),
        }.get(self)


class Written(NamedTuple):
    """Length and last writing (nanoseconds) of the file at its proof. Its ctime changes with the rename that follows."""

    size: int
    mtime: int

    @classmethod
    def of(cls, descriptor: int) -> Self:
        found = os.fstat(descriptor)
        return cls(found.st_size, found.st_mtime_ns)


class Growth:
    """What a filler tells its readers. Belongs to one event loop; costs the same for one reader and for a thousand."""

    def __init__(self, digest: Digest, size: int) -> None:
        self.digest = digest
        self.size = size
        self.released = 0
        self.stage = Stage.GROWING
        self.written: Written | None = None
        self._failure: Exception | None = None
        self._change: asyncio.Event | None = None

    def advance(self, received: int) -> None:
        """So many bytes are in the file: release them, but for the tail."""
        if self.stage is Stage.GROWING:
            self._release(min(received, self.size - TAIL))

    def prove(self, written: "Written | None" = None) -> None:
        """Length and digest are right: the tail may leave, of each reader whose file is still as it was `written`."""
        self.stage = Stage.PROVED
        self.written = written
        self._release(self.size)

    def store(self) -> None:
        self.stage = Stage.STORED

    def fail(self, reason: Exception) -> None:
        """Every reader is told, once it asks for more; a proved body ends well whatever comes after."""
        if self.stage is Stage.GROWING:
            self.stage, self._failure = Stage.after(reason), reason
            self._wake()

    async def more(self, beyond: int) -> int:
        """Wait until more than `beyond` bytes, or the whole of the blob, may be sent; raise why that will never be."""
        while not self._answers(beyond):
            await self._wait()
        return self.released

    def _answers(self, beyond: int) -> bool:
        if self._failure is not None:
            # One exception for all readers: without this each raise would lengthen the traceback they share.
            raise self._failure.with_traceback(None)
        return self.released > beyond or self.stage.is_proved

    async def _wait(self) -> None:
        self._change = self._change or asyncio.Event()
        await self._change.wait()

    def _release(self, count: int) -> None:
        self.released = max(self.released, count)
        self._wake()

    def _wake(self) -> None:
        if self._change is not None:
            self._change.set()
            self._change = None


class GrowingBody:
    """One reader of a growing file, with a descriptor of its own, which outlives the rename."""

    is_kept = True

    def __init__(self, growth: Growth, descriptor: int) -> None:
        self.digest = growth.digest
        self.size = growth.size
        self._growth = growth
        self._descriptor: int | None = descriptor
        self._is_whole = False

    @property
    def released(self) -> int:
        """Without the tail, until `more` found the file as it was when it was proved."""
        return self._growth.released if self._is_whole else min(self._growth.released, max(0, self.size - TAIL))

    @property
    def is_stored(self) -> bool:
        return self._growth.stage is Stage.STORED

    def fileno(self) -> int:
        if self._descriptor is None:
            raise StorageError("this reader was closed")
        return self._descriptor

    async def more(self, beyond: int) -> int:
        released = await self._growth.more(beyond)
        if self._growth.stage.is_proved:
            self._require_unchanged()
            self._is_whole = True
        return released

    def _require_unchanged(self) -> None:
        """A reader may come to the tail long after the commit (promise 2)."""
        with disk_errors():
            found = Written.of(self.fileno())
        if self._growth.written not in (None, found):
            raise ContentMismatch("the stored file was changed while it was read; ask again")

    def doubt(self) -> None:
        """It is proved, or not, by its filler; once stored it is opened by a proof."""

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
