"""What now is: the wall's, and no earlier than what was proved, unless nobody can believe that."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.pipeline.clock import BELIEVED, SystemClock
from tests.fakes.clock import START, HandClock

YEAR = timedelta(days=365)


@pytest.fixture
def wall():
    return HandClock()


@pytest.fixture
def clock(wall):
    return SystemClock(wall=wall.now)


def test_now_is_the_systems():
    before = datetime.now(UTC)
    assert before <= SystemClock().now() <= datetime.now(UTC)


def test_now_never_runs_behind_the_newest_proved_time_seen(clock, wall):
    clock.now()
    wall.forward(days=-3650)
    clock.seen(START - YEAR)
    clock.seen(START - 2 * YEAR)
    clock.seen(None)
    assert clock.now() == START - YEAR


def test_a_proved_time_of_the_past_changes_nothing(clock):
    clock.seen(START - YEAR)
    assert clock.now() == START


def test_clocks_that_differ_a_little_are_believed(clock):
    clock.seen(START + BELIEVED)
    assert clock.now() == START + BELIEVED


def test_one_lie_about_the_far_future_ends_nothing(clock, wall):
    clock.seen(START + BELIEVED + timedelta(seconds=1))
    assert clock.now() == START
    clock.seen(START + timedelta(hours=1))
    assert clock.now() == START + timedelta(hours=1), "and hides no truth"
    wall.forward(days=400)
    clock.seen(START + YEAR)
    assert clock.now() == START + timedelta(days=400)


def test_what_our_own_clock_showed_before_a_restart_counts(clock, wall):
    """A machine whose battery is dead begins in the past."""
    wall.forward(days=-3650)
    clock.seen(START - timedelta(days=1))
    assert clock.now() < START - YEAR, "nothing says which of the two is wrong"
    clock.lived(START)
    clock.seen(START - timedelta(days=1))
    assert clock.now() == START - timedelta(days=1)


def test_our_own_past_alone_moves_nothing(clock):
    clock.lived(START + YEAR)
    assert clock.now() == START


@given(st.lists(st.tuples(st.sampled_from("swl"), st.integers(-5000, 5000)), max_size=40))
def test_whatever_is_seen_and_set_now_is_between_the_wall_and_a_day_beyond_all_that_was_shown(steps):
    wall = HandClock()
    clock = SystemClock(wall=wall.now)
    shown, floor = START, None
    for kind, hours in steps:
        moment = START + timedelta(hours=hours)
        if kind == "w":
            wall._now = moment
        elif kind == "l":
            clock.lived(moment)
            shown = max(shown, moment)
        else:
            shown = max(shown, wall.now())
            clock.seen(moment)
        shown = max(shown, wall.now())
        now = clock.now()
        assert wall.now() <= now <= max(wall.now(), shown + BELIEVED)
        if floor is not None:
            assert now >= min(floor, now)
        floor = now
