"""The state's entries that stand for content, as small values: parsed in a thread, page by page, and let go of afterwards."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from proxy.errors import RequestError
from proxy.oci.digest import Digest
from proxy.state.store import Entry, StateStore

T = TypeVar("T")
MANIFESTS, DECISIONS, WITNESSES = "manifests", "decisions", "witnesses"
_PAGE = 256


@dataclass(frozen=True, slots=True)
class Row:
    """What an admitted manifest names. `subjects`: of what it is evidence. `repository` is `upstream/name`."""

    entry: Entry
    repository: str
    digest: Digest
    kind: str  # root | child | evidence
    is_index: bool
    names: tuple[Digest, ...]
    subjects: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a Decision rests on. `bases` are base images as (repository, digest)."""

    entry: Entry
    repository: str
    digest: Digest
    evidence: tuple[Digest, ...]
    bases: tuple[tuple[str, Digest], ...]


class Reader:
    """Digests that are the same are one object: ten thousand images name the same layers. `known` are some that are held."""

    def __init__(self, state: StateStore, known: Iterable[Digest] = ()) -> None:
        self._state = state
        self._digests = {digest: digest for digest in known}

    async def rows(self) -> list[Row]:
        return await self._all(MANIFESTS, self._row)

    async def rulings(self) -> list[Ruling]:
        return await self._all(DECISIONS, self._ruling)

    async def _all(self, book: str, parse: Callable[[Entry, Any], T]) -> list[T]:
        found: list[T] = []
        after = ""
        while page := await self._state.scan(book, after=after, limit=_PAGE):
            after = page[-1].key
            found += await asyncio.to_thread(_parsed, page, parse)
        return found

    def _row(self, entry: Entry, record: Any) -> Row:
        repository, _, digest = entry.key.rpartition("@")
        return Row(
            entry,
            repository,
            self._digest(digest),
            str(record["kind"]),
            bool(record["isIndex"]),
            tuple(self._digest(each[1]) for each in record["names"]),
            tuple(dict.fromkeys(self._digest(subject) for subject, _ in record["proves"])),
        )

    def _ruling(self, entry: Entry, record: Any) -> Ruling:
        return Ruling(
            entry,
            f"{record['upstream']}/{record['repository']}",
            self._digest(record["digest"]),
            tuple(self._digest(each) for each in record["evidence"]),
            tuple(self._base(each) for each in record.get("bases", ())),
        )

    def _base(self, name: str) -> tuple[str, Digest]:
        repository, _, digest = name.rpartition("@")
        return repository, self._digest(digest)

    def _digest(self, text: str) -> Digest:
        found = Digest.parse(text)
        return self._digests.setdefault(found, found)


def _parsed(page: Sequence[Entry], parse: Callable[[Entry, Any], T]) -> list[T]:
    """What cannot be read names nothing, here as where it is judged by."""
    found: list[T] = []
    for entry in page:
        try:
            # The value is not kept: what is parsed of it is a tenth.
            found.append(parse(Entry(entry.key, b"", entry.version, entry.expires_at), json.loads(entry.value)))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RequestError):
            continue
    return found


async def witnesses_of(state: StateStore, repository: str, subjects: Iterable[Digest]) -> list[Entry]:
    """When the evidence of these subjects was last looked for, and what was the newest at each tag."""
    found: list[Entry] = []
    for subject in subjects:
        for prefix in (f"{repository}@{subject}", f"{repository}:{subject.algorithm}-{subject.hex[:64]}"):
            found += await state.scan(WITNESSES, prefix=prefix, limit=100)
    return found
