"""The progress record: how another process on this machine follows a fill. Small, of a fixed length, written in place.

The record names the inode that it speaks of, so that a reader never joins the progress of one file to the bytes of
another. A filler that died is known by the file lock that it no longer holds.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from proxy.content.disk import open_plain, storage_error
from proxy.content.growing import GrowingBody, Growth, Stage
from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Digest

POLL = 0.005  # seconds: what a follower in another process lags behind at most (measured: 1.4 % of a core)
QUIET = 50  # polls without news before the filler's lock is looked at
_FORM = struct.Struct("<4sB3xQQ")
_SUM = struct.Struct("<I")
_MAGIC = b"PRA1"


@dataclass(frozen=True, slots=True)
class Record:
    """`received` bytes stand in the file; what of them is released follows from it and from the stage."""

    stage: Stage
    inode: int
    received: int

    def pack(self) -> bytes:
        body = _FORM.pack(_MAGIC, self.stage, self.inode, self.received)
        return body + _SUM.pack(zlib.crc32(body))

    @classmethod
    def unpack(cls, raw: bytes) -> Self | None:
        """None for a record that is torn, empty or foreign: who polls looks again."""
        body, checksum = raw[: _FORM.size], raw[_FORM.size :]
        if len(checksum) != _SUM.size or checksum != _SUM.pack(zlib.crc32(body)):
            return None
        magic, stage, inode, received = _FORM.unpack(body)
        return cls(Stage(stage), inode, received) if magic == _MAGIC and stage in set(Stage) else None


class RemoteGrowth(Growth):
    """A growth that another process drives. One poll serves all its readers here, and runs only while one waits."""

    def __init__(self, digest: Digest, size: int, *, file: int, record: Path, gone: Callable[[], None]) -> None:
        """`file` is a descriptor for the lock alone, closed with the last reader; `gone` is called then."""
        super().__init__(digest, size)
        self._file = file
        self._path = record
        self._gone = gone
        self._progress: int | None = None
        self._readers = 0
        self._waiting = 0
        self._poller: asyncio.Task[None] | None = None

    def speaks_of(self, descriptor: int) -> bool:
        """Whether this is the growth of the same file; one that failed is nobody's any more."""
        return self.stage is Stage.GROWING and os.path.samestat(os.fstat(self._file), os.fstat(descriptor))

    def look(self) -> None:
        """Read the record and pass on what it says."""
        record, file = self._read(), os.fstat(self._file)
        # A record left by a dead filler of another file with this inode would promise bytes that are not there.
        if record is None or record.inode != file.st_ino or record.received > file.st_size:
            return
        if record.stage.is_proved:
            self.prove()
            self.stage = record.stage
        elif reason := record.stage.reason():
            self.fail(reason)
        else:
            self.advance(record.received)

    def attach(self) -> None:
        self._readers += 1

    def detach(self) -> None:
        self._readers -= 1
        if not self._readers:
            os.close(self._file)
            if self._progress is not None:
                os.close(self._progress)
            self._gone()

    def _read(self) -> Record | None:
        if self._progress is None:
            self._progress = open_plain(self._path)
        return None if self._progress is None else Record.unpack(os.pread(self._progress, 64, 0))

    async def _wait(self) -> None:
        self._waiting += 1
        self._poller = self._poller or asyncio.create_task(self._poll())
        try:
            await super()._wait()
        finally:
            self._waiting -= 1

    async def _poll(self) -> None:
        """Until there is news, or nobody waits for it."""
        looks, before = 0, (self.stage, self.released)
        try:
            while self._waiting and self._readers:
                looks += 1
                self._look_closely() if looks % QUIET == 0 else self.look()
                if before != (self.stage, self.released):
                    return
                await asyncio.sleep(POLL)
        except OSError as error:
            self.fail(storage_error(error))
        except ContentMismatch as error:
            self.fail(StorageError("the progress record is not a file; ask again", detail=error.message))
        finally:
            self._poller = None

    def _look_closely(self) -> None:
        """After a silence: does anybody fill? The record is read after the lock, since a filler writes it before it lets go."""
        is_abandoned = self._is_unlocked() or (self._progress is not None and not os.fstat(self._progress).st_nlink)
        self.look()
        if is_abandoned:
            self.fail(StorageError("the process that fetched this blob ended; ask again", retry_after=1))

    def _is_unlocked(self) -> bool:
        """Taking the lock for an instant harms nobody: a filler asks for it more than once."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return True


class RemoteBody(GrowingBody):
    """A reader of a file that another process fills."""

    def __init__(self, growth: RemoteGrowth, descriptor: int) -> None:
        super().__init__(growth, descriptor)
        self._remote = growth
        self._is_open = True
        growth.attach()

    def close(self) -> None:
        super().close()
        if self._is_open:
            self._is_open = False
            self._remote.detach()


class Progress:
    """The record as its filler writes it, beside the growing file."""

    def __init__(self, path: Path, *, inode: int) -> None:
        # Not made anew: the readers of a filler that died hold this very file, and go on with its successor.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._path = path
        self._inode = inode

    def say(self, stage: Stage, received: int) -> None:
        os.pwrite(self._descriptor, Record(stage, self._inode, received).pack(), 0)

    def remove(self) -> None:
        """Readers that hold it still read its last word."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
