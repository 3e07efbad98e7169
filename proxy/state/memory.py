"""The state store in memory: for tests, drills and commands that keep nothing. It ends with its process."""

import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence

from proxy.errors import StorageError
from proxy.state.store import Change, Entry, require_storable
from proxy.state.watching import Watchers


class MemoryStore:
    """Implements StateStore. Each operation is one step of the event loop, so that none can be seen half done."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._books: dict[str, dict[str, Entry]] = {}
        self._leases: dict[str, tuple[str, float]] = {}
        self._versions = itertools.count(1)  # never used twice, not even for a key that went and came back
        self._watchers = Watchers()
        self._is_closed = False

    async def get(self, book: str, key: str) -> Entry | None:
        self._require_open()
        return self._live(book, key)

    async def put(self, book: str, key: str, value: bytes, *, expires_at: float | None = None) -> Entry:
        self._require_open()
        return self._write(book, key, value, expires_at)

    async def compare_and_set(
        self, book: str, key: str, value: bytes, *, expected: int | None, expires_at: float | None = None
    ) -> Entry | None:
        self._require_open()
        found = self._live(book, key)
        if (found.version if found else None) != expected:
            return None
        return self._write(book, key, value, expires_at)

    async def delete(self, book: str, key: str, *, expected: int | None = None) -> bool:
        self._require_open()
        found = self._live(book, key)
        if found is None or expected not in (None, found.version):
            return False
        del self._books[book][key]
        self._watchers.tell(Change(book, key))
        return True

    async def scan(self, book: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Entry]:
        self._require_open()
        keys = sorted(key for key in self._books.get(book, {}) if key.startswith(prefix) and key > after)
        live = (entry for key in keys if (entry := self._live(book, key)))
        return tuple(itertools.islice(live, max(0, limit)))

    async def lease(self, name: str, *, owner: str, seconds: float) -> bool:
        self._require_open()
        now = self._clock()
        holder, until = self._leases.get(name, (owner, now))
        if holder != owner and now < until:
            return False
        self._leases[name] = (owner, now + seconds)
        return True

    async def release(self, name: str, *, owner: str) -> None:
        self._require_open()
        if self._leases.get(name, ("", 0.0))[0] == owner:
            del self._leases[name]

    def watch(self) -> AsyncIterator[Change]:
        self._require_open()
        return self._watchers.join()

    async def close(self) -> None:
        self._is_closed = True
        self._watchers.end()

    def _live(self, book: str, key: str) -> Entry | None:
        entry = self._books.get(book, {}).get(key)
        if entry and entry.expires_at is not None and entry.expires_at <= self._clock():
            del self._books[book][key]
            return None
        return entry

    def _write(self, book: str, key: str, value: bytes, expires_at: float | None) -> Entry:
        require_storable(key, value, expires_at)
        entry = Entry(key, bytes(value), next(self._versions), expires_at)
        self._books.setdefault(book, {})[key] = entry
        self._watchers.tell(Change(book, key))
        return entry

    def _require_open(self) -> None:
        if self._is_closed:
            raise StorageError("the state store is closed; the program is ending")
