"""Errands side by side: the first that fails ends the others, so that none is left running without an owner."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def beside(*works: Coroutine[Any, Any, Any]) -> None:
    """Return when all are done; raise what the first of them raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
