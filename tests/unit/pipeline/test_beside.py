import asyncio

import pytest

from proxy.errors import StorageError
from proxy.pipeline.beside import beside


async def test_all_are_done_when_it_returns():
    done = []

    async def work(number):
        await asyncio.sleep(0)
        done.append(number)

    await beside(*(work(number) for number in range(3)))
    assert sorted(done) == [0, 1, 2]
    await beside()


async def test_the_first_that_fails_ends_the_others_and_is_what_is_raised():
    ended = []

    async def waits():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def fails():
        raise StorageError("no space is left")

    with pytest.raises(StorageError, match="no space"):
        await beside(waits(), fails())
    assert ended == [True]


async def test_who_leaves_takes_them_all_along():
    ended = []

    async def waits():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    task = asyncio.create_task(beside(waits(), waits()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True, True]
