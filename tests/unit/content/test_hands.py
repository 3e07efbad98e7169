import asyncio
import threading

import pytest

from proxy.content.hands import Hands
from proxy.errors import StorageError


@pytest.fixture
def hands():
    found = Hands(2)
    yield found
    found.close()


async def test_a_fault_of_the_disk_comes_back_as_a_storage_error(hands):
    def fail():
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="full"):
        await hands.run(fail)


async def test_what_nobody_waits_for_any_more_is_undone(hands):
    going, undone = threading.Event(), asyncio.Event()
    waiting = asyncio.create_task(hands.run(lambda: going.wait(10) and "made", undo=lambda made: made and undone.set()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert not undone.is_set()
    going.set()
    await undone.wait()


async def test_a_failure_that_nobody_waits_for_is_quiet(hands):
    going = threading.Event()

    def fail():
        going.wait(10)
        raise OSError(5, "Input/output error")

    waiting = asyncio.create_task(hands.run(fail))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    going.set()
    assert await hands.run(lambda: "goes on") == "goes on"
