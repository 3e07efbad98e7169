"""When to ask an upstream again, and when not yet. Pure: time and jitter are handed in.

A second try is for connections that broke and for 5xx, never for a 429: that one is kept, and every request before its
time fails at once, so that a fleet of nodes does not use up what is left (demand.md 1, row 9).
"""

import math
from email.utils import parsedate_to_datetime

TRIES = 3  # the first, and two more
_PAUSE = 0.1  # seconds, doubled with each try
LONGEST = 300  # seconds; a registry that asks for more is asked again then


def seconds_asked(header: str | None, *, now: float, default: int) -> int:
    """Return Retry-After (RFC 9110 10.2.3: seconds, or a date to compare with `now`, epoch seconds) from 1 to 300."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return max(1, min(LONGEST, int(text)))
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, TypeError):
        return default
    return max(1, min(LONGEST, math.ceil(at - now)))


def pause(tries: int, *, jitter: float) -> float:
    """Return seconds to wait after `tries` (from 1); `jitter` from 0 to 1 spreads them between half and once and a half."""
    return float(_PAUSE * 2 ** (tries - 1) * (0.5 + jitter))


class Budget:
    """Second tries are a tenth of the first ones, and a few in advance: an upstream in trouble is not asked thrice."""

    def __init__(self, *, most: float = 10.0, share: float = 0.1) -> None:
        self._most = most
        self._share = share
        self._left = most

    def earn(self) -> None:
        self._left = min(self._most, self._left + self._share)

    def spend(self) -> bool:
        """Return whether one more try may be made, and take it."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
