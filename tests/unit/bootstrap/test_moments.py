"""What our own clock showed before, and a clock that is set while we run."""

import asyncio
import os
from datetime import UTC, datetime
from types import SimpleNamespace

from proxy.bootstrap import moments
from proxy.bootstrap.moments import last_lived, watch_clock
from proxy.events import ClockJumped
from proxy.pipeline.table import Table
from tests.fakes.clock import OffsetClock


def config(folder):
    return SimpleNamespace(state_file=folder / "state.db", audit_folder=folder / "audit")


def test_the_newest_write_is_what_our_clock_showed_last(tmp_path):
    (tmp_path / "audit").mkdir()
    for name, moment in (("state.db", 1000), ("state.db-wal", 3000), ("audit/a.jsonl", 2000), ("policy.yaml", 9000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (moment, moment))
    assert last_lived(config(tmp_path)) == datetime.fromtimestamp(3000, UTC)


def test_where_nothing_was_written_nothing_was_shown(tmp_path):
    assert last_lived(config(tmp_path)).year == 1


async def test_a_clock_that_is_set_drops_what_is_warm_and_is_said_once(monkeypatch):
    monkeypatch.setattr(moments, "_SAMPLE_SECONDS", 0.01)
    clock, table, said = OffsetClock(), Table(), []
    watching = asyncio.create_task(watch_clock(clock, table, said.append))
    await asyncio.sleep(0.05)
    assert (said, table.generation) == ([], 0)
    for hours, count in ((2, 1), (-3, 2)):
        clock.forward(hours=hours)
        async with asyncio.timeout(10):
            while len(said) < count:
                await asyncio.sleep(0.01)
        assert isinstance(said[-1], ClockJumped)
        assert abs(said[-1].seconds - hours * 3600) < 5
        assert table.generation == count
    clock.forward(seconds=2)
    await asyncio.sleep(0.05)
    watching.cancel()
    assert len(said) == 2
