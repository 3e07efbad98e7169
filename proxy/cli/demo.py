"""`pratique demo`: the drill. A registry with good and bad images, the proxy before it, and what a client gets of each."""

import io
import re
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import OK, REFUSED, complain
from proxy.cli.output import Format, Output, emit, say, table, text

if TYPE_CHECKING:
    from proxy.demo.run import Report

_WIDE = 120  # columns of a terminal in which the whole table reads well


def demo(
    *,
    output: Output = Format.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No word on the way, only the outcome.")] = False,
    own_client: Annotated[
        bool, typer.Option("--own-client", help="Pull with the built-in client, even where skopeo is installed.")
    ] = False,
) -> int:
    """Pull a signed, an unsigned, a tampered, a moved and an unlisted image through a proxy, all on this machine.

    Exit: 0 if each got what it must get and no untrusted byte left the proxy, else 1. Ends what it started.
    """
    from proxy.demo.run import drill
    from proxy.observe import logs

    say_step = (lambda _line: None) if quiet else lambda line: complain(line, word="demo")
    logs.configure(stream=_Nowhere())  # the table says it all; what a proxy logs would bury it
    report = drill(say=say_step, client="own" if own_client else None)
    emit(report.to_record(), output=output, show=lambda: _show(report))
    return OK if report.is_as_expected else REFUSED


class _Nowhere(io.StringIO):
    def write(self, s: str) -> int:
        return len(s)


def _show(report: "Report") -> None:
    columns = {
        "image": [pull.title for pull in report.pulls],
        "asked": [_cut(pull.asked.partition("/")[2]) for pull in report.pulls],
        "answered": [pull.answered for pull in report.pulls],
        "why": [_cut(pull.why) for pull in report.pulls],
        "as expected": ["yes" if pull.is_as_expected else "no" for pull in report.pulls],
    }
    if sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE:
        del columns["asked"]  # the title says enough; the reasons need the room
    table([*columns], [*zip(*columns.values(), strict=True)])
    count = report.untrusted_bytes
    say("", text(f"untrusted bytes that left the proxy: {count}", "red" if count else "green"))
    say(f"{len(report.pulls)} pulls with {report.client} in {report.seconds:.1f} s")
    if report.is_as_expected:
        say(text("Every image got what it must get.", "bold green"))
    else:
        say(text("Something got what it must not get: do not rely on this proxy.", "bold red"))


def _cut(words: str) -> str:
    """Digests as short as a table needs them."""
    return re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1", words)
