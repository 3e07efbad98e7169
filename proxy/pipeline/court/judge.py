"""Steps 3 to 6 of a pull for one manifest: remember, gather, judge, record. Every yes or no comes from `policy.evaluate`."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.errors import (
    ConditionFailed,
    Inconclusive,
    NotAllowed,
    PinMismatch,
    PolicyError,
    Revoked,
    Unverified,
    VerifiersDisagree,
)
from proxy.events import Event, Judged
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.pipeline.beside import beside
from proxy.pipeline.clock import Clock
from proxy.pipeline.court.alarms import Alarms
from proxy.pipeline.court.bases import Bases
from proxy.pipeline.court.bench import Bench
from proxy.pipeline.court.decisions import Decisions, is_founded
from proxy.pipeline.court.sitting import Errands, Reach, Sitting
from proxy.pipeline.court.standing import Regime, Standing
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.gathering.gather import Gatherer
from proxy.pipeline.gathering.revocation import Revocations
from proxy.pipeline.manifests import Manifests
from proxy.pipeline.singleflight import Flights
from proxy.policy.decision import Check, Decision, Verdict
from proxy.policy.evaluate import BaseImage, revoked_reason
from proxy.policy.hearing import Brief, Seen
from proxy.policy.rules import Rule

_DEPTH = 4  # index in index in index: no tool nests deeper

_ERRORS: dict[str, type[PolicyError]] = {
    error.reason: error for error in (Revoked, NotAllowed, Unverified, PinMismatch, ConditionFailed, VerifiersDisagree)
}


@dataclass(frozen=True, slots=True)
class Court:
    """Who runs the judge's errands. `heard` is told each hearing, where somebody keeps records."""

    manifests: Manifests
    gatherer: Gatherer
    bench: Bench
    bases: Bases
    revocations: Revocations
    heard: Callable[[Standing, Brief, Decision], None] | None = None


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
    """One image of one repository at a time, once for all who ask meanwhile. Who calls it bounds the time that they wait."""

    def __init__(
        self,
        regime: Regime,
        court: Court,
        decisions: Decisions,
        parentage: Parentage,
        clock: Clock,
        emit: Callable[[Event], None],
        *,
        gather_seconds: float,
    ) -> None:
        self._regime = regime
        self._court = court
        self._decisions = decisions
        self._parentage = parentage
        self._clock = clock
        self._emit = emit
        self.alarms = Alarms(emit, clock)
        self._gather_seconds = gather_seconds
        self._flights = Flights(work_seconds=gather_seconds)

    async def close(self) -> None:
        await self._flights.close()

    async def remembered(
        self, repository: Repository, digest: Digest, *, index: Digest | None = None
    ) -> Decision | None:
        """(3) The Decision that holds under everything that stands now; None where there is none. Raise Revoked.

        With `index`, the one about this digest as a child of that admitted Index.
        """
        self.require_not_revoked(repository, digest)
        now = self._clock.now()
        return await self._decisions.get(self._key(repository, digest, now, index), now, self._regime.current.items)

    def stands(self, decision: Decision) -> bool:
        """Whether requests about its digest are answered by this very Decision."""
        now = self._clock.now()
        try:
            self.require_not_revoked(decision.repository, decision.digest)
            key = self._key(decision.repository, decision.digest, now, decision.index)
        except PolicyError:
            return False
        is_current = key == decision.key and decision.holds(now)
        return is_current and is_founded(decision, self._regime.current.items)

    def _key(self, repository: Repository, digest: Digest, now: datetime, index: Digest | None) -> str:
        return self._regime.current.key(repository, digest, now, index=index)

    def require_not_revoked(self, repository: Repository, digest: Digest) -> None:
        """Raise Revoked: at each request, whatever is remembered, and before a byte of it is fetched."""
        standing = self._regime.current
        reason = revoked_reason(standing.policy, digest)
        if reason is None:
            return
        decision = _revoked(standing, standing.rule(repository), repository, digest, f"revoked: {reason}", self._clock)
        raise Revoked(decision.summary, record=decision.to_record())

    async def _is_whole(self, decision: Decision, *, index: Digest | None) -> bool:
        """Whether what an allow rests on is recorded still; where that was lost, it is judged and recorded again."""
        if not decision.is_allow or index is not None:
            return True
        known = (await self._parentage.family(decision.repository)).known.get(decision.digest)
        return known is not None and known.kind == "root"

    async def judge(
        self,
        repository: Repository,
        digest: Digest,
        *,
        fetched: Manifest | Index | None = None,
        index: Digest | None = None,
        above: Seen | None = None,
        reach: Reach = "near",
        depth: int = 0,
    ) -> Judgement:
        """The Decision for this manifest, as an image of its own or as the child of an admitted Index.

        What is allowed is stored with its evidence and recorded before this returns. What is not leaves nothing.
        Raise NotAllowed, an UpstreamError or StorageError.
        """
        decision = await self.remembered(repository, digest, index=index)
        # A child that was denied is asked again by an Index that is judged again: more may be known of it now.
        is_answer = decision is not None and (decision.is_allow or above is None)
        if decision is not None and is_answer and await self._is_whole(decision, index=index):
            return Judgement(decision, fetched, is_fresh=False)

        async def sit() -> Judgement:
            manifest = fetched or await self._manifest(repository, digest, reach)
            decision = await self._sit(repository, manifest, index=index, above=above, reach=reach, depth=depth)
            return Judgement(decision, manifest, is_fresh=True)

        # Under what stands now: who asks after a change never joins what was begun before it (T62). And nobody joins who
        # judges by less than he would.
        key = self._key(repository, digest, self._clock.now(), index)
        under = self._regime.current.generation, key, reach, above is None
        judgement, _ = await self._flights.join(under, sit, wait_seconds=self._gather_seconds)
        return judgement

    async def again(self, repository: Repository, digest: Digest, *, index: Digest | None = None) -> Decision:
        """Judge by all that the upstream has now, whatever is remembered; raise as `judge` does.

        What the upstream cannot answer takes nothing away: an admission that holds stays (face.md, `recheck`).
        """
        before = await self.remembered(repository, digest, index=index)
        async with _bounded(self._gather_seconds):
            manifest = await self._court.manifests.get(repository, digest)
            return await self._sit(repository, manifest, index=index, reach="upstream", keeps=before)

    async def settle(self, repository: Repository, digest: Digest, *, index: Digest | None = None) -> bool:
        """Judge by what is kept here alone, so that the next pull need not; return whether it was admitted by that.

        What is not leaves nothing: the next pull asks the upstream too. Raise as `judge` does.
        """
        self.require_not_revoked(repository, digest)
        async with _bounded(self._gather_seconds):
            manifest = await self._manifest(repository, digest, "here")
            return (await self._sit(repository, manifest, index=index, reach="here")).is_allow

    async def _manifest(self, repository: Repository, digest: Digest, reach: Reach) -> Manifest | Index:
        if reach != "here":
            return await self._court.manifests.get(repository, digest)
        manifest = await self._court.manifests.here(repository, digest)
        if manifest is None:
            raise Inconclusive("its manifest is not kept here")
        return manifest

    async def _sit(
        self,
        repository: Repository,
        manifest: Manifest | Index,
        *,
        index: Digest | None = None,
        above: Seen | None = None,
        depth: int = 0,
        reach: Reach = "near",
        keeps: Decision | None = None,
    ) -> Decision:
        began = time.monotonic()
        standing = self._regime.current
        family = await self._parentage.family(repository)
        known = family.known.get(manifest.digest)
        sitting = Sitting(
            standing,
            self._court.bench,
            self._court.gatherer,
            self._court.manifests,
            self._errands(repository, depth),
            repository=repository,
            manifest=manifest,
            rule=standing.rule(repository).match,
            now=self._clock.now(),
            index=await self._index(repository, index),
            was_admitted=known is not None and known.kind in ("root", "child"),
            reach=reach,
            above=above if above is not None and above.gathered else None,
        )
        decision = await sitting.decide()
        if keeps is not None and keeps.is_allow and sitting.learned_nothing(decision):
            return keeps
        if reach == "here" and not decision.is_allow:
            return decision
        self._clock.seen(decision.newest_proof)
        stands = await self._record(decision, manifest, sitting, index=index, seconds=time.monotonic() - began)
        if self._court.heard is not None and stands is decision:  # last: nobody waits for its file
            self._court.heard(standing, sitting.brief, decision)
        return stands

    async def _index(self, repository: Repository, digest: Digest | None) -> Index | None:
        if digest is None:
            return None
        index = await self._court.manifests.get(repository, digest)
        return index if isinstance(index, Index) else None

    def _errands(self, repository: Repository, depth: int) -> Errands:
        async def child(descriptor: Descriptor, above: Seen, reach: Reach) -> Decision:
            if depth >= _DEPTH:
                raise NotAllowed("it nests deeper than any image does")
            digest, index = descriptor.digest, above.target.digest
            judged = await self.judge(repository, digest, index=index, above=above, reach=reach, depth=depth + 1)
            return judged.decision

        async def base(name: str, brief: Brief, rule: Rule) -> BaseImage:
            return await self._court.bases.look(name, brief, rule, judge=self._base_decision)

        async def ask(keys: Sequence[str]) -> Mapping[str, bytes]:
            stores = self._regime.current.material.stores.values()
            return await self._court.revocations.ask(keys, stores, now=self._clock.now())

        return Errands(child, base, ask)

    async def _base_decision(
        self, repository: Repository, manifest: Manifest | Index, rule: str, *, is_base: bool
    ) -> Decision:
        """A base image under the rule named: kept with its evidence, so that it can be judged again, and never a root."""
        standing = self._regime.current
        sitting = Sitting(
            standing,
            self._court.bench,
            self._court.gatherer,
            self._court.manifests,
            self._errands(repository, _DEPTH),
            repository=repository,
            manifest=manifest,
            rule=rule,
            now=self._clock.now(),
            is_base=is_base,
            any_name=not is_base,  # a rule that was named for bases, whatever they are called
        )
        decision = await sitting.decide()
        if decision.is_allow:
            await self._court.gatherer.keep(repository, manifest.digest, sitting.gathered, used=set(decision.evidence))
        return decision

    async def _record(
        self,
        decision: Decision,
        manifest: Manifest | Index,
        sitting: Sitting,
        *,
        index: Digest | None,
        seconds: float,
    ) -> Decision:
        """(6) The evidence and the manifest first, then the Decision: what it says must be there when it is read.

        A denial comes first instead, and what was proved is kept of an image that was admitted: else what is stored, which
        admitted it, would do so again (promise 5).
        """
        record = decision.to_record()
        self._emit(Judged(decision.repository, decision.digest, str(decision.verdict), decision.rule, seconds, record))
        self.alarms.of(decision)
        if not decision.is_allow:
            await self._decisions.keep(decision)
            if decision.is_conclusive and sitting.brief.was_admitted:
                await self._keep_evidence(decision, sitting)
            return decision
        await beside(
            self._keep_evidence(decision, sitting),
            self._court.manifests.keep(decision.repository, manifest, config=sitting.brief.config_raw),
        )
        kind = "root" if index is None else "child"
        await self._parentage.remember(decision.repository, manifest, kind=kind)
        meanwhile = None if sitting.has_asked_upstream else self._clock.now()
        return await self._decisions.keep(decision, unless_denied_at=meanwhile)

    async def _keep_evidence(self, decision: Decision, sitting: Sitting) -> None:
        used = set(decision.evidence)
        await self._court.gatherer.keep(decision.repository, decision.digest, sitting.gathered, used=used)
        if decision.index is not None:
            await self._court.gatherer.keep(decision.repository, decision.index, sitting.of_index, used=used)


@contextlib.asynccontextmanager
async def _bounded(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Inconclusive(f"it could not be judged again within {seconds:.0f} s") from None


def _revoked(
    standing: Standing, rule: Rule, repository: Repository, digest: Digest, summary: str, clock: Clock
) -> Decision:
    """What is told and recorded of it; never kept, since revocation is asked at each request."""
    now = clock.now()
    return Decision(
        key=standing.key(repository, digest, now),
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
