import pytest

from proxy.errors import UpstreamThrottled
from proxy.upstream.restraint.throttle import Throttle, Turn


def held(seconds=30, *, now=10.0):
    throttle = Throttle("docker.io")
    assert throttle.hold(seconds, now=now)
    return throttle


def test_nothing_is_asked_before_the_time_that_the_upstream_gave():
    throttle = held()
    assert not throttle.hold(5, now=10.0)  # a shorter word changes nothing, and is no news
    with pytest.raises(UpstreamThrottled, match=r"docker\.io") as error:
        throttle.turn(now=15.5)
    assert error.value.retry_after == 25


def test_without_a_hold_everybody_goes():
    throttle = Throttle("docker.io")
    assert [throttle.turn(now=0.0) for _ in range(3)] == [Turn.GO] * 3


def test_after_a_hold_one_goes_first_and_the_rest_wait_for_what_it_brings():
    throttle = held()
    assert [throttle.turn(now=40.0) for _ in range(3)] == [Turn.PROBE, Turn.WAIT, Turn.WAIT]
    throttle.passed()
    assert throttle.turn(now=40.0) is Turn.GO


def test_the_first_one_is_told_to_wait_again_and_so_is_everybody():
    throttle = held()
    throttle.turn(now=40.0)
    assert throttle.hold(7, now=41.0)
    with pytest.raises(UpstreamThrottled) as error:
        throttle.turn(now=41.0)
    assert error.value.retry_after == 7


def test_the_first_one_leaves_and_another_goes_first():
    throttle = held()
    throttle.turn(now=40.0)
    throttle.withdrawn()
    assert [throttle.turn(now=40.0) for _ in range(2)] == [Turn.PROBE, Turn.WAIT]
