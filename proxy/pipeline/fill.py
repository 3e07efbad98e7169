"""Upstream → client and store at once: one transfer a digest, whoever asks; it outlives them, and proves, then commits."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable

from proxy.content.store import Body, ContentStore, Partial
from proxy.errors import (
    BlobUnknown,
    ContentMismatch,
    PratiqueError,
    StorageError,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from proxy.events import Event, FillEnded
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.upstream.registry import BlobStream, Registry, Upstreams

# clients.md 4: after a mismatch containerd comes back with a Range; each request is 502 for so long.
MISMATCH_SECONDS = 30.0
_LOOKS = 8  # times that a blob may turn out to have ended while it was looked at
_TRIES = 6  # transfers in a row that brought nothing; progress begins the count anew
_PAUSE = 0.5  # seconds, doubled with each try in a row, with jitter


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


class Fills:
    """`body` is the one way to a blob's bytes. `pause` waits between tries; handed in so that tests need not."""

    def __init__(
        self,
        content: ContentStore,
        upstreams: Upstreams,
        emit: Callable[[Event], None],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._content = content
        self._upstreams = upstreams
        self._emit = emit
        self._pause = pause
        self._fills: dict[Digest, Fill] = {}
        self._mismatched: dict[Digest, tuple[float, str]] = {}
        self._is_closing = False

    async def body(self, repository: Repository, blob: Descriptor) -> tuple[Body, str]:
        """(a reader, hit | miss | coalesced). Who calls it has been admitted; who takes the reader closes it.

        Raise ContentMismatch for half a minute after a mismatch, BlobUnknown, an UpstreamError or StorageError.
        """
        for _ in range(_LOOKS):
            self.refuse_mismatched(blob.digest)
            fill = self._fills.get(blob.digest)
            outcome = "coalesced"
            if fill is None:
                stored = await self._content.open(blob.digest)
                if stored is not None:
                    return _sized(stored, blob), "hit"
                fill = self._fills.get(blob.digest)  # somebody may have begun while we looked
            if fill is None:
                fill = self._start(repository, blob)
                outcome = "miss"
            try:
                await asyncio.shield(fill.started)
            except PratiqueError:
                if fill.repository == repository:
                    raise
                await self._end(fill)  # another repository's upstream failed: ask our own
                continue
            body = self._follow(fill)
            if body is not None:
                return _sized(body, blob), outcome
            await self._end(fill)
        raise StorageError("the blob comes and goes; see who else writes to the content directory", retry_after=1)

    @property
    def is_busy(self) -> bool:
        return bool(self._fills)

    def _follow(self, fill: Fill) -> Body | None:
        """A reader of the growing file; None where it ended meanwhile, and is stored or mismatched by now."""
        if fill.is_elsewhere:
            with contextlib.suppress(StorageError):  # it ended between: look again
                return self._content.follow(fill.blob.digest, fill.blob.size)
            return None
        if fill.partial is None or self._fills.get(fill.blob.digest) is not fill:
            return None
        with contextlib.suppress(StorageError):  # it ended, and what became of it is being written down
            return fill.partial.follow()
        return None

    async def _end(self, fill: Fill) -> None:
        """What ended is looked at again only when all of its end is known: stored, mismatched or given up."""
        if fill.task is not None:
            await asyncio.wait({fill.task})

    def _start(self, repository: Repository, blob: Descriptor) -> Fill:
        if self._is_closing:
            raise UpstreamUnavailable("the proxy is stopping; ask again", retry_after=5)
        registry = self._upstreams.registry(repository.upstream)
        fill = Fill(repository, blob)
        self._fills[blob.digest] = fill
        fill.task = asyncio.create_task(self._run(Transfer(registry, repository, fill, self._pause)))
        return fill

    async def _run(self, transfer: "Transfer") -> None:
        fill = transfer.fill
        began = time.monotonic()
        outcome = "failed"
        try:
            outcome = await self._fill(transfer)
        except asyncio.CancelledError:
            outcome = "stopped"
            await self._give_up(fill, UpstreamUnavailable("the proxy is stopping; ask again", retry_after=5))
        except ContentMismatch as error:
            outcome = "mismatch"
            self._note_mismatch(fill.blob.digest, error.message)
            await self._give_up(fill, error, keep=False)
        except PratiqueError as error:
            await self._give_up(fill, error, keep=not isinstance(error, BlobUnknown))
        except Exception as error:  # noqa: BLE001 a defect of ours must not leave readers waiting (T35)
            await self._give_up(fill, UpstreamUnavailable(f"the transfer failed here: {type(error).__name__}"))
        finally:
            self._fills.pop(fill.blob.digest, None)
            seconds = time.monotonic() - began
            self._emit(FillEnded(fill.blob.digest, outcome, transfer.received, seconds, transfer.resumed))

    async def _fill(self, transfer: "Transfer") -> str:
        fill = transfer.fill
        partial = await self._content.partial(fill.blob.digest, fill.blob.size)
        if partial is None:  # another process of this machine fills it, or it was stored while we looked
            fill.is_elsewhere = await self._content.size(fill.blob.digest) is None
            fill.begin()
            return "stopped"
        fill.partial = partial
        await transfer.run()
        fill.begin()
        await partial.commit()
        return "stored"

    async def _give_up(self, fill: Fill, error: PratiqueError, *, keep: bool = True) -> None:
        try:
            if fill.partial is not None:
                await fill.partial.fail(error, keep=keep)
        except StorageError as failure:
            error = failure
        fill.fail(error)

    async def require_unmismatched(self, digest: Digest) -> None:
        """The same for who asks for no byte: a proof under way is waited for, since its readers are told before we are."""
        fill = self._fills.get(digest)
        if fill is not None and fill.partial is not None and fill.partial.received >= fill.partial.size:
            await self._end(fill)
        self.refuse_mismatched(digest)

    def refuse_mismatched(self, digest: Digest) -> None:
        """Raise ContentMismatch within half a minute after other bytes came for this digest."""
        until, message = self._mismatched.get(digest, (0.0, ""))
        if time.monotonic() < until:
            raise ContentMismatch(message, retry_after=int(MISMATCH_SECONDS))
        self._mismatched.pop(digest, None)

    def _note_mismatch(self, digest: Digest, message: str) -> None:
        now = time.monotonic()
        self._mismatched = {each: noted for each, noted in self._mismatched.items() if now < noted[0]}
        self._mismatched[digest] = (now + MISMATCH_SECONDS, message)

    async def close(self) -> None:
        """Stop every transfer; what was received is kept, to be taken up again."""
        self._is_closing = True
        tasks = [fill.task for fill in self._fills.values() if fill.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Transfer:
    """From one upstream into one partial: taken up again where it broke, given up after tries that bring nothing."""

    def __init__(
        self, registry: Registry, repository: Repository, fill: Fill, pause: Callable[[float], Awaitable[None]]
    ) -> None:
        self.fill = fill
        self.received = 0
        self.resumed = 0
        self._registry = registry
        self._repository = repository
        self._pause = pause
        self._validator: str | None = None

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
                tries = 1 if self._partial.received > before else tries + 1
                if tries >= _TRIES or not self.fill.started.done() or isinstance(error, UpstreamRefused):
                    raise
                self.resumed += 1
                wait = error.retry_after or _PAUSE * 2**tries * (0.5 + random.random())  # noqa: S311 jitter
                await self._pause(wait)

    def _require_all(self) -> None:
        if self._partial.received < self._partial.size:
            raise UpstreamUnavailable(
                f"{self._repository.upstream} sent {self._partial.received} of {self._partial.size} bytes of a blob"
            )

    async def _once(self) -> None:
        partial = self._partial
        async with self._registry.blob(
            self._repository, partial.digest, start=partial.received, validator=self._validator
        ) as stream:
            self._require_size(stream)
            self._validator = stream.validator
            self.fill.begin()
            await self._pour(stream)

    def _require_size(self, stream: BlobStream) -> None:
        partial = self._partial
        if stream.size is not None and stream.size != partial.size:
            raise ContentMismatch(
                f"{self._repository.upstream} offers {stream.size} bytes for {partial.digest}, "
                f"the manifest says {partial.size}; the publisher or the registry is wrong"
            )
        if stream.start > partial.received:
            raise ContentMismatch(f"{self._repository.upstream} left out a part of {partial.digest}")

    async def _pour(self, stream: BlobStream) -> None:
        """A write returns once it is queued, so that the next chunk arrives meanwhile.

        An upstream that ignored the Range sends what we have: skipped.
        """
        skip = self._partial.received - stream.start
        async for chunk in stream.chunks:
            self.received += len(chunk)
            fresh = chunk[skip:] if skip < len(chunk) else b""
            skip = max(0, skip - len(chunk))
            if fresh:
                await self._partial.write(fresh)


def _sized(body: Body, blob: Descriptor) -> Body:
    if body.size != blob.size:
        body.close()
        raise ContentMismatch(f"the manifest says that {blob.digest} has {blob.size} bytes; it has {body.size}")
    return body
