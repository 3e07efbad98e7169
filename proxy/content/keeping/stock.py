"""What stands here, one by one, and how it is removed: never while somebody has it open, never what was used meanwhile.

Blocking, for threads. The loop's share of the processor is left to it: a survey rests after each folder.
"""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from proxy.content import proofs
from proxy.content.disk import Steps, disk_errors, make_folder, no_step, open_plain, stands_at
from proxy.content.keeping import leases, marks
from proxy.content.keeping.eviction import Stored
from proxy.content.proofs import Proof
from proxy.errors import ContentMismatch, DigestInvalid
from proxy.oci.digest import LENGTHS, Digest

_REST = 0.001  # seconds after each of the folders
_STRAY = 3600.0  # a mark or proof without its blob, of so long ago, is nobody's


class Stock:
    """`root` is the content directory. `steps` is told when each part of a removal is done."""

    def __init__(self, root: Path, *, steps: Steps = no_step, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._steps = steps
        self._clock = clock

    def path(self, digest: Digest) -> Path:
        return self._root / "blobs" / digest.algorithm / digest.hex[:2] / digest.hex

    def survey(self) -> dict[Digest, Stored]:
        """Everything that stands here, with its last use. Some 5 µs each. Raise StorageError."""
        found: dict[Digest, Stored] = {}
        with disk_errors():
            for folder in self._folders():
                found.update((each.digest, each) for each in self._within(folder))
                time.sleep(_REST)
        return found

    def last_use(self, digest: Digest) -> float:
        return marks.last_use(self.path(digest))

    def proved(self, digest: Digest) -> int | None:
        """The size of what stands here and is as it was when its digest was proved; that counts as a use of it."""
        path = self.path(digest)
        with contextlib.suppress(OSError, ContentMismatch):
            descriptor = open_plain(path)
            if descriptor is None:
                return None
            try:
                found = Proof.of(descriptor)
                if found == proofs.recall(marks.proof_of(path)):
                    marks.mark(path)
                    return found.size
            finally:
                os.close(descriptor)
        return None

    def mark(self, digests: list[Digest]) -> None:
        for digest in digests:
            marks.mark(self.path(digest))

    def is_open(self, digest: Digest) -> bool:
        """Whether anybody on this machine reads it now."""
        with contextlib.suppress(OSError, ContentMismatch):
            descriptor = open_plain(self.path(digest), os.O_RDWR)
            if descriptor is not None:
                try:
                    return not leases.take(descriptor)
                finally:
                    os.close(descriptor)
        return False

    def remove(self, digest: Digest, *, unused_since: float) -> int:
        """Bytes that went: 0 where somebody has it open, it was used since (epoch seconds), or it is not here.

        Whoever asks for it meanwhile waits for the unlink, microseconds, and finds it gone. Raise StorageError.
        """
        path = self.path(digest)
        with disk_errors():
            try:
                descriptor = open_plain(path, os.O_RDWR)
            except ContentMismatch:  # no file of ours: whoever opens it puts it aside
                return 0
            if descriptor is None:
                return 0
            try:
                if not leases.take(descriptor) or marks.last_use(path) > unused_since:
                    return 0
                return self._unlink(path, descriptor)
            finally:
                os.close(descriptor)

    def _unlink(self, path: Path, descriptor: int) -> int:
        """The blob first: a proof or mark without its blob proves nothing."""
        if not stands_at(path, descriptor):
            return 0
        size = os.fstat(descriptor).st_size
        path.unlink()
        self._steps("blob-removed")
        marks.proof_of(path).unlink(missing_ok=True)
        marks.used_of(path).unlink(missing_ok=True)
        self._steps("marks-removed")
        return size

    def remove_aside(self, wanted: int) -> int:
        """Of what was put aside for a person to look at, the oldest first, until `wanted` bytes went; return how many did."""
        with disk_errors():
            files = sorted(_plain_files(self._root / "quarantine"), key=lambda each: each[1].st_ctime_ns)
            return _remove_first(files, wanted)

    def remove_abandoned(self, wanted: int, *, unused_since: float) -> int:
        """The same of growing files that nobody fills, and that nobody took up since."""
        with disk_errors():
            files = [
                (path, found)
                for path, found in _plain_files(self._root / "partial")
                if not path.suffix and found.st_mtime <= unused_since
            ]
            files.sort(key=lambda each: each[1].st_mtime_ns)
            return _remove_first(files, wanted, removes=_remove_unfilled)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else on this machine evicts meanwhile. Raise StorageError."""
        with disk_errors():
            make_folder(self._root)
            descriptor = os.open(self._root / "evicting", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            yield _is_ours(descriptor)
        finally:
            os.close(descriptor)

    def _folders(self) -> list[Path]:
        found: list[Path] = []
        for algorithm in LENGTHS:
            with contextlib.suppress(FileNotFoundError):
                found += sorted(path for path in (self._root / "blobs" / algorithm).iterdir() if path.is_dir())
        return found

    def _within(self, folder: Path) -> Iterator[Stored]:
        """Blobs of one folder, each with the newest time of itself and of what lies beside it; strays are tidied away."""
        sizes: dict[str, int] = {}
        used: dict[str, float] = {}
        beside: dict[str, list[Path]] = {}
        now = self._clock()
        for path, found in _plain_files(folder):
            name, _, kind = path.name.partition(".")
            used[name] = max(used.get(name, 0.0), marks.believed(found.st_mtime, now))
            if kind:
                beside.setdefault(name, []).append(path)
            else:
                sizes[name] = found.st_size
        for name, size in sizes.items():
            with contextlib.suppress(DigestInvalid):
                yield Stored(Digest(folder.parent.name, name), size, used[name])
        for name, paths in beside.items():
            if name not in sizes and now - used[name] > _STRAY:
                _remove_all(paths)


def _plain_files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found: list[tuple[Path, os.stat_result]] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                each = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(each.st_mode):
                    found.append((Path(entry.path), each))
    return found


def _remove_first(
    files: list[tuple[Path, os.stat_result]], wanted: int, *, removes: Callable[[Path], bool] | None = None
) -> int:
    freed = 0
    for path, found in files:
        if freed >= wanted:
            break
        if (removes or _remove)(path):
            freed += found.st_size
    return freed


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _remove_all(paths: list[Path]) -> None:
    for path in paths:
        _remove(path)


def _remove_unfilled(path: Path) -> bool:
    """Under the filler's lock: who fills it now, or begins to, keeps it."""
    with contextlib.suppress(OSError, ContentMismatch):
        descriptor = open_plain(path)
        if descriptor is None:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return stands_at(path, descriptor) and _remove(path)
        finally:
            os.close(descriptor)
    return False


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
