"""The one place that reads a clock. Wall time for what is judged, and a floor under it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def seen(self, proved: datetime | None) -> None:
        """A time that a log or a timestamp authority proved: now is not earlier."""


class SystemClock:
    """Now never runs behind the newest proved time seen: a clock set back revives nothing that has expired."""

    def __init__(self) -> None:
        self._floor = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        return max(datetime.now(UTC), self._floor)

    def seen(self, proved: datetime | None) -> None:
        if proved is not None:
            self._floor = max(self._floor, proved)
