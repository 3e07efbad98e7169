"""THE JUDGE's one door. Law: nothing is allowed but by a rule whose every requirement is proved, waived or only warned of.

Pure: all that is known comes in a Case, `now` too, and a Decision comes out, or what else is Wanted before there can be one.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.errors import NotAllowed
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository, Tag
from proxy.policy.decision import Check, Decision, Verdict
from proxy.policy.exceptions import ExceptionGrant, in_force
from proxy.policy.requirements import Answer, Proofs, soonest
from proxy.policy.rules import Policy, Rule, most_specific
from proxy.verify.evidence import Evidence, Rejection

# face.md: a deny is gathered again after 60 s. What `warn` serves is a deny in all but the serving.
DENY_LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known about one image. Nothing in it is looked up again.

    `platform` is a bare Manifest's own, from its config. `gaps` are sentences about sources that could not be read
    completely. `gathered` says that signatures were looked for. `key` is `decision_key` of the same things.
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be gathered before it can be judged. `kind`: signatures."""

    kind: str


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`require` as it came out, without an exception or with exactly one."""

    answers: tuple[Answer, ...]
    grant: ExceptionGrant | None

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(answer.check for answer in self.answers)

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)

    @property
    def rank(self) -> int:
        """2 passed, 1 open, 0 failed. What failed beside something open has failed; no answers at all fail too."""
        if not self.answers:
            return 0
        return min(2 if check.passed else int(check.is_open) for check in self.checks)


def permits_repository(policy: Policy, repository: Repository) -> Rule:
    """The rule that governs it; raise NotAllowed where there is none."""
    rule = most_specific(policy.rules, repository)
    if rule is None:
        raise NotAllowed(f"no rule matches {repository}; add one to the policy's images")
    return rule


def permits_tag(rule: Rule, tag: Tag) -> None:
    """Raise NotAllowed where the rule names tags and this is none of them."""
    if rule.tags is not None and not any(pattern.matches(tag.name) for pattern in rule.tags):
        named = ", ".join(pattern.text for pattern in rule.tags)
        raise NotAllowed(f"tag {tag} is not permitted; rule {rule.match} permits {named}")


def permits_platform(rule: Rule, platform: Platform | None, *, is_child: bool = False) -> Check:
    """Whether the rule names this platform. `unknown/unknown` is served as a child of an index, and is never the image."""
    if platform is not None and platform.is_unknown:
        summary = "an attestation, served only under its index"
        return Check("platforms", "platform", passed=is_child, summary=summary)
    if not rule.platforms:
        return Check("platforms", "platform", passed=True, summary="the rule permits every platform")
    named = ", ".join(map(str, rule.platforms))
    if platform is None:
        return Check("platforms", "platform", passed=False, summary=f"no platform is named; the rule permits {named}")
    passed = any(each.covers(platform) for each in rule.platforms)
    summary = f"platform {platform}" if passed else f"platform {platform} is not permitted; the rule permits {named}"
    return Check("platforms", "platform", passed=passed, summary=summary)


def revoked_reason(policy: Policy, digest: Digest) -> str | None:
    """Why this digest may never be served again, or None. Wins over every pin, rule and exception."""
    return policy.revoked_digests.get(digest)


def exceptions_in_force(
    policy: Policy, *, repository: Repository, digest: Digest, now: datetime
) -> tuple[ExceptionGrant, ...]:
    """The exceptions that may be used for this image now, in an order of their own."""
    return in_force(policy.exceptions, repository=repository, digest=digest, now=now)


def decision_key(
    *,
    repository: Repository,
    digest: Digest,
    rule: Rule,
    exceptions: Sequence[ExceptionGrant],
    trust_fingerprint: str,
) -> str:
    """What a Decision is looked up by: SHA-256 in hex over everything that it is bound to (promise 5)."""
    parts = [
        repository.upstream,
        repository.name,
        str(digest),
        rule.match,
        rule.mode,
        rule.fingerprint,
        sorted(grant.fingerprint for grant in exceptions),
        trust_fingerprint,
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
    if outcome.rank == 1 and not case.gathered:
        return Wanted("signatures")
    checks = (*gates, *outcome.checks, *_exception_check(outcome.grant))
    if outcome.rank == 2:
        return _allow(case, outcome, checks)
    summary = _summary(outcome.failed)
    if outcome.rank == 1:
        return _decision(case, Verdict.INCONCLUSIVE, checks=checks, summary=summary, reason="inconclusive")
    if case.rule.mode == "warn":
        summary = f"served though {summary} (mode: warn)"
        return _decision(case, Verdict.ALLOW, checks=checks, summary=summary, reason="allowed", is_warned=True)
    return _decision(case, Verdict.DENY, checks=checks, summary=summary, reason="unverified")


def _gates(case: Case) -> tuple[Check, ...]:
    revoked = revoked_reason(case.policy, case.digest)
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
    usable = in_force(case.exceptions, repository=case.repository, digest=case.digest, now=case.now)
    outcomes = [_Outcome(case.rule.require.answers(proofs, frozenset()), None)]
    outcomes += [_Outcome(case.rule.require.answers(proofs, grant.waive), grant) for grant in usable]
    return max(outcomes, key=lambda outcome: outcome.rank)


def _proofs(case: Case) -> Proofs:
    return Proofs(
        digest=case.digest,
        repository=case.repository,
        evidence=case.evidence,
        found=len({each.sources for each in case.evidence}) + len(case.rejections),
        gaps=case.gaps,
        gathered=case.gathered,
        now=case.now,
        signed_as=case.rule.signed_as,
    )


def _exception_check(grant: ExceptionGrant | None) -> tuple[Check, ...]:
    if grant is None:
        return ()
    return (Check("exception", "exception", passed=True, summary=f"exception {grant.label}"),)


def _allow(case: Case, outcome: _Outcome, checks: tuple[Check, ...]) -> Decision:
    used = [answer for answer in outcome.answers if answer.check.passed and not answer.check.is_waived]
    summary = ", ".join(answer.check.summary for answer in used)
    if outcome.grant is not None:
        summary = f"exception {outcome.grant.label}"
    until = soonest([*(answer.until for answer in used), outcome.grant.until if outcome.grant else None])
    return _decision(
        case, Verdict.ALLOW, checks=checks, summary=summary, reason="allowed", until=until, outcome=outcome
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
    outcome: _Outcome | None = None,
) -> Decision:
    rests_on_refusal = verdict is not Verdict.ALLOW or is_warned
    grant = outcome.grant if outcome else None
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
        exceptions=(grant.label,) if grant else (),
    )


def _summary(failed: Sequence[Check]) -> str:
    """The first thing that is missing for good, else the first that is open, and how many more there are."""
    if not failed:
        return "the rule requires nothing, and nothing is proved by that"
    first = min(failed, key=lambda check: check.is_open)
    more = len(failed) - 1
    return f"{first.summary} (and {more} more)" if more else first.summary
