"""Where a hearing is held: what is large leaves this process, and a worker that is lost is no answer at all (T35)."""

import asyncio
import contextlib
import functools
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from proxy.demo.images import make_image
from proxy.errors import Inconclusive
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.pipeline.court.bench import Bench
from proxy.pipeline.court.sitting import target_of
from proxy.pipeline.court.slots import Slots
from proxy.policy.hearing import Brief, Seen, hear
from proxy.verify.evidence import Found
from tests.fakes.courtroom import REPOSITORY, UPSTREAM, Courtroom
from tests.fakes.gathering import parsed, statement
from tests.fakes.signing import Key

LARGE, SMALL = 1024 * 1024, 1024


def nothing(snapshot):
    raise AssertionError("no hearing is held here")


@pytest.fixture
async def bench():
    made = Bench(nothing, workers=1, hearing_seconds=20.0)
    yield made
    await made.close()


async def test_only_what_is_large_leaves_the_process(bench):
    assert await bench.run(os.getpid, size=SMALL) == os.getpid()
    assert await bench.run(os.getpid, size=LARGE) != os.getpid()


async def test_without_workers_nothing_does():
    alone = Bench()
    assert await alone.run(os.getpid, size=LARGE) == os.getpid()
    await alone.close()


async def test_t35_a_worker_that_dies_is_not_now_and_the_next_one_answers(bench):
    with pytest.raises(Inconclusive, match="was lost while it judged"):
        await bench.run(functools.partial(os._exit, 3), size=LARGE)

    assert await bench.run(os.getpid, size=LARGE) != os.getpid()


async def test_t35_a_worker_that_does_not_come_back_is_ended():
    slow = Bench(nothing, workers=1, hearing_seconds=2.0)
    with pytest.raises(Inconclusive, match="longer than a minute"):
        await slow.run(functools.partial(time.sleep, 600), size=LARGE)

    assert slow.processes == ()
    await slow.close()


async def test_what_the_work_raises_is_raised_here(bench):
    with pytest.raises(ZeroDivisionError):
        await bench.run(functools.partial(divmod, 1, 0), size=LARGE)


async def test_several_processes_have_no_more_workers_together_than_there_are_slots(tmp_path):
    benches = [Bench(nothing, slots=Slots(tmp_path, 1)) for _ in range(3)]
    try:
        works = [bench.run(functools.partial(time.sleep, 0.01), size=LARGE) for bench in benches * 3]
        most = 0
        running = asyncio.gather(*works)
        while not running.done():
            most = max(most, sum(len(bench.processes) for bench in benches))
            await asyncio.sleep(0.005)
        await running
        assert most == 1
    finally:
        for bench in benches:
            await bench.close()


async def test_a_slot_that_nobody_wants_is_kept_with_its_worker(tmp_path):
    bench = Bench(nothing, slots=Slots(tmp_path, 1))
    first = await bench.run(os.getpid, size=LARGE)
    await asyncio.sleep(0.6)
    assert await bench.run(os.getpid, size=LARGE) == first
    await bench.close()
    assert bench.processes == ()


KILLED = """
import asyncio, os
from proxy.pipeline.court.bench import Bench
async def main():
    bench = Bench(print, workers=1)
    print(await bench.run(os.getpid, size=1 << 20), flush=True)
    os.kill(os.getpid(), 9)
if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_the_workers_of_a_process_that_is_killed_end(tmp_path):
    (tmp_path / "killed.py").write_text(KILLED)
    killed = await asyncio.create_subprocess_exec(
        sys.executable, tmp_path / "killed.py", stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    worker = int(await killed.stdout.readline())
    assert await killed.wait() == -9
    async with asyncio.timeout(30):
        while Path(f"/proc/{worker}").exists():
            await asyncio.sleep(0.02)


# Whole hearings, by policy and evidence that are real.

SBOM = "https://spdx.dev/Document"
ATTESTED = "require: [{ attestation: sbom, by: team }]"


@contextlib.asynccontextmanager
async def hearing(folder, *, padding=0, rule=ATTESTED):
    """A court, and the Brief of an image with an SBOM that is so many bytes larger than it needs to be."""
    async with Courtroom(folder, rule) as court:
        app = make_image("app")
        said = {"spdxVersion": "SPDX-2.3", "name": "app", "packages": [{"name": "one"}], "comment": "x" * padding}
        raw = Key(court.keys["team"]).dsse(statement(app.digest, SBOM, **said))
        found = Found("referrers", Digest.of(b"manifest"), Digest.of(raw), mediatype.DSSE, {}, raw)
        seen = Seen(target_of(REPOSITORY, parsed(app)), (found,), gathered=True)
        yield court, Brief(f"{UPSTREAM}/acme/**", parsed(app), seen, court.clock.now())


@pytest.mark.parametrize(("padding", "is_elsewhere"), [(0, False), (600 * 1024, True)])
async def test_the_place_of_a_hearing_changes_nothing_of_its_decision(tmp_path, padding, is_elsewhere):
    async with hearing(tmp_path, padding=padding) as (court, brief):
        decision = await court.pipeline.bench.hear(brief, court.standing)
        assert decision.is_allow
        assert decision == hear(brief, court.standing.policy, court.standing.material)
        assert bool(court.pipeline.bench.processes) == is_elsewhere


async def test_a_few_small_signatures_are_heard_on_the_loop(tmp_path):
    async with Courtroom(tmp_path, "require: [{ signature: team }]") as court:
        app = make_image("app")
        brief = Brief(f"{UPSTREAM}/acme/**", parsed(app), Seen(target_of(REPOSITORY, parsed(app))), court.clock.now())
        told = []
        asyncio.get_running_loop().call_soon(told.append, "somebody else's turn")
        await court.pipeline.bench.hear(brief, court.standing)
        assert told == [], "nothing was waited for"


async def test_t35_a_worker_that_is_killed_in_the_middle_of_a_hearing_is_no_answer_and_the_next_one_is(tmp_path):
    async with hearing(tmp_path, padding=600 * 1024) as (court, brief):
        bench = court.pipeline.bench
        await bench.hear(brief, court.standing)
        (worker,) = bench.processes
        os.kill(worker, signal.SIGSTOP)
        waiting = asyncio.create_task(bench.hear(brief, court.standing))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(Inconclusive, match="was lost"):
            await waiting
        assert (await bench.hear(brief, court.standing)).is_allow


async def test_t35_any_failure_of_the_verifier_is_no_answer(tmp_path):
    async with hearing(tmp_path) as (court, brief):
        with pytest.raises(Inconclusive, match="a defect"):
            await court.pipeline.bench.hear(brief, replace(court.standing, policy=None))
    async with hearing(tmp_path, padding=600 * 1024) as (court, brief):
        with pytest.raises(Inconclusive, match="a defect"):
            await court.pipeline.bench.hear(brief, replace(court.standing, snapshot=Unread()))


@dataclass(frozen=True)
class Unread:
    """A snapshot of which no policy can be made."""

    sha256: str = "0" * 64


async def test_who_leaves_in_the_middle_leaves_the_workers_to_others(tmp_path):
    async with hearing(tmp_path, padding=600 * 1024) as (court, brief):
        bench = court.pipeline.bench
        await bench.hear(brief, court.standing)
        before = bench.processes
        os.kill(before[0], signal.SIGSTOP)
        leaving = asyncio.create_task(bench.hear(brief, court.standing))
        await asyncio.sleep(0.05)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        os.kill(before[0], signal.SIGCONT)
        assert (await bench.hear(brief, court.standing)).is_allow
        assert set(before) <= set(bench.processes)


async def test_a_bench_that_is_closed_in_the_middle_says_so_to_who_waits(tmp_path):
    async with hearing(tmp_path, padding=600 * 1024) as (court, brief):
        bench = court.pipeline.bench
        await bench.hear(brief, court.standing)
        os.kill(bench.processes[0], signal.SIGSTOP)
        waiting = asyncio.create_task(bench.hear(brief, court.standing))
        await asyncio.sleep(0.05)
        await bench.close()
        with pytest.raises(Inconclusive):
            await waiting
        assert bench.processes == ()


async def test_a_worker_is_there_before_somebody_waits_where_evidence_may_be_large(tmp_path):
    async with hearing(tmp_path, padding=600 * 1024) as (court, brief):
        await court.pipeline.bench.warm(court.standing)
        before = court.pipeline.bench.processes
        assert len(before) == 1
        assert (await court.pipeline.bench.hear(brief, court.standing)).is_allow
        assert court.pipeline.bench.processes == before


async def test_who_asks_for_signatures_alone_pays_for_no_worker(tmp_path):
    async with Courtroom(tmp_path, "require: [{ signature: team }]") as court:
        await court.pipeline.bench.warm(court.standing)
        assert court.pipeline.bench.processes == ()
