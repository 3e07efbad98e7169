"""Where a hearing is held: on the loop, in a thread, or in a worker process, by how much there is to read.

The hearing itself is pure (`policy.hearing`), so that the place changes its time and nothing else.
"""

import asyncio
import contextlib
import functools
import gc
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeAlias, TypeVar

from proxy.errors import Inconclusive
from proxy.pipeline.court.parcel import Parcel, packed, unpacked
from proxy.pipeline.court.standing import Standing
from proxy.policy.decision import Decision
from proxy.policy.evaluate import Wanted
from proxy.policy.hearing import Brief, hear
from proxy.policy.rules import Policy
from proxy.verify.material import TrustMaterial

T = TypeVar("T")

_FEW = 4  # founds that are proved on the loop itself: a key's signature takes a tenth of a millisecond
_SMALL = 16 * 1024  # bytes of evidence that are read on the loop
_LARGE = 512 * 1024  # bytes from which on a thread would hold the interpreter for tens of milliseconds: a worker's
_WORKERS = 2
_HEARING_SECONDS = 60.0
_LOST = "the verifier was lost while it judged; ask again"


class Snapshot(Protocol):
    """Enough to make the same policy and material again in another process."""

    @property
    def sha256(self) -> str: ...


Rebuild: TypeAlias = Callable[[Any], tuple[Policy, TrustMaterial]]  # of the Snapshot that stands


class Bench:
    """`rebuild` makes policy and material of a snapshot; it must be importable by a worker. None: no workers."""

    def __init__(
        self, rebuild: Rebuild | None = None, *, workers: int = _WORKERS, hearing_seconds: float = _HEARING_SECONDS
    ) -> None:
        self._rebuild = rebuild
        self._workers = workers
        self._hearing_seconds = hearing_seconds
        self._pool: ProcessPoolExecutor | None = None

    async def hear(self, brief: Brief, standing: Standing) -> Decision | Wanted:
        """Hold one hearing; raise Inconclusive where a worker was lost or took too long (T35)."""
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

    async def _elsewhere(self, work: Callable[[], T]) -> T:
        """In a worker. A pool that lost one is of no use any more; whoever waited in it is told to ask again."""
        pool = self._executor()
        try:
            answer = asyncio.wrap_future(pool.submit(work))
        except (BrokenProcessPool, RuntimeError):  # lost since it was made, or closed
            self._drop(pool)
            raise Inconclusive(_LOST, retry_after=5) from None
        try:
            await asyncio.wait({answer}, timeout=self._hearing_seconds)
        finally:
            is_late = not answer.done()
            if is_late:
                answer.cancel()  # where it did not begin yet, it never will
        if is_late:
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
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context)
        return self._pool

    async def warm(self) -> None:
        """Start a worker before somebody waits for one."""
        if self._rebuild is not None:
            with contextlib.suppress(Inconclusive):
                await self._elsewhere(_nothing)

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

    async def close(self) -> None:
        if self._pool is not None:
            self._drop(self._pool)


def _hear_there(rebuild: Rebuild | None, snapshot: Snapshot, parcel: Parcel) -> Decision | Wanted:
    assert rebuild is not None, "there are no workers without it"
    policy, material = _rebuilt(rebuild, snapshot)
    gc.disable()  # an SBOM makes a million objects and no cycle: collecting among them doubles the time
    try:
        return hear(unpacked(parcel), policy, material)
    finally:
        gc.enable()


_REBUILT: dict[str, tuple[Policy, TrustMaterial]] = {}


def _rebuilt(rebuild: Rebuild, snapshot: Snapshot) -> tuple[Policy, TrustMaterial]:
    """Once for each snapshot; a worker holds a few, the last ones."""
    found = _REBUILT.get(snapshot.sha256)
    if found is None:
        found = rebuild(snapshot)
        while len(_REBUILT) >= 4:
            _REBUILT.pop(next(iter(_REBUILT)))
        _REBUILT[snapshot.sha256] = found
    return found


def _nothing() -> None:
    """What a worker does to be there."""
