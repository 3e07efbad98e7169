"""Where a hearing is held: on the loop, in a thread, or in a worker process, by how much there is to read.

The hearing itself is pure (`policy.hearing`), so that the place changes its time and nothing else.
"""

import asyncio
import contextlib
import ctypes
import functools
import gc
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeAlias, TypeVar

from proxy.errors import Inconclusive, PratiqueError
from proxy.observe.logs import say
from proxy.pipeline.court.parcel import Parcel, packed, unpacked
from proxy.pipeline.court.slots import Slot, Slots
from proxy.pipeline.court.standing import Standing
from proxy.policy.decision import Decision
from proxy.policy.evaluate import Wanted
from proxy.policy.hearing import Brief, hear
from proxy.policy.requirements import AttestationRequirement
from proxy.policy.rules import Policy
from proxy.verify.crosscheck import prepare
from proxy.verify.evidence import Proved
from proxy.verify.material import TrustMaterial

T = TypeVar("T")

_FEW = 4  # founds that are proved on the loop itself: a key's signature takes a tenth of a millisecond
_SMALL = 16 * 1024  # bytes of evidence that are read on the loop
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_LARGE = 512 * 1024  # bytes from which on a thread would hold the interpreter for tens of milliseconds: a worker's
WORKERS = 2  # of the whole machine
_IDLE_SECONDS = 0.25  # how soon a slot that is wanted is given back by who has nothing to do
_HEARING_SECONDS = 60.0
_LOST = "the verifier was lost while it judged; ask again"


class Snapshot(Protocol):
    """Enough to make the same policy and material again in another process."""

    @property
    def sha256(self) -> str: ...


Rebuild: TypeAlias = Callable[[Any], tuple[Policy, TrustMaterial]]  # of the Snapshot that stands


class Bench:
    """`rebuild` makes policy and material of a snapshot; it must be importable by a worker. None: no workers.

    With `slots` it has one worker at a time, and only while it holds one of them: others share this machine.
    """

    def __init__(
        self,
        rebuild: Rebuild | None = None,
        *,
        workers: int = WORKERS,
        hearing_seconds: float = _HEARING_SECONDS,
        slots: Slots | None = None,
    ) -> None:
        self._rebuild = rebuild
        self._workers = 1 if slots else workers
        self._hearing_seconds = hearing_seconds
        self._pool: ProcessPoolExecutor | None = None
        self._slots = slots
        self._slot: Slot | None = None
        self._turn = asyncio.Lock()
        self._running = 0
        self._nothing_runs = asyncio.Event()
        self._nothing_runs.set()
        self._minding: asyncio.Task[None] | None = None

    async def hear(self, brief: Brief, standing: Standing) -> Decision | Wanted:
        """Hold one hearing; raise Inconclusive where a worker was lost, took too long, or failed (T35)."""
        try:
            return await self._held(brief, standing)
        except PratiqueError:
            raise
        except Exception as error:
            say("hearing-failed", level="error", message=f"{type(error).__name__}: {error}")
            raise Inconclusive("the verifier failed here, which is a defect; see the log and report it") from error

    async def _held(self, brief: Brief, standing: Standing) -> Decision | Wanted:
        if brief.size <= _SMALL and len(brief.founds) <= _FEW and brief.is_light:
            return hear(brief, standing.policy, standing.material)
        if self._is_large(brief.size) and standing.snapshot is not None:
            return await self._hear_elsewhere(brief, standing.snapshot)
        return await asyncio.to_thread(hear, brief, standing.policy, standing.material)

    async def _hear_elsewhere(self, brief: Brief, snapshot: Snapshot) -> Decision | Wanted:
        parcel = await asyncio.to_thread(packed, brief)
        try:
            return await self._elsewhere(functools.partial(_hear_there, self._rebuild, snapshot, parcel))
        finally:
            parcel.close()

    async def run(self, work: Callable[[], T], *, size: int) -> T:
        """Any other work over so many bytes: in a thread, or in a worker that can import it. Raise as `hear` does."""
        if self._is_large(size):
            return await self._elsewhere(work)
        return await asyncio.to_thread(work)

    def _is_large(self, size: int) -> bool:
        return size > _LARGE and self._rebuild is not None

    async def _elsewhere(self, work: Callable[[], T], *, patience: float | None = None) -> T:
        """In a worker, which is waited for as long as a hearing may take, or `patience` seconds."""
        await self._hold(self._hearing_seconds if patience is None else patience)
        try:
            return await self._worked(work)
        finally:
            self._running -= 1
            if not self._running:
                self._nothing_runs.set()

    async def _hold(self, patience: float) -> None:
        """Have a slot, and count as running. One that another process wants is given back between two hearings."""
        async with self._turn:
            if self._slots is not None:
                if self._slot is not None and self._slot.is_wanted():
                    await self._nothing_runs.wait()
                    self._give_back()
                if self._slot is None:
                    self._slot = await self._slots.take(patience)
                    self._minding = asyncio.create_task(self._mind(self._slot))
            self._running += 1
            self._nothing_runs.clear()

    async def _mind(self, slot: Slot) -> None:
        """Give the slot back once somebody else wants it and nothing is heard here."""
        while self._slot is slot:
            await asyncio.sleep(_IDLE_SECONDS)
            if self._slot is slot and not self._running and slot.is_wanted():
                self._give_back()

    async def _worked(self, work: Callable[[], T]) -> T:
        """A pool that lost a worker is of no use any more; whoever waited in it is told to ask again."""
        pool = self._executor()
        try:
            answer = asyncio.wrap_future(pool.submit(work))
        except (BrokenProcessPool, RuntimeError):  # lost since it was made, or closed
            self._drop(pool)
            raise Inconclusive(_LOST, retry_after=5) from None
        # It is never cancelled: the executor's own thread ends by a cancelled piece of work when a worker is lost.
        answer.add_done_callback(_seen)
        await asyncio.wait({answer}, timeout=self._hearing_seconds)
        if not answer.done():
            self._drop(pool)
            raise Inconclusive("judging took longer than a minute; its evidence is larger than evidence is")
        if answer.cancelled():
            raise Inconclusive(_LOST, retry_after=5)
        try:
            return answer.result()
        except BrokenProcessPool:
            self._drop(pool)
            raise Inconclusive(_LOST, retry_after=5) from None

    def _executor(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([__name__])
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_settle)
        return self._pool

    async def warm(self, standing: Standing) -> None:
        """Make ready what the policy may need, before somebody waits for it: the second verifier, and a worker.

        Whoever asks for neither pays for neither. What fails here is told to whoever needs it.
        """
        for root in standing.material.roots.values():
            await asyncio.to_thread(prepare, root)
        is_needed = self._rebuild is not None and standing.snapshot is not None and _may_be_large(standing.policy)
        if is_needed and self._pool is None:
            with contextlib.suppress(PratiqueError):
                await self._elsewhere(functools.partial(_prepare_there, self._rebuild, standing.snapshot), patience=0.0)

    @property
    def processes(self) -> tuple[int, ...]:
        """The workers' process ids."""
        return tuple(self._pool._processes or ()) if self._pool else ()  # noqa: SLF001 the executor has no public list

    def _drop(self, pool: ProcessPoolExecutor) -> None:
        """This pool and no other: somebody may have begun a new one. Its workers end now, whatever they are at."""
        if self._pool is pool:
            self._pool = None
        workers = list((pool._processes or {}).values())  # noqa: SLF001 the executor has no public list
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.kill()

    def _give_back(self) -> None:
        if self._pool is not None:
            self._drop(self._pool)
        if self._slot is not None:
            self._slot.release()
            self._slot = None

    async def close(self) -> None:
        minding, self._minding = self._minding, None
        self._give_back()
        if minding is not None:
            minding.cancel()
            await asyncio.wait({minding})


def _settle() -> None:
    """In a worker, when it begins.

    It collects its garbage between two hearings: an SBOM makes a million objects and no cycle, and looking for one among
    them takes as long as half of the judging.
    """
    gc.disable()
    _keep_memory()
    _end_with_parent()


def _keep_memory() -> None:
    """Have the C library keep some of what large evidence took: the next one would fault each page in again.

    mallopt(3) of glibc; another library has its own ways.
    """
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, 32 * 1024 * 1024)  # the most that glibc takes
        library.mallopt(_M_TRIM_THRESHOLD, 64 * 1024 * 1024)


def _end_with_parent() -> None:
    """Who asked for it may be killed, and then nobody ends it."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _seen(answer: asyncio.Future[Any]) -> None:
    """Whoever waited has been told, or has left."""
    if not answer.cancelled():
        answer.exception()


class _Told:
    """An answer that goes alone; what was read for it stays behind, and is let go once the answer is on its way."""

    def __init__(self, answer: Decision | Wanted, read: list[Proved]) -> None:
        self.answer = answer
        self.read = read

    def __reduce__(self) -> tuple[Any, ...]:
        return _alone, (self.answer,)


def _alone(answer: Decision | Wanted) -> Decision | Wanted:
    return answer


def _hear_there(rebuild: Rebuild | None, snapshot: Snapshot, parcel: Parcel) -> Any:
    """The answer as `_Told`, which arrives as the answer."""
    assert rebuild is not None, "there are no workers without it"
    policy, material = _rebuilt(rebuild, snapshot)
    gc.collect()  # what the last hearing left; quick, since what stays is frozen
    read: list[Proved] = []
    return _Told(hear(unpacked(parcel), policy, material, kept=read), read)


_REBUILT: dict[str, tuple[Policy, TrustMaterial]] = {}


def _rebuilt(rebuild: Rebuild, snapshot: Snapshot) -> tuple[Policy, TrustMaterial]:
    """Once for each snapshot; a worker holds a few, the last ones."""
    found = _REBUILT.get(snapshot.sha256)
    if found is None:
        found = rebuild(snapshot)
        while len(_REBUILT) >= 4:
            _REBUILT.pop(next(iter(_REBUILT)))
        _REBUILT[snapshot.sha256] = found
        gc.freeze()
    return found


def _prepare_there(rebuild: Rebuild | None, snapshot: Snapshot) -> None:
    assert rebuild is not None, "there are no workers without it"
    _, material = _rebuilt(rebuild, snapshot)
    for root in material.roots.values():
        prepare(root)


def _may_be_large(policy: Policy) -> bool:
    """Whether evidence may be of megabytes: signatures never are."""
    leaves = (leaf for rule in policy.rules for leaf in rule.require.leaves)
    return any(isinstance(leaf, AttestationRequirement) for leaf in leaves)
