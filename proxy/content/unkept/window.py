"""Memory that looks like a file: bytes stand at their own offsets, and what was read is given back. Linux, memfd_create(2)."""

import mmap
import os

from proxy.content.disk import disk_errors, write_all
from proxy.errors import StorageError


class Window:
    """Only what lies between the last `drop` and the last `put` takes memory, however long the blob is."""

    def __init__(self, size: int) -> None:
        """Raise StorageError where the kernel has no memory for it."""
        with disk_errors():
            self._descriptor: int | None = os.memfd_create("passing", os.MFD_CLOEXEC)
            try:
                os.ftruncate(self._descriptor, size)
            except OSError:
                self.close()
                raise
        self._dropped = 0

    def fileno(self) -> int:
        if self._descriptor is None:
            raise StorageError("this reader was closed")
        return self._descriptor

    def begin(self, at: int) -> None:
        """What lies before `at` never stood here."""
        self._dropped = at - at % mmap.ALLOCATIONGRANULARITY

    def put(self, chunk: bytes, at: int) -> None:
        with disk_errors():
            write_all(self.fileno(), [chunk], at)

    def drop(self, until: int) -> None:
        """Give whole pages back. What a socket's queue still holds of them stays as it is: it has the pages themselves."""
        end = until - until % mmap.ALLOCATIONGRANULARITY
        if end <= self._dropped:
            return
        with disk_errors(), mmap.mmap(self.fileno(), end - self._dropped, offset=self._dropped) as region:
            region.madvise(mmap.MADV_REMOVE)
        self._dropped = end

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
