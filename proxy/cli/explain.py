"""`pratique explain`: a refusal's record, told to a tired person. It reads what was recorded, and asks nobody again."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.advice import meaning, next_steps
from proxy.cli.exits import OK, REFUSED, complain
from proxy.cli.files import ConfigOption, load_config
from proxy.cli.output import Format, Output, emit, say, text
from proxy.cli.proof import moment
from proxy.cli.tree import check_line, rejection_line, validity

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.oci.reference import ImageName
    from proxy.state.store import StateStore

# As it stands in a refusal line, with or without what surrounds it there.
_ID = re.compile(r"\[?(r-[a-z0-9]{4,12})\]?[.,;]?")


def explain(
    what: Annotated[str, typer.Argument(metavar="ID|REF", help="r-7f3k2c from a refusal, or host/name:tag.")],
    config: ConfigOption = None,
    output: Output = Format.TABLE,
) -> int:
    """Say why a pull was refused or allowed, and what to do next.

    An id is what stands in brackets at the end of a refusal line: r-7f3k2c. A reference shows the latest about it.
    """
    found = asyncio.run(_found(load_config(config), what))
    if found is None:
        complain(_nothing(what))
        return REFUSED
    steps = next_steps(found)
    emit({**found, "next": list(steps)}, output=output, show=lambda: _show(found, steps))
    return OK


async def _found(config: "Config", what: str) -> Mapping[str, Any] | None:
    from proxy.bootstrap import opened_state
    from proxy.oci.reference import ImageName
    from proxy.pipeline.refusals import read_refusal

    wanted = _ID.fullmatch(what.strip())
    image = None if wanted else ImageName.parse(what)
    async with opened_state(config) as store:
        if wanted:
            refusal: Mapping[str, Any] | None = await read_refusal(store, wanted[1])
            return refusal
        assert image is not None
        return await _latest(store, image)


async def _latest(store: "StateStore", image: "ImageName") -> Mapping[str, Any] | None:
    """Of the refusals and Decisions about this reference, or about the digest it is pinned to, the latest."""
    from proxy.cli.state import pin_book
    from proxy.oci.reference import Tag
    from proxy.pipeline.books import Book

    digest = image.reference
    if isinstance(digest, Tag):
        pin = await pin_book(store).get(image.repository, digest)
        digest = pin.digest if pin else digest
    stories = [
        refusal
        for _, refusal in await Book(store, "refusals", limit=0).scan()
        if refusal["asked"] == str(image) or _is_about(refusal["decision"], image, str(digest))
    ]
    stories += [
        _story(decision, image)
        for _, decision in await Book(store, "decisions", limit=0).scan()
        if _is_about(decision, image, str(digest))
    ]
    return max(stories, key=lambda story: str(story["at"]), default=None)


def _is_about(decision: Mapping[str, Any] | None, image: "ImageName", digest: str) -> bool:
    if not decision:
        return False
    name = f"{decision.get('upstream')}/{decision.get('repository')}"
    return name == str(image.repository) and decision.get("digest") == digest


def _story(decision: Mapping[str, Any], image: "ImageName") -> dict[str, Any]:
    """A Decision in the shape of a refusal's record; who asked is in the log, not in the Decision."""
    return {
        "id": None,
        "at": decision["madeAt"],
        "client": None,
        "requestId": None,
        "asked": str(image),
        "reason": decision["reason"],
        "message": f"{image}: {decision['summary']}",
        "decision": decision,
    }


def _nothing(what: str) -> str:
    if _ID.fullmatch(what.strip()):
        return (
            f"nothing is recorded under {what}; ids live 30 days, in the proxy that said them: is --config that one's?"
        )
    return (
        f"nothing is recorded about {what}: nobody asked for it here, or its upstream did not have it or did not answer; "
        f"`pratique verify {what}` judges it now"
    )


def _show(story: Mapping[str, Any], steps: Sequence[str]) -> None:
    decision = story["decision"]
    allowed = bool(decision) and decision["verdict"] == "allow"
    heading = "Allowed" if allowed else "Not judged yet" if story["reason"] == "inconclusive" else "Refused"
    style = {"Allowed": "bold green", "Refused": "bold red"}.get(heading, "bold yellow")
    say(text(f"{heading}: {story['message']}", style))
    say(f"  asked   {story['asked']}")
    if story["client"]:
        say(f"  by      {story['client']} (request {story['requestId']})")
    say(f"  when    {moment(story['at'])}")
    if story["id"]:
        say(f"  id      {story['id']}")
    if decision:
        _show_decision(decision)
    say("\nWhat next:")
    for number, step in enumerate(steps, 1):
        say(f"  {number}. {step}")


def _show_decision(decision: Mapping[str, Any]) -> None:
    say(f"  digest  {decision['digest']}")
    say(f"  rule    {decision['rule']} (mode: {decision['mode']})")
    say(f"  holds   {validity(decision)}")
    say("\nWhat was checked:")
    _show_checks(decision["checks"], indent="  ")
    if decision["rejections"]:
        say("\nWhat was found, and why it proves nothing:")
        for rejection in decision["rejections"]:
            say(f"  {rejection_line(rejection)}")


def _show_checks(checks: Sequence[Mapping[str, Any]], *, indent: str) -> None:
    for check in checks:
        say(f"{indent}{check_line(check)}")
        words = meaning(check)
        if words:
            say(f"{indent}        {words}")
        _show_checks(check["checks"], indent=indent + "  ")
