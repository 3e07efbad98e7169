"""A file read for its hash alone: from the disk itself where the file system can, and never at the page cache's cost.

Read through the cache, rot would hide behind a good copy in memory, and what others read would be pushed out.
"""

import contextlib
import errno
import mmap
import os
import threading
from pathlib import Path
from typing import Self

from proxy.content.disk import open_plain

PIECE = 1024 * 1024  # a multiple of every block size: O_DIRECT reads whole blocks (open(2))
_DIRECT = getattr(os, "O_DIRECT", 0)
_IF_CACHED = getattr(os, "RWF_NOWAIT", 0)


class DirectFile:
    """One stored file, piece by piece. Blocking; close it, which waits for whoever reads."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Takes the descriptor over."""
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self._direct = _open_directly(path, descriptor)
        self._turn = threading.Lock()
        self._is_open = True
        self._buffer = mmap.mmap(-1, PIECE)  # begins at a page, as O_DIRECT asks
        # What the kernel would read ahead of us, nobody would drop.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """None where nothing is. Raise ContentMismatch where something else than a file stands there."""
        descriptor = open_plain(path)
        return None if descriptor is None else cls(path, descriptor)

    def piece(self, start: int) -> memoryview:
        """The bytes from `start`, at most PIECE, empty at the end; good until the next call."""
        with self._turn:
            if not self._is_open:
                return memoryview(b"")
            count = self._read_directly(start) if self._direct is not None else None
            if count is None:
                count = self._read_and_forget(start)
            return memoryview(self._buffer)[:count]

    def close(self) -> None:
        with self._turn:
            self._is_open = False
            os.close(self.descriptor)
            if self._direct is not None:
                os.close(self._direct)

    def _read_directly(self, start: int) -> int | None:
        assert self._direct is not None
        if start >= self.size:  # where the file ends within a block the next read would not be aligned
            return 0
        try:
            return os.preadv(self._direct, [self._buffer], start)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        os.close(self._direct)
        self._direct = None
        return None

    def _read_and_forget(self, start: int) -> int:
        """What is cached already somebody reads: it stays. What is not is dropped again."""
        if (count := self._cached(start)) is not None:
            return count
        count = os.preadv(self.descriptor, [self._buffer], start)
        os.posix_fadvise(self.descriptor, start, count, os.POSIX_FADV_DONTNEED)
        return count

    def _cached(self, start: int) -> int | None:
        """How much is read, where the whole piece is in memory; None else, or where the file system cannot say."""
        whole = min(PIECE, max(0, self.size - start))
        with contextlib.suppress(OSError):
            count = os.preadv(self.descriptor, [self._buffer], start, _IF_CACHED)
            return count if _IF_CACHED and count == whole else None
        return None


def _open_directly(path: Path, descriptor: int) -> int | None:
    """A second descriptor of the same file; None where the file system has no O_DIRECT."""
    if not _DIRECT:
        return None
    try:
        direct = os.open(path, os.O_RDONLY | _DIRECT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    if os.path.samestat(os.fstat(direct), os.fstat(descriptor)):
        return direct
    os.close(direct)
    return None
