"""`pratique verify REF`: the same judgement that a pull gets, made afresh, without a running proxy and leaving nothing behind."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.cli.exits import OK, REFUSED, TRY_LATER
from proxy.cli.files import load_all
from proxy.cli.output import Format, emit, say, text
from proxy.errors import Inconclusive, PolicyError, StorageError

if TYPE_CHECKING:
    from proxy.bootstrap import Pipeline
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.oci.digest import Digest
    from proxy.oci.manifest import Index, Manifest
    from proxy.oci.reference import ImageName, Repository
    from proxy.policy.decision import Decision
    from proxy.policy.rules import Rule


@dataclass(frozen=True, slots=True)
class Verified:
    """`decision` is None where the answer is no before anything was judged: `summary` says why.

    `under`: the admitted Index by which a child is admitted. `children`: the Decisions of an Index's platforms, where
    the rule asks about each. `notes` say what a pull would get instead, or besides. `cosign` and `notation` are commands,
    `hints` what must be there for them, or what they cannot ask.
    """

    asked: "ImageName"
    verdict: str
    reason: str
    summary: str
    digest: "Digest | None" = None
    decision: "Decision | None" = None
    under: "Digest | None" = None
    children: tuple[tuple[str, "Decision"], ...] = ()
    notes: tuple[str, ...] = ()
    cosign: tuple[str, ...] = ()
    notation: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

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
            "notation": list(self.notation),
            "hints": list(self.hints),
            "decision": self.decision.to_record() if self.decision else None,
            "children": [{"platform": name, "decision": each.to_record()} for name, each in self.children],
        }


def verify_image(reference: str, config: Path | None, output: Format) -> int:
    """Judge `host/name:tag` or `host/name@sha256:…` and print it; return the exit code."""
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
    from proxy.cli.cosign import equivalents
    from proxy.oci.reference import Tag
    from proxy.policy.evaluate import permits_tag

    rule = pipeline.regime.current.rule(asked.repository)
    if isinstance(asked.reference, Tag):
        permits_tag(rule, asked.reference)
    pipeline.rooms.upstreams.registry(asked.repository.upstream)
    manifest = await pipeline.rooms.manifests.fetch(asked.repository, asked.reference)
    decision, under = await _judge(pipeline, asked, manifest)
    children = await _children(pipeline, asked.repository, manifest)
    same = equivalents(config, loaded, rule, decision, [each for _, each in children])
    return Verified(
        asked,
        str(decision.verdict),
        decision.reason,
        decision.summary,
        digest=manifest.digest,
        decision=decision,
        under=under,
        children=children,
        notes=await _notes(config, loaded, asked, rule, manifest.digest, is_allowed=decision.is_allow),
        cosign=same.cosign,
        notation=same.notation,
        hints=same.hints,
    )


async def _judge(
    pipeline: "Pipeline", asked: "ImageName", manifest: "Manifest | Index"
) -> "tuple[Decision, Digest | None]":
    """Its own Decision; where that is no, and it was asked for by digest, that of an admitted Index which names it."""
    from proxy.oci.digest import Digest

    rooms = pipeline.rooms
    decision = (await rooms.judge.judge(asked.repository, manifest.digest, fetched=manifest)).decision
    if decision.is_allow or not isinstance(asked.reference, Digest):
        return decision, None
    await rooms.finder.find(asked.repository, manifest.digest)
    stand = await rooms.lineage.of_manifest(asked.repository, manifest.digest)
    return (stand.decision, stand.root) if stand and stand.is_admitted else (decision, None)


async def _children(
    pipeline: "Pipeline", repository: "Repository", manifest: "Manifest | Index"
) -> "tuple[tuple[str, Decision], ...]":
    """What was decided of the children on the way to the Index's own Decision; nothing is judged for this."""
    found = []
    for child in manifest.children:
        with suppress(PolicyError):
            decision = await pipeline.rooms.judge.remembered(repository, child.digest, index=manifest.digest)
            if decision is not None:
                found.append((str(child.platform or child.digest), decision))
    return tuple(found)


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
    for name, decision in found.children:
        say("", decision_tree(decision.to_record(), title=f"{name}: {decision.verdict}: {decision.summary}"))
    if found.under is not None:
        say(f"\n{found.digest} is admitted as a child of the Index that is shown above.")
    for note in found.notes:
        say(f"\nNote: {note}.")
    _show_commands("cosign", found.cosign)
    _show_commands("notation", found.notation)
    for hint in found.hints:
        say(f"\nFor that: {hint}")


def _show_commands(tool: str, commands: Sequence[str]) -> None:
    if commands:
        say(f"\nThe same question to {tool}:", *(f"  {line}" for line in commands))
