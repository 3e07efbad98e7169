"""So many verifier processes on one machine, whoever started them."""

import asyncio

import pytest

from proxy.errors import Inconclusive, StorageError
from proxy.pipeline.court.slots import Slots

# Two Slots on one folder stand for two processes: a file lock belongs to whoever opened the file.


async def test_no_more_than_there_are_can_be_taken_and_one_that_is_released_can_again(tmp_path):
    one, other = Slots(tmp_path / "run", 2), Slots(tmp_path / "run", 2)
    held = [await one.take(0.0), await other.take(0.0)]
    with pytest.raises(Inconclusive, match="every verifier is busy"):
        await one.take(0.0)
    with pytest.raises(Inconclusive, match="every verifier is busy"):
        await other.take(0.01)
    held[0].release()
    (await other.take(0.0)).release()
    held[1].release()


async def test_who_waits_is_noticed_and_gets_the_next_one(tmp_path):
    one, other = Slots(tmp_path, 1), Slots(tmp_path, 1)
    held = await one.take(0.0)
    assert not held.is_wanted()
    waiting = asyncio.create_task(other.take(30.0))
    async with asyncio.timeout(30):
        while not held.is_wanted():
            await asyncio.sleep(0.01)
    held.release()
    taken = await waiting
    assert not taken.is_wanted()
    taken.release()


async def test_who_leaves_while_waiting_wants_nothing_any_more(tmp_path):
    one, other = Slots(tmp_path, 1), Slots(tmp_path, 1)
    held = await one.take(0.0)
    waiting = asyncio.create_task(other.take(30.0))
    async with asyncio.timeout(30):
        while not held.is_wanted():
            await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not held.is_wanted()
    held.release()


async def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "run").write_bytes(b"a file")
    with pytest.raises(StorageError, match="cannot be written"):
        await Slots(tmp_path / "run", 1).take(0.0)
