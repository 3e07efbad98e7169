"""`pratique verify`: the same judgement that a pull gets, made afresh, without a running proxy and leaving nothing behind."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.exits import OK, REFUSED, TRY_LATER
from proxy.cli.files import ConfigOption, load_all
from proxy.cli.output import Format, Output, emit, say, text
from proxy.errors import Inconclusive, PolicyError, StorageError

if TYPE_CHECKING:
    from proxy.bootstrap import Pipeline
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.oci.digest import Digest
    from proxy.oci.reference import ImageName
    from proxy.policy.decision import Decision
    from proxy.policy.rules import Rule


@dataclass(frozen=True, slots=True)
class Verified:
    """`decision` is None where the answer is no before anything was judged: `summary` says why.

    `under`: the admitted Index by which a child is admitted. `notes` say what a pull would get instead, or besides.
    """

    asked: "ImageName"
    verdict: str
    reason: str
    summary: str
    digest: "Digest | None" = None
    decision: "Decision | None" = None
    under: "Digest | None" = None
    notes: tuple[str, ...] = ()
    cosign: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        return {
            "reference": str(self.asked),
            "digest": str(self.digest) if self.digest else None,
            "verdict": self.verdict,
            "reason": self.reason,
            "summary": self.summary,
            "admittedUnder": str(self.under) if self.under else None,
            "notes": list(self.notes),
            "cosign": list(self.cosign),
            "decision": self.decision.to_record() if self.decision else None,
        }


def verify(
    reference: Annotated[str, typer.Argument(metavar="REF", help="host/name:tag or host/name@sha256:…")],
    config: ConfigOption = None,
    output: Output = Format.TABLE,
) -> int:
    """Fetch, judge and print the Decision, with every Check and the equivalent cosign line.

    Needs no running proxy, and changes nothing. Exit: 0 allowed, 1 refused, 69 upstream unavailable, 75 cannot tell now.
    """
    from proxy.oci.reference import ImageName

    asked = ImageName.parse(reference)
    settings, loaded = load_all(config)
    found = asyncio.run(examine(settings, loaded, asked))
    emit(found.to_record(), output=output, show=lambda: _show(found))
    return {"allow": OK, "deny": REFUSED}.get(found.verdict, TRY_LATER)


async def examine(config: "Config", loaded: "LoadedPolicy", asked: "ImageName") -> Verified:
    """Judge `asked` as it stands at its upstream now. Raise Inconclusive, an UpstreamError, or what is absent."""
    from proxy.bootstrap import passing_pipeline

    try:
        async with asyncio.timeout(config.limits.gather_seconds), passing_pipeline(config, loaded) as pipeline:
            return await _examine(config, loaded, asked, pipeline)
    except TimeoutError:
        seconds = config.limits.gather_seconds
        raise Inconclusive(f"it could not be judged within {seconds} s; see whether its upstream is slow") from None
    except PolicyError as error:
        return Verified(asked, "deny", error.reason, error.message)


async def _examine(config: "Config", loaded: "LoadedPolicy", asked: "ImageName", pipeline: "Pipeline") -> Verified:
    from proxy.cli.cosign import cosign_lines
    from proxy.oci.reference import Tag
    from proxy.policy.evaluate import permits_tag

    rule = pipeline.regime.current.rule(asked.repository)
    if isinstance(asked.reference, Tag):
        permits_tag(rule, asked.reference)
    pipeline.rooms.upstreams.registry(asked.repository.upstream)
    decision, under = await _judge(pipeline, asked)
    digest = decision.digest if under is None else asked.reference
    assert not isinstance(digest, Tag), "only a digest stands under an Index"
    lines = cosign_lines(config, loaded.policy, rule, repository=asked.repository, digest=decision.digest)
    return Verified(
        asked,
        str(decision.verdict),
        decision.reason,
        decision.summary,
        digest=digest,
        decision=decision,
        under=under,
        notes=await _notes(config, loaded, asked, rule, digest, is_allowed=decision.is_allow),
        cosign=tuple(lines),
    )


async def _judge(pipeline: "Pipeline", asked: "ImageName") -> "tuple[Decision, Digest | None]":
    """Its own Decision; where that is no, and it was asked for by digest, that of an admitted Index which names it."""
    from proxy.oci.digest import Digest

    rooms = pipeline.rooms
    manifest = await rooms.manifests.fetch(asked.repository, asked.reference)
    decision = (await rooms.judge.judge(asked.repository, manifest.digest, fetched=manifest)).decision
    if decision.is_allow or not isinstance(asked.reference, Digest):
        return decision, None
    await rooms.finder.find(asked.repository, manifest.digest)
    stand = await rooms.lineage.of_manifest(asked.repository, manifest.digest)
    return (stand.decision, stand.root) if stand and stand.is_admitted else (decision, None)


async def _notes(
    config: "Config", loaded: "LoadedPolicy", asked: "ImageName", rule: "Rule", digest: "Digest", *, is_allowed: bool
) -> tuple[str, ...]:
    """What the proxy answers for this tag, where it is something else than what was judged."""
    from proxy.oci.reference import Tag

    if not isinstance(asked.reference, Tag):
        return ()
    locked = loaded.lock.get((asked.repository, asked.reference.name))
    if locked is not None:
        return () if locked == digest else (f"the lock file names {locked} for this tag, and the proxy answers that",)
    if rule.pinning == "locked":
        return ("the rule serves only what the lock file names, and this tag is not there: a pull is refused",)
    pinned = await _pinned(config, asked)
    if pinned is None or pinned == digest:
        return ()
    moves = ""
    if rule.pinning == "follow":
        moves = "; the rule follows the tag, once the new digest is admitted"
    elif is_allowed:
        moves = f"; `pratique pin confirm {asked}@{digest}` moves it"
    return (f"the tag is pinned to {pinned}, and the proxy answers that{moves}",)


async def _pinned(config: "Config", asked: "ImageName") -> "Digest | None":
    """The pin in the state of this configuration; none where there is no state, or it cannot be read."""
    from proxy.bootstrap import opened_state
    from proxy.cli.state import pin_book
    from proxy.oci.reference import Tag

    assert isinstance(asked.reference, Tag), "a digest has no pin"
    with suppress(StorageError):
        async with opened_state(config) as store:
            pin = await pin_book(store).get(asked.repository, asked.reference)
            return pin.digest if pin else None
    return None


def _show(found: Verified) -> None:
    from proxy.cli.tree import decision_tree

    title = f"{found.verdict}: {found.asked}: {found.summary}"
    if found.decision is None:
        say(text(title, "bold red"))
    else:
        say(decision_tree(found.decision.to_record(), title=title))
    if found.under is not None:
        say(f"\n{found.digest} is admitted as a child of the Index that is shown above.")
    for note in found.notes:
        say(f"\nNote: {note}.")
    if found.cosign:
        say("\nThe same question to cosign:", *(f"  {line}" for line in found.cosign))
