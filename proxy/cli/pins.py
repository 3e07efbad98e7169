"""`pratique pin`: what each tag stands for, what its upstream offers instead, and an operator's word on it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.exits import CHANGES, OK, REFUSED, complain
from proxy.cli.files import ConfigOption, load_all
from proxy.cli.output import Format, Output, emit, say, table
from proxy.errors import ConfigError, NameInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.events import PinMoved
    from proxy.observe.audit import Audit
    from proxy.oci.digest import Digest
    from proxy.oci.reference import Repository, Tag
    from proxy.pipeline.pins import Pin

pins = typer.Typer(no_args_is_help=True, help="What each tag stands for: pins and drift.")

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
    emit(document, output=output, show=lambda: _show(rows))
    if is_distrusted:
        complain(_DISTRUSTED, word="warning")


async def _listed(config: "Config", loaded: "LoadedPolicy") -> tuple[list[dict[str, Any]], bool]:
    from proxy.cli.state import opened_state, pin_book

    locked = {(str(repository), tag): str(digest) for (repository, tag), digest in loaded.lock.items()}
    async with opened_state(config) as store:
        book = pin_book(store)
        rows = [_row(pin, locked.pop((str(pin.repository), pin.tag.name), None)) for pin in await book.all()]
        is_distrusted = await book.is_distrusted()
    rows += [_locked_row(name, tag, digest) for (name, tag), digest in locked.items()]
    return sorted(rows, key=lambda row: (row["repository"], row["tag"])), is_distrusted


def _row(pin: "Pin", locked: str | None) -> dict[str, Any]:
    return {
        "repository": str(pin.repository),
        "tag": pin.tag.name,
        "digest": locked or str(pin.digest),
        "isLocked": locked is not None,
        "pinnedAt": pin.pinned_at.isoformat(),
        "cause": pin.cause,
        "by": pin.by,
        "checkedAt": pin.checked_at.isoformat(),
        "offered": str(pin.offered) if pin.offered else None,
        "offeredJudgement": pin.offered_summary,
    }


def _locked_row(repository: str, tag: str, digest: str) -> dict[str, Any]:
    absent = dict.fromkeys(("pinnedAt", "cause", "by", "checkedAt", "offered", "offeredJudgement"))
    return {"repository": repository, "tag": tag, "digest": digest, "isLocked": True, **absent}


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    from proxy.cli.tree import moment, short

    if not rows:
        say("No tag is pinned yet: the first admitted digest of a tag becomes its pin.")
        return
    cells = []
    for row in rows:
        since = moment(row["pinnedAt"]) if row["pinnedAt"] else "-"
        by = "lock file" if row["isLocked"] else f"{row['cause']} ({row['by']})"
        drift = f"{short(row['offered'])} {row['offeredJudgement'] or ''}".rstrip() if row["offered"] else "-"
        cells.append([f"{row['repository']}:{row['tag']}", short(row["digest"]), since, by, drift])
    table(["image", "pin", "since", "by", "the upstream offers"], cells)


@dataclass(frozen=True, slots=True)
class _Move:
    repository: "Repository"
    tag: "Tag"
    old: "Digest | None"
    new: "Digest"


@pins.command("confirm")
def confirm(
    *,
    reference: Annotated[
        str | None,
        typer.Argument(metavar="REF[@DIGEST]", help="host/name:tag@sha256:…; without digest, what is offered now."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="After a lost state: trust each tag's first admitted digest again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; exit 2 if something would.")
    ] = False,
    config: ConfigOption = None,
) -> int:
    """Say which digest a tag stands for, or that tags may be trusted anew after the state was lost.

    With a digest the pin is set to it. Without one, the upstream is asked, and what it offers is judged first: what is
    refused is not pinned. A running proxy takes it up at once.
    """
    if (reference is None) == (not everything):
        raise ConfigError("name one image, such as host/name:tag@sha256:…, or --all")
    settings, loaded = load_all(config)
    if reference is None:
        return asyncio.run(_trust_again(settings, dry_run=dry_run))
    repository, tag, digest = _parse(reference)
    return asyncio.run(_confirm(settings, loaded, repository, tag, digest, dry_run=dry_run))


def _parse(reference: str) -> "tuple[Repository, Tag, Digest | None]":
    """`name:tag[@digest]`: here the tag counts beside a digest, since it is the tag that is pinned."""
    from proxy.oci.digest import Digest
    from proxy.oci.reference import ImageName, Tag

    name, _, digest = reference.partition("@")
    image = ImageName.parse(name)
    if ":" not in name.rpartition("/")[2] or not isinstance(image.reference, Tag):
        raise NameInvalid(f"{reference!r} names no tag; a pin is a tag's: write host/name:tag@sha256:…")
    return image.repository, image.reference, Digest.parse(digest) if digest else None


async def _confirm(
    config: "Config",
    loaded: "LoadedPolicy",
    repository: "Repository",
    tag: "Tag",
    digest: "Digest | None",
    *,
    dry_run: bool,
) -> int:
    from proxy.cli.state import opened_state, pin_book

    _require_pinnable(loaded, repository, tag)
    new = digest or await _offered(config, loaded, repository, tag)
    if new is None:
        return REFUSED
    async with opened_state(config) as store:
        pin = await pin_book(store).get(repository, tag)
    move = _Move(repository, tag, pin.digest if pin else None, new)
    if move.old == move.new:
        say(f"{repository}:{tag} is pinned to {new} already.")
        return OK
    if dry_run:
        say(f"Would pin {repository}:{tag} to {new} ({_before(move)}).")
        return CHANGES
    await _write(config, move)
    say(f"Pinned {repository}:{tag} to {new} ({_before(move)}).")
    return OK


def _require_pinnable(loaded: "LoadedPolicy", repository: "Repository", tag: "Tag") -> None:
    """Raise NotAllowed where no pull could use the pin, ConfigError where the lock file decides."""
    from proxy.policy.evaluate import permits_repository, permits_tag

    rule = permits_repository(loaded.policy, repository)
    permits_tag(rule, tag)
    if (repository, tag.name) in loaded.lock or rule.pinning == "locked":
        raise ConfigError(
            f"the lock file decides what {repository}:{tag} is; change it there and send the proxy SIGHUP"
        )


async def _offered(config: "Config", loaded: "LoadedPolicy", repository: "Repository", tag: "Tag") -> "Digest | None":
    """What the upstream offers now, if it is admitted; else None, and why is said."""
    from proxy.cli.verify import examine
    from proxy.oci.reference import ImageName

    found = await examine(config, loaded, ImageName(repository, tag))
    if found.verdict == "allow" and not (found.decision and found.decision.is_warned):
        return found.digest
    complain(f"{repository}:{tag} as it is offered now is not pinned: {found.summary}", word="refused")
    return None


async def _write(config: "Config", move: _Move) -> None:
    from proxy.cli.state import opened_state, pin_book

    with _audited(config) as audit:

        async def moved(event: "PinMoved") -> None:
            await asyncio.to_thread(audit.record, event)

        async with opened_state(config, read_only=False) as store:
            book = pin_book(store, moved)
            await book.confirm(move.repository, move.tag, move.new, now=datetime.now(UTC), by=_who())


async def _trust_again(config: "Config", *, dry_run: bool) -> int:
    from proxy.cli.state import opened_state, pin_book

    async with opened_state(config, read_only=dry_run) as store:
        book = pin_book(store)
        if not await book.is_distrusted():
            say("Nothing to confirm: the pins were not lost.")
            return OK
        if dry_run:
            say("Would trust each tag's first admitted digest again.")
            return CHANGES
        await book.distrust(is_distrusted=False)
    say("Each tag's first admitted digest is trusted again, and becomes its pin.")
    return OK


@contextmanager
def _audited(config: "Config") -> "Iterator[Audit]":
    from proxy.observe.audit import Audit

    audit = Audit(config.audit_folder)
    try:
        yield audit
    finally:
        audit.close()


def _who() -> str:
    """The account's name, for the audit."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        import os

        return f"uid {os.getuid()}"


def _before(move: _Move) -> str:
    return f"before: {move.old}" if move.old else "it had no pin"
