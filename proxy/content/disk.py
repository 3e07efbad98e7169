"""The disk's errors become StorageErrors here, and files become durable, step by step. Blocking: call it in a thread."""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Hasher

# Read and hashed piece by piece.
PIECE = 1024 * 1024

# Called with a step's name once the step is done, in the thread that did it: tests end the process there.
Steps: TypeAlias = Callable[[str], None]


def no_step(_name: str) -> None:
    """Nobody ends this process."""


FULL, READ_ONLY, FAILING = "full", "read-only", "failing"

_NOT_OURS = "the content store's directory is not ours to use; give it to the user that runs pratique"
_KNOWN = {
    errno.ENOSPC: (FULL, "the disk of the content store is full; free space or give it a bigger one"),
    errno.EDQUOT: (FULL, "the content store is over its quota; free space or raise the quota"),
    errno.EFBIG: (FULL, "the file is larger than the disk or a limit of the process allows; raise it"),
    errno.EROFS: (READ_ONLY, "the content store is read-only; mount its directory read-write"),
    errno.EACCES: (READ_ONLY, _NOT_OURS),
    errno.EPERM: (READ_ONLY, _NOT_OURS),
    errno.EIO: (FAILING, "the disk of the content store failed to read or write; check it"),
    errno.EXDEV: (FAILING, "the folders of the content store are on different file systems; put them on one"),
    # No fault of the disk: whoever asks again may find a descriptor free.
    errno.EMFILE: (None, "the process has too many open files; raise its limit (LimitNOFILE)"),
    errno.ENFILE: (None, "the machine has too many open files; raise fs.file-max"),
}
_OTHER = (FAILING, "the disk of the content store failed; look at the log of this machine")
# What is left to the state, the audit and small content when blobs have filled the rest of the disk.
SPARE = 64 * 1024 * 1024
_SPARE_SHARE = 100  # of a small disk one hundredth


def storage_error(error: OSError) -> StorageError:
    trouble, sentence = _KNOWN.get(error.errno or 0, _OTHER)
    return StorageError(sentence, detail=error.strerror, trouble=trouble)


def free_bytes(folder: Path) -> int:
    """What blobs may still take of the disk of `folder`, which need not be there yet; less than 0 where others took it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    if not found.f_blocks:  # a file system without a size
        return sys.maxsize
    return found.f_bavail * found.f_frsize - min(SPARE, found.f_blocks * found.f_frsize // _SPARE_SHARE)


def require_room(folder: Path, count: int) -> None:
    """Raise OSError (ENOSPC) unless so many bytes, and a little to spare, are free on the disk of `folder`."""
    if count and free_bytes(folder) < count:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn each OSError into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        raise storage_error(error) from error


def open_plain(path: Path, flags: int = os.O_RDONLY) -> int | None:
    """Return a descriptor of a regular file; None where nothing is. ContentMismatch where something else stands there."""
    try:
        # O_NONBLOCK: a named pipe in the file's place must not hold a thread for ever.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
            raise ContentMismatch("a link, folder or device stands where the file was") from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise ContentMismatch("a link, folder or device stands where the file was")


def stands_at(path: Path, descriptor: int) -> bool:
    """Whether `path` still names the open file: it may have been renamed, removed or replaced since it was opened."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def write_all(descriptor: int, chunks: Sequence[bytes | memoryview], offset: int) -> None:
    """Write them one after another from `offset`, in as few calls as the kernel allows (IOV_MAX is 1 024)."""
    for start in range(0, len(chunks), 1024):
        views = [memoryview(chunk) for chunk in chunks[start : start + 1024]]
        while views:
            count = os.pwritev(descriptor, views, offset)
            offset += count
            views = _after(views, count)


def _after(views: list[memoryview], count: int) -> list[memoryview]:
    """What is left once `count` bytes of them are written."""
    for at, view in enumerate(views):
        if count < len(view):
            return [view[count:], *views[at + 1 :]]
        count -= len(view)
    return []


def feed(hasher: Hasher, descriptor: int, *, until: int | None = None) -> None:
    """Hash the file from where the hasher is to its end, or to `until`, in constant memory."""
    buffer = bytearray(PIECE)
    view = memoryview(buffer)
    while until is None or hasher.count < until:
        count = os.preadv(descriptor, [buffer], hasher.count)
        if not count:
            return
        hasher.update(view[: count if until is None else min(count, until - hasher.count)])


def make_folder(folder: Path) -> None:
    """Make it, durably, for our own eyes, and its parents where they are missing."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(descriptor: int, source: Path, target: Path, steps: Steps) -> None:
    """Make proved bytes durable, then visible. The order is the promise: a crash between two steps shows nothing wrong."""
    os.fsync(descriptor)
    steps("synced")
    make_folder(target.parent)
    source.rename(target)
    steps("renamed")
    sync_folder(target.parent)
    steps("listed")
