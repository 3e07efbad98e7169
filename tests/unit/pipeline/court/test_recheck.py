"""One round over what is recorded: what is due, in what order, how much of it, and what is forgotten."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.errors import StorageError, UpstreamUnavailable
from proxy.pipeline.court.alarms import Alarms
from proxy.pipeline.court.decisions import Decisions
from proxy.pipeline.court.recheck import Rechecks
from proxy.pipeline.court.standing import Regime
from proxy.policy.decision import Verdict
from proxy.state.memory import MemoryStore
from proxy.verify.material import TrustMaterial
from tests.fakes.clock import HandClock
from tests.unit.policy.cases import NOW, simple
from tests.unit.policy.test_decision import decision

DAY = timedelta(days=1)


class Bench:
    """Judges as it is told to: `standing` are the keys that are looked up now, `verdicts` what comes of each."""

    def __init__(self, decisions, clock):
        self.decisions, self.clock = decisions, clock
        self.alarms = Alarms([].append, clock)
        self.replaced = set()
        self.failure = None
        self.verdict = Verdict.ALLOW
        self.asked, self.settled = [], []
        self.most = self.at_once = 0

    def stands(self, each):
        return each.key not in self.replaced and each.holds(self.clock.now())

    async def again(self, repository, digest, *, index=None):
        self.asked.append(digest)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.failure is not None:
            raise self.failure
        before = next(each for each in self.decisions._parsed.values() if each.digest == digest)
        made = replace(before, verdict=self.verdict, made_at=self.clock.now())
        return await self.decisions.keep(made)

    async def settle(self, repository, digest, *, index=None):
        self.settled.append((digest, index))
        return True


class Round:
    def __init__(self, rule=""):
        self.clock = HandClock(NOW)
        self.decisions = Decisions(MemoryStore(self.clock))
        self.judge = Bench(self.decisions, self.clock)
        self.regime = Regime(simple(more=rule), TrustMaterial({}), {})
        self.ending = []
        self.rechecks = Rechecks(self.regime, self.judge, self.decisions, self.clock, ending=self.ending.append)

    async def admit(self, number, *, ends=None, **more):
        digest = type(decision().digest).of(str(number).encode())
        until = None if ends is None else self.clock.now() + ends
        made = replace(
            decision(), key=f"{number:04}", digest=digest, made_at=self.clock.now(), expires_at=until, is_warned=False
        )
        made = replace(made, grace_from=None, **more)
        await self.decisions.keep(made)
        return made

    async def look(self):
        self.judge.asked.clear()
        self.judge.settled.clear()
        await self.rechecks.look()
        return list(self.judge.asked)


async def test_without_recheck_and_without_an_end_nothing_is_ever_made_again():
    court = Round()
    await court.admit(1)
    court.clock.forward(days=400)
    assert await court.look() == []
    assert court.ending == [0]


async def test_recheck_asks_as_often_as_the_rule_says():
    court = Round("recheck: 24h")
    app = await court.admit(1)
    court.clock.forward(hours=23)
    assert await court.look() == []
    court.clock.forward(hours=1)
    assert await court.look() == [app.digest]
    assert await court.look() == []
    court.clock.forward(hours=24)
    assert await court.look() == [app.digest]


async def test_one_that_failed_is_tried_again_sooner_and_not_at_once():
    court = Round("recheck: 24h")
    app = await court.admit(1)
    court.judge.failure = UpstreamUnavailable("it is silent")
    court.clock.forward(hours=24)
    assert await court.look() == [app.digest]
    assert await court.look() == []
    court.clock.forward(hours=3)
    assert await court.look() == [app.digest]


async def test_what_ends_is_made_again_in_the_last_quarter_of_its_time():
    court = Round()
    app = await court.admit(1, ends=timedelta(hours=8))
    court.clock.forward(hours=5, minutes=59)
    assert await court.look() == []
    court.clock.forward(minutes=1)
    assert await court.look() == [app.digest]
    assert await court.look() == [], "what could not be prolonged is not asked for in each round"


async def test_the_lead_is_never_more_than_two_days():
    court = Round()
    app = await court.admit(1, ends=100 * DAY)
    court.clock.forward(days=97, hours=23)
    assert await court.look() == []
    court.clock.forward(hours=1)
    assert await court.look() == [app.digest]


async def test_admissions_that_end_within_two_days_are_counted():
    court = Round()
    await court.admit(1, ends=2 * DAY)
    await court.admit(2, ends=2 * DAY + timedelta(seconds=1))
    await court.admit(3)
    await court.look()
    assert court.ending == [1]


async def test_a_round_is_bounded_in_number_and_at_once_and_begins_with_the_oldest():
    court = Round("recheck: 24h")
    apps = []
    for number in reversed(range(40)):
        apps.append(await court.admit(number))
        court.clock.forward(seconds=1)
    court.clock.forward(days=1)
    first = await court.look()
    assert first == [each.digest for each in apps[:32]]
    assert court.judge.most <= 2
    assert await court.look() == [each.digest for each in apps[32:]]


async def test_other_evidence_makes_it_due_at_once_and_once():
    court = Round()
    app, other = await court.admit(1), await court.admit(2)
    court.rechecks.notice(app.repository, app.digest)
    court.rechecks.notice(app.repository, type(app.digest).of(b"nobody's"))
    assert await court.look() == [app.digest]
    assert await court.look() == []
    assert court.rechecks._noticed == set()
    assert other.digest not in court.judge.asked


async def test_what_was_noticed_is_bounded(monkeypatch):
    monkeypatch.setattr("proxy.pipeline.court.recheck._NOTICED", 3)
    court = Round()
    app = await court.admit(1)
    for number in range(9):
        court.rechecks.notice(app.repository, type(app.digest).of(str(number).encode()))
    assert len(court.rechecks._noticed) == 3


async def test_after_a_change_each_image_is_settled_once_by_its_index_apart_and_its_old_records_are_forgotten():
    court = Round()
    app = await court.admit(1)
    child = await court.admit(2, index=app.digest)
    older = await court.admit(3, digest=app.digest)
    court.judge.replaced = {app.key, child.key, older.key}
    court.regime.replace(court.regime.current.policy, TrustMaterial({}), {})
    await court.look()
    assert sorted(court.judge.settled, key=str) == sorted([(app.digest, None), (child.digest, app.digest)], key=str)
    await court.look()
    assert court.judge.settled == [], "what was not admitted by that waits for its pull"
    court.judge.replaced = {app.key, older.key}
    await court.admit(4, digest=app.digest)
    await court.look()
    left = {each.key async for page in court.decisions.allowed() for each in page}
    assert left == {child.key, "0004"}


async def test_what_nothing_looks_up_is_forgotten_after_a_month():
    court = Round()
    gone, stays = await court.admit(1), await court.admit(2)
    court.judge.replaced = {gone.key}
    court.clock.forward(days=29)
    await court.look()
    assert await court.decisions.get(gone.key, court.clock.now()) is not None
    court.clock.forward(days=2)
    await court.look()
    assert await court.decisions.get(gone.key, court.clock.now()) is None
    assert await court.decisions.get(stays.key, court.clock.now()) is not None


async def test_a_round_that_a_change_overtook_does_nothing_by_what_it_found():
    court = Round("recheck: 24h")
    await court.admit(1)
    court.clock.forward(days=2)
    stands = court.judge.stands

    def overtaken(each):
        court.regime.replace(court.regime.current.policy, TrustMaterial({}), {})
        return stands(each)

    court.judge.stands = overtaken
    assert await court.look() == []


async def test_a_state_that_cannot_be_read_is_told_and_one_image_that_fails_stops_no_other():
    court = Round("recheck: 24h")
    one, two = await court.admit(1), await court.admit(2)
    court.clock.forward(days=2)
    court.judge.failure = StorageError("no space is left")
    assert sorted(await court.look()) == sorted([one.digest, two.digest])
    await court.decisions._book._store.close()
    with pytest.raises(StorageError):
        await court.rechecks.look()


async def test_what_runs_survives_a_defect_and_looks_again_after_a_change(monkeypatch):
    monkeypatch.setattr("proxy.pipeline.court.recheck._CHANGE_SECONDS", 0.0)
    court = Round("recheck: 24h")
    app = await court.admit(1)
    court.clock.forward(days=2)
    court.judge.failure = RuntimeError("a defect")
    running = asyncio.create_task(court.rechecks.run())
    for number in range(1, 3):
        court.regime.replace(court.regime.current.policy, TrustMaterial({}), {})
        async with asyncio.timeout(10):
            while len(court.judge.asked) < number:
                await asyncio.sleep(0.01)
        court.clock.forward(days=1)
    assert court.judge.asked == [app.digest, app.digest]
    assert not running.done()
    running.cancel()


async def test_what_was_made_under_a_clock_that_was_ahead_is_made_again_and_not_each_time():
    court = Round()
    court.clock.forward(days=3650)
    made = await court.admit(1)
    court.clock.forward(days=-3650)
    assert await court.look() == [made.digest]
    assert await court.look() == []


async def test_what_fails_to_be_made_again_then_is_tried_a_few_minutes_later():
    court = Round()
    court.clock.forward(days=3650)
    made = await court.admit(1)
    court.clock.forward(days=-3650)
    court.judge.failure = UpstreamUnavailable("it is down")
    assert await court.look() == [made.digest]
    assert await court.look() == []
    court.clock.forward(minutes=6)
    assert await court.look() == [made.digest]


async def test_an_attempt_under_a_clock_that_was_ahead_does_not_put_the_next_one_off():
    court = Round()
    made = await court.admit(1, ends=DAY)
    court.judge.failure = UpstreamUnavailable("it is down")
    court.clock.forward(hours=23, minutes=50)
    assert await court.look() == [made.digest]
    court.clock.forward(hours=-4)
    assert await court.look() == [made.digest], "it is due by this clock, too"
