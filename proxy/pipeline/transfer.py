"""One upstream into one growing blob: taken up again where it broke, and given up when it brings nothing."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from proxy.content.store import Partial
from proxy.errors import ContentMismatch, UpstreamError, UpstreamRefused, UpstreamUnavailable
from proxy.oci.descriptor import Descriptor
from proxy.oci.reference import Repository
from proxy.upstream.registry import BlobStream, Registry

_TRIES = 6  # transfers in a row that brought next to nothing; progress begins the count anew
_PROGRESS = 256 * 1024  # bytes; an upstream that trickles brings less, and is given up in the end
_PAUSE = 0.5  # seconds, doubled with each try in a row, with jitter
B = TypeVar("B", bytes, memoryview)


class Fill:
    """One growing blob: the task that feeds it, and the partial that its readers follow.

    `started` is done when the first byte may be promised. `partial` stays None where the blob turned out to be stored.
    """

    def __init__(self, repository: Repository, blob: Descriptor) -> None:
        self.repository = repository
        self.blob = blob
        self.partial: Partial | None = None
        self.is_elsewhere = False  # another process of this machine fills it
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if not self.started.done():
            self.started.set_result(None)

    def fail(self, error: BaseException) -> None:
        if not self.started.done():
            self.started.set_exception(error)
            self.started.exception()  # seen by whoever waits; nobody waiting is no fault


class Reserved(Protocol):
    def release(self) -> None: ...


class Transfer:
    """From one upstream into one partial: taken up again where it broke, given up after tries that bring nothing.

    `inherited` bytes stood there before it began: an earlier fill's, of this process or of one before.
    """

    def __init__(
        self, registry: Registry, repository: Repository, fill: Fill, pause: Callable[[float], Awaitable[None]]
    ) -> None:
        self.fill = fill
        self.received = 0
        self.resumed = 0
        self.inherited = 0
        self.reserved: Reserved | None = None
        self._registry = registry
        self._repository = repository
        self._pause = pause
        self._is_open = False  # the last try had an answer, whose body failed

    @property
    def _partial(self) -> Partial:
        assert self.fill.partial is not None, "a transfer runs into a partial"
        return self.fill.partial

    async def run(self) -> None:
        """Bring every byte or raise; a try that made progress earns the next ones."""
        tries = 0
        while self._partial.received < self._partial.size:
            before = self._partial.received
            try:
                await self._once()
                self._require_all()
            except UpstreamError as error:
                tries = 1 if self._partial.received - before >= _PROGRESS else tries + 1
                if tries >= _TRIES or not self.fill.started.done() or isinstance(error, UpstreamRefused):
                    raise
                self.resumed += 1
                await self._pause(self._wait(error, tries))

    def _wait(self, error: UpstreamError, tries: int) -> float:
        """A body that broke off or dried up is taken up soon; who gave none may have said when to come back."""
        spread = 0.5 + random.random()  # noqa: S311 jitter keeps no secret
        if self._is_open:
            return _PAUSE * spread
        return error.retry_after or _PAUSE * 2**tries * spread

    def _require_all(self) -> None:
        if self._partial.received < self._partial.size:
            raise UpstreamUnavailable(
                f"{self._repository.upstream} sent {self._partial.received} of {self._partial.size} bytes of a blob"
            )

    async def _once(self) -> None:
        partial, self._is_open = self._partial, False
        async with self._registry.blob(
            self._repository,
            partial.digest,
            size=partial.size,
            start=partial.received,
            validator=partial.validator,
        ) as stream:
            self._is_open = True
            self._require_size(stream)
            await partial.remember(stream.validator)
            self.fill.begin()
            await self._pour(stream)

    def _require_size(self, stream: BlobStream) -> None:
        partial = self._partial
        if stream.start > partial.received:
            raise ContentMismatch(f"{self._repository.upstream} left out a part of {partial.digest}")
        if stream.size in (None, partial.size):
            return
        told = (
            f"{self._repository.upstream} offers {stream.size} bytes for {partial.digest}, "
            f"the manifest says {partial.size}; the publisher or the registry is wrong"
        )
        # Nothing came of it yet: what stands there of an earlier answer stays.
        raise UpstreamRefused(told) if partial.received else ContentMismatch(told)

    async def _pour(self, stream: BlobStream) -> None:
        """By a thread into the file, where there is one for it; else each write returns once it is queued.

        An upstream that ignored the Range sends what we have: skipped.
        """
        skip = self._partial.received - stream.start

        def fresh(chunk: B) -> B:
            nonlocal skip
            self.received += len(chunk)
            left = chunk[skip:]
            skip = max(0, skip - len(chunk))
            return left

        sink = await self._partial.sink() if stream.pour else None
        if stream.pour is not None and sink is not None:
            await stream.pour(lambda piece: sink(left) if (left := fresh(piece)) else None)
            return
        async for chunk in stream.chunks:
            if left := fresh(chunk):
                await self._partial.write(left)
