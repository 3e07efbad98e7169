"""The pin book remembers; `policy.pins` decides. A pin is written by compare-and-set: the first admitted digest wins."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proxy.errors import RequestError
from proxy.events import PinMoved
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.books import Book
from proxy.state.store import StateStore

_BOOK = "pins"
_MARKS = "marks"
_DISTRUST = "pins-distrusted"
_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Pin:
    """`checked_at`: when the upstream was last asked; `offered`: another digest that it showed then."""

    repository: Repository
    tag: Tag
    digest: Digest
    pinned_at: datetime
    checked_at: datetime
    cause: str
    by: str
    offered: Digest | None = None
    offered_summary: str | None = None

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
        )


class Pins:
    """`moved` returns when the move is on the disk of the audit: from there pins come back when the state is lost."""

    def __init__(self, store: StateStore, moved: Callable[[PinMoved], Awaitable[None]]) -> None:
        self._book = Book(store, _BOOK, limit=_LIMIT)
        self._marks = Book(store, _MARKS, limit=16)
        self._moved = moved

    async def get(self, repository: Repository, tag: Tag) -> Pin | None:
        found = await self._book.get(_key(repository, tag))
        return _parse(found[0]) if found else None

    async def first(self, repository: Repository, tag: Tag, digest: Digest, *, now: datetime, by: str) -> Digest:
        """Pin the tag unless it is pinned: return the digest that the tag has from now on, ours or an earlier one's."""
        pin = Pin(repository, tag, digest, now, now, "first", by)
        if await self._book.compare_and_set(_key(repository, tag), pin.to_record(), expected=None):
            await self._moved(PinMoved(repository, tag.name, None, digest, "first", by))
            return digest
        standing = await self.get(repository, tag)
        return standing.digest if standing else digest

    async def move(self, pin: Pin, digest: Digest, *, now: datetime, cause: str, by: str) -> Digest:
        """Move the pin unless it moved meanwhile; return the digest that the tag has now."""
        found = await self._book.get(_key(pin.repository, pin.tag))
        current = _parse(found[0]) if found else None
        if found is None or current is None or current.digest != pin.digest:
            return current.digest if current else pin.digest
        moved = Pin(pin.repository, pin.tag, digest, now, now, cause, by)
        if await self._book.compare_and_set(_key(pin.repository, pin.tag), moved.to_record(), expected=found[1]):
            await self._moved(PinMoved(pin.repository, pin.tag.name, pin.digest, digest, cause, by))
            return digest
        after = await self.get(pin.repository, pin.tag)
        return after.digest if after else digest

    async def restore(self, repository: Repository, tag: Tag, digest: Digest, *, now: datetime) -> None:
        """Bring back a pin that the audit or an operator remembers; an existing one stays."""
        pin = Pin(repository, tag, digest, now, now, "restore", "audit")
        if await self._book.compare_and_set(_key(repository, tag), pin.to_record(), expected=None):
            await self._moved(PinMoved(repository, tag.name, None, digest, "restore", "audit"))

    async def confirm(self, repository: Repository, tag: Tag, digest: Digest, *, now: datetime, by: str) -> None:
        """An operator says: this digest it is. The one way in which a pin is set without a first pull."""
        found = await self._book.get(_key(repository, tag))
        old = _parse(found[0]) if found else None
        await self._book.put(_key(repository, tag), Pin(repository, tag, digest, now, now, "confirm", by).to_record())
        await self._moved(PinMoved(repository, tag.name, old.digest if old else None, digest, "confirm", by))

    async def checked(self, pin: Pin, *, now: datetime, offered: Digest | None, summary: str | None = None) -> None:
        """Record that the upstream was asked, and what else it offers; a pin that moved meanwhile is left alone."""
        found = await self._book.get(_key(pin.repository, pin.tag))
        current = _parse(found[0]) if found else None
        if found is None or current is None or current.digest != pin.digest:
            return
        seen = Pin(
            current.repository,
            current.tag,
            current.digest,
            current.pinned_at,
            now,
            current.cause,
            current.by,
            offered,
            summary,
        )
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

    def forget(self) -> None:
        self._book.forget()
        self._marks.forget()


def _key(repository: Repository, tag: Tag) -> str:
    return f"{repository}:{tag}"


def _parse(record: Any) -> Pin | None:
    try:
        return Pin.from_record(record)
    except (KeyError, TypeError, ValueError, RequestError):
        return None
