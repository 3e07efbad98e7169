"""What goes to stdout: a table for a person, JSON or YAML for a script. What others sent is shown without its controls."""

import json
import sys
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from proxy.observe.redaction import escape

SCHEMA_VERSION = 1
_NARROW = 30  # columns that words have at least, however deep they stand
_WIDE = 1000  # columns where no terminal says how many: a line that is cut is a line that no script finds


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to print it.", show_default=True)]


def emit(document: Mapping[str, Any], *, output: Format, show: Callable[[], None]) -> None:
    """Print `document`, with its schemaVersion, for a script; or `show` it to a person."""
    whole = {"schemaVersion": SCHEMA_VERSION, **document}
    if output is Format.JSON:
        sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=True) + "\n")
    elif output is Format.YAML:
        import yaml

        sys.stdout.write(yaml.safe_dump(whole, sort_keys=False, default_flow_style=False, width=_WIDE))
    else:
        show()


def say(*values: Any) -> None:
    """Print to stdout. Texts are taken literally: no markup, no emoji, no highlighting; NO_COLOR is respected."""
    console = _console()
    for value in values:
        console.print(_plain(value) if isinstance(value, str) else value, soft_wrap=isinstance(value, str))


def paragraph(first: str, words: str, *, style: str = "") -> None:
    """Print `words` behind `first`; on a terminal, what does not fit goes on below them, and not below `first`."""
    console = _console()
    lines = [_plain(words)]
    if sys.stdout.isatty():
        width = max(_NARROW, console.width - len(first))
        lines = textwrap.wrap(lines[0], width, break_on_hyphens=False, break_long_words=False) or [""]
    for number, line in enumerate(lines):
        console.print(text(f"{first if number == 0 else ' ' * len(first)}{line}", style), soft_wrap=True)


def _console() -> Any:
    from rich.console import Console

    return Console(
        file=sys.stdout,
        markup=False,
        emoji=False,
        highlight=False,
        width=None if sys.stdout.isatty() else _WIDE,
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, whole: Collection[str] = ()) -> None:
    """Print rows under headings; colours say again what words said already. Columns in `whole` are never broken."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        grid.add_column(column.upper(), overflow="fold", no_wrap=column in whole)
    for row in rows:
        grid.add_row(*(Text(_plain(cell), style=_STYLES.get(cell, "")) for cell in row))
    say(grid)


def text(words: str, style: str = "") -> Any:
    """A rich Text of words that may come from outside."""
    from rich.text import Text

    return Text(_plain(words), style=style or _STYLES.get(words, ""))


def _plain(words: str) -> str:
    return "\n".join(escape(line) for line in words.split("\n"))


_STYLES = {
    "allow": "green",
    "yes": "green",
    "passed": "green",
    "served": "green",
    "deny": "red",
    "no": "red",
    "failed": "red",
    "inconclusive": "yellow",
    "open": "yellow",
    "waived": "yellow",
}
