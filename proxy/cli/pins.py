"""`pratique pin ls`: what each tag stands for, and what its upstream offers instead."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from proxy.cli.confirm import confirm
from proxy.cli.exits import complain
from proxy.cli.files import ConfigOption, load_all
from proxy.cli.output import Format, Output, emit, say, table

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.pipeline.tags.pins import Pin

pins = typer.Typer(no_args_is_help=True, help="What each tag stands for: pins and drift.")
pins.command("confirm")(confirm)

_DISTRUSTED = (
    "the state was lost and nothing remembers the pins: tags without one are refused until you set them "
    "(`pratique pin confirm REF@sha256:…`) or trust what comes first again (`pratique pin confirm --all`)"
)


@pins.command("ls")
def ls(config: ConfigOption = None, output: Output = Format.TABLE) -> None:
    """List the pins, and where an upstream offers something else, what that is and how it was judged."""
    settings, loaded = load_all(config)
    rows, is_distrusted = asyncio.run(_listed(settings, loaded))
    document = {"distrusted": is_distrusted, "pins": rows}
    emit(document, output=output, show=lambda: _show(rows, is_distrusted=is_distrusted))
    if is_distrusted:
        complain(_DISTRUSTED, word="warning")


async def _listed(config: "Config", loaded: "LoadedPolicy") -> tuple[list[dict[str, Any]], bool]:
    from proxy.bootstrap import opened_state
    from proxy.cli.state import pin_book

    locked = {(str(repository), tag): str(digest) for (repository, tag), digest in loaded.lock.items()}
    async with opened_state(config) as store:
        book = pin_book(store)
        rows = [_row(pin, locked.pop((str(pin.repository), pin.tag.name), None)) for pin in await book.all()]
        is_distrusted = await book.is_distrusted()
    rows += [_locked_row(name, tag, digest) for (name, tag), digest in locked.items()]
    return sorted(rows, key=lambda row: (row["repository"], row["tag"])), is_distrusted


def _row(pin: "Pin", locked: str | None) -> dict[str, Any]:
    pinned_at = pin.pinned_at.isoformat() if locked in (None, str(pin.digest)) else None
    return {
        "repository": str(pin.repository),
        "tag": pin.tag.name,
        "digest": locked or str(pin.digest),
        "isLocked": locked is not None,
        "pinnedAt": pinned_at,
        "cause": pin.cause,
        "by": pin.by,
        "checkedAt": pin.checked_at.isoformat(),
        "offered": str(pin.offered) if pin.offered else None,
        "offeredJudgement": pin.offered_summary,
    }


def _locked_row(repository: str, tag: str, digest: str) -> dict[str, Any]:
    absent = dict.fromkeys(("pinnedAt", "cause", "by", "checkedAt", "offered", "offeredJudgement"))
    return {"repository": repository, "tag": tag, "digest": digest, "isLocked": True, **absent}


def _show(rows: Sequence[Mapping[str, Any]], *, is_distrusted: bool) -> None:
    from proxy.cli.proof import moment, short

    if not rows:
        becomes = "" if is_distrusted else ": the first admitted digest of a tag becomes its pin"
        say(f"No tag is pinned yet{becomes}.")
        return
    cells = []
    for row in rows:
        since = moment(row["pinnedAt"]) if row["pinnedAt"] else "-"
        by = "lock file" if row["isLocked"] else f"{row['cause']} ({row['by']})"
        drift = f"{short(row['offered'])} {row['offeredJudgement'] or ''}".rstrip() if row["offered"] else "-"
        cells.append([f"{row['repository']}:{row['tag']}", short(row["digest"]), since, by, drift])
    table(["image", "pin", "since", "by", "the upstream offers"], cells)
    if any(cell[-1] == "-" for cell in cells):
        say("\n-: nothing else was seen. A proxy looks at most once an hour; `pratique verify REF` looks now.")
