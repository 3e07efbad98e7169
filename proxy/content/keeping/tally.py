"""How many bytes stand here, counted folder by folder: one that did not change since is not read again. Blocking.

With 10^5 blobs the first count takes about half a second of a thread; a later one some 500 `lstat`, a millisecond or two.
"""

import contextlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from proxy.oci.digest import LENGTHS

# A change within the file system's tick of the last count (a second, on old ones) would not show in the folder's mtime.
_SETTLED_NS = 2 * 10**9
RESERVED = ".reserved"


@dataclass(frozen=True, slots=True)
class Holding:
    """Bytes on the disk: `stored` in `blobs` blobs, `growing`, put `aside`. `promised`: what growing files have yet to get."""

    stored: int = 0
    blobs: int = 0
    growing: int = 0
    aside: int = 0
    promised: int = 0

    @property
    def present(self) -> int:
        return self.stored + self.growing + self.aside

    @property
    def spoken_for(self) -> int:
        return self.present + self.promised


class Tally:
    """Belongs to one thread at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._counted: dict[Path, tuple[int, int, int]] = {}  # folder: (mtime when it was counted, bytes, blobs)

    def look(self) -> Holding:
        stored, blobs = 0, 0
        seen: set[Path] = set()
        for folder in self._folders():
            with contextlib.suppress(FileNotFoundError):
                _, size, count = self._count(folder)
                stored, blobs = stored + size, blobs + count
                seen.add(folder)
        self._counted = {folder: found for folder, found in self._counted.items() if folder in seen}
        growing, promised = _growing(self._root / "partial")
        aside = sum(size for _, size in _files(self._root / "quarantine"))
        return Holding(stored, blobs, growing, aside, promised)

    def _folders(self) -> list[Path]:
        found: list[Path] = []
        for algorithm in LENGTHS:
            with contextlib.suppress(OSError), os.scandir(self._root / "blobs" / algorithm) as entries:
                found += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        return found

    def _count(self, folder: Path) -> tuple[int, int, int]:
        now, changed = time.time_ns(), os.lstat(folder).st_mtime_ns
        known = self._counted.get(folder)
        if known is not None and known[0] == changed:
            return known
        sizes = [size for name, size in _files(folder) if "." not in name]
        found = changed, sum(sizes), len(sizes)
        if abs(now - changed) > _SETTLED_NS:
            self._counted[folder] = found
        return found


def _growing(folder: Path) -> tuple[int, int]:
    """Bytes that stand in growing files, and bytes that were reserved for them and have not come yet."""
    present, reserved, there = 0, dict[str, int](), dict[str, int]()
    for name, size in _files(folder):
        if name.endswith(RESERVED):
            reserved[name.removesuffix(RESERVED)] = size
        else:
            present += size
            there[name] = size
    return present, sum(max(0, size - there.get(name, 0)) for name, size in reserved.items())


def _files(folder: Path) -> list[tuple[str, int]]:
    """Name and length of each regular file; those that vanish meanwhile are left out."""
    found: list[tuple[str, int]] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                each = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(each.st_mode):
                    found.append((entry.name, each.st_size))
    return found
