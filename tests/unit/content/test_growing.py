import asyncio

import pytest

from proxy.content.growing import Growth, Stage
from proxy.content.store import TAIL
from proxy.errors import ContentMismatch, StorageError, UpstreamTimeout
from proxy.oci.digest import Digest

DIGEST = Digest.of(b"x")


async def test_one_advance_wakes_every_reader_at_once():
    growth = Growth(DIGEST, 10 * TAIL)
    readers = [asyncio.create_task(growth.more(0)) for _ in range(100)]
    await asyncio.sleep(0)
    growth.advance(5)
    assert set(await asyncio.gather(*readers)) == {5}


async def test_a_reader_that_leaves_disturbs_no_other():
    growth = Growth(DIGEST, 10 * TAIL)
    leaving, staying = asyncio.create_task(growth.more(0)), asyncio.create_task(growth.more(0))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    growth.advance(7)
    assert await staying == 7


async def test_the_tail_is_released_by_the_proof_alone():
    growth = Growth(DIGEST, TAIL + 3)
    growth.advance(TAIL + 3)
    assert growth.released == 3
    growth.prove()
    assert await growth.more(TAIL + 3) == TAIL + 3


async def test_what_was_released_is_never_taken_back():
    growth = Growth(DIGEST, 10 * TAIL)
    growth.advance(100)
    growth.advance(50)
    assert growth.released == 100


async def test_a_proved_body_ends_well_whatever_comes_after():
    growth = Growth(DIGEST, 10)
    growth.prove()
    growth.fail(StorageError("the disk is full"))
    assert await growth.more(0) == 10


async def test_many_readers_raise_one_reason_without_growing_its_traceback():
    growth = Growth(DIGEST, 10 * TAIL)
    reason = UpstreamTimeout("too slow")
    growth.fail(reason)
    for _ in range(50):
        with pytest.raises(UpstreamTimeout):
            await growth.more(0)
    depth, at = 0, reason.__traceback__
    while at is not None:
        depth, at = depth + 1, at.tb_next
    assert depth < 6


def test_the_stage_after_a_failure_says_who_is_at_fault():
    assert Stage.after(ContentMismatch("x")) is Stage.MISMATCHED
    assert Stage.after(UpstreamTimeout("x")) is Stage.UPSTREAM_FAILED
    assert Stage.after(ValueError("x")) is Stage.STORAGE_FAILED
    for stage in Stage:
        reason = stage.reason()
        assert (reason is None) == (stage < Stage.MISMATCHED)
        assert reason is None or Stage.after(reason) is stage
