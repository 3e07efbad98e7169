"""Looks, a few pins at a time, whether upstreams still say of a tag what its pin says. Drift is shown, not followed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from proxy.errors import PolicyError, PratiqueError
from proxy.events import DriftSeen, Event
from proxy.oci.digest import Digest
from proxy.pipeline.clock import Clock
from proxy.pipeline.court.judge import Judge
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.manifests import Manifests
from proxy.pipeline.tags.pins import Pin, Pins
from proxy.policy import moves
from proxy.policy.decision import Decision
from proxy.policy.evaluate import permits_tag
from proxy.policy.moves import Doubt
from proxy.upstream.registry import Upstreams

LOOK_AGAIN = timedelta(hours=1)
_ROUND_SECONDS = 60.0
_PINS_A_ROUND = 16  # Docker Hub's HEAD is free, and yet an upstream is not a clock


class DriftWatch:
    def __init__(
        self,
        regime: Regime,
        upstreams: Upstreams,
        manifests: Manifests,
        judge: Judge,
        pins: Pins,
        clock: Clock,
        emit: Callable[[Event], None],
    ) -> None:
        self._regime = regime
        self._upstreams = upstreams
        self._manifests = manifests
        self._judge = judge
        self._pins = pins
        self._clock = clock
        self._emit = emit

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            try:
                await self.look()
            except PratiqueError:
                continue  # state or disk failed: the requests say so; the next round looks again

    async def look(self) -> int:
        """One bounded round over the pins that were not looked at for longest; return how many drifted."""
        now = self._clock.now()
        due = [pin for pin in await self._pins.all() if not now - LOOK_AGAIN < pin.checked_at <= now]
        pins = sorted(due, key=lambda pin: min(pin.checked_at, now))  # of the future: the clock was set back since
        return sum([await self._check(pin) for pin in pins[:_PINS_A_ROUND]])

    async def _check(self, pin: Pin) -> bool:
        try:
            permits_tag(self._regime.current.rule(pin.repository), pin.tag)
            offered = await self._upstreams.registry(pin.repository.upstream).head(pin.repository, pin.tag)
        except PratiqueError:
            offered = None  # out of reach, or no longer allowed: nothing new is known
        if offered is None or offered == pin.digest:
            kept = pin if offered is None else None
            await self._pins.checked(
                pin,
                now=self._clock.now(),
                offered=kept.offered if kept else None,
                summary=kept.offered_summary if kept else None,
            )
            return False
        return await self._drifted(pin, offered)

    async def _drifted(self, pin: Pin, claimed: Digest) -> bool:
        """The upstream's HEAD is a hint: the manifest is fetched and hashed, and the candidate judged in advance."""
        doubts: tuple[Doubt, ...] = ()
        try:
            manifest = await self._manifests.fetch(pin.repository, pin.tag)
            if manifest.digest == pin.digest:
                await self._pins.checked(pin, now=self._clock.now(), offered=None)
                return False
            decision = (await self._judge.judge(pin.repository, manifest.digest, fetched=manifest)).decision
            offered, summary = manifest.digest, f"{decision.verdict}: {decision.summary}"
            if decision.is_allow:
                doubts = await self._doubts(pin, decision)
        except PolicyError as error:
            offered, summary = claimed, f"deny: {error.message}"
        except PratiqueError as error:
            offered, summary = claimed, f"inconclusive: {error.message}"
        if offered != pin.offered:
            for doubt in doubts:
                self._emit(DriftSeen(pin.repository, pin.tag.name, pin.digest, offered, doubt.kind, doubt.summary))
            if not doubts:
                self._emit(DriftSeen(pin.repository, pin.tag.name, pin.digest, offered))
        summary = "; ".join([summary, *(f"{doubt.kind}: {doubt.summary}" for doubt in doubts)])
        await self._pins.checked(pin, now=self._clock.now(), offered=offered, summary=summary)
        return True

    async def _doubts(self, pin: Pin, offered: Decision) -> tuple[Doubt, ...]:
        pinned = (await self._judge.judge(pin.repository, pin.digest)).decision
        return moves.doubts(self._regime.current.rule(pin.repository), pinned=pinned, offered=offered)
