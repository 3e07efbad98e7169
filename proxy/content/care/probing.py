"""Whether the disk takes files again. Blocking."""

import contextlib
import itertools
import os
from pathlib import Path

from proxy.content.disk import make_folder, require_room

_LEAST, _MOST = 4096, 64 * 1024 * 1024  # bytes that are really asked for
_turn = itertools.count()


def probe(folder: Path, wanted: int) -> None:
    """Raise OSError unless a file can be made durable in `folder`, and one of `wanted` bytes would find room."""
    make_folder(folder)
    fresh = folder / f"probe.{os.getpid()}-{next(_turn)}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        require_room(folder, wanted)
        # A quota shows in no free count.
        os.posix_fallocate(descriptor, 0, min(max(wanted, _LEAST), _MOST))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            fresh.unlink()
