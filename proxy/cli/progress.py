"""How far something is: a bar on a terminal, plain lines elsewhere, nothing with --quiet. Always on stderr."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import typer

_LINE_SECONDS = 5.0  # between two plain lines
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Step = Callable[[int, int], None]  # bytes done, of bytes

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float) -> str:
    """`1.5 GiB`: bytes as a person reads them."""
    for unit in _UNITS[:-1]:
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"


@contextlib.contextmanager
def progress(what: str, *, is_quiet: bool) -> Iterator[Step]:
    """Call what is yielded as often as it likes; what is shown is bounded."""
    if is_quiet:
        yield lambda _done, _of: None
    elif sys.stderr.isatty():
        with _bar(what) as step:
            yield step
    else:
        yield _Lines(what).step


@contextlib.contextmanager
def _bar(what: str) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of)


class _Lines:
    """One line now and then, for a log of CI."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._said_at = time.monotonic()

    def step(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self._said_at >= _LINE_SECONDS:
            self._said_at = now
            share = f", {100 * done // of} %" if of else ""
            sys.stderr.write(f"{self._what}: {size(done)} of {size(of)}{share}\n")
