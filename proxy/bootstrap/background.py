"""What runs beside the requests until the proxy stops. Begun together, ended together, and missed when one ends early."""

import asyncio
import contextlib
from collections.abc import Coroutine

from proxy.errors import StorageError
from proxy.observe.audit import Audit
from proxy.observe.logs import say
from proxy.observe.metrics import Metrics

_LAG_SECONDS = 0.5  # how often the loop's lag is sampled
_FLUSH_SECONDS = 1.0  # how long the audit may be behind the disk


class Background:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, *works: Coroutine[None, None, None]) -> None:
        for work in works:
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Work that fails is a defect of ours, and must be seen."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            say("background-ended", level="error", message=f"{type(error).__name__}: {error}")


async def sample_lag(metrics: Metrics) -> None:
    """How late the loop wakes a sleeper."""
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(_LAG_SECONDS)
        metrics.observe_lag(max(0.0, loop.time() - before - _LAG_SECONDS))


async def flush(audit: Audit) -> None:
    """What the audit was told is on its disk soon."""
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        with contextlib.suppress(StorageError):  # said by the audit itself, and tried again
            await asyncio.to_thread(audit.flush)
