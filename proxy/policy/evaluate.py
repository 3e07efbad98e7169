"""THE JUDGE's one door. Law: nothing is allowed but by a rule whose every requirement is proved, waived or only warned of.

Pure: all that is known comes in a Case, `now` too, and a Decision comes out, or what else is Wanted before there can be one.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.policy.checks.bases import NAME as BASE
from proxy.policy.checks.bases import BaseImage, base_answer
from proxy.policy.checks.gates import permits_platform, permits_repository, permits_tag, revoked_bytes, revoked_reason
from proxy.policy.checks.proofs import Answer, Child, Footing, Proofs, Wanted, soonest
from proxy.policy.decision import Check, Decision, Verdict
from proxy.policy.exceptions import ExceptionGrant, in_force
from proxy.policy.requirements import AttestationRequirement, SignatureRequirement, waive
from proxy.policy.rules import Policy, Rule
from proxy.verify.evidence import Evidence, Rejection

__all__ = [
    "DENY_LIFETIME",
    "BaseImage",
    "Case",
    "Child",
    "Wanted",
    "decision_key",
    "evaluate",
    "exceptions_in_force",
    "permits_platform",
    "permits_repository",
    "permits_tag",
    "revoked_bytes",
    "revoked_reason",
]

# face.md: a deny is gathered again after 60 s. What `warn` serves is a deny in all but the serving.
DENY_LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known about one image. Nothing in it is looked up again.

    `platform` is a bare Manifest's own, from its config. `gaps` are sentences about sources that could not be read
    completely. `gathered` says that signatures were looked for. `key` is `decision_key` of the same things.

    `index` is the admitted Index that names it, with what was proved about that. `config_raw`, `children` and `bases`
    are None until they were asked for, `wanted_urls` empty once they were. `was_admitted`: by a Decision under which it
    was served, so that `grace` may prolong what a new image may not use.
    """

    policy: Policy
    rule: Rule
    repository: Repository
    digest: Digest
    manifest: Manifest | Index
    platform: Platform | None
    evidence: tuple[Evidence, ...]
    rejections: tuple[Rejection, ...]
    gaps: tuple[str, ...]
    gathered: bool
    exceptions: tuple[ExceptionGrant, ...]
    key: str
    now: datetime
    config_raw: bytes | None = None
    index: Digest | None = None
    index_evidence: tuple[Evidence, ...] = ()
    children: tuple[Child, ...] | None = None
    bases: tuple[BaseImage, ...] | None = None
    wanted_urls: tuple[str, ...] = ()
    was_admitted: bool = False


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`require` as it came out, without an exception or with exactly one."""

    answers: tuple[Answer, ...]
    grant: ExceptionGrant | None
    bases: tuple[str, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(answer.check for answer in self.answers)

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)

    @property
    def rank(self) -> int:
        """_PASSED, _ASKING, _OPEN or _FAILED. What failed beside something open has failed; no answers at all fail too."""
        if not self.answers:
            return _FAILED
        return min(_rank(answer) for answer in self.answers)

    @property
    def wanted(self) -> Wanted | None:
        """What to ask for next, in the order of what it costs; None where it is judged without."""
        if self.rank == _PASSED:
            # `revocation: log` forgives that nobody answers, not that nobody was asked.
            return Wanted("revocation", self.footing.unasked) if self.footing.unasked else None
        if self.rank != _ASKING:
            return None
        wants = {answer.wants.kind: answer.wants for answer in self.answers if answer.wants and not answer.check.passed}
        return next((wants[kind] for kind in _ORDER if kind in wants), None)

    @property
    def footing(self) -> Footing:
        used = [answer.footing for answer in self.answers if answer.check.passed and not answer.check.is_waived]
        return Footing.all_of(used)


# Rounds are cheap in this order: evidence is asked for once, and a config is small.
_ORDER = ("signatures", "config", "children", "bases", "revocation")


# Open is what some source out of reach could change; asking, what may pass once more is known.
_FAILED, _OPEN, _ASKING, _PASSED = range(4)


def _rank(answer: Answer) -> int:
    if answer.check.passed:
        return _PASSED
    if not answer.check.is_open:
        return _FAILED
    return _ASKING if answer.wants is not None else _OPEN


def exceptions_in_force(
    policy: Policy, *, repository: Repository, digest: Digest, now: datetime, index: Digest | None = None
) -> tuple[ExceptionGrant, ...]:
    """The exceptions that may be used for this image now, in an order of their own; those of its Index among them."""
    return in_force(policy.exceptions, repository=repository, digest=digest, now=now, index=index)


def decision_key(
    *,
    repository: Repository,
    digest: Digest,
    rule: Rule,
    exceptions: Sequence[ExceptionGrant],
    trust_fingerprint: str,
    index: Digest | None = None,
    revoked: Iterable[Digest] = (),
) -> str:
    """What a Decision is looked up by: SHA-256 in hex over everything that it is bound to (promise 5).

    `index` where it is judged as the child of that Index. `revoked` are all digests that may never be served: one by
    another algorithm may name the same bytes, which only judging tells.
    """
    others = sorted(str(each) for each in revoked if each.algorithm != digest.algorithm)
    parts = [
        repository.upstream,
        repository.name,
        str(digest),
        rule.match,
        rule.mode,
        rule.fingerprint,
        sorted(grant.fingerprint for grant in exceptions),
        trust_fingerprint,
        *([str(index)] if index else []),
        *([others] if others else []),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def evaluate(case: Case) -> Decision | Wanted:
    """Judge. The gates come first and nothing relaxes them; then `require`, which exceptions and `warn` may."""
    gates = _gates(case)
    shut = [check for check in gates if not check.passed]
    if shut:
        reason = "revoked" if any(check.word == "revoked" for check in shut) else "not-allowed"
        return _decision(case, Verdict.DENY, checks=gates, summary=shut[0].summary, reason=reason)
    outcome = _require(case)
    if outcome.wanted is not None:
        return outcome.wanted
    checks = (*gates, *outcome.checks, *_exception_check(outcome.grant))
    if outcome.rank == _PASSED:
        return _allow(case, outcome, checks)
    summary = _summary(outcome.failed)
    if outcome.rank != _FAILED:
        return _decision(case, Verdict.INCONCLUSIVE, checks=checks, summary=summary, reason="inconclusive")
    if case.rule.mode == "warn":
        summary = f"served though {summary} (mode: warn)"
        return _decision(case, Verdict.ALLOW, checks=checks, summary=summary, reason="allowed", is_warned=True)
    decision = _decision(case, Verdict.DENY, checks=checks, summary=summary, reason=_reason(outcome))
    # What passed still proves a time: a tag that moves away from this digest must not go back behind it (T12). And all
    # that was proved must be kept of an image that was admitted once: by less of it, it might be admitted again.
    return replace(
        decision,
        proved_at=outcome.footing.signed_at or outcome.footing.attested_at,
        evidence=tuple(sorted({digest for each in _heard(case) for digest in each.sources})),
    )


def _heard(case: Case) -> Iterable[Evidence]:
    """What was proved of this very image, and is of a kind that the rule asks of who says it."""
    asking = [
        leaf for leaf in case.rule.require.leaves if isinstance(leaf, SignatureRequirement | AttestationRequirement)
    ]
    own = (each for each in case.evidence if each.subject == case.digest)
    return (each for each in own if any(leaf.concerns(each) for leaf in asking))


def _reason(outcome: _Outcome) -> str:
    """The bounded word for why it is denied."""
    failed = [answer for answer in outcome.answers if not answer.check.passed]
    if any(answer.check.is_alarm for answer in failed):
        return "verifiers-disagree"
    return "condition" if failed and all(answer.by_facts for answer in failed) else "unverified"


def _gates(case: Case) -> tuple[Check, ...]:
    revoked = revoked_reason(case.policy, case.digest) or revoked_bytes(case.policy, case.manifest.raw)
    matches = case.rule.glob.matches(str(case.repository))
    gates = [
        Check(
            "revoked",
            "revoked",
            passed=revoked is None,
            summary="not revoked" if revoked is None else f"revoked: {revoked}",
        ),
        Check(
            "rule", "rule", passed=matches, summary=f"rule {case.rule.match}{'' if matches else ' is of other names'}"
        ),
    ]
    if not case.manifest.is_index:
        gates.append(permits_platform(case.rule, case.platform))
    return tuple(gates)


def _require(case: Case) -> _Outcome:
    """The best of: no exception, or each exception alone. Two exceptions never add up (T40)."""
    proofs = _proofs(case)
    plain = _outcome(case, proofs, None)
    if plain.rank == _PASSED:
        return plain
    usable = in_force(case.exceptions, repository=case.repository, digest=case.digest, now=case.now, index=case.index)
    return max([plain, *(_outcome(case, proofs, grant) for grant in usable)], key=lambda outcome: outcome.rank)


def _outcome(case: Case, proofs: Proofs, grant: ExceptionGrant | None) -> _Outcome:
    waived = grant.waive if grant else frozenset[str]()
    answers = case.rule.require.answers(proofs, waived)
    # What requires nothing proves nothing, on whatever base it stands.
    if case.rule.base is None or not answers:
        return _Outcome(answers, grant)
    base = base_answer(proofs, case.bases)
    answer = waive(base.answer) if BASE in waived else base.answer
    return _Outcome((*answers, answer), grant, base.proved)


def _proofs(case: Case) -> Proofs:
    return Proofs(
        digest=case.digest,
        repository=case.repository,
        manifest=case.manifest,
        evidence=case.evidence,
        rejections=case.rejections,
        gaps=case.gaps,
        gathered=case.gathered,
        now=case.now,
        signed_as=case.rule.signed_as,
        platforms=case.rule.platforms,
        config_raw=case.config_raw,
        index=case.index,
        index_evidence=case.index_evidence,
        children=case.children,
        wanted_urls=case.wanted_urls,
        was_admitted=case.was_admitted,
    )


def _exception_check(grant: ExceptionGrant | None) -> tuple[Check, ...]:
    if grant is None:
        return ()
    return (Check("exception", "exception", passed=True, summary=f"exception {grant.label}"),)


def _allow(case: Case, outcome: _Outcome, checks: tuple[Check, ...]) -> Decision:
    used = [check for check in outcome.checks if check.passed and not check.is_waived]
    summary = ", ".join(check.summary for check in used)
    if outcome.grant is not None:
        summary = f"exception {outcome.grant.label}"
    footing = outcome.footing
    until = soonest([footing.until, outcome.grant.until if outcome.grant else None])
    decision = _decision(case, Verdict.ALLOW, checks=checks, summary=summary, reason="allowed", until=until)
    return replace(
        decision,
        exceptions=(outcome.grant.label,) if outcome.grant else (),
        proved_at=footing.signed_at or footing.attested_at,
        rests_on=footing.rests_on,
        opinions=footing.opinions,
        bases=outcome.bases,
        warnings=footing.warnings,
        alarms=tuple(sorted({*decision.alarms, *footing.alarms})),
        grace_from=footing.grace_from,
    )


def _decision(
    case: Case,
    verdict: Verdict,
    *,
    checks: tuple[Check, ...],
    summary: str,
    reason: str,
    until: datetime | None = None,
    is_warned: bool = False,
) -> Decision:
    rests_on_refusal = verdict is not Verdict.ALLOW or is_warned
    return Decision(
        key=case.key,
        verdict=verdict,
        repository=case.repository,
        digest=case.digest,
        rule=case.rule.match,
        mode=case.rule.mode,
        summary=summary,
        reason=reason,
        checks=checks,
        rejections=case.rejections,
        evidence=tuple(dict.fromkeys(digest for check in checks for digest in check.evidence)),
        identities=tuple(sorted({identity for check in checks for identity in check.identities})),
        made_at=case.now,
        expires_at=case.now + DENY_LIFETIME if rests_on_refusal else until,
        is_warned=is_warned,
        alarms=tuple(sorted({each.reason for each in case.rejections if each.is_alarm})),
        index=case.index,
    )


def _summary(failed: Sequence[Check]) -> str:
    """The first thing that is missing for good, else the first that is open, and how many more there are."""
    if not failed:
        return "the rule requires nothing, and nothing is proved by that"
    first = min(failed, key=lambda check: check.is_open)
    more = len(failed) - 1
    return f"{first.summary} (and {more} more)" if more else first.summary
