"""Makes Decisions again before somebody waits for them: ahead of their end, and as often as the rule's `recheck` says.

What the upstream cannot answer takes nothing away (face.md). What it answers counts from the next request on.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from proxy.errors import PolicyError, PratiqueError
from proxy.pipeline.clock import Clock
from proxy.pipeline.court.decisions import Decisions
from proxy.pipeline.court.judge import Judge
from proxy.pipeline.court.standing import Regime
from proxy.policy.decision import Decision

ENDS_SOON = timedelta(hours=48)  # an admission that ends within it is counted, so that an alert can fire
_LOOK_SECONDS = 60.0
_A_ROUND = 32  # Decisions made again in one round: upstreams are asked, and a recheck is nobody's hurry
_AT_ONCE = 4
_SHORTEST_LEAD = timedelta(minutes=5)
_FORGOTTEN = timedelta(days=30)  # a Decision that nothing looks up any more, under a policy that was replaced


class Rechecks:
    """`changed` is called when a Decision's verdict became another, `ending` with how many admissions end soon."""

    def __init__(
        self,
        regime: Regime,
        judge: Judge,
        decisions: Decisions,
        clock: Clock,
        *,
        changed: Callable[[], None],
        ending: Callable[[int], None],
    ) -> None:
        self._regime = regime
        self._judge = judge
        self._decisions = decisions
        self._clock = clock
        self._changed = changed
        self._ending = ending
        self._tried: dict[str, datetime] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except PratiqueError:
                continue  # state or disk failed: the requests say so; the next round looks again

    async def look(self) -> int:
        """One bounded round; return how many Decisions were made again. Raise StorageError."""
        now = self._clock.now()
        standing = [each for each in await self._decisions.allowed() if await self._stands(each, now)]
        soon = [each for each in standing if each.expires_at is not None and each.expires_at - now <= ENDS_SOON]
        self._ending(len(soon))
        due = sorted((each for each in standing if self._is_due(each, now)), key=lambda each: each.made_at)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(decision: Decision) -> None:
            async with slots:
                await self._again(decision, now)

        await asyncio.gather(*(one(each) for each in due[:_A_ROUND]))
        self._forget(standing)
        return len(due[:_A_ROUND])

    async def _stands(self, decision: Decision, now: datetime) -> bool:
        """Whether requests are answered by this very Decision; one that nothing looks up is forgotten in the end."""
        try:
            current = await self._judge.remembered(decision.repository, decision.digest, index=decision.index)
        except PolicyError:
            current = None
        if current is None or current.key != decision.key:
            if now - decision.made_at > _FORGOTTEN:
                await self._decisions.delete(decision.key)
            return False
        return True

    def _is_due(self, decision: Decision, now: datetime) -> bool:
        tried = self._tried.get(decision.key, decision.made_at)
        recheck = self._regime.current.rule(decision.repository).recheck
        if recheck is not None and now - max(tried, decision.made_at) >= recheck:
            return True
        if decision.expires_at is None:
            return False
        lead = max(_SHORTEST_LEAD, min(ENDS_SOON, (decision.expires_at - decision.made_at) / 4))
        return decision.expires_at - now <= lead and now - tried >= lead / 8

    async def _again(self, decision: Decision, now: datetime) -> None:
        self._tried[decision.key] = now
        try:
            made = await self._judge.again(decision.repository, decision.digest, index=decision.index)
        except PratiqueError:
            return  # out of reach keeps what is known
        if made.verdict is not decision.verdict or made.expires_at != decision.expires_at:
            self._changed()

    def _forget(self, standing: Iterable[Decision]) -> None:
        keys = {each.key for each in standing}
        self._tried = {key: at for key, at in self._tried.items() if key in keys}
