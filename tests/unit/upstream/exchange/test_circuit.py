import asyncio

import pytest

from proxy.errors import UpstreamRefused, UpstreamTimeout, UpstreamUnavailable
from proxy.events import BreakerMoved, UpstreamSpared
from proxy.upstream.exchange.circuit import Circuit


class Upstream:
    """A circuit and its clock, a second later with each exchange."""

    def __init__(self):
        self.now = 0.0
        self.events = []
        self.circuit = Circuit("up.example", emit=self.events.append, clock=lambda: self.now)

    def exchange(self, *, status=None, error=None):
        self.circuit.require("manifest")
        self.now += 1
        with self.circuit.hearing() as told:
            if error is not None:
                raise error
            told(status)

    def fail(self, times, error=UpstreamUnavailable):
        for _ in range(times):
            with pytest.raises(error):
                self.exchange(error=error("no"))

    @property
    def states(self):
        return [event.state for event in self.events if isinstance(event, BreakerMoved)]


@pytest.mark.parametrize("error", [UpstreamUnavailable, UpstreamTimeout])
def test_connections_that_fail_and_silence_open_it(error):
    upstream = Upstream()
    upstream.fail(5, error)
    with pytest.raises(UpstreamUnavailable, match="left alone for 5 s") as refusal:
        upstream.exchange(status=200)
    assert refusal.value.retry_after == 5
    assert upstream.events == [BreakerMoved("up.example", "open"), UpstreamSpared("up.example", "manifest", "breaker")]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_opens_it(status):
    upstream = Upstream()
    for _ in range(5):
        upstream.exchange(status=status)
    assert upstream.states == ["open"]


@pytest.mark.parametrize("status", [200, 206, 307, 401, 403, 404, 429, 501])
def test_any_other_answer_says_that_it_is_there(status):
    upstream = Upstream()
    upstream.fail(4)
    for _ in range(20):
        upstream.exchange(status=status)
    upstream.fail(4)
    assert upstream.states == []


def test_it_closes_with_the_first_answer_after_the_pause():
    upstream = Upstream()
    upstream.fail(5)
    upstream.now += 5
    upstream.exchange(status=404)
    upstream.exchange(status=200)
    assert upstream.states == ["open", "half-open", "closed"]


@pytest.mark.parametrize("error", [asyncio.CancelledError, UpstreamRefused("no HTTP")])
def test_who_leaves_before_the_answer_says_nothing(error):
    upstream = Upstream()
    upstream.fail(5)
    upstream.now += 5
    with pytest.raises((asyncio.CancelledError, UpstreamRefused)):
        upstream.exchange(error=error)
    upstream.exchange(status=200)
    assert upstream.states == ["open", "half-open", "open", "half-open", "closed"]
