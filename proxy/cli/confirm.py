"""`pratique pin confirm`: an operator's word on what a tag stands for, audited like every move of a pin."""

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exits import CHANGES, OK, REFUSED, complain
from proxy.cli.files import ConfigOption, load_all
from proxy.cli.output import say
from proxy.errors import ConfigError, NameInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.events import PinMoved
    from proxy.observe.audit import Audit
    from proxy.oci.digest import Digest
    from proxy.oci.reference import Repository, Tag


@dataclass(frozen=True, slots=True)
class _Move:
    repository: "Repository"
    tag: "Tag"
    old: "Digest | None"
    new: "Digest"


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

    With a digest the pin is set to it, unjudged: a pin admits nothing, and what the policy refuses stays refused.

    Without one, the upstream is asked, and what it offers is judged first: what is refused is not pinned.

    A running proxy takes it up within a second.
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
    from proxy.bootstrap import opened_state
    from proxy.cli.state import pin_book

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
    if not dry_run:
        await _write(config, move)
    say(f"{'Would pin' if dry_run else 'Pinned'} {repository}:{tag} to {new} ({_before(move)}).")
    if digest is not None:
        complain(
            f"that digest was not judged, and the tag is refused if the policy refuses it: "
            f"`pratique verify {repository}@{new}` judges it",
            word="note",
        )
    return CHANGES if dry_run else OK


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
    from proxy.cli.examine import examine
    from proxy.oci.reference import ImageName

    found = await examine(config, loaded, ImageName(repository, tag))
    if found.verdict == "allow" and not (found.decision and found.decision.is_warned):
        return found.digest
    complain(f"{repository}:{tag} as it is offered now is not pinned: {found.summary}", word="refused")
    return None


async def _write(config: "Config", move: _Move) -> None:
    from proxy.bootstrap import opened_state
    from proxy.cli.state import pin_book

    with _audited(config) as audit:

        async def moved(event: "PinMoved") -> None:
            await asyncio.to_thread(audit.record, event)

        async with opened_state(config, read_only=False) as store:
            book = pin_book(store, moved)
            await book.confirm(move.repository, move.tag, move.new, now=datetime.now(UTC), by=_who())


async def _trust_again(config: "Config", *, dry_run: bool) -> int:
    from proxy.bootstrap import opened_state
    from proxy.cli.state import pin_book
    from proxy.events import DistrustLifted

    async with opened_state(config, read_only=dry_run) as store:
        book = pin_book(store)
        if not await book.is_distrusted():
            say("Nothing to confirm: the pins were not lost.")
            return OK
        if dry_run:
            say("Would trust each tag's first admitted digest again.")
            return CHANGES
        with _audited(config) as audit:
            audit.record(DistrustLifted(_who()))
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
