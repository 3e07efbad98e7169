"""When something was last used, kept as the mtime of a small file beside it. Blocking, a few microseconds.

A blob's is its proof, whose mtime nothing else needs; what has none (manifests, small content) gets an empty `.used`. The
blob itself is never touched: that would change its ctime, and so its proof. No database write, no fsync: a mark that a
crash took is a use forgotten, and the file's own mtime is the oldest that it can be.
"""

import contextlib
import os
import time
from pathlib import Path

EVERY = 300.0  # seconds between two marks of one file
_AHEAD = 24 * 3600.0


def proof_of(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.proof")


def used_of(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.used")


def mark(blob: Path, *, every: float | None = None) -> None:
    """Say that it is used now, unless that was said lately. Never fails: a read-only directory only forgets."""
    with contextlib.suppress(OSError):
        if time.time() - last_use(blob) < (EVERY if every is None else every):
            return
        try:
            os.utime(proof_of(blob), follow_symlinks=False)
        except FileNotFoundError:
            os.lstat(blob)  # nothing is kept of what is not here
            _touch(used_of(blob))


def last_use(blob: Path) -> float:
    """Epoch seconds; 0 where nothing says it. What was written counts as used then."""
    found, now = 0.0, time.time()
    for path in (blob, proof_of(blob), used_of(blob)):
        with contextlib.suppress(OSError):
            found = max(found, believed(os.lstat(path).st_mtime, now))
    return found


def believed(mtime: float, now: float) -> float:
    """A clock that was set back leaves times to come: a day of them is now, and what is beyond is not believed."""
    return 0.0 if mtime - now > _AHEAD else min(mtime, now)


def _touch(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.utime(descriptor)
    finally:
        os.close(descriptor)
