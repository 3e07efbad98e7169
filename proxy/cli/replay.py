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

_COMPARED = 20_000  # lines; a Decision with sixty rejections has a thousand


def replay_file(file: Path, output: Format) -> int:
    """Exit 0 where the same comes out, bit for bit; else 1, with the difference. Nothing but the file is read."""
    from proxy.config.replay import replay
    from proxy.observe import logs

    logs.configure(format="console", level="warning")
    raw = _read(file)
    try:
        again = replay(raw)
    except ConfigError as error:  # the file was read, and is not what was written: a finding, not a misuse
        complain(f"{file}: {error.message}")
        return REFUSED
    document = {
        "file": str(file),
        "seal": again.seal,
        "madeBy": again.made_by,
        "same": again.is_same,
        "difference": list(_difference(again.recorded, again.made)),
        "restsOn": [{"what": each.what, "verdict": each.verdict, "key": each.key} for each in again.others],
        "decision": again.made,
    }
    emit(document, output=output, show=lambda: _show(document))
    return OK if again.is_same else REFUSED


def _read(file: Path) -> bytes:
    from proxy.pipeline.court.cases import MAX_CASE

    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_CASE + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no file's name"
        raise ConfigError(f"the case file {file} cannot be read: {why}") from error
    if len(raw) > MAX_CASE:
        raise ConfigError(f"{file} is over {MAX_CASE // (1024 * 1024)} MiB, which no case file is")
    return raw


def _difference(recorded: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    before, after = (json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (recorded, made))
    if before != after and len(before) + len(after) > _COMPARED:  # what compares lines takes the square of their number
        yield f"{len(before)} lines were recorded, and {len(after)} come out: too many to compare one by one"
        return
    yield from difflib.unified_diff(before, after, "recorded", "made again", n=1, lineterm="")


def _show(document: Mapping[str, Any]) -> None:
    from proxy.cli.tree import decision_tree

    made = document["decision"]
    name = f"{made['upstream']}/{made['repository']}@{made['digest']}"
    say(decision_tree(made, title=f"{made['verdict']}: {name}: {made['summary']}"))
    say(f"\nseal      {document['seal']}")
    for each in document["restsOn"]:
        say(f"rests on  {each['verdict']}: {each['what']}, as recorded; its own case: {each['key']}")
    if document["same"]:
        say(text("The same, bit for bit: this is the Decision that was recorded.", "bold green"))
        return
    say(text("Not the same: what was recorded (-) and what comes out of the same bytes now (+).", "bold red"))
    say(*document["difference"])
    if document["madeBy"] != __version__:
        say(f"\nIt was recorded by pratique {document['madeBy']}, and judged again by {__version__}: try that version.")
