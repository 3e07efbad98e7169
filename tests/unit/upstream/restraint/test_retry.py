import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.restraint.retry import LONGEST, Budget, pause, seconds_asked


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 1),
        ("86400", LONGEST),
        (None, 60),
        ("", 60),
        ("soon", 60),
        ("-3", 60),
        ("٣", 60),
        ("9" * 5000, 60),
        ("Thu, 01 Jan 1970 00:01:50 GMT", 10),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1),
        ("Fri, 01 Jan 2100 00:00:00 GMT", LONGEST),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_bounded(header, seconds):
    assert seconds_asked(header, now=100.0, default=60) == seconds


@given(st.text(max_size=60), st.floats(0, 4e9))
def test_whatever_stands_in_retry_after_the_answer_is_bounded(header, now):
    assert 1 <= seconds_asked(header, now=now, default=60) <= LONGEST


def test_pauses_double_and_are_spread():
    assert [pause(tries, jitter=0.5) for tries in (1, 2, 3)] == pytest.approx([0.1, 0.2, 0.4])
    assert pause(1, jitter=0.0) == pytest.approx(0.05)
    assert pause(1, jitter=1.0) == pytest.approx(0.15)


def test_the_budget_runs_out_and_is_earned_again():
    budget = Budget(most=2, share=0.5)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()
