"""The pin book remembers; `policy.pins` decides. A pin is written by compare-and-set: the first admitted digest wins."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from proxy.content.disk import Steps, no_step
from proxy.errors import PinMismatch, RequestError, StorageError
from proxy.events import PinMoved
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.books import Book
from proxy.state.store import StateStore

_BOOK = "pins"
_MARKS = "marks"
_DISTRUST = "pins-distrusted"
_RECOVERED = "pins-recovered"
_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Pin:
    """`checked_at`: when the upstream was last asked; `offered`: another digest that it showed then, first at `offered_at`."""

    repository: Repository
    tag: Tag
    digest: Digest
    pinned_at: datetime
    checked_at: datetime
    cause: str
    by: str
    offered: Digest | None = None
    offered_summary: str | None = None
    offered_at: datetime | None = None

    def first_seen(self, digest: Digest, now: datetime) -> datetime:
        """When the upstream first offered this digest for the tag; now, if it was not seen before."""
        return self.offered_at if self.offered == digest and self.offered_at else now

    def to_record(self) -> dict[str, Any]:
        return {
            "upstream": self.repository.upstream,
            "repository": self.repository.name,
            "tag": self.tag.name,
            "digest": str(self.digest),
            "pinnedAt": self.pinned_at.isoformat(),
            "checkedAt": self.checked_at.isoformat(),
            "cause": self.cause,
            "by": self.by,
            "offered": str(self.offered) if self.offered else None,
            "offeredSummary": self.offered_summary,
            "offeredAt": self.offered_at.isoformat() if self.offered_at else None,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Pin":
        return cls(
            repository=Repository(record["upstream"], record["repository"]),
            tag=Tag(record["tag"]),
            digest=Digest.parse(record["digest"]),
            pinned_at=datetime.fromisoformat(record["pinnedAt"]),
            checked_at=datetime.fromisoformat(record["checkedAt"]),
            cause=record["cause"],
            by=record["by"],
            offered=Digest.parse(record["offered"]) if record["offered"] else None,
            offered_summary=record["offeredSummary"],
            offered_at=datetime.fromisoformat(record["offeredAt"]) if record.get("offeredAt") else None,
        )


def _nobody() -> None:
    """Nobody repeats answers here."""


class Pins:
    """`moved` returns when the move is on the disk of the audit: from there pins come back when the state is lost.

    So it is called before a pin is set: a pin that the audit does not know would be trusted anew after a loss. `changed` is
    called after one was set elsewhere than before: what was answered by the old one may not be repeated. `steps` is called
    after each step: tests end the process there.
    """

    def __init__(
        self,
        store: StateStore,
        moved: Callable[[PinMoved], Awaitable[None]],
        *,
        changed: Callable[[], None] = _nobody,
        steps: Steps = no_step,
    ) -> None:
        self._steps = steps
        self._book = Book(store, _BOOK, limit=_LIMIT)
        self._marks = Book(store, _MARKS, limit=16)
        self._moved = moved
        self._changed = changed
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, repository: Repository, tag: Tag) -> Pin | None:
        found = await self._book.get(_key(repository, tag))
        return _parse(found[0]) if found else None

    async def first(self, repository: Repository, tag: Tag, digest: Digest, *, now: datetime, by: str) -> Digest:
        """Pin the tag unless it is pinned: return the digest that the tag has from now on, ours or an earlier one's."""
        pin = Pin(repository, tag, digest, now, now, "first", by)
        async with self._turn(repository, tag):
            found = await self._book.fresh(_key(repository, tag))
            if found is None and await self._set(pin, old=None, expected=None):
                return digest
            return await self._standing(repository, tag)

    async def move(self, pin: Pin, digest: Digest, *, now: datetime, cause: str, by: str) -> Digest:
        """Move the pin unless it moved meanwhile; return the digest that the tag has now."""
        moved = Pin(pin.repository, pin.tag, digest, now, now, cause, by)
        async with self._turn(pin.repository, pin.tag):
            found = await self._book.fresh(_key(pin.repository, pin.tag))
            current = _parse(found[0]) if found else None
            is_ours = found is not None and current is not None and current.digest == pin.digest
            if found is not None and is_ours and await self._set(moved, old=pin.digest, expected=found[1]):
                return digest
            return await self._standing(pin.repository, pin.tag)

    async def restore(self, repository: Repository, tag: Tag, digest: Digest, *, now: datetime) -> None:
        """Bring back a pin that the audit or an operator remembers; an existing one stays."""
        pin = Pin(repository, tag, digest, now, now, "restore", "audit")
        if await self._book.fresh(_key(repository, tag)) is None:
            await self._set(pin, old=None, expected=None)

    async def confirm(self, repository: Repository, tag: Tag, digest: Digest, *, now: datetime, by: str) -> None:
        """An operator says: this digest it is. The one way in which a pin is set without a first pull."""
        pin = Pin(repository, tag, digest, now, now, "confirm", by)
        async with self._turn(repository, tag):
            found = await self._book.fresh(_key(repository, tag))
            old = _parse(found[0]) if found else None
            move = PinMoved(repository, tag.name, old.digest if old else None, digest, "confirm", by)
            await self._moved(move)
            self._steps("said")
            try:
                await self._book.put(_key(repository, tag), pin.to_record())
            except StorageError:
                await self._put_right(move, pin, move.old)
                raise
            self._steps("set")
        self._changed()

    def _turn(self, repository: Repository, tag: Tag) -> asyncio.Lock:
        """One writer of this process a tag: another process's is met by compare-and-set."""
        key = _key(repository, tag)
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = asyncio.Lock()
        return turn

    async def _set(self, pin: Pin, *, old: Digest | None, expected: int | None) -> bool:
        """The audit first; where the pin was not set after all, the audit is put right."""
        move = PinMoved(pin.repository, pin.tag.name, old, pin.digest, pin.cause, pin.by)
        await self._moved(move)
        self._steps("said")
        key = _key(pin.repository, pin.tag)
        try:
            is_set = await self._book.compare_and_set(key, pin.to_record(), expected=expected)
        except StorageError:
            await self._put_right(move, pin, old)
            raise
        self._steps("set")
        if not is_set:
            standing = await self.get(pin.repository, pin.tag)
            await self._put_right(move, pin, standing.digest if standing else old)
        elif old is not None:
            self._changed()
        return is_set

    async def _put_right(self, said: PinMoved, pin: Pin, stands: Digest | None) -> None:
        """Where no other digest stands, the next pin of the tag is said after this one, and the last one counts."""
        if stands is not None and stands != said.new:
            with suppress(StorageError):
                await self._moved(PinMoved(pin.repository, said.tag, said.new, stands, "restore", said.by))

    async def _standing(self, repository: Repository, tag: Tag) -> Digest:
        """The digest of a tag that has a pin; one that cannot be read is not trusted anew (promise 3)."""
        standing = await self.get(repository, tag)
        if standing is None:
            raise PinMismatch("the pin of this tag cannot be read; look at it and run `pratique pin confirm`")
        return standing.digest

    async def checked(self, pin: Pin, *, now: datetime, offered: Digest | None, summary: str | None = None) -> None:
        """Record that the upstream was asked, and what else it offers; a pin that moved meanwhile is left alone."""
        async with self._turn(pin.repository, pin.tag):
            found = await self._book.get(_key(pin.repository, pin.tag))
            current = _parse(found[0]) if found else None
            if found is None or current is None or current.digest != pin.digest:
                return
            first = current.first_seen(offered, now) if offered is not None else None
            seen = replace(current, checked_at=now, offered=offered, offered_summary=summary, offered_at=first)
            await self._book.compare_and_set(_key(pin.repository, pin.tag), seen.to_record(), expected=found[1])

    async def all(self, repository: Repository | None = None) -> Sequence[Pin]:
        prefix = f"{repository}:" if repository else ""
        pins = [_parse(value) for _, value in await self._book.scan(prefix)]
        return [pin for pin in pins if pin is not None]

    async def distrust(self, *, is_distrusted: bool) -> None:
        """After a lost state without lock or audit: `first` trusts nothing anew until an operator confirms."""
        if is_distrusted:
            await self._marks.put(_DISTRUST, {"since": True})
        else:
            await self._marks.delete(_DISTRUST)

    async def is_distrusted(self) -> bool:
        return await self._marks.get(_DISTRUST) is not None

    async def recovered(self) -> None:
        """Say that what a lost state left was brought back: until this is said, each start does it."""
        await self._marks.put(_RECOVERED, {"since": True})

    async def is_recovered(self) -> bool:
        return await self._marks.get(_RECOVERED) is not None

    async def learn(self, key: str) -> None:
        """Another process wrote this pin: where it leads elsewhere now, what was answered by it may not be repeated.

        Raise StorageError, after which nothing is known of it here.
        """
        is_known, before = self._book.remembered(key)
        self._book.forget(key)
        is_moved = is_known or not self._book.is_whole
        try:
            after = await self._book.get(key)
            if is_known:
                is_moved = _digest_of(before) != _digest_of(after[0] if after else None)
        finally:
            if is_moved:
                self._changed()

    def forget(self) -> None:
        self._book.forget()
        self._marks.forget()

    def forget_marks(self) -> None:
        self._marks.forget()


def _digest_of(record: Any) -> Any:
    """Where it leads, for comparison; what cannot be read leads nowhere."""
    return record.get("digest") if isinstance(record, dict) else None


def _key(repository: Repository, tag: Tag) -> str:
    return f"{repository}:{tag}"


def _parse(record: Any) -> Pin | None:
    try:
        return Pin.from_record(record)
    except (KeyError, TypeError, ValueError, RequestError):
        return None
