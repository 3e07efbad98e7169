"""The breaker's table: what happens, in seconds of its clock, and what it says then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.restraint.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Breaker, State

CLOSED, HALF_OPEN, OPEN = State.CLOSED, State.HALF_OPEN, State.OPEN
A_ROW = [(float(at), "failed") for at in range(FAILURES)]  # it opens with the last one, at second 4


def after(steps):
    breaker = Breaker()
    for now, step in steps:
        play(breaker, step, now)
    return breaker


def play(breaker, step, now):
    if step == "failed":
        breaker.failed(now)
    elif step == "admit":
        return breaker.admit(now)
    else:
        getattr(breaker, step)()
    return None


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([], CLOSED),
        (A_ROW[:-1], CLOSED),
        (A_ROW, OPEN),
        ([(0.0, "failed")] * 100, CLOSED),  # all in the same instant: a load balancer was restarted
        ([*[(0.0, "failed")] * 100, (1.0, "failed")], OPEN),
        ([*A_ROW[:-1], (3.5, "succeeded"), (4.0, "failed")], CLOSED),  # an answer between: no row
        ([*A_ROW[:-1], (3.5, "withdrawn"), (4.0, "failed")], OPEN),  # who left says nothing
        ([*A_ROW, (8.9, "admit")], OPEN),
        ([*A_ROW, (9.0, "admit")], HALF_OPEN),
        ([*A_ROW, (9.0, "admit"), (9.1, "succeeded")], CLOSED),
        ([*A_ROW, (9.0, "admit"), (9.1, "failed")], OPEN),
        ([*A_ROW, (9.0, "admit"), (9.1, "withdrawn")], OPEN),
        ([*A_ROW, (9.0, "admit"), (9.1, "withdrawn"), (9.2, "admit")], HALF_OPEN),
        ([*A_ROW, (5.0, "succeeded")], CLOSED),  # what was asked before it opened is answered
        ([*A_ROW, (5.0, "failed")], OPEN),
        ([*A_ROW, (9.0, "admit"), (9.1, "succeeded"), (9.2, "failed")], CLOSED),  # a new row begins
    ],
)
def test_what_happens_moves_the_breaker(steps, state):
    assert after(steps).state is state


@pytest.mark.parametrize(
    ("steps", "now", "wait"),
    [
        ([], 0.0, 0.0),
        (A_ROW, 4.0, FIRST_PAUSE),
        (A_ROW, 7.0, 2.0),
        (A_ROW, 8.5, 1.0),  # never less than a second: it becomes a Retry-After
        (A_ROW, 9.0, 0.0),
        ([*A_ROW, (9.0, "admit")], 9.0, 1.0),  # one probe at a time
        ([*A_ROW, (9.0, "admit")], 900.0, 1.0),
        ([*A_ROW, (9.0, "admit"), (10.0, "failed")], 10.0, 2 * FIRST_PAUSE),
        ([*A_ROW, (9.0, "admit"), (10.0, "failed"), (20.0, "admit"), (20.0, "failed")], 20.0, 4 * FIRST_PAUSE),
        ([*A_ROW, (9.0, "admit"), (9.0, "succeeded"), *[(at + 10, step) for at, step in A_ROW]], 14.0, FIRST_PAUSE),
    ],
)
def test_how_long_it_is_left_alone(steps, now, wait):
    assert after(steps).admit(now) == wait


def test_the_pause_doubles_up_to_a_minute():
    breaker, now = after(A_ROW), 100.0
    for _ in range(20):
        assert breaker.admit(now) == 0.0
        breaker.failed(now)
        now += LONGEST_PAUSE
    assert breaker.admit(now - LONGEST_PAUSE) == LONGEST_PAUSE


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from(["admit", "failed", "succeeded", "withdrawn"]))))
def test_whatever_happened_one_answer_closes_it_and_nobody_waits_longer_than_a_minute(steps):
    breaker, now = Breaker(), 0.0
    for seconds, step in steps:
        now += seconds
        wait = play(breaker, step, now)
        assert wait is None or wait == 0 or 1 <= wait <= LONGEST_PAUSE
    breaker.succeeded()
    assert (breaker.state, breaker.admit(now)) == (CLOSED, 0.0)


@given(st.integers(2, 50))
def test_of_however_many_that_come_after_a_pause_one_is_the_probe(count):
    breaker = after(A_ROW)
    assert [breaker.admit(50.0) for _ in range(count)].count(0.0) == 1
