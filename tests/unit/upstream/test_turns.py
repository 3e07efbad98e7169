"""Whose turn it is: several questions at once, and a clock that is set by hand."""

import asyncio

import pytest

from proxy.errors import UpstreamThrottled
from proxy.events import UpstreamHeld, UpstreamSpared
from proxy.upstream.restraint.quota import Quota
from proxy.upstream.turns import Turns


class Line:
    """The turns of one upstream; `ask` takes one, and fails with a 429 where it is told to."""

    def __init__(self, *, counts_gets=False):
        self.now = 0.0
        self.events = []
        self.asked = 0
        self.turns = Turns("up.example", emit=self.events.append, clock=lambda: self.now, counts_gets=counts_gets)

    async def ask(self, what="tags", *, account=None, method="GET", wait=None, hold=None):
        async with self.turns.take(what, account=account, method=method):
            self.asked += 1
            if hold:
                await hold.wait()
            if wait:
                raise UpstreamThrottled("too many", retry_after=wait)


async def throttled(line, **more):
    with pytest.raises(UpstreamThrottled):
        await line.ask(wait=30, **more)


async def refused(line, *what, **more):
    before = line.asked
    with pytest.raises(UpstreamThrottled) as error:
        await line.ask(*what, **more)
    assert line.asked == before
    return error.value.retry_after


async def test_t59_one_accounts_429_does_not_stop_another():
    line = Line()
    await throttled(line, account="ci")
    assert await refused(line, account="ci") == 30
    await line.ask(account="ops")
    await line.ask()
    assert line.events == [UpstreamHeld("up.example", "429", 30), UpstreamSpared("up.example", "tags", "throttle")]


async def test_a_429_of_what_counts_does_not_stop_what_does_not():
    line = Line(counts_gets=True)
    with pytest.raises(UpstreamThrottled):
        await line.ask("manifest", wait=30)
    assert await refused(line, "manifest") == 30
    await line.ask("manifest", method="HEAD")
    await line.ask("blob")


async def test_a_429_of_anything_else_stops_everything():
    line = Line(counts_gets=True)
    with pytest.raises(UpstreamThrottled):
        await line.ask("blob", wait=30)
    assert await refused(line, "manifest") == await refused(line, "manifest", method="HEAD") == 30


async def test_after_a_429_a_fleet_asks_once_and_follows_when_it_is_answered():
    line, hold = Line(), asyncio.Event()
    await throttled(line)
    line.now, line.asked = 30.0, 0
    fleet = [asyncio.create_task(line.ask(hold=hold)) for _ in range(50)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert line.asked == 1
    hold.set()
    await asyncio.gather(*fleet)
    assert line.asked == 50


async def test_after_a_429_a_fleet_asks_once_and_is_refused_with_it():
    line, hold = Line(), asyncio.Event()
    await throttled(line)
    line.now, line.asked = 30.0, 0
    fleet = [asyncio.create_task(line.ask(hold=hold, wait=9)) for _ in range(50)]
    for _ in range(5):
        await asyncio.sleep(0)
    hold.set()
    told = await asyncio.gather(*fleet, return_exceptions=True)
    assert ({each.retry_after for each in told}, line.asked) == ({9}, 1)


async def test_the_one_that_went_first_leaves_and_another_goes():
    line, hold = Line(), asyncio.Event()
    await throttled(line)
    line.now = 30.0
    first = asyncio.create_task(line.ask(hold=hold))
    await asyncio.sleep(0)
    second = asyncio.create_task(line.ask())
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled() or first.cancelling()


@pytest.mark.parametrize(
    ("counts_gets", "quota", "seconds"),
    [
        (True, Quota(100, 0), 60),
        (True, Quota(100, 1), None),
        (False, Quota(60, 0, 17), 17),
        (False, Quota(60, 0, 3600), 300),
        (False, Quota(60, 0, 0), 1),
        (False, Quota(60, 0), None),  # nobody says when, nor what counts
        (True, None, None),
    ],
)
async def test_an_empty_quota_is_respected_before_the_429(counts_gets, quota, seconds):
    line = Line(counts_gets=counts_gets)
    line.turns.note(quota, account=None)
    if seconds is None:
        await line.ask("manifest")
    else:
        assert await refused(line, "manifest") == seconds
        assert line.events[0] == UpstreamHeld("up.example", "quota", seconds)
