"""A Book: facts of one kind in the state store, as JSON, with a bounded memory of what was read. Never a rule."""

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from proxy.state.store import Entry, StateStore, scan_all


class Book:
    """`limit` entries are remembered; `forget` drops them all when somebody else may have written."""

    def __init__(self, store: StateStore, name: str, *, limit: int) -> None:
        self._store = store
        self._name = name
        self._limit = limit
        self._memory: OrderedDict[str, tuple[Any, int, float | None] | None] = OrderedDict()
        self._forgotten = 0
        self._is_whole = True

    @property
    def is_whole(self) -> bool:
        """Whether all that was read since the last `forget` is remembered: nothing had to make room."""
        return self._is_whole

    def remembered(self, key: str) -> tuple[bool, Any]:
        """Whether this entry, or its absence, is in memory, and its value there (None: absent)."""
        found = self._memory.get(key)
        return key in self._memory, found[0] if found else None

    async def get(self, key: str) -> tuple[Any, int, float | None] | None:
        """(value, version, expires_at) or None. Absence is remembered too: every writer here goes through this Book."""
        while key not in self._memory:
            forgotten = self._forgotten
            entry = await self._store.get(self._name, key)
            if forgotten != self._forgotten:  # somebody else wrote while we read: what was read may be of before
                continue
            if key in self._memory:  # one of us wrote while we read: theirs is newer
                break
            found = _read(entry) if entry else None
            self._keep(key, found)
            return found
        self._memory.move_to_end(key)
        return self._memory[key]

    async def fresh(self, key: str) -> tuple[Any, int, float | None] | None:
        """As it is in the store now, whoever wrote it."""
        self._memory.pop(key, None)
        return await self.get(key)

    async def put(self, key: str, value: Mapping[str, Any], *, expires_at: float | None = None) -> None:
        entry = await self._store.put(self._name, key, _write(value), expires_at=expires_at)
        self._keep(key, (value, entry.version, expires_at))

    async def compare_and_set(
        self, key: str, value: Mapping[str, Any], *, expected: int | None, expires_at: float | None = None
    ) -> bool:
        entry = await self._store.compare_and_set(
            self._name, key, _write(value), expected=expected, expires_at=expires_at
        )
        if entry is None:
            self._memory.pop(key, None)
            return False
        self._keep(key, (value, entry.version, expires_at))
        return True

    async def delete(self, key: str) -> None:
        await self._store.delete(self._name, key)
        self._memory.pop(key, None)

    async def scan(self, prefix: str = "") -> Sequence[tuple[str, Any]]:
        """Every live entry under `prefix`; one that cannot be read is left out, as if it were lost."""
        found = []
        for entry in await scan_all(self._store, self._name, prefix):
            value = _read(entry)
            if value is not None:
                found.append((entry.key, value[0]))
        return found

    async def pages(self, *, size: int) -> AsyncIterator[Sequence[tuple[str, Any]]]:
        """Every live entry that can be read, a page at a time: whoever reads a whole book leaves the loop to others."""
        after = ""
        while page := await self._store.scan(self._name, after=after, limit=size):
            after = page[-1].key
            read = [(entry.key, _read(entry)) for entry in page]
            yield [(key, found[0]) for key, found in read if found is not None]

    def forget(self, key: str | None = None) -> None:
        """One entry, or all. A read under way begins again: what it read may be of before."""
        self._forgotten += 1
        if key is not None:
            self._memory.pop(key, None)
            return
        self._memory.clear()
        self._is_whole = True

    def _keep(self, key: str, found: tuple[Any, int, float | None] | None) -> None:
        self._memory[key] = found
        self._memory.move_to_end(key)
        while len(self._memory) > self._limit:
            self._memory.popitem(last=False)
            self._is_whole = False


def _read(entry: Entry) -> tuple[Any, int, float | None] | None:
    try:
        return json.loads(entry.value), entry.version, entry.expires_at
    except ValueError:
        return None


def _write(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
