"""The state store's protocol. A Book holds facts of one kind under text keys; values are bytes of at most 1 MiB.

Every operation may raise StorageError, and nothing else. Time is the clock handed to the backend (epoch seconds);
an entry whose `expires_at` is past is absent. A version is a positive integer that grows with each change of the entry.
"""

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.errors import StorageError

MAX_VALUE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    key: str
    value: bytes
    version: int
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something in `book` may have changed; `key` "" means any of its keys, `book` "" any book, by whomever.

    `by_others`: through another store than the one that is watched, which is another process's as a rule.
    """

    book: str
    key: str
    by_others: bool = False


class StateStore(Protocol):
    """get, put, compare-and-set, delete, scan in pages, lease, TTL, watch."""

    async def get(self, book: str, key: str) -> Entry | None: ...

    async def put(self, book: str, key: str, value: bytes, *, expires_at: float | None = None) -> Entry: ...

    async def compare_and_set(
        self, book: str, key: str, value: bytes, *, expected: int | None, expires_at: float | None = None
    ) -> Entry | None:
        """Write only if the entry's version is `expected` (None: absent). Return None, and write nothing, otherwise."""
        ...

    async def delete(self, book: str, key: str, *, expected: int | None = None) -> bool:
        """Return whether an entry was there (and had version `expected`, where that is given) and is gone."""
        ...

    async def scan(self, book: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Entry]:
        """One page of live entries in key order: keys that start with `prefix` and are greater than `after`."""
        ...

    async def lease(self, name: str, *, owner: str, seconds: float) -> bool:
        """Take or renew a lease; False while somebody else's is running."""
        ...

    async def release(self, name: str, *, owner: str) -> None: ...

    def watch(self) -> AsyncIterator[Change]:
        """Changes from now on, by this process and by others; may say more than changed, never less."""
        ...

    async def close(self) -> None: ...


async def scan_all(store: StateStore, book: str, prefix: str = "") -> Sequence[Entry]:
    """Every live entry of the book under `prefix`, read page by page."""
    entries: list[Entry] = []
    while page := await store.scan(book, prefix=prefix, after=entries[-1].key if entries else ""):
        entries.extend(page)
    return entries


def require_storable(key: str, value: bytes, expires_at: float | None) -> None:
    """Raise StorageError for what no backend keeps: an empty key, more than 1 MiB, an expiry that is not a number."""
    if not key:
        raise StorageError("an entry of the state has no key; this is a defect of the program, please report it")
    if len(value) > MAX_VALUE:
        raise StorageError(f"an entry of the state is {len(value)} bytes; at most {MAX_VALUE} are kept")
    if expires_at is not None and math.isnan(expires_at):
        raise StorageError("an entry's expiry is not a number; this is a defect of the program, please report it")
