"""The one place that reads a clock. Wall time for what is judged, and a floor under it.

The floor is the newest time that a log or a timestamp authority proved. Law: no authority moves our now beyond what our own
clock ever showed by more than a day, or one lie (a timestamp of 2099) would end every admission.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

# Further apart two clocks are not by drift: then one of them is wrong, and nobody knows which.
BELIEVED = timedelta(days=1)


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def lived(self, until: datetime) -> None:
        """Our own clock showed this time once, in this process or in one before it."""
        ...

    def seen(self, proved: datetime | None) -> None:
        """A time that a log or a timestamp authority proved: now is not earlier."""


def _wall() -> datetime:
    return datetime.now(UTC)


class SystemClock:
    """Now never runs behind the newest proved time seen: a clock set back revives nothing that has expired."""

    def __init__(self, wall: Callable[[], datetime] = _wall) -> None:
        self._wall = wall
        self._floor = self._lived = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        wall = self._wall()
        self._lived = max(self._lived, wall)
        return max(wall, self._floor)

    def lived(self, until: datetime) -> None:
        self._lived = max(self._lived, until)

    def seen(self, proved: datetime | None) -> None:
        if proved is None or proved <= self._floor:
            return
        self.now()
        if proved - self._lived <= BELIEVED:
            self._floor = proved
