"""The Decision book: keeps allow and deny until they expire, and nothing inconclusive, ever."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

from proxy.errors import RequestError, StorageError
from proxy.pipeline.books import Book
from proxy.pipeline.clock import BELIEVED
from proxy.policy.decision import Decision
from proxy.state.store import StateStore

_LIMIT = 20_000  # Decisions in memory, those that were asked for last; some 5 KiB each
_HOUR = timedelta(hours=1)
_NEWEST = "proved"
_PAGE = 64  # Decisions read at once where all are: some milliseconds of the loop


def _nobody() -> None:
    """Nobody repeats answers here."""


class Decisions:
    """`changed` is called after an allow was taken back or cut short: what was answered by it may not be repeated."""

    def __init__(self, store: StateStore, *, changed: Callable[[], None] = _nobody) -> None:
        self._book = Book(store, "decisions", limit=0)  # what is parsed is the memory
        self._times = Book(store, "times", limit=1)
        self._parsed: OrderedDict[str, Decision] = OrderedDict()
        self._changed = changed
        self._forgotten = 0
        self._is_whole = True  # all that was read since the last `forget` is remembered
        self._turn = asyncio.Lock()
        self._denials_since: datetime | None = None

    def ask_denials_again(self, now: datetime) -> None:
        """What was denied before `now` is judged anew: who is believed since then may prove it (an allow has its items)."""
        self._denials_since = now

    async def get(self, key: str, now: datetime, items: frozenset[str] | None = None) -> Decision | None:
        """The Decision under this key, if it still holds; one that cannot be read counts as absent.

        `items` are those of the trust material that stands: an allow that rests on another holds no more. None: any.
        """
        decision = await self._recorded(key)
        if decision is None:
            return None
        if not decision.is_allow:
            return decision if self._is_denial(decision, now) else None
        return decision if decision.holds(now) and is_founded(decision, items) else None

    async def keep(self, decision: Decision, *, unless_denied_at: datetime | None = None) -> Decision:
        """Record it, and return the one that stands.

        A denial counts from now on, though the disk may fail: what it takes back is not repeated. `unless_denied_at` is
        now for an allow that was made by less than all that can be known: a denial that was recorded meanwhile stands.
        """
        if not decision.is_conclusive:
            return decision
        async with self._turn:
            before = await self._recorded(decision.key)
            if before is not None and unless_denied_at is not None and self._is_denial(before, unless_denied_at):
                return before
            expires_at = decision.expires_at.timestamp() if decision.expires_at else None
            try:
                if not decision.is_allow:
                    self._remember(decision)
                await self._book.put(decision.key, decision.to_record(), expires_at=expires_at)
                self._remember(decision)
                await self._note_proved(decision)
            finally:
                if before is not None and before.is_allow and is_shortened(before, decision):
                    self._changed()
        return decision

    async def newest_proved(self) -> datetime | None:
        """The newest proved time of all that was recorded, less an hour at most: what now does not run behind."""
        self._times.forget()
        return await self._newest()

    async def _newest(self) -> datetime | None:
        found = await self._times.get(_NEWEST)
        try:
            return datetime.fromisoformat(found[0]["at"]) if found else None
        except (KeyError, TypeError, ValueError):
            return None

    async def _note_proved(self, decision: Decision) -> None:
        """Not each: an image that is signed every minute is no write every minute. What nobody believes is not kept."""
        proved = decision.newest_proof
        if proved is None or proved - decision.made_at > BELIEVED:
            return
        with contextlib.suppress(StorageError):  # the Decision stands; the next one notes its own
            newest = await self._newest()
            if newest is None or proved >= newest + _HOUR:
                await self._times.put(_NEWEST, {"at": proved.isoformat()})

    async def allowed(self) -> AsyncIterator[list[Decision]]:
        """Every allow that is recorded, whatever it is worth now, a page at a time."""
        async for page in self._book.pages(size=_PAGE):
            parsed = [_parse(record) for _, record in page]
            yield [each for each in parsed if each is not None and each.is_allow and not each.is_warned]

    async def delete(self, key: str) -> None:
        await self._book.delete(key)
        self._parsed.pop(key, None)

    async def learn(self, key: str) -> None:
        """Another process wrote this Decision: what was answered by the one before may not be repeated longer than it says.

        Raise StorageError, after which nothing is known of it here.
        """
        before = self._parsed.pop(key, None)
        self._forgotten += 1
        is_doubted = before.is_allow if before is not None else not self._is_whole
        try:
            after = await self._recorded(key)
            if before is not None and after is not None:
                is_doubted = before.is_allow and is_shortened(before, after)
        finally:
            if is_doubted:
                self._changed()

    def forget(self) -> None:
        self._forgotten += 1
        self._book.forget()
        self._times.forget()
        self._parsed.clear()
        self._is_whole = True

    async def _recorded(self, key: str) -> Decision | None:
        """From memory, else from the store; what was written or forgotten while that was read is newer."""
        while key not in self._parsed:
            forgotten = self._forgotten
            found = await self._book.get(key)
            if forgotten != self._forgotten:
                continue
            if key in self._parsed:
                break
            decision = _parse(found[0]) if found else None
            if decision is None or decision.key != key:
                return None
            self._remember(decision)
            return decision
        self._parsed.move_to_end(key)
        return self._parsed[key]

    def _is_denial(self, decision: Decision, now: datetime) -> bool:
        """Not of the future, since the clock was set back; and not from before the trust changed."""
        is_recent = self._denials_since is None or self._denials_since <= decision.made_at
        return not decision.is_allow and decision.holds(now) and decision.made_at <= now and is_recent

    def _remember(self, decision: Decision) -> None:
        self._parsed[decision.key] = decision
        self._parsed.move_to_end(decision.key)
        while len(self._parsed) > _LIMIT:
            self._parsed.popitem(last=False)
            self._is_whole = False


def is_founded(decision: Decision, items: frozenset[str] | None) -> bool:
    """Whether all of the trust material that it rests on stands still; `items` None: whatever stands."""
    return items is None or items.issuperset(decision.rests_on)


def is_shortened(before: Decision, after: Decision) -> bool:
    """Whether what was answered by an allow may not be repeated as long as it said."""
    if not after.is_allow or after.is_warned != before.is_warned:
        return True
    return after.expires_at is not None and (before.expires_at is None or after.expires_at < before.expires_at)


def _parse(record: object) -> Decision | None:
    try:
        return Decision.from_record(record)  # type: ignore[arg-type] # a wrong shape raises, and counts as absent
    except (KeyError, TypeError, ValueError, AttributeError, RequestError):
        return None
