"""How far a scrub is, in one small file that is also its lock: one process at a time, and a restart goes on from there."""

import contextlib
import fcntl
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from proxy.content.disk import disk_errors, make_folder
from proxy.errors import StorageError

FORM = 1
_KEPT_EVERY = 64 * 1024 * 1024  # bytes between two entries: what a restart hashes twice, beside the file it was in


@dataclass(slots=True)
class Round:
    """One walk over everything. `began`, `ended`: epoch seconds; `ended` 0 while it goes on, `after` the last file done."""

    began: float = 0.0
    ended: float = 0.0
    after: str = ""
    files: int = 0
    bytes: int = 0
    wrong: int = 0

    @property
    def is_going_on(self) -> bool:
        return self.began > 0 and not self.ended

    def add(self, after: str, count: int, *, is_wrong: bool) -> bool:
        """One more file is done; return whether it is time to keep that."""
        marks = self.bytes // _KEPT_EVERY
        self.after, self.files, self.bytes = after, self.files + 1, self.bytes + count
        self.wrong += is_wrong
        return self.bytes // _KEPT_EVERY > marks


class Bookmark:
    """Held by whoever scrubs. A thread may still write when the scrub is ended: it never writes after `release`."""

    def __init__(self, descriptor: int) -> None:
        self.round = _recall(descriptor)
        self._descriptor: int | None = descriptor
        self._turn = threading.Lock()

    @classmethod
    def take(cls, root: Path) -> Self:
        """Raise StorageError where another process scrubs this directory, or nothing can be written in it."""
        with disk_errors():
            make_folder(root)
            descriptor = os.open(root / "scrub", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return cls(descriptor)
            except BlockingIOError:
                os.close(descriptor)
                raise StorageError("another process scrubs this directory; wait for its end", retry_after=60) from None

    def keep(self) -> None:
        """Written in place, since the file is the lock: what is torn counts as the beginning."""
        line = json.dumps({"form": FORM, **asdict(self.round)}).encode() + b"\n"
        with self._turn:
            if self._descriptor is not None:
                os.pwrite(self._descriptor, line, 0)
                os.ftruncate(self._descriptor, len(line))

    def release(self) -> None:
        with self._turn:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None


def last_round(root: Path) -> Round:
    """What was done so far, for whoever only looks; an empty Round where nothing was."""
    with contextlib.suppress(OSError):
        descriptor = os.open(root / "scrub", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return _recall(descriptor)
        finally:
            os.close(descriptor)
    return Round()


def _recall(descriptor: int) -> Round:
    try:
        found: dict[str, Any] = json.loads(os.pread(descriptor, 4096, 0))
        if found.pop("form") != FORM:
            return Round()
        return Round(
            float(found["began"]),
            float(found["ended"]),
            str(found["after"]),
            int(found["files"]),
            int(found["bytes"]),
            int(found["wrong"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return Round()
