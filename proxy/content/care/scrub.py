"""Re-hashes everything that is stored, at a set rate, so that rot beneath the file system is found within a known time.

One process at a time for each directory. A file that is not what its digest says is put aside, and whoever listens fetches
it again; one that is stored, removed or replaced meanwhile is nobody's fault and is left to its own proof.
"""

import asyncio
import errno
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from proxy.content import proofs
from proxy.content.care.bookmark import Bookmark, Round
from proxy.content.care.directly import DirectFile
from proxy.content.hands import Hands
from proxy.content.proofs import Proof
from proxy.content.shelf import Shelf
from proxy.errors import ContentMismatch
from proxy.oci.digest import Digest, Hasher

Pause: TypeAlias = Callable[[float], Awaitable[None]]

_WRONG = "the stored file is not what its digest says"


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the round so far, an earlier process's part included.

    `of_files`, `of_bytes`: what was stored when this part began. `step`: bytes that were hashed since the last telling.
    """

    files: int
    bytes: int
    of_files: int
    of_bytes: int
    wrong: int
    step: int

    @property
    def ratio(self) -> float:
        return min(1.0, self.bytes / self.of_bytes) if self.of_bytes else 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """`wrong`: what was put aside by this process. `is_resumed`: an earlier one had begun the round. `seconds` of all of it."""

    files: int
    bytes: int
    wrong: tuple[Digest, ...]
    is_resumed: bool
    seconds: float


def _nobody(_progress: Progress) -> None:
    """Nobody watches."""


class Scrub:
    """One round. `rate` in bytes a second, 0 for no limit; `pause` waits, handed in so that tests need not.

    `rotted` is told of each wrong file, `doubt` of the proof that it had: where it cannot be moved it must not be served.
    `found` is told of it last.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        hands: Hands,
        rotted: Callable[[Digest, str], None],
        doubt: Callable[[Digest, Proof], None],
        found: Callable[[Digest], None],
        rate: int,
        pause: Pause,
    ) -> None:
        self._shelf = shelf
        self._hands = hands
        self._rotted = rotted
        self._doubt = doubt
        self._found = found
        self._rate = rate
        self._pause = pause

    async def run(self, progress: Callable[[Progress], None] = _nobody) -> Report:
        """Go on where the last one stopped, or begin anew; raise StorageError where another process scrubs here."""
        bookmark = await self._hands.run(lambda: Bookmark.take(self._shelf.root), undo=Bookmark.release)
        try:
            return await self._round(bookmark, progress)
        finally:
            bookmark.release()

    async def _round(self, bookmark: Bookmark, progress: Callable[[Progress], None]) -> Report:
        round_, is_resumed = bookmark.round, bookmark.round.is_going_on
        if not is_resumed:
            round_ = bookmark.round = Round(began=time.time())
        wrong: list[Digest] = []
        sizes = [size async for _, size in self._stored("")]
        async for digest, _ in self._stored(round_.after):
            count, is_wrong = await self._look(digest)
            if is_wrong:
                wrong.append(digest)
            if round_.add(str(digest), count, is_wrong=is_wrong) or is_wrong:
                await self._hands.run(bookmark.keep)
            progress(Progress(round_.files, round_.bytes, len(sizes), sum(sizes), round_.wrong, count))
        round_.ended = time.time()
        await self._hands.run(bookmark.keep)
        return Report(round_.files, round_.bytes, tuple(wrong), is_resumed, max(0.0, round_.ended - round_.began))

    async def _stored(self, after: str) -> AsyncIterator[tuple[Digest, int]]:
        """What is stored, in one order, beyond the digest named `after`."""
        for folder in await self._hands.run(self._shelf.folders):
            found = await self._hands.run(partial(self._shelf.stored, folder))
            for digest, size in sorted(found, key=lambda each: str(each[0])):
                if str(digest) > after:
                    yield digest, size

    async def _look(self, digest: Digest) -> tuple[int, bool]:
        """(bytes hashed, whether it was wrong). What is gone, or is no file by now, is for whoever opens it."""
        try:
            file = await self._hands.run(partial(DirectFile.open, self._shelf.blob(digest)), undo=_put_away)
        except ContentMismatch:
            return 0, False
        if file is None:
            return 0, False
        try:
            return await self._hash(digest, file)
        finally:
            self._hands.start(file.close)

    async def _hash(self, digest: Digest, file: DirectFile) -> tuple[int, bool]:
        hasher = Hasher(digest)
        try:
            before = await self._hands.run(partial(proofs.settled, file.descriptor))
        except ContentMismatch:  # it is being changed now: its proof will not hold, and whoever opens it hashes it
            return 0, False
        try:
            while await self._piece(hasher, file):
                pass
            hasher.prove()
        except ContentMismatch as reason:
            message = _WRONG if hasher.count >= file.size else reason.message
            return hasher.count, await self._condemn(digest, file, before, message)
        await self._hands.run(partial(self._confirm, digest, file, before))
        return hasher.count, False

    async def _piece(self, hasher: Hasher, file: DirectFile) -> int:
        """Hash the next piece, and leave the disk to others for as long as the rate asks."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        count = await self._hands.run(partial(_feed, hasher, file))
        if self._rate and count:
            await self._pause(max(0.0, count / self._rate - (loop.time() - began)))
        return count

    async def _condemn(self, digest: Digest, file: DirectFile, before: Proof, message: str) -> bool:
        """Whether it was wrong, and not merely written to, or put in another's place, while it was hashed."""
        if Proof.of(file.descriptor) != before:
            return False
        self._doubt(digest, before)
        await self._hands.run(partial(self._shelf.condemn, digest, file.descriptor))
        self._rotted(digest, message)
        self._found(digest)
        return True

    def _confirm(self, digest: Digest, file: DirectFile, before: Proof) -> None:
        """A file without a proof that holds, as after a restore from a backup, has one now."""
        if proofs.recall(self._shelf.proof(digest)) != before == Proof.of(file.descriptor):
            self._shelf.keep_proof(digest, before)


def _feed(hasher: Hasher, file: DirectFile) -> int:
    try:
        piece = file.piece(hasher.count)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise ContentMismatch("the disk cannot read the stored file") from error
    hasher.update(piece)
    return len(piece)


def _put_away(file: DirectFile | None) -> None:
    if file is not None:
        file.close()
