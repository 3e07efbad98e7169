"""`pratique cache`: what is kept here and for which image, and room made by hand. It works beside a running proxy."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.exits import CHANGES, INCOMPLETE, OK, REFUSED, TRY_LATER, complain
from proxy.cli.files import ConfigOption, load_all, load_config
from proxy.cli.output import Format, Output, emit, say, table
from proxy.cli.progress import Quiet, progress, size
from proxy.cli.warm import warm
from proxy.errors import ConfigError

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.content.care.scrub import Progress, Report
    from proxy.content.keeping.budget import Standing
    from proxy.pipeline.keeping.evict import Chosen, Removed

cache = typer.Typer(no_args_is_help=True, help="The store of bytes: what it holds, what may go, what is fetched ahead.")
cache.command("warm")(warm)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would go, and remove nothing; 2 if anything would.")]
_SHOWN = 20  # images of a plan that are named in words; `-o json` names all


@cache.command("ls")
def ls(config: ConfigOption = None, output: Output = Format.TABLE) -> None:
    """List images with their bytes, their last use and their pins; bytes that two images share are counted once in the sum."""
    from proxy.cli.inventory import inventory

    settings, loaded = load_all(config)
    document = asyncio.run(inventory(settings, loaded))
    emit(document, output=output, show=lambda: _show(document))


def _show(document: Mapping[str, Any]) -> None:
    rows = []
    for image in document["images"]:
        name = image["image"] if not image["tags"] else f"{image['repository']}:{', '.join(image['tags'])}"
        bytes_ = (
            f"{size(image['bytes'])} ({size(image['sharedBytes'])} shared)"
            if image["sharedBytes"]
            else size(image["bytes"])
        )
        rows.append([name, bytes_, _moment(image["usedAt"]), image["stays"] or "-"])
    if rows:
        table(["image", "bytes", "last use", "stays"], rows)
    unnamed, held = document["unnamed"], document["bytes"]
    if unnamed["blobs"]:
        say(f"\nNo image names {unnamed['blobs']} blobs of {size(unnamed['bytes'])}; they may go.")
    limit = document["limit"]
    say(
        f"{size(held['held'])} of {size(limit['bytes'])} are held; {size(held['evictable'])} may go, "
        f"{size(held['pinned'])} are pinned. Room is made above {size(limit['high'])}, down to {size(limit['low'])}."
    )


def _moment(text: str | None) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M") if text else "-"


@cache.command("gc")
def gc(
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="SIZE", help="Down to this, such as 300GiB. Default: to low water.")
    ] = None,
    dry_run: DryRun = False,
    config: ConfigOption = None,
    output: Output = Format.TABLE,
) -> int:
    """Make room now: what was not used for longest goes first; what is pinned, or was used within an hour, never.

    Exit: 0 it is done; 2 with --dry-run, if anything would go; 3 not enough may go; 75 another process makes room.
    """
    settings, loaded = load_all(config)
    target = None if to is None else _size(to)
    if dry_run:
        chosen, wanted = asyncio.run(_chosen(settings, loaded, target))
        document = {"dryRun": True, "wanted": wanted, **_plan(chosen)}
        emit(document, output=output, show=lambda: _show_plan(document))
        return CHANGES if chosen.plan.freed else OK
    removed, wanted = asyncio.run(_removed(settings, loaded, target))
    if not removed.is_ours:
        complain("another process makes room just now; try again when it is done")
        return TRY_LATER
    document = {"dryRun": False, "wanted": wanted, **_gone(removed)}
    emit(document, output=output, show=lambda: _show_gone(removed, wanted))
    return OK if removed.freed >= wanted else INCOMPLETE


def _size(text: str) -> int:
    from proxy.settings import size_of

    try:
        return size_of(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _wanted(standing: "Standing", target: int | None) -> int:
    return standing.beyond(standing.low if target is None else target)


async def _chosen(config: "Config", loaded: "LoadedPolicy", target: int | None) -> "tuple[Chosen, int]":
    from proxy.bootstrap import keeping_of

    async with keeping_of(config, loaded, changes=False) as (keeping, _):
        wanted = _wanted(await keeping.room.look(), target)
        return await keeping.evictor.choose(wanted), wanted


async def _removed(config: "Config", loaded: "LoadedPolicy", target: int | None) -> "tuple[Removed, int]":
    from proxy.bootstrap import keeping_of
    from proxy.pipeline.keeping.evict import Removed

    async with keeping_of(config, loaded, changes=True) as (keeping, _):
        wanted = _wanted(await keeping.room.look(), target)
        return (await keeping.evictor.make_room(wanted) if wanted else Removed()), wanted


def _plan(chosen: "Chosen") -> dict[str, Any]:
    named = {digest for image in chosen.plan.images for digest in image.contents}
    return {
        "freed": chosen.plan.freed,
        "pinned": chosen.plan.pinned,
        "leased": chosen.plan.leased,
        "blobs": len(chosen.plan.contents),
        "images": [image.name for image in chosen.plan.images],
        "unnamed": [str(each.digest) for each in chosen.plan.contents if each.digest not in named],
    }


def _gone(removed: "Removed") -> dict[str, Any]:
    return {
        "freed": removed.freed,
        "pinned": removed.pinned,
        "leased": removed.leased,
        "blobs": removed.blobs,
        "images": removed.images,
    }


def _show_plan(document: Mapping[str, Any]) -> None:
    images: Sequence[str] = document["images"]
    for name in images[:_SHOWN]:
        say(f"would go: {name}")
    if len(images) > _SHOWN:
        say(f"and {len(images) - _SHOWN} more images")
    say(f"{size(document['freed'])} in {document['blobs']} blobs would go; {size(document['wanted'])} are wanted.")
    _show_left(document["freed"], document["wanted"], document["pinned"], document["leased"])


def _show_gone(removed: "Removed", wanted: int) -> None:
    if not wanted:
        say("Nothing must go: it is below the mark.")
        return
    say(f"{size(removed.freed)} went: {removed.images} images, {removed.blobs} blobs. {size(wanted)} were wanted.")
    _show_left(removed.freed, wanted, removed.pinned, removed.leased)


def _show_left(freed: int, wanted: int, pinned: int, leased: int) -> None:
    if freed < wanted:
        complain(
            f"not enough may go: {size(pinned)} are pinned, {size(leased)} were used lately; give it more room",
            word="warning",
        )


@cache.command("scrub")
def scrub(
    *,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="SIZE", help="Bytes a second at most, such as 200MiB. Default: all.")
    ] = None,
    quiet: Quiet = False,
    config: ConfigOption = None,
    output: Output = Format.TABLE,
) -> int:
    """Hash everything that is stored again, now; what is wrong is put aside, and fetched again when it is asked for.

    Exit: 0 all is right; 1 something was wrong; 75 another process scrubs.
    """
    settings = load_config(config)
    report = asyncio.run(_scrubbed(settings, 0 if rate is None else _size(rate), is_quiet=quiet))
    document = {
        "files": report.files,
        "bytes": report.bytes,
        "seconds": round(report.seconds, 3),
        "isResumed": report.is_resumed,
        "wrong": [str(digest) for digest in report.wrong],
    }
    emit(document, output=output, show=lambda: _show_scrub(report))
    return REFUSED if report.wrong else OK


async def _scrubbed(config: "Config", rate: int, *, is_quiet: bool) -> "Report":
    from proxy.content.filesystem import FilesystemStore

    store = FilesystemStore(config.content_folder, rotted=lambda _digest, _what: None)
    try:
        with progress("scrub", is_quiet=is_quiet) as step:

            def told(now: "Progress") -> None:
                step(now.bytes, now.of_bytes)

            return await store.scrub(rate=rate).run(told)
    finally:
        store.close()


def _show_scrub(report: "Report") -> None:
    for digest in report.wrong:
        say(f"wrong, and put aside: {digest}")
    begun = " (begun by another process)" if report.is_resumed else ""
    say(f"{report.files} files of {size(report.bytes)} were hashed{begun}; {len(report.wrong)} were wrong.")
