"""The Decision book: keeps allow and deny until they expire, and nothing inconclusive, ever."""

from datetime import datetime

from proxy.errors import RequestError
from proxy.pipeline.books import Book
from proxy.policy.decision import Decision
from proxy.state.store import StateStore

_LIMIT = 50_000  # decisions in memory; some 2 KiB each


class Decisions:
    def __init__(self, store: StateStore) -> None:
        self._book = Book(store, "decisions", limit=_LIMIT)
        self._parsed: dict[str, Decision] = {}

    async def get(self, key: str, now: datetime, items: frozenset[str] | None = None) -> Decision | None:
        """The Decision under this key, if it still holds; one that cannot be read counts as absent.

        `items` are those of the trust material that stands: an allow that rests on another holds no more. None: any.
        """
        decision = self._parsed.get(key)
        if decision is None:
            found = await self._book.get(key)
            decision = _parse(found[0]) if found else None
            if decision is None or decision.key != key:
                return None
            self._remember(decision)
        is_of_the_future = not decision.is_allow and decision.made_at > now  # the clock was set back since
        is_founded = items is None or not decision.is_allow or items.issuperset(decision.rests_on)
        return decision if decision.holds(now) and is_founded and not is_of_the_future else None

    async def keep(self, decision: Decision) -> None:
        if not decision.is_conclusive:
            return
        expires_at = decision.expires_at.timestamp() if decision.expires_at else None
        await self._book.put(decision.key, decision.to_record(), expires_at=expires_at)
        self._remember(decision)

    async def allowed(self) -> list[Decision]:
        """Every allow that is recorded, whatever it is worth now."""
        parsed = [_parse(record) for _, record in await self._book.scan()]
        return [each for each in parsed if each is not None and each.is_allow and not each.is_warned]

    async def delete(self, key: str) -> None:
        await self._book.delete(key)
        self._parsed.pop(key, None)

    def forget(self) -> None:
        self._book.forget()
        self._parsed.clear()

    def _remember(self, decision: Decision) -> None:
        if len(self._parsed) >= _LIMIT:
            self._parsed.clear()
        self._parsed[decision.key] = decision


def _parse(record: object) -> Decision | None:
    try:
        return Decision.from_record(record)  # type: ignore[arg-type] # a wrong shape raises, and counts as absent
    except (KeyError, TypeError, ValueError, AttributeError, RequestError):
        return None
