"""Makes room: the image that was not used for longest goes, whole. Law: nothing goes that somebody uses, here or elsewhere.

In this order, so that a crash or a pull between two steps finds nothing wrong:
(1) choose, by what stands here and what the state says of it
(2) its Decisions go: from now on nobody is answered by them, in any process
(3) wait until every use of before is known, here and in the other processes; who used it meanwhile keeps it
(4) its records go, each only as it was read; wait again, and put them back where somebody came between
(5) its bytes go, one by one: who has one open keeps it, and what was used since is left
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from proxy.content.disk import Steps, no_step
from proxy.content.keeping import eviction
from proxy.content.keeping.eviction import LEASE, Plan, Stored
from proxy.content.keeping.stock import Stock
from proxy.oci.digest import Digest
from proxy.pipeline.court.cases import drop_case
from proxy.pipeline.keeping.holdings import Kept, Name, kept, unfounded
from proxy.pipeline.keeping.records import DECISIONS, MANIFESTS, WITNESSES, Reader, Ruling, witnesses_of
from proxy.pipeline.keeping.usage import FLUSH_SECONDS, Usage
from proxy.state.store import Entry, StateStore

# A second until the lane tells its hits, one until they are on the disk, and what the state's watchers take.
SETTLE_SECONDS = 2 * FLUSH_SECONDS + 0.5
Pinned = Callable[[], Awaitable[Mapping[Name, object]]]  # by the names of what is pinned


@dataclass(frozen=True, slots=True)
class Chosen:
    """A plan with the records behind it. `at` is epoch seconds, `began` monotonic ones: both of before anything was read."""

    plan: Plan
    leaving: tuple[Kept, ...]
    staying: tuple[Kept, ...]
    unfounded: tuple[Ruling, ...]
    at: float
    began: float


@dataclass(frozen=True, slots=True)
class Removed:
    """What went. `pinned` and `leased` are bytes that may not go; `is_ours` False: another process evicts just now."""

    images: int = 0
    blobs: int = 0
    freed: int = 0
    pinned: int = 0
    leased: int = 0
    is_ours: bool = True


class _Record(NamedTuple):
    """An entry of the state; `of` is the key of the manifest's row that it stands for."""

    of: str
    book: str
    entry: Entry


class Evictor:
    """`pinned` tells what no eviction touches; `forget` drops what this process remembers of the state.

    `steps` is told when each part of it is done: tests end the process there.
    """

    def __init__(
        self,
        stock: Stock,
        state: StateStore,
        usage: Usage,
        *,
        pinned: Pinned,
        forget: Callable[[], None],
        cases: Path,
        lease: float = LEASE,
        settle: float = SETTLE_SECONDS,
        steps: Steps = no_step,
    ) -> None:
        self._steps = steps
        self._stock = stock
        self._state = state
        self._usage = usage
        self._pinned = pinned
        self._forget = forget
        self._cases = cases
        self.lease = lease
        self.settle = settle

    async def survey(self) -> tuple[dict[Digest, Stored], list[Kept], list[Ruling]]:
        """What stands here, and for which images. Raise StorageError."""
        await self._usage.flush()
        stored = await asyncio.to_thread(self._stock.survey)
        reader = Reader(self._state, stored)
        rulings = await reader.rulings()  # first: who is recorded meanwhile has its manifest recorded before
        rows = await reader.rows()
        found = await asyncio.to_thread(kept, rows, rulings, (await self._pinned()).keys())
        return stored, found, unfounded(rulings, found)

    async def choose(self, wanted: int) -> Chosen:
        """(1) Look, and touch nothing. Raise StorageError."""
        at, began = time.time(), time.monotonic()
        stored, found, lost = await self.survey()
        plan = await asyncio.to_thread(
            lambda: eviction.plan(
                stored,
                [each.image for each in found],
                wanted=wanted,
                now=time.time(),
                is_open=self._stock.is_open,
                lease=self.lease,
            )
        )
        names = {image.name for image in plan.images}
        leaving = tuple(each for each in found if each.image.name in names)
        staying = tuple(each for each in found if each.image.name not in names)
        return Chosen(plan, leaving, staying, tuple(lost), at, began)

    async def make_room(self, wanted: int) -> Removed:
        """Free so many bytes, or as many as may go. One process of the machine does so at a time. Raise StorageError."""
        with self._stock.alone() as is_ours:
            if not is_ours:
                return Removed(is_ours=False)
            freed = await asyncio.to_thread(self._remove_leftovers, wanted)
            if freed >= wanted:
                return Removed(freed=freed)
            removed = await self.remove(await self.choose(wanted - freed))
            return Removed(removed.images, removed.blobs, removed.freed + freed, removed.pinned, removed.leased)

    async def remove(self, chosen: Chosen) -> Removed:
        """(2) to (5). Raise StorageError, after which what went is gone, and what is left stands whole."""
        leaving = await self._take_back(chosen)
        spared = {each.image.name for each in chosen.leaving} - {each.image.name for each in leaving}
        needed = {digest for each in chosen.leaving if each.image.name in spared for digest in each.image.contents}
        contents = [each for each in chosen.plan.contents if each.digest not in needed]
        blobs, freed = await asyncio.to_thread(self._remove_contents, contents, chosen)
        self._steps("contents-gone")
        return Removed(len(leaving), blobs, freed, chosen.plan.pinned, chosen.plan.leased)

    async def _take_back(self, chosen: Chosen) -> list[Kept]:
        """Decisions, then records; return the images that nobody came for meanwhile."""
        leaving = list(chosen.leaving)
        if not leaving and not chosen.unfounded:
            return leaving
        await self._drop_decisions(chosen)
        await self._settled()
        leaving = await self._unused(leaving, chosen)
        deleted = await self._delete_records(await self._records(leaving, chosen))
        self._steps("records-gone")
        await self._settled()
        unused = await self._unused(leaving, chosen)
        if len(unused) < len(leaving):
            names = {each.image.name for each in unused}
            await self._put_back(deleted, [each for each in leaving if each.image.name not in names])
            self._steps("records-back")
        return unused

    async def _drop_decisions(self, chosen: Chosen) -> None:
        """About what leaves, and about what is not recorded any more, with their case files."""
        rulings = [*(ruling for each in chosen.leaving for ruling in each.rulings), *chosen.unfounded]
        needed = {ruling.entry.key for each in chosen.staying for ruling in each.rulings}
        gone = {ruling.entry.key: ruling.entry for ruling in rulings if ruling.entry.key not in needed}
        await self._delete_records([_Record("", DECISIONS, entry) for entry in gone.values()])
        self._steps("decisions-gone")
        await asyncio.to_thread(self._drop_cases, gone)
        self._steps("cases-gone")

    async def _records(self, leaving: Iterable[Kept], chosen: Chosen) -> list[_Record]:
        """Of the manifests that no staying image has, and of their evidence, with their values."""
        leaving = list(leaving)
        gone = {each.image.name for each in leaving}
        staying = [*chosen.staying, *(each for each in chosen.leaving if each.image.name not in gone)]
        needed = {row.entry.key for each in staying for row in each.rows}
        rows = {row.entry.key: row for each in leaving for row in each.rows if row.entry.key not in needed}
        found: list[_Record] = []
        for key, row in rows.items():
            entry = await self._state.get(MANIFESTS, key)
            if entry is not None and entry.version == row.entry.version:
                found.append(_Record(key, MANIFESTS, entry))
                witnesses = await witnesses_of(self._state, row.repository, [row.digest])
                found += (_Record(key, WITNESSES, each) for each in witnesses)
        return found

    async def _delete_records(self, records: Iterable[_Record]) -> list[_Record]:
        """Those that went: an entry that was written since it was read stays."""
        return [
            each for each in records if await self._state.delete(each.book, each.entry.key, expected=each.entry.version)
        ]

    async def _put_back(self, deleted: Iterable[_Record], used: Iterable[Kept]) -> None:
        """What stood for these, unless it was written anew meanwhile."""
        needed = {row.entry.key for each in used for row in each.rows}
        for of, book, entry in deleted:
            if of in needed:
                await self._state.compare_and_set(
                    book, entry.key, entry.value, expected=None, expires_at=entry.expires_at
                )
        self._forget()

    async def _settled(self) -> None:
        """What this process remembers goes at once; what others remember, and what they have not told yet, soon."""
        self._forget()
        await asyncio.sleep(self.settle)
        await self._usage.flush()

    async def _unused(self, found: list[Kept], chosen: Chosen) -> list[Kept]:
        here = [
            each for each in found if not any(self._is_used_here(digest, chosen) for digest in each.image.manifests)
        ]
        return await asyncio.to_thread(
            lambda: [each for each in here if not any(self._is_used(digest, chosen) for digest in each.image.manifests)]
        )

    def _is_used_here(self, digest: Digest, chosen: Chosen) -> bool:
        return self._usage.is_used_since(digest, chosen.began)

    def _is_used(self, digest: Digest, chosen: Chosen) -> bool:
        return self._is_used_here(digest, chosen) or self._stock.last_use(digest) > chosen.at

    def _remove_contents(self, contents: Iterable[Stored], chosen: Chosen) -> tuple[int, int]:
        blobs, freed = 0, 0
        for each in contents:
            if not self._is_used_here(each.digest, chosen):
                size = self._stock.remove(each.digest, unused_since=chosen.at)
                blobs, freed = blobs + (size > 0), freed + size
                self._steps("content-gone")
        return blobs, freed

    def _remove_leftovers(self, wanted: int) -> int:
        """What was put aside, and growing files that nobody takes up again, go before anything that is served."""
        freed = self._stock.remove_aside(wanted)
        return freed + self._stock.remove_abandoned(wanted - freed, unused_since=time.time() - self.lease)

    def _drop_cases(self, keys: Iterable[str]) -> None:
        for key in keys:
            drop_case(self._cases, key)
