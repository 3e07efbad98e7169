"""Steps 3 to 6 of a pull for one manifest: remember, gather, judge, record. Every yes or no comes from `policy.evaluate`."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from proxy.errors import ConditionFailed, Inconclusive, NotAllowed, PinMismatch, PolicyError, Revoked, Unverified
from proxy.events import Event, Judged
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.pipeline.clock import Clock
from proxy.pipeline.decisions import Decisions
from proxy.pipeline.gather import Gathered, Gatherer
from proxy.pipeline.manifests import Manifests
from proxy.pipeline.parentage import Parentage
from proxy.pipeline.standing import Regime, Standing
from proxy.policy.decision import Check, Decision, Verdict
from proxy.policy.evaluate import Case, decision_key, evaluate, exceptions_in_force, revoked_reason
from proxy.policy.rules import Rule
from proxy.verify.prove import prove_all

_FEW = 4  # signatures that are proved on the loop itself

_ERRORS: dict[str, type[PolicyError]] = {
    error.reason: error for error in (Revoked, NotAllowed, Unverified, PinMismatch, ConditionFailed)
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A Decision, and the manifest where it was at hand. `is_fresh`: it was made just now, not remembered."""

    decision: Decision
    manifest: Manifest | Index | None
    is_fresh: bool


def raise_for(decision: Decision) -> None:
    """Raise the refusal that this Decision is; return where it allows."""
    if decision.is_allow:
        return
    if decision.verdict is Verdict.INCONCLUSIVE:
        raise Inconclusive(decision.summary, record=decision.to_record())
    raise _ERRORS.get(decision.reason, Unverified)(decision.summary, record=decision.to_record())


class Judge:
    """One image of one repository at a time. Who calls it bounds the time."""

    def __init__(
        self,
        regime: Regime,
        manifests: Manifests,
        gatherer: Gatherer,
        decisions: Decisions,
        parentage: Parentage,
        clock: Clock,
        emit: Callable[[Event], None],
    ) -> None:
        self._regime = regime
        self._manifests = manifests
        self._gatherer = gatherer
        self._decisions = decisions
        self._parentage = parentage
        self._clock = clock
        self._emit = emit

    async def remembered(self, repository: Repository, digest: Digest) -> Decision | None:
        """(3) The Decision that holds under everything that stands now; None where there is none. Raise Revoked."""
        self.require_not_revoked(repository, digest)
        standing = self._regime.current
        rule = standing.rule(repository)
        now = self._clock.now()
        return await self._decisions.get(_key(standing, rule, repository, digest, now), now)

    def require_not_revoked(self, repository: Repository, digest: Digest) -> None:
        """Raise Revoked: at each request, whatever is remembered, and before a byte of it is fetched."""
        standing = self._regime.current
        reason = revoked_reason(standing.policy, digest)
        if reason is None:
            return
        decision = _revoked(standing, standing.rule(repository), repository, digest, f"revoked: {reason}", self._clock)
        raise Revoked(decision.summary, record=decision.to_record())

    async def _is_whole(self, decision: Decision) -> bool:
        """Whether what an allow rests on is recorded still; where that was lost, it is judged and recorded again."""
        known = (await self._parentage.family(decision.repository)).known.get(decision.digest)
        return not decision.is_allow or (known is not None and known.kind == "root")

    async def judge(
        self, repository: Repository, digest: Digest, *, fetched: Manifest | Index | None = None
    ) -> Judgement:
        """The Decision for this manifest as an image of its own; raise NotAllowed, an UpstreamError or StorageError.

        What is allowed is stored with its evidence and recorded as a root before this returns. What is not leaves nothing.
        """
        decision = await self.remembered(repository, digest)
        if decision is not None and await self._is_whole(decision):
            return Judgement(decision, fetched, is_fresh=False)
        standing = self._regime.current
        began = time.monotonic()
        manifest = fetched or await self._manifests.get(repository, digest)
        case = await self._case(standing, repository, manifest)
        decision, gathered = await self._decide(standing, case)
        await self._record(decision, manifest, gathered, seconds=time.monotonic() - began)
        return Judgement(decision, manifest, is_fresh=True)

    async def _case(self, standing: Standing, repository: Repository, manifest: Manifest | Index) -> Case:
        rule = standing.rule(repository)
        now = self._clock.now()
        return Case(
            policy=standing.policy,
            rule=rule,
            repository=repository,
            digest=manifest.digest,
            manifest=manifest,
            platform=await self._manifests.platform(repository, manifest) if rule.platforms else None,
            evidence=(),
            rejections=(),
            gaps=(),
            gathered=False,
            exceptions=exceptions_in_force(standing.policy, repository=repository, digest=manifest.digest, now=now),
            key=_key(standing, rule, repository, manifest.digest, now),
            now=now,
        )

    async def _decide(self, standing: Standing, case: Case) -> tuple[Decision, Gathered]:
        """(4, 5) Judge; where more is wanted, by what is stored, then by what the upstream has. A bounded number of rounds."""
        outcome = evaluate(case)
        if isinstance(outcome, Decision):
            return outcome, Gathered()
        gathered = Gathered()
        for gather in (self._gatherer.stored, self._gatherer.fetch):
            gathered = gathered.with_more(await gather(case.repository, case.digest))
            outcome = evaluate(await _proved(standing, case, gathered))
            is_last = gather == self._gatherer.fetch
            if isinstance(outcome, Decision) and (is_last or (outcome.is_allow and not outcome.is_warned)):
                return outcome, gathered
        raise Inconclusive("the policy wants what this version cannot gather; this is a defect of ours")

    async def _record(
        self, decision: Decision, manifest: Manifest | Index, gathered: Gathered, *, seconds: float
    ) -> None:
        """(6) The evidence and the manifest first, then the Decision: what it says must be there when it is read."""
        self._emit(
            Judged(
                decision.repository,
                decision.digest,
                str(decision.verdict),
                decision.rule,
                seconds,
                decision.to_record(),
            )
        )
        if decision.is_allow:
            used = set(decision.evidence)
            await self._gatherer.keep(decision.repository, decision.digest, gathered, used=used)
            await self._manifests.keep(decision.repository, manifest)
            await self._parentage.remember(decision.repository, manifest, kind="root")
        await self._decisions.keep(decision)


def _revoked(
    standing: Standing, rule: Rule, repository: Repository, digest: Digest, summary: str, clock: Clock
) -> Decision:
    """What is told and recorded of it; never kept, since revocation is asked at each request."""
    now = clock.now()
    return Decision(
        key=_key(standing, rule, repository, digest, now),
        verdict=Verdict.DENY,
        repository=repository,
        digest=digest,
        rule=rule.match,
        mode=rule.mode,
        summary=summary,
        reason=Revoked.reason,
        checks=(Check("revoked", "revoked", passed=False, summary=summary),),
        rejections=(),
        evidence=(),
        identities=(),
        made_at=now,
        expires_at=now,
    )


def _key(standing: Standing, rule: Rule, repository: Repository, digest: Digest, now: datetime) -> str:
    return decision_key(
        repository=repository,
        digest=digest,
        rule=rule,
        exceptions=exceptions_in_force(standing.policy, repository=repository, digest=digest, now=now),
        trust_fingerprint=standing.material.fingerprint(rule.signer_names),
    )


async def _proved(standing: Standing, case: Case, gathered: Gathered) -> Case:
    prove = partial(
        prove_all,
        gathered.found,
        subject=case.digest,
        repository=case.repository,
        signers=standing.signers(case.rule),
        now=case.now,
    )
    # A key's signature takes a tenth of a millisecond; a flood of them must not hold up the loop.
    evidence, rejections = await asyncio.to_thread(prove) if len(gathered.found) > _FEW else prove()
    return replace(
        case,
        evidence=evidence,
        rejections=(*rejections, *gathered.rejections),
        gaps=gathered.gaps,
        gathered=True,
    )
