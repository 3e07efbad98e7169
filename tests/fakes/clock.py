"""A clock that is moved by hand."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class HandClock:
    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def lived(self, until: datetime) -> None:
        """It has no past."""

    def seen(self, proved: datetime | None) -> None:
        """A hand-made now stays where it was put."""

    def __call__(self) -> float:
        return self._now.timestamp()

    def forward(self, **span: float) -> None:
        self._now += timedelta(**span)


class OffsetClock:
    """Real time, moved forward or back by hand."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def lived(self, until: datetime) -> None:
        """The offset is the test's, and stays."""

    def seen(self, proved: datetime | None) -> None:
        """The same."""

    def forward(self, **span: float) -> None:
        self.offset += timedelta(**span)
