"""Upstream → client and store at once: one transfer a digest, whoever asks; it outlives them, and proves, then commits."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from proxy.content.store import Body, ContentStore
from proxy.content.unkept.onward import OnwardBody, is_same_file
from proxy.content.unkept.passing import Passing, hashed
from proxy.errors import (
    BlobUnknown,
    ContentMismatch,
    PratiqueError,
    StorageError,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from proxy.events import Event, FillEnded
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest, Hasher
from proxy.oci.reference import Repository
from proxy.pipeline.transfer import Fill, Reserved, Transfer
from proxy.upstream.registry import Registry, Upstreams

# clients.md 1.7: clients wait 30 s for a head; what a fill has not begun by then it goes on with, for who asks again.
FIRST_SECONDS = 25.0
# clients.md 4: after a mismatch containerd comes back with a Range; each request is 502 for so long.
MISMATCH_SECONDS = 30.0
_LOOKS = 8  # times that a blob may turn out to have ended while it was looked at
_UNKEPT = 64  # transfers at once that nobody keeps, of one megabyte each; one more is told to come again


class Fills:
    """`body` is the one way to a blob's bytes. `pause` waits between tries; handed in so that tests need not.

    `reserve` finds room for so many bytes before a fill begins, or raises a StorageError; None: there is no budget.
    """

    def __init__(
        self,
        content: ContentStore,
        upstreams: Upstreams,
        emit: Callable[[Event], None],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        reserve: Callable[[Digest, int], Awaitable[Reserved]] | None = None,
    ) -> None:
        self._reserve = reserve
        self._content = content
        self._upstreams = upstreams
        self._emit = emit
        self._pause = pause
        self._fills: dict[Digest, Fill] = {}
        self._unkept: set[Fill] = set()
        self._mismatched: dict[Digest, tuple[float, str]] = {}
        self._is_closing = False

    async def body(self, repository: Repository, blob: Descriptor, *, is_kept: bool = False) -> tuple[Body, str]:
        """(a reader, hit | miss | coalesced). Who calls it has been admitted; who takes the reader closes it.

        Where the disk cannot take it, it streams through, proved and unkept, one transfer a reader; not with `is_kept`.
        Raise ContentMismatch for half a minute after a mismatch, BlobUnknown, an UpstreamError (UpstreamTimeout where the
        upstream did not begin in 25 s) or StorageError.
        """
        deadline = asyncio.get_running_loop().time() + FIRST_SECONDS
        try:
            return await self._stored(repository, blob, deadline)
        except StorageError as error:
            if is_kept or error.trouble is None:
                raise
        return await self._pass(repository, blob, Hasher(blob.digest), deadline), "miss"

    async def _stored(self, repository: Repository, blob: Descriptor, deadline: float) -> tuple[Body, str]:
        """A reader of what is stored, or is being stored."""
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
                await _begun(fill, deadline)
            except PratiqueError:
                if fill.repository == repository or not fill.started.done():
                    raise
                await self._end(fill)  # another repository's upstream failed: ask our own
                continue
            body = self._follow(fill)
            if body is not None:
                return OnwardBody(_sized(body, blob), self._onward(repository, blob)), outcome
            await self._end(fill)
        raise StorageError("the blob comes and goes; see who else writes to the content directory", retry_after=1)

    def _onward(self, repository: Repository, blob: Descriptor) -> Callable[[Body, StorageError], Awaitable[Body]]:
        """For a reader whose fill ended under it: by our disk, or with the process that filled."""

        async def onward(reader: Body, error: StorageError) -> Body:
            deadline = asyncio.get_running_loop().time() + FIRST_SECONDS
            if error.trouble is not None:
                return await self._pass(repository, blob, await hashed(reader, reader.released), deadline)
            again, _ = await self._stored(repository, blob, deadline)
            if is_same_file(again, reader):  # taken up by somebody else, every byte of it hashed again
                return again
            again.close()
            raise error

        return onward

    async def _pass(self, repository: Repository, blob: Descriptor, had: Hasher, deadline: float) -> Body:
        """A transfer of its own for one reader, who `had` its beginning; it ends with its reader."""
        if len(self._unkept) >= _UNKEPT:
            raise StorageError("nothing can be stored, and too many transfers pass by; ask again", retry_after=5)
        registry = self._require_open(repository)
        fill = Fill(repository, blob)
        fill.partial = passing = Passing(blob.digest, blob.size, hasher=had)
        body = passing.follow()
        self._unkept.add(fill)
        fill.task = asyncio.create_task(self._run(Transfer(registry, repository, fill, self._pause)))
        passing.left = fill.task.cancel
        try:
            await _begun(fill, deadline)
        except BaseException:
            body.close()
            raise
        return body

    @property
    def is_busy(self) -> bool:
        return bool(self._fills or self._unkept)

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
        registry = self._require_open(repository)
        fill = Fill(repository, blob)
        self._fills[blob.digest] = fill
        fill.task = asyncio.create_task(self._run(Transfer(registry, repository, fill, self._pause)))
        return fill

    def _require_open(self, repository: Repository) -> Registry:
        if self._is_closing:
            raise UpstreamUnavailable("the proxy is stopping; ask again", retry_after=5)
        return self._upstreams.registry(repository.upstream)

    async def _run(self, transfer: Transfer) -> None:
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
            if not transfer.inherited:  # else a disk may have spoilt what stood there: the next who asks begins anew
                self._note_mismatch(fill.blob.digest, error.message)
            await self._give_up(fill, error, keep=False)
        except PratiqueError as error:
            outcome = "unkept" if isinstance(error, StorageError) and error.trouble else "failed"
            await self._give_up(fill, error, keep=not isinstance(error, BlobUnknown))
        except Exception as error:  # noqa: BLE001 a defect of ours must not leave readers waiting (T35)
            await self._give_up(fill, UpstreamUnavailable(f"the transfer failed here: {type(error).__name__}"))
        finally:
            self._forget(fill)
            if transfer.reserved is not None:
                asyncio.get_running_loop().run_in_executor(None, transfer.reserved.release)
            seconds = time.monotonic() - began
            self._emit(FillEnded(fill.blob.digest, outcome, transfer.received, seconds, transfer.resumed))

    def _forget(self, fill: Fill) -> None:
        self._unkept.discard(fill)
        if self._fills.get(fill.blob.digest) is fill:
            del self._fills[fill.blob.digest]

    async def _fill(self, transfer: Transfer) -> str:
        fill = transfer.fill
        if fill.partial is None and self._reserve is not None:
            transfer.reserved = await self._reserve(fill.blob.digest, fill.blob.size)
        partial = fill.partial or await self._content.partial(fill.blob.digest, fill.blob.size)
        if partial is None:  # another process of this machine fills it, or it was stored while we looked
            fill.is_elsewhere = await self._content.size(fill.blob.digest) is None
            fill.begin()
            return "stopped"
        fill.partial = partial
        transfer.inherited = partial.received
        await transfer.run()
        fill.begin()
        await partial.commit()
        return "unkept" if fill in self._unkept else "stored"

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
        tasks = [fill.task for fill in (*self._fills.values(), *self._unkept) if fill.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _begun(fill: Fill, deadline: float) -> None:
    """Wait for the first byte to be promised. Raise why it will not be, UpstreamTimeout at the deadline."""
    try:
        async with asyncio.timeout_at(deadline):
            await asyncio.shield(fill.started)
    except TimeoutError:
        raise UpstreamTimeout(
            f"{fill.repository.upstream} did not begin to send {fill.blob.digest} yet; ask again", retry_after=1
        ) from None


def _sized(body: Body, blob: Descriptor) -> Body:
    if body.size != blob.size:
        body.close()
        raise ContentMismatch(f"the manifest says that {blob.digest} has {blob.size} bytes; it has {body.size}")
    return body
