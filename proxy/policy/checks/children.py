"""What an Index's children say for it. Law: one that can run and is permitted must be admitted whole; none of them is a no."""

from collections.abc import Iterator

from proxy.policy.checks.proofs import Answer, Child, Footing, Proofs, Wanted
from proxy.policy.decision import Check, Decision, Verdict


def with_children(own: Answer | None, proofs: Proofs, *, name: str, word: str) -> Answer:
    """The Index's own answer where that passes or may still, else that of its children (face.md, `covers`).

    `own` is None for what is of the platforms alone. A child's whole Decision counts, so that what admits the Index can
    be pulled in one piece; an Index without children, or with attestations only, passes nothing.
    """
    if own is not None and (own.check.passed or own.wants is not None):
        return own
    if proofs.children is None:
        summary = "the platforms that the index lists were not judged yet"
        return Answer(Check(name, word, passed=False, summary=summary, is_open=True), wants=Wanted("children"))
    runnable = tuple(_runnable(proofs))
    admitted = [(child, child.decision) for child in runnable if child.decision and _admits(child.decision)]
    if not admitted:
        return _refused(own, runnable, name=name, word=word)
    child, decision = max(admitted, key=lambda each: _worth(each[1]))
    footing = Footing.of_decision(decision)
    summary = f"{_shown(child)}: {decision.summary}"
    check = Check(
        name,
        word,
        passed=True,
        summary=summary,
        evidence=footing.sources,
        identities=footing.identities,
        is_alarm=decision.is_alarm,
    )
    return Answer(check, footing, dict.fromkeys(footing.identities, footing))


def _refused(own: Answer | None, runnable: tuple[Child, ...], *, name: str, word: str) -> Answer:
    if not runnable:
        summary = "the index lists nothing that can run and that the rule permits"
    else:
        first = runnable[0]
        told = first.decision.summary if first.decision else f"it could not be judged: {first.fault}"
        summary = f"no platform passes; {_shown(first)}: {told}"
    if own is not None:
        summary = f"{own.check.summary}; {summary}"
    is_open = bool(own and own.check.is_open) or any(_is_open(child) for child in runnable)
    is_alarm = bool(own and own.check.is_alarm)
    return Answer(Check(name, word, passed=False, summary=summary, is_open=is_open, is_alarm=is_alarm))


def _runnable(proofs: Proofs) -> Iterator[Child]:
    """Those that the Index itself lists as an image of a permitted platform, whatever was handed in."""
    listed = {each.digest: each.platform for each in proofs.manifest.children}
    for child in proofs.children or ():
        platform = listed.get(child.descriptor.digest)
        is_listed = child.descriptor.digest in listed and not (platform and platform.is_unknown)
        permitted = not proofs.platforms or (platform and any(each.covers(platform) for each in proofs.platforms))
        is_its_own = child.decision is None or (
            child.decision.digest == child.descriptor.digest and child.decision.repository == proofs.repository
        )
        if is_listed and permitted and is_its_own:
            yield child


def _admits(decision: Decision) -> bool:
    """What `warn` serves was not proved."""
    return decision.is_allow and not decision.is_warned


def _is_open(child: Child) -> bool:
    return child.decision is None or child.decision.verdict is Verdict.INCONCLUSIVE


def _worth(decision: Decision) -> tuple[bool, float, str]:
    """The one that lasts longest."""
    until = decision.expires_at
    return until is None, until.timestamp() if until else 0.0, str(decision.digest)


def _shown(child: Child) -> str:
    return str(child.descriptor.platform or child.descriptor.digest)
