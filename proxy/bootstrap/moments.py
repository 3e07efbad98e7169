"""Time across a restart, and time that jumps: what our own clock showed before, and what is asked again when it is set."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from proxy.config.layout import Config
from proxy.events import ClockJumped, Event
from proxy.pipeline.clock import Clock
from proxy.pipeline.table import Table

_SAMPLE_SECONDS = 1.0
_JUMP_SECONDS = 5.0  # a daemon that slews, and a process that was stopped for a moment, stay below


def last_lived(config: Config) -> datetime:
    """The latest moment that our own clock showed while an earlier process wrote: of the state's files, and of the audit's.

    Read before anything is opened, which touches them. Where nothing was written yet, the beginning of time.
    """
    files = [*config.state_file.parent.glob(f"{config.state_file.name}*"), *config.audit_folder.glob("*.jsonl")]
    return max((_written(file) for file in files), default=datetime.min.replace(tzinfo=UTC))


def _written(file: Path) -> datetime:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


async def watch_clock(clock: Clock, table: Table, emit: Callable[[Event], None]) -> None:
    """Until cancelled: where the clock was set, nothing warm is repeated by the moments that it had shown."""
    offset = _offset(clock)
    while True:
        await asyncio.sleep(_SAMPLE_SECONDS)
        before, offset = offset, _offset(clock)
        if abs(offset - before) > _JUMP_SECONDS:
            table.drop()
            emit(ClockJumped(round(offset - before, 3)))


def _offset(clock: Clock) -> float:
    """Linux' CLOCK_BOOTTIME goes on while a machine sleeps: to wake up is no jump."""
    return clock.now().timestamp() - time.clock_gettime(time.CLOCK_BOOTTIME)
