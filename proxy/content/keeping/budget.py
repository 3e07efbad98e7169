"""How much may stand here, and the door through which a transfer reserves its size before it begins. Blocking.

The capacity is `maxBytes`, and never more than what stands here and what is free on its disk. A reservation is an empty file
of the reserved length beside the growing one, locked by whoever fills: every process counts it, and it ends with its owner.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proxy.content.disk import disk_errors, free_bytes, make_folder
from proxy.content.keeping.tally import RESERVED, Holding, Tally
from proxy.content.settings import ContentSettings
from proxy.oci.digest import Digest


@dataclass(frozen=True, slots=True)
class Standing:
    """What is held, and of what. All in bytes."""

    holding: Holding
    capacity: int
    high: int
    low: int

    @property
    def room(self) -> int:
        """What may begin now."""
        return max(0, self.capacity - self.holding.spoken_for)

    @property
    def excess(self) -> int:
        """What must go until low water is reached; 0 while high water was not passed."""
        return self.beyond(self.low) if self.holding.spoken_for > self.high else 0

    def beyond(self, target: int) -> int:
        return max(0, self.holding.spoken_for - target)


class Reservation:
    """Room for one growing file. Released once it is stored or given up; safe to release twice."""

    def __init__(self, path: Path | None = None, descriptor: int | None = None) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


class Budget:
    """Belongs to one thread at a time; other processes on the same directory have their own."""

    def __init__(self, root: Path, settings: ContentSettings) -> None:
        self._root = root
        self._partial = root / "partial"
        self._settings = settings
        self._tally = Tally(root)

    def look(self) -> Standing:
        """Raise StorageError."""
        with disk_errors(), self._alone():
            return self._look()

    def reserve(self, digest: Digest, size: int) -> Reservation | int:
        """A Reservation, or how many bytes are missing for it. What came of this blob already counts. Raise StorageError."""
        with disk_errors():
            make_folder(self._partial)
            with self._alone():
                path = self._partial / f"{digest.dashed}{RESERVED}"
                if _is_locked(path):  # somebody else fills this blob, or will: room for it is reserved once
                    return Reservation()
                missing = size - self._received(digest) - self._look().room
                return missing if missing > 0 else Reservation(path, _written(path, size))

    def _look(self) -> Standing:
        self._drop_abandoned()
        holding, settings = self._tally.look(), self._settings
        capacity = holding.present + max(0, free_bytes(self._root))
        if settings.max_bytes is not None:
            capacity = min(capacity, settings.max_bytes)
        return Standing(holding, capacity, int(capacity * settings.high_water), int(capacity * settings.low_water))

    def _received(self, digest: Digest) -> int:
        try:
            return os.lstat(self._partial / digest.dashed).st_size
        except FileNotFoundError:
            return 0

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time on the whole machine: two must not take the same room."""
        try:
            folder = os.open(self._partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield
            return
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _drop_abandoned(self) -> None:
        """Reservations of processes that ended."""
        for path in self._partial.glob(f"*{RESERVED}"):
            if not _is_locked(path):
                with contextlib.suppress(OSError):
                    path.unlink()


def _written(path: Path, size: int) -> int:
    """A file of holes: it takes no room by itself. Its lock ends with its owner."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.ftruncate(descriptor, size)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
