import asyncio
import gc

import pytest

from proxy.state.store import Change
from proxy.state.watching import ANYTHING, Watchers


async def test_a_change_that_happens_often_is_told_once():
    watchers = Watchers()
    watch = watchers.join()
    for _ in range(3):
        watchers.tell(Change("pins", "a"))
    watchers.tell(Change("pins", "b"))
    watchers.end()
    assert [change async for change in watch] == [Change("pins", "a"), Change("pins", "b")]


async def test_a_dropped_watch_is_forgotten():
    watchers = Watchers()
    watch = watchers.join()
    assert len(watchers) == 1
    del watch
    gc.collect()
    assert len(watchers) == 0


async def test_what_is_pending_stays_bounded():
    watchers = Watchers()
    watch = watchers.join()
    for number in range(100_000):
        watchers.tell(Change("b", str(number)))
    assert len(watch._pending) <= 1001
    assert await anext(watch) == ANYTHING


async def test_a_cancelled_wait_loses_no_change():
    watchers = Watchers()
    watch = watchers.join()
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    watchers.tell(Change("b", "k"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await anext(watch) == Change("b", "k")
