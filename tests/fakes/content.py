"""A content store in memory: it passes the same contract suite as the directory, so tests elsewhere may stand on it."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable

from proxy.content.growing import GrowingBody, Growth
from proxy.content.store import TAIL
from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Digest, require_digest


def _whole(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


def _again(file: int) -> int:
    """A descriptor with an offset of its own."""
    return os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC)


def _new_file(raw: bytes = b"") -> int:
    file = os.memfd_create("content")
    os.write(file, raw)
    return file


class MemoryBody:
    is_stored = True
    is_kept = True

    def __init__(self, digest: Digest, file: int) -> None:
        self.digest = digest
        self.size = os.fstat(file).st_size
        self.released = max(0, self.size - TAIL)
        self._file: int | None = _again(file)

    def fileno(self) -> int:
        if self._file is None:
            raise StorageError("this reader was closed")
        return self._file

    async def more(self, beyond: int) -> int:
        if beyond >= self.released:
            require_digest(_whole(self.fileno()), self.digest)
            self.released = self.size
        return self.released

    def doubt(self) -> None:
        pass

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class MemoryPartial:
    def __init__(self, store: "MemoryStore", digest: Digest, size: int, kept: bytes) -> None:
        self.digest = digest
        self.size = size
        self._store = store
        self._file = _new_file(kept)
        self._growth = Growth(digest, size)
        self._growth.advance(len(kept))
        self._is_over = False
        self.validator: str | None = store.validators.get(digest)

    async def remember(self, validator: str | None) -> None:
        self.validator = self._store.validators[self.digest] = validator

    @property
    def received(self) -> int:
        return os.fstat(self._file).st_size

    async def write(self, chunk: bytes) -> None:
        self._require_filling()
        if self._store.error is not None:
            raise self._store.error
        if self.received + len(chunk) > self.size:
            raise ContentMismatch(f"the upstream sent more than the {self.size} bytes that the blob has")
        os.pwrite(self._file, chunk, self.received)
        self._growth.advance(self.received)

    async def sink(self) -> None:
        """Only `write` is there."""

    async def commit(self) -> None:
        self._require_filling()
        try:
            require_digest(_whole(self._file), self.digest)
        except ContentMismatch as reason:
            await self.fail(reason, keep=False)
            raise
        self._is_over = True
        self._growth.prove()
        self._store.growing.pop(self.digest)
        self._store.blobs[self.digest] = self._file
        self._growth.store()

    async def fail(self, reason: Exception, *, keep: bool) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._growth.fail(reason)
        self._store.growing.pop(self.digest)
        if keep and not isinstance(reason, ContentMismatch):
            self._store.kept[self.digest] = _whole(self._file)

    def follow(self) -> GrowingBody:
        return GrowingBody(self._growth, _again(self._file))

    def _require_filling(self) -> None:
        if self._is_over:
            raise StorageError("this growing file was let go already")


class MemoryStore:
    """Knobs: `error`, where set, is raised by every write; `blobs` holds a memory file for each digest."""

    def __init__(self, *, rotted: Callable[[Digest, str], None] = lambda _digest, _what: None) -> None:
        self.blobs: dict[Digest, int] = {}
        self.growing: dict[Digest, MemoryPartial] = {}
        self.kept: dict[Digest, bytes] = {}
        self.validators: dict[Digest, str | None] = {}
        self.error: Exception | None = None
        self._rotted = rotted

    async def open(self, digest: Digest) -> MemoryBody | None:
        return MemoryBody(digest, self.blobs[digest]) if self._holds(digest) else None

    async def size(self, digest: Digest) -> int | None:
        return os.fstat(self.blobs[digest]).st_size if digest in self.blobs else None

    async def read(self, digest: Digest, *, limit: int) -> bytes | None:
        if not self._holds(digest):
            return None
        raw = _whole(self.blobs[digest])
        if len(raw) > limit:
            raise StorageError(f"the content is longer than the {limit} bytes that its kind may have")
        return raw

    async def write(self, digest: Digest, raw: bytes) -> None:
        require_digest(raw, digest)
        if self.error is not None:
            raise self.error
        self.blobs[digest] = _new_file(raw)

    async def partial(self, digest: Digest, size: int) -> MemoryPartial | None:
        if digest in self.growing or digest in self.blobs:
            return None
        kept = self.kept.pop(digest, b"")
        self.growing[digest] = MemoryPartial(self, digest, size, kept if len(kept) <= size else b"")
        return self.growing[digest]

    def follow(self, digest: Digest, size: int) -> GrowingBody:
        if digest not in self.growing:
            raise StorageError("nobody fetches this blob any more; ask again")
        return self.growing[digest].follow()

    async def delete(self, digest: Digest) -> None:
        self.blobs.pop(digest, None)

    async def scan(self) -> AsyncIterator[tuple[Digest, int]]:
        for digest, file in sorted(self.blobs.items()):
            yield digest, os.fstat(file).st_size

    async def is_empty(self) -> bool:
        return not self.blobs

    def _holds(self, digest: Digest) -> bool:
        if digest not in self.blobs:
            return False
        found = hashlib.new(digest.algorithm, _whole(self.blobs[digest])).hexdigest()
        if found != digest.hex:
            self.blobs.pop(digest)
            self._rotted(digest, "the stored file is not what its digest says")
        return found == digest.hex
