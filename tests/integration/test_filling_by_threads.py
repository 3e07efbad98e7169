"""The door for a thread that brings the bytes: as `write`, but that it blocks."""

import asyncio
import os

import pytest

from proxy.content.filesystem import FilesystemStore
from proxy.content.store import TAIL
from proxy.errors import ContentMismatch, StorageError, UpstreamUnavailable
from proxy.oci.digest import Digest

RAW = bytes(range(256)) * 2048  # 512 KiB
DIGEST = Digest.of(RAW)
PIECE = 100_000


@pytest.fixture
def store(tmp_path):
    store = FilesystemStore(tmp_path, rotted=lambda *_: None)
    yield store
    store.close()


async def bring(sink, raw):
    """As a carrier does: two buffers in turn, each overwritten once the next piece was taken."""
    buffers = [bytearray(PIECE), bytearray(PIECE)]

    def run():
        for turn, start in enumerate(range(0, len(raw), PIECE)):
            piece = raw[start : start + PIECE]
            view = memoryview(buffers[turn % 2])
            view[: len(piece)] = piece
            sink(view[: len(piece)])

    await asyncio.to_thread(run)


async def test_what_a_thread_brings_is_followed_proved_and_stored(store):
    partial = await store.partial(DIGEST, len(RAW))
    body = partial.follow()
    await bring(await partial.sink(), RAW)
    assert partial.received == len(RAW)
    assert await body.more(0) == len(RAW) - TAIL
    await partial.commit()
    assert await body.more(len(RAW) - TAIL) == len(RAW)
    assert os.pread(body.fileno(), len(RAW), 0) == RAW
    assert (await store.open(DIGEST)).size == len(RAW)
    body.close()


async def test_it_goes_on_after_what_was_written(store):
    partial = await store.partial(DIGEST, len(RAW))
    await partial.write(RAW[:200_000])
    await bring(await partial.sink(), RAW[200_000:])
    await partial.commit()
    assert await store.read(DIGEST, limit=len(RAW)) == RAW


async def test_what_was_brought_is_kept_when_the_upstream_fails(store):
    partial = await store.partial(DIGEST, len(RAW))
    await bring(await partial.sink(), RAW[:300_000])
    await partial.fail(UpstreamUnavailable("gone"), keep=True)
    again = await store.partial(DIGEST, len(RAW))
    assert again.received == 300_000
    await bring(await again.sink(), RAW[300_000:])
    await again.commit()


async def test_more_than_the_size_and_other_bytes_are_a_mismatch(store):
    partial = await store.partial(DIGEST, len(RAW))
    with pytest.raises(ContentMismatch, match="more than"):
        await bring(await partial.sink(), RAW + b"x")
    await partial.fail(ContentMismatch("too long"), keep=False)
    partial = await store.partial(DIGEST, len(RAW))
    await bring(await partial.sink(), RAW[:-1] + b"x")
    with pytest.raises(ContentMismatch):
        await partial.commit()
    assert await store.open(DIGEST) is None


async def test_after_the_end_nothing_is_taken(store):
    partial = await store.partial(DIGEST, len(RAW))
    sink = await partial.sink()
    await partial.fail(UpstreamUnavailable("gone"), keep=True)
    with pytest.raises(StorageError):
        await bring(sink, RAW)
