"""Step 2: a tag becomes a digest. Its lock or pin first, else the upstream; what a tag leads to is never followed silently."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from proxy.errors import Inconclusive, PratiqueError, StorageError, UpstreamTimeout
from proxy.events import DriftSeen, Event
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.clock import Clock
from proxy.pipeline.court.judge import Judge, Judgement
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.manifests import Manifests
from proxy.pipeline.tags.pins import Pin, Pins
from proxy.policy import moves
from proxy.policy.decision import Decision
from proxy.policy.moves import Doubt
from proxy.policy.pins import AskUpstream, choose
from proxy.policy.rules import Rule

_BY = "proxy"
_DENIED = 10_000  # tags whose denial is remembered; beyond it each asks its upstream again


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a tag stands for now, and the judgement of it. `asks_again_at`: epoch seconds at which a follower looks again."""

    digest: Digest
    judgement: Judgement
    asks_again_at: float | None = None


class Resolver:
    def __init__(
        self,
        regime: Regime,
        manifests: Manifests,
        judge: Judge,
        pins: Pins,
        clock: Clock,
        emit: Callable[[Event], None],
        *,
        patience: float,
    ) -> None:
        """`patience`: seconds that a tag with a pin waits for its upstream, well within what a client waits."""
        self._regime = regime
        self._manifests = manifests
        self._judge = judge
        self._pins = pins
        self._clock = clock
        self._emit = emit
        self._patience = patience
        self._denied: dict[tuple[Repository, Tag, int], Digest] = {}

    async def resolve(self, repository: Repository, tag: Tag) -> Resolved:
        """Resolve and judge: which of two digests a tag gets may hang on the Decision about the newer one."""
        standing = self._regime.current
        rule = standing.rule(repository)
        pin = await self._pins.get(repository, tag)
        choice = choose(
            rule,
            pin=pin.digest if pin else None,
            locked=standing.lock.get((repository, tag.name)),
            age=self._clock.now() - pin.checked_at if pin else None,
            is_distrusted=await self._pins.is_distrusted(),
        )
        if isinstance(choice, Digest):
            return await self._pinned(repository, choice, rule, pin)
        return await self._asked(repository, tag, rule, choice, pin)

    async def _pinned(self, repository: Repository, digest: Digest, rule: Rule, pin: Pin | None) -> Resolved:
        judgement = await self._judge.judge(repository, digest)
        again = None
        if rule.pinning == "follow" and pin is not None and pin.digest == digest:
            again = (pin.checked_at + rule.ttl).timestamp()
        return Resolved(digest, judgement, again)

    async def _asked(
        self, repository: Repository, tag: Tag, rule: Rule, choice: AskUpstream, pin: Pin | None
    ) -> Resolved:
        """One look at the upstream: the manifest that is judged is the one that was fetched (T01)."""
        denied = await self._denied_lately(repository, tag) if pin is None else None
        if denied is not None:
            return denied
        try:
            manifest = await self._fetch(repository, tag, is_kept=choice.but_keep is not None)
        except PratiqueError as error:
            if pin is None or choice.but_keep is None or isinstance(error, StorageError):
                raise
            await self._pins.checked(pin, now=self._clock.now(), offered=pin.offered, summary=pin.offered_summary)
            return await self._kept(repository, choice.but_keep, rule)
        if pin is None:
            return await self._first(repository, tag, rule, manifest)
        return await self._followed(repository, tag, rule, manifest, pin)

    async def _fetch(self, repository: Repository, tag: Tag, *, is_kept: bool) -> Manifest | Index:
        try:
            async with asyncio.timeout(self._patience if is_kept else None):
                return await self._manifests.fetch(repository, tag)
        except TimeoutError:
            raise UpstreamTimeout(f"{repository.upstream} does not say in time what {tag} is") from None

    async def _first(self, repository: Repository, tag: Tag, rule: Rule, manifest: Manifest | Index) -> Resolved:
        judgement = await self._judge.judge(repository, manifest.digest, fetched=manifest)
        decision = judgement.decision
        if not decision.is_allow or decision.is_warned:  # `warn` makes no pin
            self._remember_denied(repository, tag, decision)
            return Resolved(manifest.digest, judgement, self._clock.now().timestamp())
        await self._require_standing(decision)
        now = self._clock.now()
        winner = await self._pins.first(repository, tag, manifest.digest, now=now, by=_BY)
        if winner != manifest.digest:
            return await self._kept(repository, winner, rule)
        again = (now + rule.ttl).timestamp() if rule.pinning == "follow" else None
        return Resolved(manifest.digest, judgement, again)

    def _remember_denied(self, repository: Repository, tag: Tag, decision: Decision) -> None:
        if len(self._denied) >= _DENIED:
            self._denied.clear()
        if not decision.is_allow:
            self._denied[(repository, tag, self._regime.current.generation)] = decision.digest

    async def _denied_lately(self, repository: Repository, tag: Tag) -> Resolved | None:
        """The denial of what the tag led to, while it holds: nodes ask again and again, and upstreams count manifests."""
        digest = self._denied.get((repository, tag, self._regime.current.generation))
        decision = await self._judge.remembered(repository, digest) if digest is not None else None
        if decision is None or decision.is_allow:
            return None
        return Resolved(decision.digest, Judgement(decision, None, is_fresh=False))

    async def _require_standing(self, decision: Decision) -> None:
        """A pin rests on what stands when it is made, not on a policy that was replaced while this was judged."""
        standing = await self._judge.remembered(decision.repository, decision.digest)
        if standing is None or standing.key != decision.key:
            raise Inconclusive("the policy was replaced while this was judged; ask again", retry_after=1)

    async def _followed(
        self, repository: Repository, tag: Tag, rule: Rule, manifest: Manifest | Index, pin: Pin
    ) -> Resolved:
        """A moved tag is taken up only when the new digest is admitted; until then the old one stays, and drift is shown."""
        now = self._clock.now()
        if manifest.digest == pin.digest:
            await self._pins.checked(pin, now=now, offered=None)
            return await self._kept(repository, pin.digest, rule)
        summary, doubts, is_admitted = await self._candidate(repository, manifest, rule, pin)
        for doubt in doubts:
            kind = "digest" if doubt.kind == "young" else doubt.kind
            self._emit(DriftSeen(repository, tag.name, pin.digest, manifest.digest, kind, doubt.summary))
        if is_admitted and not any(doubt.is_denied for doubt in doubts):
            digest = await self._pins.move(pin, manifest.digest, now=now, cause="follow", by=_BY)
            return await self._kept(repository, digest, rule)
        if not doubts:
            self._emit(DriftSeen(repository, tag.name, pin.digest, manifest.digest))
        await self._pins.checked(pin, now=now, offered=manifest.digest, summary=summary)
        return await self._kept(repository, pin.digest, rule)

    async def _candidate(
        self, repository: Repository, manifest: Manifest | Index, rule: Rule, pin: Pin
    ) -> tuple[str, tuple[Doubt, ...], bool]:
        """What is said of the new digest, what the rule has against the move, and whether it is admitted at all."""
        try:
            decision = (await self._judge.judge(repository, manifest.digest, fetched=manifest)).decision
            if decision.is_allow:
                await self._require_standing(decision)
            pinned = (await self._judge.judge(repository, pin.digest)).decision
        except StorageError:
            raise
        except PratiqueError as error:
            return error.message, (), False
        if not decision.is_allow or decision.is_warned:
            return decision.summary, (), False
        now = self._clock.now()
        first_seen = pin.first_seen(manifest.digest, now)
        young = moves.too_young(rule, offered=decision, first_seen=first_seen, now=now)
        doubts = (*((young,) if young else ()), *moves.doubts(rule, pinned=pinned, offered=decision))
        denied = [doubt.summary for doubt in doubts if doubt.is_denied]
        return denied[0] if denied else decision.summary, doubts, True

    async def _kept(self, repository: Repository, digest: Digest, rule: Rule) -> Resolved:
        judgement = await self._judge.judge(repository, digest)
        again = (self._clock.now() + rule.ttl).timestamp() if rule.pinning == "follow" else None
        return Resolved(digest, judgement, again)
