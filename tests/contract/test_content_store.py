"""The content store's contract, run over every backend: what a reader may see, and when."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from proxy.content.filesystem import FilesystemStore
from proxy.content.store import TAIL, Body, ContentStore
from proxy.errors import ContentMismatch, StorageError, UpstreamUnavailable
from proxy.oci.digest import Digest
from tests.fakes.content import MemoryStore

CONTENT = hashlib.shake_128(b"content").digest(3 * TAIL + 77)
NAMED = Digest.of(CONTENT)
SIZE = len(CONTENT)
SMALL = b"a small blob"


class Ground:
    """A store, what it said rotted, and a hand that damages a stored file."""

    def __init__(self, store: ContentStore, damage: Callable[[Digest, int, bytes], None], rotten: list[Digest]) -> None:
        self.store = store
        self.damage = damage
        self.rotten = rotten


@pytest.fixture(params=["filesystem", "memory"])
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    rotten: list[Digest] = []

    def note(digest: Digest, _what: str) -> None:
        rotten.append(digest)

    if request.param == "memory":
        memory = MemoryStore(rotted=note)
        yield Ground(memory, lambda digest, at, raw: void(os.pwrite(memory.blobs[digest], raw, at)), rotten)
        return
    store = FilesystemStore(tmp_path, rotted=note)

    def damage(digest: Digest, at: int, raw: bytes) -> None:
        with (tmp_path / "blobs" / digest.algorithm / digest.hex[:2] / digest.hex).open("r+b") as file:
            file.seek(at)
            file.write(raw)

    yield Ground(store, damage, rotten)
    store.close()


def void(_value: object) -> None:
    pass


async def whole(body: Body) -> bytes:
    """Read as the web does: never beyond what is released."""
    raw = b""
    while len(raw) < body.size:
        count = await body.more(len(raw))
        assert count <= body.size
        raw += os.pread(body.fileno(), count - len(raw), len(raw))
    await body.more(len(raw))
    body.close()
    return raw


async def fill(store: ContentStore, raw: bytes, digest: Digest | None = None) -> None:
    partial = await store.partial(digest or Digest.of(raw), len(raw))
    assert partial is not None
    for start in range(0, len(raw), 50_000):
        await partial.write(raw[start : start + 50_000])
    await partial.commit()


@pytest.mark.parametrize("raw", [b"", b"x", CONTENT[: TAIL - 1], CONTENT[:TAIL], CONTENT[: TAIL + 1], CONTENT])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_what_was_filled_is_read_again(ground: Ground, raw: bytes, algorithm: str):
    digest = Digest.of(raw, algorithm)
    await fill(ground.store, raw, digest)
    body = await ground.store.open(digest)
    assert body is not None
    assert (body.digest, body.size, body.is_stored) == (digest, len(raw), True)
    assert await whole(body) == raw
    assert await ground.store.size(digest) == len(raw)
    assert ground.rotten == []


async def test_nothing_is_visible_before_commit(ground: Ground):
    """Promise 2."""
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    await partial.write(CONTENT)
    assert await ground.store.open(NAMED) is None
    assert await ground.store.size(NAMED) is None
    assert await ground.store.read(NAMED, limit=SIZE) is None
    assert await ground.store.is_empty()
    await partial.commit()
    assert await ground.store.size(NAMED) == SIZE
    assert not await ground.store.is_empty()


async def test_a_follower_gets_bytes_long_before_the_end(ground: Ground):
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    body = partial.follow()
    assert body.released == 0
    waiting = asyncio.create_task(body.more(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    await partial.write(CONTENT[:1000])
    assert await waiting == 1000
    assert os.pread(body.fileno(), 2000, 0) == CONTENT[:1000]
    assert not body.is_stored
    reading = asyncio.create_task(whole(body))
    await partial.write(CONTENT[1000:])
    await partial.commit()
    assert await reading == CONTENT


async def test_the_tail_is_withheld_until_the_proof(ground: Ground):
    """Promise 2: not one byte of the last block leaves before length and digest are right."""
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    body = partial.follow()
    await partial.write(CONTENT)
    assert await body.more(SIZE - TAIL - 1) == SIZE - TAIL
    waiting = asyncio.create_task(body.more(SIZE - TAIL))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    assert body.released == SIZE - TAIL
    await partial.commit()
    assert await waiting == SIZE
    assert body.is_stored
    body.close()


async def test_a_blob_smaller_than_the_tail_is_withheld_whole(ground: Ground):
    partial = await ground.store.partial(Digest.of(SMALL), len(SMALL))
    assert partial is not None
    body = partial.follow()
    await partial.write(SMALL)
    await asyncio.sleep(0.02)
    assert body.released == 0
    await partial.commit()
    assert await whole(body) == SMALL


async def test_t03_wrong_bytes_of_the_right_length_fail_every_reader_and_are_gone(ground: Ground):
    wrong = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    bodies = [partial.follow() for _ in range(3)]
    readers = [asyncio.create_task(whole(body)) for body in bodies]
    await partial.write(wrong)
    with pytest.raises(ContentMismatch):
        await partial.commit()
    for outcome in await asyncio.gather(*readers, return_exceptions=True):
        assert isinstance(outcome, ContentMismatch)
    assert all(body.released == SIZE - TAIL for body in bodies)
    for body in bodies:
        body.close()
        body.close()
    assert await ground.store.open(NAMED) is None
    again = await ground.store.partial(NAMED, SIZE)
    assert again is not None
    assert again.received == 0
    await again.fail(UpstreamUnavailable("over"), keep=False)


async def test_a_short_blob_is_never_committed(ground: Ground):
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    await partial.write(CONTENT[:-1])
    with pytest.raises(ContentMismatch):
        await partial.commit()
    assert await ground.store.open(NAMED) is None


async def test_a_chunk_beyond_the_size_is_refused(ground: Ground):
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    await partial.write(CONTENT)
    with pytest.raises(ContentMismatch, match="more than"):
        await partial.write(b"x")
    await partial.fail(ContentMismatch("too long"), keep=True)
    again = await ground.store.partial(NAMED, SIZE)
    assert again is not None
    assert again.received == 0
    await again.fail(UpstreamUnavailable("over"), keep=False)


async def test_an_interrupted_fill_is_taken_up_again(ground: Ground):
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    await partial.write(CONTENT[:70_000])
    reader = asyncio.create_task(whole(partial.follow()))
    await partial.fail(UpstreamUnavailable("the upstream is gone"), keep=True)
    with pytest.raises(UpstreamUnavailable, match="the upstream is gone"):
        await reader
    again = await ground.store.partial(NAMED, SIZE)
    assert again is not None
    assert again.received == 70_000
    body = again.follow()
    assert body.released == 70_000
    await again.write(CONTENT[70_000:])
    await again.commit()
    assert await whole(body) == CONTENT


async def test_a_failed_fill_that_is_not_kept_begins_anew(ground: Ground):
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    await partial.write(CONTENT[:70_000])
    await partial.fail(UpstreamUnavailable("the upstream is gone"), keep=False)
    await partial.fail(UpstreamUnavailable("said again"), keep=False)
    with pytest.raises(StorageError):
        await partial.write(b"more")
    again = await ground.store.partial(NAMED, SIZE)
    assert again is not None
    assert again.received == 0
    await again.fail(UpstreamUnavailable("over"), keep=False)


async def test_one_filler_at_a_time(ground: Ground):
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    assert await ground.store.partial(NAMED, SIZE) is None
    body = ground.store.follow(NAMED, SIZE)
    reader = asyncio.create_task(whole(body))
    await partial.write(CONTENT)
    await partial.commit()
    assert await reader == CONTENT


async def test_what_is_stored_is_not_filled_again(ground: Ground):
    await fill(ground.store, CONTENT)
    assert await ground.store.partial(NAMED, SIZE) is None
    with pytest.raises(StorageError):
        ground.store.follow(NAMED, SIZE)


async def test_sixty_four_followers_at_their_own_pace_see_the_same_bytes(ground: Ground):
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    readers = [asyncio.create_task(whole(partial.follow())) for _ in range(64)]
    readers[3].cancel()
    for start in range(0, SIZE, 9000):
        await partial.write(CONTENT[start : start + 9000])
        await asyncio.sleep(0)
    readers[5].cancel()
    await partial.commit()
    outcomes = await asyncio.gather(*readers, return_exceptions=True)
    assert sum(outcome == CONTENT for outcome in outcomes) >= 62


async def test_a_reader_opened_while_it_grew_reads_on_after_commit_and_delete(ground: Ground):
    """Eviction during a read."""
    partial = await ground.store.partial(NAMED, SIZE)
    assert partial is not None
    body = partial.follow()
    await partial.write(CONTENT)
    await partial.commit()
    await ground.store.delete(NAMED)
    assert await ground.store.open(NAMED) is None
    assert await whole(body) == CONTENT


async def test_a_stored_blob_deleted_during_a_read_is_read_to_its_end(ground: Ground):
    await fill(ground.store, CONTENT)
    body = await ground.store.open(NAMED)
    assert body is not None
    await ground.store.delete(NAMED)
    assert await whole(body) == CONTENT
    await ground.store.delete(NAMED)


@pytest.mark.parametrize("at", [0, SIZE // 2, SIZE - 1, SIZE], ids=["head", "middle", "tail", "extended"])
async def test_a_changed_file_is_put_aside_at_open(ground: Ground, at: int):
    """Promise 2."""
    await fill(ground.store, CONTENT)
    ground.damage(NAMED, at, b"\0" if CONTENT[at : at + 1] != b"\0" else b"\1")
    assert await ground.store.open(NAMED) is None
    assert ground.rotten == [NAMED]
    assert await ground.store.size(NAMED) is None
    await fill(ground.store, CONTENT)
    body = await ground.store.open(NAMED)
    assert body is not None
    assert await whole(body) == CONTENT


async def test_a_file_changed_while_it_is_read_never_completes(ground: Ground):
    """Promise 2."""
    await fill(ground.store, CONTENT)
    body = await ground.store.open(NAMED)
    assert body is not None
    ground.damage(NAMED, 5, b"wrong")
    with pytest.raises(ContentMismatch):
        await body.more(body.released)
    body.close()


async def test_small_content_is_written_at_once_and_hashed_at_each_read(ground: Ground):
    digest = Digest.of(SMALL)
    await ground.store.write(digest, SMALL)
    await ground.store.write(digest, SMALL)
    assert await ground.store.read(digest, limit=100) == SMALL
    body = await ground.store.open(digest)
    assert body is not None
    assert await whole(body) == SMALL
    ground.damage(digest, 0, b"A")
    assert await ground.store.read(digest, limit=100) is None
    assert ground.rotten == [digest]
    assert await ground.store.size(digest) is None


async def test_small_content_under_another_digest_is_refused(ground: Ground):
    with pytest.raises(ContentMismatch):
        await ground.store.write(NAMED, SMALL)
    assert await ground.store.is_empty()


async def test_t08_content_over_the_limit_is_not_read_into_memory(ground: Ground):
    await fill(ground.store, CONTENT)
    with pytest.raises(StorageError, match="longer than"):
        await ground.store.read(NAMED, limit=100)
    assert await ground.store.size(NAMED) == SIZE


async def test_scan_names_each_blob_with_its_size(ground: Ground):
    assert [found async for found in ground.store.scan()] == []
    await ground.store.write(Digest.of(SMALL), SMALL)
    await ground.store.write(Digest.of(SMALL, "sha512"), SMALL)
    await fill(ground.store, CONTENT)
    found = {digest: size async for digest, size in ground.store.scan()}
    assert found == {Digest.of(SMALL): len(SMALL), Digest.of(SMALL, "sha512"): len(SMALL), NAMED: SIZE}
