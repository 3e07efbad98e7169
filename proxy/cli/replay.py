"""`pratique verify --replay`: a Decision made again from its case file, offline, and held against the recorded one."""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from proxy import __version__
from proxy.cli.exits import OK, REFUSED, complain
from proxy.cli.output import Format, emit, say, text
from proxy.errors import ConfigError

_MAX_CASE = 512 * 1024 * 1024  # bytes; the largest evidence is some ten million, in base64


def replay_file(file: Path, output: Format) -> int:
    """Exit 0 where the same comes out, bit for bit; else 1, with the difference. Nothing but the file is read."""
    from proxy.config.replay import is_same, made_by, replay
    from proxy.observe import logs

    logs.configure(format="console", level="warning")
    raw = _read(file)
    try:
        recorded, made = replay(raw)
    except ConfigError as error:  # the file was read, and is not what was written: a finding, not a misuse
        complain(f"{file}: {error.message}")
        return REFUSED
    same = is_same(recorded, made)
    document = {
        "file": str(file),
        "seal": _seal(raw),
        "madeBy": made_by(raw),
        "same": same,
        "difference": list(_difference(recorded, made)),
        "decision": made,
    }
    emit(document, output=output, show=lambda: _show(document))
    return OK if same else REFUSED


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            raw = opened.read(_MAX_CASE + 1)
    except OSError as error:
        raise ConfigError(f"the case file {file} cannot be read: {error.strerror or 'unknown reason'}") from error
    if len(raw) > _MAX_CASE:
        raise ConfigError(f"{file} is over 512 MiB, which no case file is")
    return raw


def _seal(raw: bytes) -> str:
    """The SHA-256 over all that was recorded, as the first line says and `unseal` proved."""
    return raw.partition(b"\n")[0].decode().rpartition(" ")[2]


def _difference(recorded: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    before, after = (json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (recorded, made))
    yield from difflib.unified_diff(before, after, "recorded", "made again", n=1, lineterm="")


def _show(document: Mapping[str, Any]) -> None:
    from proxy.cli.tree import decision_tree

    made = document["decision"]
    name = f"{made['upstream']}/{made['repository']}@{made['digest']}"
    say(decision_tree(made, title=f"{made['verdict']}: {name}: {made['summary']}"))
    say(f"\nseal      {document['seal']}")
    if document["same"]:
        say(text("The same, bit for bit: this is the Decision that was recorded.", "bold green"))
        return
    say(text("Not the same: what was recorded (-) and what comes out of the same bytes now (+).", "bold red"))
    say(*document["difference"])
    if document["madeBy"] != __version__:
        say(f"\nIt was recorded by pratique {document['madeBy']}, and judged again by {__version__}: try that version.")
