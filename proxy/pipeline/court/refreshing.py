"""Refreshes trust roots in time, and takes up what a command refreshed. A failure takes nothing away, and is said once.

Nobody waits for it: the proxy starts with the roots that it holds, and judges by them for as long as their windows last.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.errors import PratiqueError, UpstreamTimeout, UpstreamUnavailable
from proxy.events import Event, TrustRefreshed
from proxy.pipeline.clock import Clock
from proxy.trust.held import HeldRoots
from proxy.trust.keeper import staleness
from proxy.trust.settings import HeldRoot, Plan, TufSource
from proxy.upstream.fetcher import Fetcher, host_of

_LOOK_SECONDS = 60.0
_AGAIN = timedelta(minutes=10)  # after a failure; a root is asked for by every site, so that nobody hurries
_HANGING_SECONDS = 10.0  # then the others are taken up; one repository that hangs holds up no other
_DOCUMENT_SECONDS = 60.0  # the fetcher's own limits are shorter; this one is for a loop that does not answer
_WHOLE_SECONDS = 300.0  # a repository that answers slowly, document by document, is as good as one that does not


@dataclass(frozen=True, slots=True)
class Believed:
    """What stands: how roots are refreshed, those held by name, and the names of those that must not be used."""

    plans: Sequence[Plan]
    roots: Mapping[str, HeldRoot]
    stale: Collection[str]


class Refresher:
    """`believed` tells what stands now; `renew` makes it of the held roots again, which is called when they differ."""

    def __init__(
        self,
        believed: Callable[[], Believed],
        held: HeldRoots,
        fetcher: Fetcher,
        clock: Clock,
        emit: Callable[[Event], None],
        renew: Callable[[], Awaitable[None]],
    ) -> None:
        self._believed = believed
        self._held = held
        self._fetcher = fetcher
        self._clock = clock
        self._emit = emit
        self._renew = renew
        # By the source's id: a root that a new policy fetches elsewhere begins anew.
        self._next: dict[str, datetime] = {}
        self._taken: dict[str, HeldRoot | None] = {}
        self._said: dict[str, tuple[str, str]] = {}
        self._at: dict[str, datetime] = {}

    def refreshed_at(self, root: str) -> datetime | None:
        """When the root of this name was refreshed last, though it may have been the same as before; None: never here."""
        return self._at.get(root)

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311 so that sites do not ask together

    async def look(self) -> None:
        """Refresh what is due, and renew what stands where that is another than what is held; raise no PratiqueError."""
        waiting = {asyncio.create_task(self._attend(plan)) for plan in self._believed().plans}
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, timeout=_HANGING_SECONDS)
                for task in done:
                    task.result()
                await self._settle()
        finally:
            for task in waiting:
                task.cancel()

    async def _attend(self, plan: Plan) -> None:
        held = await asyncio.to_thread(self._held.get, plan.source)
        now = self._clock.now()
        if now >= self._due(plan, held, now):
            await self._refresh(plan, held)
        elif self._is_new(plan, held):
            self._say(plan, "refreshed", "it was refreshed by a command")

    async def _refresh(self, plan: Plan, before: HeldRoot | None) -> None:
        source = plan.source
        try:
            raw = await fetch_root(source, held=self._held, fetcher=self._fetcher)
            await asyncio.to_thread(self._held.write, source, raw, at=self._clock.now())
        except PratiqueError as error:
            self._next[source.id] = self._clock.now() + min(_AGAIN, plan.every)
            self._say(plan, "failed", error.message)
            return
        self._next[source.id] = self._clock.now() + plan.every
        standing = before or self._believed().roots.get(source.name)
        self._say(plan, "unchanged" if standing is not None and standing.raw == raw else "refreshed", "")

    async def _settle(self) -> None:
        """Renew once for all that differs, and once for each difference: one that cannot be taken up is not tried again."""
        is_other, refreshed = False, dict[str, datetime]()
        for plan in self._believed().plans:
            held = await asyncio.to_thread(self._held.get, plan.source)
            why = staleness(plan.source.name, held, max_age=plan.max_age, now=self._clock.now()) or ""
            if self._is_new(plan, held) or self._is_stale_news(plan, held, why):
                is_other = True
            self._taken[plan.source.id] = held
            if held is not None and held.at is not None:
                refreshed[plan.source.name] = held.at
        self._at = refreshed
        if is_other:
            await self._renew()

    def _is_new(self, plan: Plan, held: HeldRoot | None) -> bool:
        """Whether other bytes are held than those that stand, and than those that were tried already."""
        standing, tried = self._believed().roots.get(plan.source.name), self._taken.get(plan.source.id)
        return held is not None and all(each is None or each.raw != held.raw for each in (standing, tried))

    def _is_stale_news(self, plan: Plan, held: HeldRoot | None, why: str) -> bool:
        """Whether a root went out of use, or is of use again, since what stands was made."""
        if plan.max_age is None or held is None:
            return False
        was_stale = plan.source.name in self._believed().stale
        if why and not was_stale:
            self._say(plan, "stale", why)
        return bool(why) != was_stale

    def _due(self, plan: Plan, held: HeldRoot | None, now: datetime) -> datetime:
        """When it is asked for next; what a command refreshed in the meantime counts.

        A moment that lies further ahead than `every` is a clock's that was set back since: then it is now.
        """
        after = held.at + plan.every if held and held.at and held.at <= now else now
        asked = self._next.setdefault(plan.source.id, after)
        return max(after, asked if asked <= now + plan.every else now)

    def _say(self, plan: Plan, outcome: str, message: str) -> None:
        """Say it once for each cause; what is said again is marked, so that it is counted and not heard."""
        is_repeated = outcome != "refreshed" and self._said.get(plan.source.id) == (outcome, message)
        self._said[plan.source.id] = (outcome, message)
        self._emit(TrustRefreshed(plan.source.name, outcome, message, is_repeated))


async def fetch_root(source: TufSource, *, held: HeldRoots, fetcher: Fetcher, is_rehearsal: bool = False) -> bytes:
    """One TUF refresh in a thread, whose documents are fetched here, from the host of `source.url` and no other (T58).

    Return the root's bytes; raise as `trust.refresh.refresh` does, UpstreamTimeout after five minutes in all.
    """
    loop = asyncio.get_running_loop()
    under_way: list[Future[bytes | None]] = []
    is_over = False

    def fetch(url: str, limit: int) -> bytes | None:
        if is_over:
            raise UpstreamUnavailable("the refresh was given up")
        under_way[:] = [asyncio.run_coroutine_threadsafe(_get(fetcher, url, source, limit), loop)]
        return under_way[0].result(_DOCUMENT_SECONDS)

    def work() -> bytes:
        from proxy.trust.refresh import refresh  # late: the TUF library takes a tenth of a second to load

        return refresh(source, folder=held.folder, fetch=fetch, is_rehearsal=is_rehearsal)

    try:
        async with asyncio.timeout(_WHOLE_SECONDS):
            return await asyncio.to_thread(work)
    except TimeoutError:
        raise UpstreamTimeout(f"trust root {source.name} could not be fetched in {_WHOLE_SECONDS:.0f} s") from None
    finally:
        is_over = True
        for each in under_way:
            each.cancel()


async def _get(fetcher: Fetcher, url: str, source: TufSource, limit: int) -> bytes | None:
    return await fetcher.get(url, hosts=[host_of(source.url)], limit=limit)
