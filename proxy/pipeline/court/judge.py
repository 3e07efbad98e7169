"""Steps 3 to 6 of a pull for one manifest: remember, gather, judge, record. Every yes or no comes from `policy.evaluate`."""

import time
from collections.abc import Callable, Mapping, Sequence
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
from proxy.pipeline.clock import Clock
from proxy.pipeline.court.bases import Bases
from proxy.pipeline.court.bench import Bench
from proxy.pipeline.court.decisions import Decisions
from proxy.pipeline.court.sitting import Errands, Sitting
from proxy.pipeline.court.standing import Regime, Standing
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.gathering.gather import Gatherer
from proxy.pipeline.gathering.revocation import Revocations
from proxy.pipeline.manifests import Manifests
from proxy.policy.decision import Check, Decision, Verdict
from proxy.policy.evaluate import BaseImage, revoked_reason
from proxy.policy.hearing import Brief, key_of
from proxy.policy.rules import Rule
from proxy.verify.evidence import Target

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
    """One image of one repository at a time. Who calls it bounds the time."""

    def __init__(
        self,
        regime: Regime,
        court: Court,
        decisions: Decisions,
        parentage: Parentage,
        clock: Clock,
        emit: Callable[[Event], None],
    ) -> None:
        self._regime = regime
        self._court = court
        self._decisions = decisions
        self._parentage = parentage
        self._clock = clock
        self._emit = emit

    async def remembered(
        self, repository: Repository, digest: Digest, *, index: Digest | None = None
    ) -> Decision | None:
        """(3) The Decision that holds under everything that stands now; None where there is none. Raise Revoked.

        With `index`, the one about this digest as a child of that admitted Index.
        """
        self.require_not_revoked(repository, digest)
        standing = self._regime.current
        rule = standing.rule(repository)
        now = self._clock.now()
        return await self._decisions.get(_key(standing, rule, repository, digest, now, index), now, standing.items)

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
        depth: int = 0,
    ) -> Judgement:
        """The Decision for this manifest, as an image of its own or as the child of an admitted Index.

        What is allowed is stored with its evidence and recorded before this returns. What is not leaves nothing.
        Raise NotAllowed, an UpstreamError or StorageError.
        """
        decision = await self.remembered(repository, digest, index=index)
        if decision is not None and await self._is_whole(decision, index=index):
            return Judgement(decision, fetched, is_fresh=False)
        manifest = fetched or await self._court.manifests.get(repository, digest)
        decision = await self._sit(repository, manifest, index=index, depth=depth)
        return Judgement(decision, manifest, is_fresh=True)

    async def again(self, repository: Repository, digest: Digest, *, index: Digest | None = None) -> Decision:
        """Judge by all that the upstream has now, whatever is remembered; raise as `judge` does.

        What the upstream cannot answer takes nothing away: an admission that holds stays (face.md, `recheck`).
        """
        before = await self.remembered(repository, digest, index=index)
        manifest = await self._court.manifests.get(repository, digest)
        return await self._sit(repository, manifest, index=index, is_fresh=True, keeps=before)

    async def _sit(
        self,
        repository: Repository,
        manifest: Manifest | Index,
        *,
        index: Digest | None = None,
        depth: int = 0,
        is_fresh: bool = False,
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
        )
        decision = await sitting.decide(is_fresh=is_fresh)
        if keeps is not None and keeps.is_allow and not decision.is_conclusive:
            return keeps
        self._clock.seen(decision.proved_at)
        if self._court.heard is not None:
            self._court.heard(standing, sitting.brief, decision)
        await self._record(decision, manifest, sitting, index=index, seconds=time.monotonic() - began)
        return decision

    async def _index(self, repository: Repository, digest: Digest | None) -> Index | None:
        if digest is None:
            return None
        index = await self._court.manifests.get(repository, digest)
        return index if isinstance(index, Index) else None

    def _errands(self, repository: Repository, depth: int) -> Errands:
        async def child(descriptor: Descriptor, index: Digest) -> Decision:
            if depth >= _DEPTH:
                raise NotAllowed("it nests deeper than any image does")
            judged = await self.judge(repository, descriptor.digest, index=index, depth=depth + 1)
            return judged.decision

        async def base(name: str, brief: Brief, rule: Rule) -> BaseImage:
            return await self._court.bases.look(name, brief, rule, judge=self._base_decision)

        async def ask(keys: Sequence[str]) -> Mapping[str, bytes]:
            return await self._court.revocations.ask(keys, self._regime.current.material.stores.values())

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
            await self._court.gatherer.keep(decision.repository, decision.digest, sitting.gathered, used=used)
            await self._court.manifests.keep(decision.repository, manifest, config=sitting.brief.config_raw)
            kind = "root" if index is None else "child"
            await self._parentage.remember(decision.repository, manifest, kind=kind)
        await self._decisions.keep(decision)


def _revoked(
    standing: Standing, rule: Rule, repository: Repository, digest: Digest, summary: str, clock: Clock
) -> Decision:
    """What is told and recorded of it; never kept, since revocation is asked at each request."""
    now = clock.now()
    return Decision(
        key=_key(standing, rule, repository, digest, now, None),
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


def _key(
    standing: Standing, rule: Rule, repository: Repository, digest: Digest, now: datetime, index: Digest | None
) -> str:
    # The media type and size are the digest's own: they are no part of the key.
    target = Target(repository, digest, "", 0)
    return key_of(standing.policy, standing.material, rule, target, now, index=index)
