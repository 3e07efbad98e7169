"""How often one account may ask one upstream: the time before which it must not, and one at a time after that. Pure.

A 429 is kept, and whoever asks before its time is refused without a request, so that a fleet of nodes does not use up
what is left (demand.md 1, row 9). When the time has come one question goes first; the others wait for what it brings.
"""

import enum
import math

from proxy.errors import UpstreamThrottled


class Turn(enum.Enum):
    GO = enum.auto()
    PROBE = enum.auto()  # go first, and say what became of it: `hold`, or `passed`
    WAIT = enum.auto()  # somebody went first


class Throttle:
    """Moments are seconds of one clock that never runs backwards."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._until = -math.inf
        self._is_held = False
        self._is_probed = False

    def hold(self, seconds: int, *, now: float) -> bool:
        """Nobody asks before; an earlier word that lasts longer stands. Return whether this is news."""
        is_news = not self._is_held or self._is_probed
        self._until = max(self._until, now + seconds)
        self._is_held, self._is_probed = True, False
        return is_news

    def passed(self) -> None:
        """The first question after a hold was answered: the rest may follow."""
        self._is_held = self._is_probed = False

    def withdrawn(self) -> None:
        """The first one left without an answer: another goes first."""
        self._is_probed = False

    def turn(self, *, now: float) -> Turn:
        """Raise UpstreamThrottled while it is too early."""
        if now < self._until:
            raise throttled(self._upstream, math.ceil(self._until - now))
        if not self._is_held:
            return Turn.GO
        if self._is_probed:
            return Turn.WAIT
        self._is_probed = True
        return Turn.PROBE


def throttled(upstream: str, seconds: int) -> UpstreamThrottled:
    return UpstreamThrottled(
        f"{upstream} limits the rate of our requests; ask again in {seconds} s", retry_after=seconds
    )
