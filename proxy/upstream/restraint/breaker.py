"""When an upstream that fails is left alone: a state machine over moments that are handed in. Pure.

closed ──failures in a row──▶ open ──its pause is over──▶ half open ──an answer──▶ closed
                               ▲                              │
                               └────── the probe failed ──────┘  with a pause twice as long

What counts as a failure is said by `exchange.circuit`. A row of failures must last a second: when a load balancer is
restarted, a hundred connections break in the same instant, and the next question would be answered.
"""

import enum
import math

FAILURES = 5  # in a row, none of them answered between
LASTING = 1.0  # seconds from the first of them to the one that opens
FIRST_PAUSE = 5.0  # seconds
LONGEST_PAUSE = 60.0  # seconds; an upstream that comes back is seen within a minute


class State(enum.StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class Breaker:
    """Of one upstream. All moments are seconds of one clock that never runs backwards."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self._failures = 0
        self._began = -math.inf  # the first failure of the row
        self._until = -math.inf  # the end of the pause
        self._pause = FIRST_PAUSE

    def admit(self, now: float) -> float:
        """Return 0 where the upstream may be asked, else seconds (at least one) until it is worth another look.

        After a pause the first who asks is the probe: everybody else is refused until `succeeded`, `failed` or
        `withdrawn` says what became of it.
        """
        if self.state is State.CLOSED:
            return 0.0
        if self.state is State.OPEN and now >= self._until:
            self.state = State.HALF_OPEN
            return 0.0
        return max(1.0, self._until - now)

    def succeeded(self) -> None:
        self.state = State.CLOSED
        self._failures = 0
        self._pause = FIRST_PAUSE

    def failed(self, now: float) -> None:
        if self.state is State.HALF_OPEN:
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            self._open(now)
        elif self.state is State.CLOSED:
            self._began = self._began if self._failures else now
            self._failures += 1
            if self._failures >= FAILURES and now - self._began >= LASTING:
                self._open(now)

    def withdrawn(self) -> None:
        """Who asked left without an answer: nothing is known, and the next one is the probe."""
        if self.state is State.HALF_OPEN:
            self.state = State.OPEN

    def _open(self, now: float) -> None:
        self.state = State.OPEN
        self._until = now + self._pause
