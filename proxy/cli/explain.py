"""`pratique explain`: a refusal's record, told to a tired person. It reads what was recorded, and asks nobody again."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.advice import meaning, next_steps
from proxy.cli.exits import OK, REFUSED, complain
from proxy.cli.files import ConfigOption, load_config
from proxy.cli.output import Format, Output, emit, paragraph, say
from proxy.cli.proof import LABEL, moment, proof_lines
from proxy.cli.remedies import Remedy, remedy_of
from proxy.cli.tree import answer, check_line, rejection_line, validity

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.oci.reference import ImageName
    from proxy.pipeline.tags.pins import Pin
    from proxy.state.store import StateStore

# As it stands in a refusal line, with or without what surrounds it there.
_ALIKE = 5  # of one kind that are shown one by one
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
    emit(
        {**found, "next": [step.replace("\n", " ") for step in steps]}, output=output, show=lambda: _show(found, steps)
    )
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

    digest, pinned = image.reference, None
    if isinstance(digest, Tag):
        pin = await pin_book(store).get(image.repository, digest)
        digest, pinned = (pin.digest, _pinned(pin)) if pin else (digest, None)
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
    latest = max(stories, key=lambda story: str(story["at"]), default=None)
    return {**latest, "pin": pinned} if latest else None


def _pinned(pin: "Pin") -> dict[str, str | None]:
    """What the tag stands for, and what the upstream offers instead: a move that was not made is no refusal."""
    offered = str(pin.offered) if pin.offered else None
    return {"digest": str(pin.digest), "offered": offered, "summary": pin.offered_summary}


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
    paragraph("", f"{heading}: {story['message']}", style=style)
    for label, words in _facts(story):
        paragraph(f"  {label:<7} ", words)
    if decision:
        say("\nWhat was checked:")
        _show_checks(decision["checks"], indent="  ")
        _show_rejections(decision["rejections"], said=steps[0])
    say("\nWhat next:")
    for number, step in enumerate(steps, 1):
        words, *commands = step.split("\n")
        paragraph(f"  {number}. ", words)
        for command in commands:  # whole, so that it can be copied
            say(f"       {command}")


def _facts(story: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    decision, pin = story["decision"], story.get("pin")
    yield "asked", story["asked"]
    if story["client"]:
        yield "by", f"{story['client']} (request {story['requestId']})"
    yield "when", moment(story["at"])
    if story["id"]:
        yield "id", story["id"]
    if decision:
        yield "digest", decision["digest"]
        if decision.get("index"):
            yield "under", f"{decision['index']}, the Index that lists it"
        yield "rule", f"{decision['rule']} (mode: {decision['mode']})"
        yield "holds", validity(decision)
        yield from (("warning", words) for words in decision.get("warnings", ()))
        yield from (("alarm", words) for words in decision.get("alarms", ()))
    if pin:
        yield "pinned", f"to {pin['digest']}, which is what the proxy answers for this tag"
    if pin and pin["offered"]:
        yield "offered", f"{pin['offered']} is at the upstream now, and was not taken up: {pin['summary']}"


def _show_checks(checks: Sequence[Mapping[str, Any]], *, indent: str) -> None:
    for check in checks:
        paragraph(f"{indent}{answer(check):<7} ", check_line(check).removeprefix(f"{answer(check):<7} "))
        words = meaning(check)
        if words:
            paragraph(f"{indent}        ", words)
        for line in proof_lines(check.get("details") or {}):
            label, proof = line[:LABEL], line[LABEL:].strip()
            paragraph(f"{indent}        {label:<{LABEL}} ", proof)
        below = check["checks"]
        is_told = len(below) == 1 and below[0]["summary"] == check["summary"]
        _show_checks(below[0]["checks"] if is_told else below, indent=indent + "  ")


def _show_rejections(rejections: Sequence[Mapping[str, Any]], *, said: str) -> None:
    """What is of one kind together, and what that means once. `said`: what is to be done, where that is told below."""
    if not rejections:
        return
    say("\nWhat was found, and why it proves nothing:")
    kinds: dict[Remedy, list[str]] = {}
    for rejection in rejections:
        kinds.setdefault(remedy_of(rejection["reason"]), []).append(rejection_line(rejection))
    for remedy, lines in kinds.items():
        for line in lines[:_ALIKE]:
            paragraph("  - ", line)
        if len(lines) > _ALIKE:
            say(f"  - and {len(lines) - _ALIKE} more like these")
        paragraph("    ", remedy.means)
        if not said.startswith(remedy.act):
            paragraph("    ", remedy.act)
