"""Where a wrong file goes: kept for a person to look at, the last few of them. Blocking."""

import contextlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path

from proxy.content.disk import make_folder
from proxy.oci.digest import Digest

# Put-aside files are evidence for a person, not an archive that fills the disk.
KEPT_ASIDE = 16
_turn = itertools.count()


class Quarantine:
    """`clock` (epoch seconds) names what is put there."""

    def __init__(self, folder: Path, *, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock

    def take(self, path: Path, digest: Digest) -> None:
        """Move it here; the oldest beyond the last few goes. Raise OSError where it cannot be moved."""
        make_folder(self._folder)
        with contextlib.suppress(FileNotFoundError):
            path.rename(self._folder / f"{digest.dashed}.{int(self._clock())}-{os.getpid()}-{next(_turn)}")
        kept = sorted(self._folder.iterdir(), key=lambda found: found.lstat().st_ctime_ns)
        for old in kept[:-KEPT_ASIDE]:
            with contextlib.suppress(OSError):
                old.unlink()
