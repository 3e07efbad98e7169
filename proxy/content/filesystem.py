"""The content store as a directory of files by digest. A stored blob leaves whole only while its proof holds."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from proxy.content.care.bookmark import Round, last_round
from proxy.content.care.condition import Condition
from proxy.content.care.probing import probe
from proxy.content.care.scrub import Pause, Scrub
from proxy.content.disk import Steps, disk_errors, no_step
from proxy.content.filling import FilesystemPartial, Held, hold
from proxy.content.hands import Hands
from proxy.content.progress import RemoteBody, RemoteGrowth
from proxy.content.proofs import Proof
from proxy.content.shelf import Shelf
from proxy.content.stored import StoredBody
from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Digest

# Hashing what lost its proof must not take every core from those who are served.
_PROVING_AT_ONCE = 2
_TRIES = 3


def _unheard(_state: str, _message: str) -> None:
    """Nobody asks how the disk of a command is."""


def _unasked(_digest: Digest) -> None:
    """Nobody fetches it again; the next who asks does."""


class FilesystemStore:
    """`store.ContentStore` over `root`, which is made when it is first needed.

    `rotted` is told, in the loop, of each stored file that was not what its digest says; `changed` of each turn of the
    disk's condition (`care.condition`). `clock` (epoch seconds) only names what is put aside: proofs compare with the file
    system's own clock. `steps` is called after each step: tests end the process there.
    """

    def __init__(
        self,
        root: Path,
        *,
        clock: Callable[[], float] = time.time,
        rotted: Callable[[Digest, str], None],
        changed: Callable[[str, str], None] = _unheard,
        steps: Steps = no_step,
    ) -> None:
        self._shelf = Shelf(root, clock=clock, steps=steps)
        self._rotted = rotted
        self.condition = Condition(changed)
        self._steps = steps
        self._hands = Hands()
        self._proving: dict[Digest, asyncio.Task[Proof | None]] = {}
        self._turns = asyncio.Semaphore(_PROVING_AT_ONCE)
        self._watched: dict[Digest, RemoteGrowth] = {}
        self._doubted: dict[Digest, Proof] = {}  # could not be read to their end, whatever their proof says

    async def open(self, digest: Digest) -> StoredBody | None:
        """One hop to a thread while the proof holds. Where it does not, the file is hashed first, once for all who ask."""
        proved: Proof | None = None
        with self.condition.watching():
            for _ in range(_TRIES):
                if (body := await self._open_proved(digest, proved)) is not None:
                    return body
                if (proved := await self._prove_again(digest)) is None:
                    return None
        raise StorageError("a stored file changes faster than it can be hashed; find out which program writes there")

    async def size(self, digest: Digest) -> int | None:
        return await self._hands.run(partial(self._shelf.size, digest))

    async def read(self, digest: Digest, *, limit: int) -> bytes | None:
        try:
            with self.condition.watching():
                return await self._hands.run(partial(self._shelf.read, digest, limit))
        except ContentMismatch as wrong:
            self._rotted(digest, wrong.message)
            return None

    async def write(self, digest: Digest, raw: bytes) -> None:
        with self.condition.watching(wanted=len(raw)):
            await self._hands.run(partial(self._shelf.write, digest, raw))

    async def partial(self, digest: Digest, size: int) -> FilesystemPartial | None:
        """None also where it was stored meanwhile: open, follow, and only then ask again.

        Raises StorageError at once where the whole of the blob would find no room on the disk.
        """
        with self.condition.watching(wanted=size):
            held = await self._hands.run(partial(hold, self._shelf, digest, size), undo=_let_go)
        if held is None:
            return None
        told = partial(self.condition.told, wanted=size)
        return FilesystemPartial(
            held, digest=digest, size=size, shelf=self._shelf, hands=self._hands, steps=self._steps, told=told
        )

    def follow(self, digest: Digest, size: int) -> RemoteBody:
        """Raises StorageError where nothing grows (any more): open again."""
        with disk_errors():
            descriptor = self._shelf.open_file(self._shelf.growing(digest))
            if descriptor is None:
                raise StorageError("nobody fetches this blob any more; ask again", retry_after=1)
            growth = self._watched.get(digest)
            if growth is None or not growth.speaks_of(descriptor):
                growth = self._watch(digest, size, descriptor)
            return RemoteBody(growth, descriptor)

    async def delete(self, digest: Digest) -> None:
        """Readers that have it open read on."""
        await self._hands.run(partial(self._shelf.delete, digest))

    async def scan(self) -> AsyncIterator[tuple[Digest, int]]:
        for folder in await self._hands.run(self._shelf.folders):
            for found in await self._hands.run(partial(self._shelf.stored, folder)):
                yield found

    async def is_empty(self) -> bool:
        async for _ in self.scan():
            return False
        return True

    async def tidy(self) -> None:
        """Once at start: remove what a crash left of small content."""
        await self._hands.run(self._shelf.tidy)

    async def probe(self) -> None:
        """Find out whether the disk's trouble is over, once nothing failed for a while; costs nothing while all is well."""
        if self.condition.is_well or not self.condition.is_quiet:
            return
        try:
            with self.condition.watching():
                await self._hands.run(partial(probe, self._shelf.partial, self.condition.wanted))
        except StorageError:
            return
        self.condition.proved_well()

    def scrub(self, *, rate: int, pause: Pause = asyncio.sleep, found: Callable[[Digest], None] = _unasked) -> Scrub:
        """What hashes everything again, at `rate` bytes a second (0: as fast as the disk); `run` it.

        `found` is told of what was wrong, after it was put aside.
        """
        return Scrub(
            self._shelf,
            hands=self._hands,
            rotted=self._rotted,
            doubt=self._doubted.__setitem__,
            found=found,
            rate=rate,
            pause=pause,
        )

    async def last_scrub(self) -> Round:
        """The round under way, or the last one that ended."""
        return await self._hands.run(partial(last_round, self._shelf.root))

    def close(self) -> None:
        """End the threads, after what they do now."""
        self._hands.close()

    async def _open_proved(self, digest: Digest, proved: Proof | None) -> StoredBody | None:
        """`proved`: what was just hashed, for a store that is read-only and cannot keep a proof."""
        work = partial(self._shelf.open, digest, proved, doubted=self._doubted.get(digest))
        try:
            found = await self._hands.run(work, undo=_close)
        except ContentMismatch:
            return None
        if found is None:
            return None
        return StoredBody(digest, *found, hands=self._hands, doubt=partial(self._doubted.__setitem__, digest))

    async def _prove_again(self, digest: Digest) -> Proof | None:
        task = self._proving.get(digest)
        if task is None:
            task = self._proving[digest] = asyncio.create_task(self._prove(digest))
            task.add_done_callback(lambda done: self._proved(digest, done))
        return await asyncio.shield(task)

    async def _prove(self, digest: Digest) -> Proof | None:
        async with self._turns:
            try:
                doubted = self._doubted.get(digest)
                proof = await self._hands.run(partial(self._shelf.prove_again, digest, doubted=doubted))
            except ContentMismatch as wrong:
                self._rotted(digest, wrong.message)
                return None
            self._doubted.pop(digest, None)
            return proof

    def _proved(self, digest: Digest, task: asyncio.Task[Proof | None]) -> None:
        self._proving.pop(digest, None)
        if not task.cancelled():
            task.exception()  # told to whoever still waits; nobody may

    def _watch(self, digest: Digest, size: int, descriptor: int) -> RemoteGrowth:
        def forget() -> None:
            if self._watched.get(digest) is growth:
                del self._watched[digest]

        file, record = os.dup(descriptor), self._shelf.progress(digest)
        growth = self._watched[digest] = RemoteGrowth(digest, size, file=file, record=record, gone=forget)
        return growth


def _close(found: tuple[int, Proof] | None) -> None:
    if found is not None:
        os.close(found[0])


def _let_go(held: Held | None) -> None:
    if held is not None:
        held.let_go()
