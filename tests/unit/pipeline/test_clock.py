from datetime import UTC, datetime, timedelta

from proxy.pipeline.clock import SystemClock


def test_now_never_runs_behind_the_newest_proved_time_seen():
    clock = SystemClock()
    ahead = datetime.now(UTC) + timedelta(days=3)
    clock.seen(ahead)
    clock.seen(ahead - timedelta(days=1))
    assert clock.now() == ahead


def test_a_proved_time_of_the_past_changes_nothing():
    clock = SystemClock()
    clock.seen(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock.now() > datetime(2026, 1, 1, tzinfo=UTC)
