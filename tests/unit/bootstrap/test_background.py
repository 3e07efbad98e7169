import asyncio

from structlog.testing import capture_logs

from proxy.bootstrap.background import Background, flush, sample_lag
from proxy.errors import StorageError
from proxy.observe.audit import Audit
from proxy.observe.metrics import Metrics


def made():
    return Metrics(upstreams=frozenset({"reg.test"}), version="1")


async def test_what_runs_is_ended_with_the_rest_and_what_fails_is_seen():
    background, ended = Background(), []

    async def waits():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def fails():
        raise ValueError("a defect")

    async def ends():
        return

    with capture_logs() as lines:
        background.begin(waits(), fails(), ends())
        for _ in range(5):
            await asyncio.sleep(0)
        assert ended == []
        await background.end()
    assert ended == [True]
    assert [(line["event"], line["message"]) for line in lines] == [("background-ended", "ValueError: a defect")]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_loops_lag_is_sampled(monkeypatch):
    monkeypatch.setattr("proxy.bootstrap.background._LAG_SECONDS", 0.0)
    metrics, background = made(), Background()
    background.begin(sample_lag(metrics))
    await until(lambda: b"pratique_event_loop_lag_seconds_count 0.0" not in metrics.render())
    await background.end()


async def test_the_audit_is_put_on_its_disk_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("proxy.bootstrap.background._FLUSH_SECONDS", 0.0)
    flushed, background = [], Background()

    class Told(Audit):
        def flush(self):
            flushed.append(True)
            if len(flushed) == 1:
                raise StorageError("it is full")

    background.begin(flush(Told(tmp_path)))
    await until(lambda: len(flushed) > 2)
    await background.end()
