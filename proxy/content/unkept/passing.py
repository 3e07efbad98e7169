"""A transfer for one reader, kept nowhere. Law: memory is constant, and the last block leaves after the proof, as ever.

A window of memory moves along with the reader: the upstream waits while it is full, so that a slow reader costs its own
transfer and nobody else's.
"""

import asyncio
import os
from collections.abc import Callable

from proxy.content.disk import disk_errors, feed
from proxy.content.growing import Growth
from proxy.content.store import Body
from proxy.content.unkept.window import Window
from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Digest, Hasher

# Bytes that may wait for the reader; more than the tail, or the end would wait for itself.
WINDOW = 1024 * 1024


def _nobody() -> None:
    """Nobody brings bytes (any more)."""


class Passing:
    """`store.Partial` for one reader. `hasher`: what the reader had already, of another file, is hashed in it."""

    def __init__(self, digest: Digest, size: int, *, hasher: Hasher | None = None) -> None:
        self.digest = digest
        self.size = size
        self.validator: str | None = None
        self.left: Callable[[], object] = _nobody  # called when the reader is gone
        self._hasher = hasher or Hasher(digest)
        self._taken = self._hasher.count
        self._window = Window(size)
        self._window.begin(self._taken)
        self._growth = Growth(digest, size)
        self._growth.advance(self._taken)
        self._room = asyncio.Event()
        self._is_over = False

    @property
    def received(self) -> int:
        return self._hasher.count

    async def remember(self, validator: str | None) -> None:
        self.validator = validator

    async def write(self, chunk: bytes) -> None:
        if self.received + len(chunk) > self.size:
            raise ContentMismatch(f"the upstream sent more than the {self.size} bytes that the blob has")
        while self.received - self._taken >= WINDOW and not self._is_over:
            self._room.clear()
            await self._room.wait()
        if self._is_over:
            raise StorageError("its reader is gone", retry_after=1)
        self._window.put(chunk, self.received)
        self._hasher.update(chunk)
        self._growth.advance(self.received)

    async def sink(self) -> None:
        """The upstream waits for the reader, and so does no thread."""

    async def commit(self) -> None:
        """Prove, and release the tail. Raises ContentMismatch, after which the reader fails."""
        try:
            self._require_proof()
        except ContentMismatch as reason:
            await self.fail(reason, keep=False)
            raise
        self._growth.prove()

    def _require_proof(self) -> None:
        if self.received < self.size:
            raise ContentMismatch(f"the blob ended after {self.received} of {self.size} bytes")
        self._hasher.prove()

    async def fail(self, reason: Exception, *, keep: bool) -> None:  # noqa: ARG002 - store.Partial; nothing is kept here
        self._growth.fail(reason)

    def follow(self) -> "PassingBody":
        """Its one reader."""
        return PassingBody(self, self._growth, self._window)

    def take(self, until: int) -> None:
        """The reader has what lies before `until`."""
        self._taken = max(self._taken, until)
        self._window.drop(self._taken)
        self._room.set()

    def end(self) -> None:
        """The reader is gone, at its end or before."""
        self._is_over = True
        self._room.set()
        self._window.close()
        self.left()


class PassingBody:
    """By asking for more, the reader says that it took what was released: it is not there a second time."""

    is_stored = False
    is_kept = False

    def __init__(self, passing: Passing, growth: Growth, window: Window) -> None:
        self.digest = passing.digest
        self.size = passing.size
        self._passing = passing
        self._growth = growth
        self._window = window
        self._is_open = True

    @property
    def released(self) -> int:
        return self._growth.released

    def fileno(self) -> int:
        return self._window.fileno()

    async def more(self, beyond: int) -> int:
        if not self._growth.stage.is_proved:
            self._passing.take(min(beyond, self._growth.released))
        return await self._growth.more(beyond)

    def doubt(self) -> None:
        """Nobody reads it again."""

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._passing.end()


async def hashed(body: Body, until: int) -> Hasher:
    """Hash the beginning of a reader's own file: what it gave away so far. Raise StorageError where it is not there."""
    hasher, spare = Hasher(body.digest), os.dup(body.fileno())

    def read() -> None:
        try:
            with disk_errors():
                feed(hasher, spare, until=until)
        finally:
            os.close(spare)

    await asyncio.shield(asyncio.to_thread(read))
    if hasher.count != until:
        raise StorageError("the growing file is shorter than it was; ask again", retry_after=1)
    return hasher
