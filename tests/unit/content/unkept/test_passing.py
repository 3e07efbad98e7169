"""What passes by: hashed, its tail withheld, its writer held back by its one reader."""

import asyncio
import os

import pytest

from proxy.content.store import TAIL
from proxy.content.unkept.passing import WINDOW, Passing, hashed
from proxy.errors import ContentMismatch, StorageError, UpstreamUnavailable
from proxy.oci.digest import Digest, Hasher
from tests.fakes.content import MemoryStore

RAW = os.urandom(WINDOW + 3 * TAIL + 7)
DIGEST = Digest.of(RAW)


@pytest.fixture
async def passing():
    return Passing(DIGEST, len(RAW))


async def pour(passing, raw=RAW, *, chunk=TAIL):
    """As a fill does."""
    try:
        for start in range(0, len(raw), chunk):
            await passing.write(raw[start : start + chunk])
        await passing.commit()
    except ContentMismatch as error:
        await passing.fail(error, keep=False)
        raise


async def drain(body):
    """Take what is released until there is no more, or nobody brings it."""
    async with asyncio.timeout(5):
        while body.released < body.size:
            await body.more(body.released)


async def test_the_writer_waits_for_the_reader_and_the_tail_for_the_proof(passing):
    body = passing.follow()
    writing = asyncio.create_task(pour(passing))
    await asyncio.sleep(0.01)
    assert WINDOW <= passing.received <= WINDOW + TAIL
    assert not writing.done()
    assert (body.is_stored, body.is_kept) == (False, False)
    at = 0
    while at < len(RAW):
        released = await body.more(at)
        assert os.pread(body.fileno(), released - at, at) == RAW[at:released]
        assert released <= len(RAW) - TAIL or writing.done() or passing.received == len(RAW)
        at = released
    await writing
    body.close()


async def test_promise_2_the_tail_of_wrong_bytes_never_leaves(passing):
    body = passing.follow()
    wrong = RAW[:9] + bytes([RAW[9] ^ 1]) + RAW[10:]
    outcomes = await asyncio.gather(pour(passing, wrong), drain(body), return_exceptions=True)
    assert [type(each) for each in outcomes] == [ContentMismatch, ContentMismatch]
    assert body.released == len(RAW) - TAIL
    body.close()


@pytest.mark.parametrize("size", [len(RAW) - 1, len(RAW) + 1])
async def test_another_length_is_a_mismatch(size):
    passing = Passing(DIGEST, size)
    body = passing.follow()
    outcomes = await asyncio.gather(pour(passing), drain(body), return_exceptions=True)
    assert ContentMismatch in {type(each) for each in outcomes}
    assert body.released <= size - TAIL
    body.close()


async def test_a_reader_that_leaves_ends_the_writer(passing):
    left = []
    passing.left = lambda: left.append(1)
    body = passing.follow()
    writing = asyncio.create_task(pour(passing))
    await asyncio.sleep(0.01)
    body.close()
    body.close()
    with pytest.raises(StorageError, match="reader is gone"):
        await writing
    assert left == [1]


async def test_a_failure_of_the_upstream_is_told_to_the_reader(passing):
    body = passing.follow()
    await passing.write(RAW[:100])
    await passing.fail(UpstreamUnavailable("it is gone"), keep=True)
    with pytest.raises(UpstreamUnavailable):
        await body.more(0)
    body.close()


async def test_a_beginning_that_the_reader_had_is_part_of_the_proof():
    hasher = Hasher(DIGEST)
    hasher.update(RAW[:50_001])
    passing = Passing(DIGEST, len(RAW), hasher=hasher)
    body = passing.follow()
    assert (passing.received, body.released) == (50_001, 50_001)
    writing = asyncio.create_task(pour(passing, RAW[50_001:]))
    at = 50_001
    while at < len(RAW):
        released = await body.more(at)
        assert os.pread(body.fileno(), released - at, at) == RAW[at:released]
        at = released
    await writing
    body.close()


async def test_what_a_reader_gave_away_is_hashed_from_its_own_file():
    store = MemoryStore()
    partial = await store.partial(DIGEST, len(RAW))
    await partial.write(RAW[:70_000])
    body = partial.follow()
    hasher = await hashed(body, 60_000)
    assert hasher.count == 60_000
    hasher.update(RAW[60_000:])
    hasher.prove()
    with pytest.raises(StorageError, match="shorter"):
        await hashed(body, 70_001)
    body.close()


async def test_a_validator_is_remembered_for_as_long_as_it_passes(passing):
    await passing.remember('"x"')
    assert passing.validator == '"x"'
    passing.follow().close()
