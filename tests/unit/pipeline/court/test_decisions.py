"""What is remembered of a judgement, and when it is worth nothing any more."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.errors import StorageError
from proxy.pipeline.court.decisions import Decisions
from proxy.policy.decision import Verdict
from proxy.state.memory import MemoryStore
from tests.unit.policy.test_decision import NOW, decision

SOON, LATER = NOW + timedelta(seconds=1), NOW + timedelta(minutes=2)


@pytest.fixture
def decisions():
    return Decisions(MemoryStore(NOW.timestamp))


def denied(made_at=NOW):
    return replace(decision(Verdict.DENY, expires_at=NOW + timedelta(minutes=1)), made_at=made_at, rests_on=())


async def test_a_denial_is_repeated_until_it_ends(decisions):
    await decisions.keep(denied())
    assert await decisions.get("k", SOON) == denied()
    assert await decisions.get("k", LATER) is None


async def test_a_denial_of_the_future_is_worth_nothing_since_the_clock_was_set_back(decisions):
    await decisions.keep(denied(made_at=LATER))
    assert await decisions.get("k", NOW) is None


async def test_t62_a_denial_from_before_the_trust_changed_is_judged_again(decisions):
    await decisions.keep(denied())
    decisions.ask_denials_again(SOON)
    assert await decisions.get("k", SOON) is None
    await decisions.keep(denied(made_at=SOON))
    assert await decisions.get("k", SOON) == denied(made_at=SOON)


async def test_an_allow_stays_while_all_that_it_rests_on_is_believed(decisions):
    allowed = decision()
    await decisions.keep(allowed)
    decisions.ask_denials_again(SOON)
    assert await decisions.get("k", SOON, frozenset({"ca:1", "log:2", "log:3"})) == allowed
    assert await decisions.get("k", SOON, frozenset({"ca:1"})) is None


async def test_promise_4_what_is_inconclusive_is_never_kept(decisions):
    await decisions.keep(decision(Verdict.INCONCLUSIVE))
    assert await decisions.get("k", NOW) is None


async def test_a_denial_that_takes_an_allow_back_is_told_so_that_nothing_warm_repeats_it():
    told = []
    decisions = Decisions(MemoryStore(NOW.timestamp), changed=lambda: told.append(1))
    await decisions.keep(decision())
    assert told == []
    await decisions.keep(denied())
    assert told == [1]
    await decisions.keep(denied())
    assert told == [1], "there was nothing to take back any more"


@pytest.mark.parametrize(("ends", "is_told"), [(-1, True), (0, False), (1, False), (None, False)])
async def test_an_allow_that_ends_sooner_than_the_one_before_is_told_too(ends, is_told):
    told = []
    decisions = Decisions(MemoryStore(NOW.timestamp), changed=lambda: told.append(1))
    await decisions.keep(decision(expires_at=LATER))
    await decisions.keep(decision(expires_at=LATER + timedelta(seconds=ends) if ends is not None else None))
    assert bool(told) == is_told


class Full(MemoryStore):
    """A store whose disk is full from some moment on."""

    is_full = False

    async def put(self, *args, **more):
        if self.is_full:
            raise StorageError("no space is left")
        return await super().put(*args, **more)


async def test_t56_a_denial_counts_though_it_cannot_be_written():
    told, store = [], Full(NOW.timestamp)
    decisions = Decisions(store, changed=lambda: told.append(1))
    await decisions.keep(decision())
    store.is_full = True
    with pytest.raises(StorageError):
        await decisions.keep(denied())
    assert (await decisions.get("k", SOON)) == denied()
    assert told == [1]
    with pytest.raises(StorageError):
        await decisions.keep(decision())
    assert (await decisions.get("k", SOON)) == denied(), "an allow that was not written admits nothing"


async def test_an_allow_by_less_than_all_yields_to_a_denial_that_was_recorded_meanwhile(decisions):
    await decisions.keep(denied())
    assert await decisions.keep(decision(), unless_denied_at=SOON) == denied()
    assert await decisions.get("k", SOON) == denied()
    assert await decisions.keep(decision(), unless_denied_at=LATER) == decision(), "the denial ended"
    await decisions.keep(denied())
    assert await decisions.keep(decision()) == decision(), "one by all that there is needs not yield"


class Slow(MemoryStore):
    """A store that answers a read when it is told to, with what stood there when it was asked."""

    def __init__(self):
        super().__init__(NOW.timestamp)
        self.asked, self.go = asyncio.Event(), asyncio.Event()
        self.is_slow = False

    async def get(self, book, key):
        found = await super().get(book, key)
        if self.is_slow:
            self.asked.set()
            await self.go.wait()
        return found


async def test_what_was_read_slowly_never_replaces_what_was_written_meanwhile():
    store = Slow()
    await Decisions(store).keep(decision())
    decisions = Decisions(store)
    store.is_slow = True
    reading = asyncio.create_task(decisions.get("k", SOON))
    await store.asked.wait()
    store.is_slow = False
    await decisions.keep(denied())
    store.go.set()
    assert await reading == denied()
    assert await decisions.get("k", SOON) == denied()


async def test_t62_what_another_process_wrote_while_it_was_read_is_read_again():
    store = Slow()
    await Decisions(store).keep(decision())
    decisions = Decisions(store)
    store.is_slow = True
    reading = asyncio.create_task(decisions.get("k", SOON))
    await store.asked.wait()
    store.is_slow = False
    await Decisions(store).keep(denied())
    decisions.forget()
    store.go.set()
    assert await reading == denied()


async def test_all_that_is_allowed_is_read_in_pages_and_what_cannot_be_read_is_left_out():
    store = MemoryStore(NOW.timestamp)
    decisions = Decisions(store)
    for number in range(150):
        await decisions.keep(replace(decision(), key=f"{number:03}", is_warned=False))
    await decisions.keep(replace(denied(), key="denied"))
    await decisions.keep(replace(decision(), key="warned", is_warned=True))
    await store.put("decisions", "broken", b"[]")
    await store.put("decisions", "nonsense", b'{"verdict": "allow"}')
    pages = [page async for page in decisions.allowed()]
    assert max(map(len, pages)) < 100
    assert sorted(each.key for page in pages for each in page) == [f"{number:03}" for number in range(150)]


async def test_memory_is_bounded_by_those_that_were_asked_for_last(monkeypatch):
    monkeypatch.setattr("proxy.pipeline.court.decisions._LIMIT", 3)
    decisions = Decisions(MemoryStore(NOW.timestamp))
    for number in range(5):
        await decisions.keep(replace(decision(), key=str(number)))
        assert await decisions.get("0", SOON) is not None
    assert set(decisions._parsed) == {"0", "3", "4"}
    assert await decisions.get("1", SOON) is not None, "nothing is lost"


async def test_a_record_under_another_key_is_no_decision_of_this_one():
    store = MemoryStore(NOW.timestamp)
    await store.put("decisions", "other", json.dumps(decision().to_record()).encode())
    assert await Decisions(store).get("other", SOON) is None


@pytest.mark.parametrize(
    ("written", "is_told"),
    [
        (denied(), True),
        (decision(expires_at=SOON), True),
        (decision(expires_at=LATER), False),
        (replace(decision(expires_at=LATER), made_at=SOON), False),
    ],
)
async def test_t62_what_another_process_wrote_drops_warm_answers_only_where_it_takes_something_back(written, is_told):
    told, store = [], MemoryStore(NOW.timestamp)
    decisions = Decisions(store, changed=lambda: told.append(1))
    await decisions.keep(decision(expires_at=LATER))
    await Decisions(store).keep(written)
    await decisions.learn(written.key)
    assert bool(told) == is_told
    assert await decisions.get(written.key, NOW) == written


async def test_a_decision_that_nobody_here_asked_for_drops_nothing_until_the_memory_had_to_make_room(monkeypatch):
    told, store = [], MemoryStore(NOW.timestamp)
    decisions = Decisions(store, changed=lambda: told.append(1))
    await Decisions(store).keep(denied())
    await decisions.learn("k")
    assert told == []
    monkeypatch.setattr("proxy.pipeline.court.decisions._LIMIT", 1)
    await decisions.keep(replace(decision(), key="other"))
    await decisions.learn("k")
    assert told == [1]


async def test_t56_what_cannot_be_read_of_another_process_is_doubted():
    told, store = [], Unread(NOW.timestamp)
    decisions = Decisions(store, changed=lambda: told.append(1))
    await decisions.keep(decision())
    store.is_broken = True
    with pytest.raises(StorageError):
        await decisions.learn("k")
    assert told == [1]


class Unread(MemoryStore):
    is_broken = False

    async def get(self, book, key):
        if self.is_broken:
            raise StorageError("the disk is gone")
        return await super().get(book, key)


async def test_the_newest_proved_time_outlives_the_process_and_is_not_written_for_each(decisions):
    assert await decisions.newest_proved() is None
    proved = NOW - timedelta(days=3)
    writes = []
    put = decisions._times.put

    async def counted(key, value):
        writes.append(value)
        await put(key, value)

    decisions._times.put = counted
    for minutes in (0, 10, 59, 60, 30):
        await decisions.keep(replace(decision(), proved_at=proved + timedelta(minutes=minutes), made_at=NOW, checks=()))
    assert await decisions.newest_proved() == proved + timedelta(minutes=60)
    assert len(writes) == 2
    another = Decisions(decisions._times._store)
    assert await another.newest_proved() == proved + timedelta(minutes=60)


async def test_a_proved_time_that_nobody_can_believe_is_not_kept(decisions):
    await decisions.keep(replace(decision(), proved_at=NOW + timedelta(days=3650), made_at=NOW, checks=()))
    assert await decisions.newest_proved() is None


async def test_a_mark_that_cannot_be_read_is_none_and_is_written_anew(decisions):
    await decisions._times.put("proved", {"at": 7})
    assert await decisions.newest_proved() is None
    await decisions.keep(replace(decision(), proved_at=NOW, made_at=NOW, checks=()))
    assert await decisions.newest_proved() == NOW
