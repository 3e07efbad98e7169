import pytest

from proxy.upstream.restraint.pace import Pace


@pytest.mark.parametrize(
    ("steps", "is_kept"),
    [
        ([(59.0, 0)], True),  # not yet
        ([(60.0, 60 * 1024)], True),
        ([(60.0, 60 * 1024 - 1)], False),
        ([(1.0, 1)] * 60, False),  # a byte a second
        ([(0.0, 1)] * 10_000, True),  # small chunks, but they come at once
        ([(30.0, 1 << 20), (30.0, 0)], True),  # a pause after a burst
        ([(30.0, 1 << 20), (30.0, 0), (60.0, 0)], False),  # and the burst counts once
    ],
)
def test_a_body_below_a_kibibyte_a_second_is_given_up(steps, is_kept):
    pace = Pace(60.0)
    assert [pace.is_kept(waited=waited, came=came) for waited, came in steps][-1] is is_kept
