"""Whose turn it is to ask one upstream: each account waits for itself, and what uses up a quota for itself too.

A GET of a manifest counts at Docker Hub and a HEAD does not: where such GETs must wait, HEADs, blobs and tags go on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from proxy.errors import UpstreamThrottled
from proxy.events import Event, UpstreamHeld, UpstreamSpared
from proxy.upstream.exchange.answers import PATIENCE
from proxy.upstream.restraint.quota import Quota
from proxy.upstream.restraint.retry import LONGEST
from proxy.upstream.restraint.throttle import Throttle, Turn

_EMPTY_FOR = 60  # seconds until an empty quota is tried again, where the upstream does not say when it is filled


class Turns:
    """`counts_gets`: GETs of manifests use up a quota there. `clock`: seconds that never run backwards."""

    def __init__(
        self, upstream: str, *, emit: Callable[[Event], None], clock: Callable[[], float], counts_gets: bool
    ) -> None:
        self._upstream = upstream
        self._emit = emit
        self._clock = clock
        self._counts_gets = counts_gets
        self._throttles: dict[tuple[str | None, bool], Throttle] = {}
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def take(self, what: str, *, account: str | None, method: str) -> AsyncIterator[None]:
        """Ask within; `account` None is nobody in particular. Raise UpstreamThrottled while it is too early.

        An UpstreamThrottled that is raised within is kept: later questions wait for its time.
        """
        mine = self._throttles_of(account, is_counted=self._is_counted(what, method))
        taken: list[Throttle] = []
        try:
            for each in mine:
                await self._come_up(each, what)
                taken.append(each)
            yield
        except UpstreamThrottled as error:
            self._withdraw(taken)
            if len(taken) == len(mine):
                self._hold(mine[-1], error.retry_after or PATIENCE, "429")
            raise
        except BaseException:
            self._withdraw(taken)
            raise
        else:
            for each in taken:
                each.passed()
        finally:
            self._wake()

    def note(self, quota: Quota | None, *, account: str | None) -> None:
        """Nothing is left of a quota: do not wait for the 429. Without a time to wait for, only where we know what counts."""
        if quota is None or quota.remaining or (quota.reset is None and not self._counts_gets):
            return
        throttle = self._throttles_of(account, is_counted=self._counts_gets)[-1]
        self._hold(throttle, min(LONGEST, max(1, _EMPTY_FOR if quota.reset is None else quota.reset)), "quota")

    def _is_counted(self, what: str, method: str) -> bool:
        return self._counts_gets and what == "manifest" and method == "GET"

    def _throttles_of(self, account: str | None, *, is_counted: bool) -> list[Throttle]:
        kinds = (False, True) if is_counted else (False,)
        return [self._throttles.setdefault((account, kind), Throttle(self._upstream)) for kind in kinds]

    async def _come_up(self, throttle: Throttle, what: str) -> None:
        try:
            while throttle.turn(now=self._clock()) is Turn.WAIT:
                await self._changed.wait()
        except UpstreamThrottled:
            self._emit(UpstreamSpared(self._upstream, what, "throttle"))
            raise

    def _hold(self, throttle: Throttle, seconds: int, cause: str) -> None:
        if throttle.hold(seconds, now=self._clock()):
            self._emit(UpstreamHeld(self._upstream, cause, seconds))

    def _withdraw(self, taken: list[Throttle]) -> None:
        for each in taken:
            each.withdrawn()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
