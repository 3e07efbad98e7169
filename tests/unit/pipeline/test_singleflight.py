import asyncio

import pytest

from proxy.errors import Inconclusive, UpstreamUnavailable
from proxy.pipeline.singleflight import Flights


async def test_all_who_ask_for_the_same_share_one_work():
    flights = Flights(work_seconds=5)
    calls = 0

    async def work() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return 7

    answers = await asyncio.gather(*(flights.join("key", work, wait_seconds=5) for _ in range(20)))
    assert calls == 1
    assert [value for value, _ in answers] == [7] * 20
    assert [joined for _, joined in answers].count(False) == 1


async def test_who_waits_too_long_is_told_and_the_work_goes_on():
    flights = Flights(work_seconds=5)
    gate = asyncio.Event()

    async def work() -> str:
        await gate.wait()
        return "done"

    with pytest.raises(Inconclusive) as told:
        await flights.join("key", work, wait_seconds=0.01)
    assert told.value.retry_after
    gate.set()
    assert await flights.join("key", work, wait_seconds=5) == ("done", True)


async def test_a_waiter_that_leaves_stops_nothing():
    flights = Flights(work_seconds=5)
    gate = asyncio.Event()
    ended = asyncio.Event()

    async def work() -> None:
        await gate.wait()
        ended.set()

    waiter = asyncio.create_task(flights.join("key", work, wait_seconds=5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    gate.set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_work_that_outlives_its_own_bound_is_inconclusive():
    flights = Flights(work_seconds=0.01)

    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Inconclusive, match="could not be judged within"):
        await flights.join("key", work, wait_seconds=5)


async def test_a_failure_reaches_everyone_who_waits_and_the_next_one_tries_again():
    flights = Flights(work_seconds=5)
    failures = [UpstreamUnavailable("down")]

    async def work() -> str:
        await asyncio.sleep(0)
        if failures:
            raise failures.pop()
        return "up"

    first = await asyncio.gather(*(flights.join("key", work, wait_seconds=5) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in first] == [UpstreamUnavailable] * 3
    assert await flights.join("key", work, wait_seconds=5) == ("up", False)


async def test_closing_ends_what_is_under_way():
    flights = Flights(work_seconds=5)
    waiter = asyncio.create_task(flights.join("key", asyncio.Event().wait, wait_seconds=5))
    await asyncio.sleep(0.01)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_a_flood_of_names_is_turned_away_and_what_is_under_way_is_still_joined(monkeypatch):
    monkeypatch.setattr("proxy.pipeline.singleflight._MOST", 2)
    flights = Flights(work_seconds=5)
    gate = asyncio.Event()
    first = [asyncio.create_task(flights.join(key, gate.wait, wait_seconds=5)) for key in ("a", "b")]
    await asyncio.sleep(0)
    with pytest.raises(Inconclusive, match="too much"):
        await flights.join("c", gate.wait, wait_seconds=5)
    joined = asyncio.create_task(flights.join("a", gate.wait, wait_seconds=5))
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*first, joined) == [(True, False), (True, False), (True, True)]
