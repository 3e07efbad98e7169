"""A reader whose fill broke goes on with another body, once, and only where nothing of the first is needed any more."""

import asyncio
import os

import pytest

from proxy.content.store import TAIL
from proxy.content.unkept.onward import OnwardBody, is_same_file
from proxy.errors import ContentMismatch, StorageError, UpstreamUnavailable
from proxy.oci.digest import Digest
from tests.fakes.content import MemoryStore

RAW = os.urandom(5 * TAIL)
DIGEST = Digest.of(RAW)
FULL = StorageError("the disk is full", trouble="full")


class Ground:
    def __init__(self):
        self.asked = []
        self.next = None

    async def onward(self, reader, error):
        self.asked.append((reader, error))
        if isinstance(self.next, Exception):
            raise self.next
        return self.next


@pytest.fixture
async def ground():
    ground = Ground()
    ground.store = MemoryStore()
    ground.partial = await ground.store.partial(DIGEST, len(RAW))
    await ground.partial.write(RAW[: 2 * TAIL])
    ground.first = ground.partial.follow()
    other = MemoryStore()
    await other.write(DIGEST, RAW)
    ground.next = await other.open(DIGEST)
    ground.body = OnwardBody(ground.first, ground.onward)
    yield ground
    ground.body.close()
    ground.next.close() if hasattr(ground.next, "close") else None


async def test_it_is_its_first_body_while_that_lasts(ground):
    body = ground.body
    assert (body.digest, body.size, body.is_stored, body.is_kept) == (DIGEST, len(RAW), False, True)
    assert (body.fileno(), body.released) == (ground.first.fileno(), 2 * TAIL)
    assert await body.more(0) == 2 * TAIL
    await ground.partial.write(RAW[2 * TAIL :])
    await ground.partial.commit()
    assert await body.more(len(RAW) - TAIL) == len(RAW)
    assert ground.asked == []


async def test_where_the_disk_breaks_it_another_stands_in_its_place(ground):
    waiting = asyncio.create_task(ground.body.more(2 * TAIL))
    await asyncio.sleep(0)
    await ground.partial.fail(FULL, keep=False)
    assert await waiting == len(RAW) - TAIL
    ((reader, error),) = ground.asked
    assert (reader, error) == (ground.first, FULL)
    assert ground.body.fileno() == ground.next.fileno()
    assert ground.body.is_stored
    with pytest.raises(StorageError, match="closed"):
        ground.first.fileno()


async def test_whoever_waits_for_the_whole_took_nothing_yet_and_is_told(ground):
    """A range waits so: were the first body gone, so would be its beginning."""
    waiting = asyncio.create_task(ground.body.more(len(RAW) - 1))
    await asyncio.sleep(0)
    await ground.partial.fail(FULL, keep=False)
    with pytest.raises(StorageError, match="full"):
        await waiting
    assert ground.asked == []
    assert await ground.body.more(2 * TAIL) == len(RAW) - TAIL  # whoever takes what there is goes on


@pytest.mark.parametrize("error", [UpstreamUnavailable("it is gone"), ContentMismatch("other bytes")])
async def test_what_is_not_the_disks_ends_it(ground, error):
    await ground.partial.fail(error, keep=False)
    with pytest.raises(type(error)):
        await ground.body.more(2 * TAIL)
    assert ground.asked == []


async def test_where_nothing_stands_in_its_place_that_is_what_the_reader_is_told(ground):
    other, ground.next = ground.next, StorageError("too many pass by", retry_after=5)
    await ground.partial.fail(FULL, keep=False)
    with pytest.raises(StorageError, match="too many"):
        await ground.body.more(2 * TAIL)
    with pytest.raises(StorageError, match="full"):  # once is enough
        await ground.body.more(2 * TAIL)
    assert len(ground.asked) == 1
    other.close()


async def test_the_same_file_is_known_by_more_than_its_name(ground):
    assert is_same_file(ground.first, ground.body)
    assert not is_same_file(ground.first, ground.next)


async def test_a_closed_one_goes_nowhere(ground):
    ground.body.close()
    ground.body.close()
    await ground.partial.fail(FULL, keep=False)
    with pytest.raises(StorageError):
        await ground.body.more(2 * TAIL)
    assert ground.asked == []
