"""The content store's protocols.

The life of a blob: a Partial is opened for its digest and size and locked by one filler. The filler appends chunks, which are
hashed as they are written, and readers follow the growing file with descriptors of their own. The last block stays
withheld until length and digest are proved. Then the tail is released and the commit follows: fsync, rename, directory
fsync, a proof of the file beside it. A stored blob is opened through its proof; without one that holds, it is hashed again
before its last block leaves.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from proxy.oci.digest import Digest

# The withheld tail: the last 64 KiB, or the whole of a smaller blob.
TAIL = 64 * 1024


class Body(Protocol):
    """Bytes of one blob as a reader sees them, stored or still growing. Each reader has a descriptor of its own.

    `released` bytes from the start may be sent now. `more` waits until more than `beyond` are, and returns how many; it
    raises ContentMismatch, an UpstreamError or StorageError where that will never be: the connection is then cut.
    For a stored blob all but the tail is released at once, and `more` proves the file again before it releases the tail.
    """

    digest: Digest
    size: int

    @property
    def released(self) -> int: ...

    @property
    def is_stored(self) -> bool:
        """Whether the whole blob was proved and committed: only then are ranges answered."""
        ...

    @property
    def is_kept(self) -> bool:
        """Whether it is, or will be stored: where it is not, no range can wait for the proof of the whole."""
        ...

    def fileno(self) -> int: ...

    async def more(self, beyond: int) -> int: ...

    def doubt(self) -> None:
        """What was released could not be read: a stored file is then hashed again before anybody is served from it."""
        ...

    def close(self) -> None:
        """Safe to call twice; a reader that leaves costs the fill nothing."""
        ...


class Partial(Protocol):
    """A growing file, held by one filler under a file lock. `received` bytes are there already (and hashed)."""

    digest: Digest
    size: int

    @property
    def received(self) -> int: ...

    @property
    def validator(self) -> str | None:
        """What `remember` was told last, by this filler or by the one before it."""
        ...

    async def remember(self, validator: str | None) -> None:
        """Keep with the bytes what the upstream said of them (a strong ETag), for whoever takes them up. Never raises."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Append, hash and release (but for the tail). Raises StorageError; ContentMismatch where `size` is passed."""
        ...

    async def sink(self) -> Callable[[memoryview], None] | None:
        """The same door for a thread that brings the bytes: it blocks, and raises as `write` does.

        A piece is read until the next call returns: two buffers in turn serve a transfer. One thread at a time, which ends
        before `commit` or `fail` is called. None: only `write` is there.
        """
        ...

    async def commit(self) -> None:
        """Prove, release the tail, then make it durable and visible.

        Raises ContentMismatch, after which every reader fails, and the bytes are gone.
        """
        ...

    async def fail(self, reason: Exception, *, keep: bool) -> None:
        """Tell the readers why, and let go; with `keep` the bytes stay, to be taken up again."""
        ...

    def follow(self) -> Body: ...


class ContentStore(Protocol):
    """Files by digest, sha256 and sha512. Every operation raises StorageError for what the disk does."""

    async def open(self, digest: Digest) -> Body | None:
        """A reader of a committed blob, or None where there is none. A file that is not what it was is put aside: None."""
        ...

    async def size(self, digest: Digest) -> int | None: ...

    async def read(self, digest: Digest, *, limit: int) -> bytes | None:
        """A small blob whole, hashed at each read; None where there is none or it rotted (then it is put aside)."""
        ...

    async def write(self, digest: Digest, raw: bytes) -> None:
        """Store small content at once, atomic and durable. Raises ContentMismatch where `raw` is something else."""
        ...

    async def partial(self, digest: Digest, size: int) -> Partial | None:
        """Take the growing file, what is there of it hashed again; None where another process holds it."""
        ...

    def follow(self, digest: Digest, size: int) -> Body:
        """Follow a growing file that another process fills, by its progress record."""
        ...

    async def delete(self, digest: Digest) -> None: ...

    def scan(self) -> AsyncIterator[tuple[Digest, int]]: ...

    async def is_empty(self) -> bool: ...
