"""The disk's errors become StorageErrors here, and files become durable, step by step. Blocking: call it in a thread."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Hasher

# Read and hashed piece by piece.
PIECE = 1024 * 1024

# Called with a step's name once the step is done, in the thread that did it: tests end the process there.
Steps: TypeAlias = Callable[[str], None]

_SENTENCES = {
    errno.ENOSPC: "the disk of the content store is full; free space or give it a bigger one",
    errno.EDQUOT: "the content store is over its quota; free space or raise the quota",
    errno.EFBIG: "the file is larger than the disk or a limit of the process allows; raise it",
    errno.EROFS: "the content store is read-only; mount its directory read-write",
    errno.EIO: "the disk of the content store failed to read or write; check it",
    errno.EACCES: "the content store's directory is not ours to use; give it to the user that runs pratique",
    errno.EPERM: "the content store's directory is not ours to use; give it to the user that runs pratique",
    errno.EMFILE: "the process has too many open files; raise its limit (LimitNOFILE)",
    errno.ENFILE: "the machine has too many open files; raise fs.file-max",
    errno.EXDEV: "the folders of the content store are on different file systems; put them on one",
}


def storage_error(error: OSError) -> StorageError:
    known = _SENTENCES.get(error.errno or 0)
    sentence = known or "the disk of the content store failed; look at the log of this machine"
    return StorageError(sentence, detail=error.strerror)


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


def write_all(descriptor: int, chunks: Sequence[bytes], offset: int) -> None:
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


def feed(hasher: Hasher, descriptor: int) -> None:
    """Hash the file from its start to its end, in constant memory."""
    buffer = bytearray(PIECE)
    view = memoryview(buffer)
    while count := os.preadv(descriptor, [buffer], hasher.count):
        hasher.update(view[:count])


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
