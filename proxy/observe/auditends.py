"""How the files of other processes end: which of them lost their last line when their process or the machine died."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proxy.observe.auditline import parse_line

_QUIET = 1.0  # seconds without a write: whoever lives may be writing this very line
_LAST = 4 * 1024 * 1024  # bytes looked back for the last whole line; a Decision's record has some 10 KiB


@dataclass(frozen=True, slots=True)
class Torn:
    """`file` ends with a part of a line: what is missing is the one record after `after`, the last whole one's `seq`."""

    file: str
    after: int


def torn_ends(folder: Path) -> Iterator[Torn]:
    """Raise OSError."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if not size or time.time() - path.stat().st_mtime < _QUIET:
                continue
            file.seek(size - 1)
            if file.read(1) != b"\n":
                start = file.seek(max(0, size - _LAST))
                yield Torn(path.name, _last_whole(file.read(), is_begin=not start))


def _last_whole(tail: bytes, *, is_begin: bool) -> int:
    lines = tail.split(b"\n")[:-1]
    if not lines or (len(lines) == 1 and not is_begin):
        return 0
    try:
        return int(parse_line(lines[-1])["seq"])
    except ValueError:
        return 0
