"""A fill under crashes, a full disk and a filler that is cancelled; memory that does not grow with the blob."""

import asyncio
import hashlib
import os
import resource
import subprocess
import sys
import tracemalloc

import pytest

from proxy.content.filesystem import FilesystemStore
from proxy.content.filling import BACKLOG
from proxy.content.store import TAIL
from proxy.errors import ContentMismatch, StorageError, UpstreamUnavailable
from proxy.oci.digest import Digest

RAW = hashlib.shake_128(b"filling").digest(5 * TAIL)
DIGEST = Digest.of(RAW)
SIZE = len(RAW)
STEPS = ("written", "recorded", "proved", "released", "synced", "renamed", "listed", "attested")


@pytest.fixture
def store(tmp_path):
    found = FilesystemStore(tmp_path / "content", rotted=lambda digest, what: pytest.fail(f"{digest}: {what}"))
    yield found
    found.close()


def die_at(step, tmp_path, verbs, *, raw=RAW):
    """Run a filler in a process of its own that ends without a goodbye after `step`."""
    (tmp_path / "raw").write_bytes(raw)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fakes.filler", tmp_path / "content", str(DIGEST), str(SIZE), step],
        input="\n".join([str(tmp_path / "raw"), *verbs, ""]),
        text=True,
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (9, "")


async def whole(store):
    body = await store.open(DIGEST)
    if body is None:
        return None
    assert await body.more(SIZE - 1) == SIZE
    raw = os.pread(body.fileno(), SIZE + 1, 0)
    body.close()
    return raw


@pytest.mark.parametrize("step", STEPS)
async def test_a_fill_killed_at_any_step_shows_nothing_wrong_and_loses_nothing(store, tmp_path, step):
    """Promise 2; clients.md 9: kill -9 after each named step of a fill and a commit."""
    die_at(step, tmp_path, [f"write {SIZE}", "commit"])
    await store.tidy()
    is_stored = step in {"renamed", "listed", "attested"}
    assert await whole(store) == (RAW if is_stored else None)
    partial = await store.partial(DIGEST, SIZE)
    if is_stored:
        assert partial is None
        return
    assert partial.received == SIZE
    body = partial.follow()
    assert body.released == SIZE - TAIL
    await partial.commit()
    assert await body.more(SIZE - 1) == SIZE
    body.close()
    assert await whole(store) == RAW
    assert list((tmp_path / "content" / "partial").iterdir()) == []


async def test_bytes_that_changed_while_nobody_filled_are_found_out(store, tmp_path):
    die_at("released", tmp_path, [f"write {SIZE}", "commit"])
    with (tmp_path / "content" / "partial" / DIGEST.dashed).open("r+b") as file:
        file.write(b"\0\0")
    partial = await store.partial(DIGEST, SIZE)
    assert partial.received == SIZE
    with pytest.raises(ContentMismatch):
        await partial.commit()
    assert (await store.partial(DIGEST, SIZE)).received == 0


@pytest.mark.parametrize("kind", ["longer", "link", "folder"])
async def test_what_cannot_be_the_beginning_is_begun_anew(store, tmp_path, kind):
    path = tmp_path / "content" / "partial" / DIGEST.dashed
    path.parent.mkdir(parents=True)
    if kind == "longer":
        path.write_bytes(RAW + b"x")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    partial = await store.partial(DIGEST, SIZE)
    assert partial.received == 0
    await partial.write(RAW)
    await partial.commit()
    assert await whole(store) == RAW
    assert not (tmp_path / "elsewhere").exists()


async def test_t56_a_full_disk_is_a_storage_error_and_it_recovers_by_itself(store):
    partial = await store.partial(DIGEST, SIZE)
    body = partial.follow()
    waiting = asyncio.create_task(body.more(2 * TAIL))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * TAIL, before[1]))
    try:
        with pytest.raises(StorageError, match="larger than the disk"):
            await _write_slowly(partial)
        with pytest.raises(StorageError):
            await partial.commit()
        await partial.fail(StorageError("the disk is full"), keep=False)
        with pytest.raises(StorageError):
            await waiting
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    body.close()
    again = await store.partial(DIGEST, SIZE)
    assert again.received == 0
    await again.write(RAW)
    await again.commit()
    assert await whole(store) == RAW


async def _write_slowly(partial):
    for start in range(0, SIZE, TAIL):
        await partial.write(RAW[start : start + TAIL])
        await asyncio.sleep(0.02)


async def test_readers_end_well_where_only_the_commit_failed(store, tmp_path, monkeypatch):
    """The tail left with the proof; what the disk does after it costs the cached copy only."""
    partial = await store.partial(DIGEST, SIZE)
    body = partial.follow()
    await partial.write(RAW)

    def refuse(_descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match="failed to read or write"):
        await partial.commit()
    monkeypatch.undo()
    await partial.fail(StorageError("said again"), keep=True)
    assert await body.more(SIZE - 1) == SIZE
    assert not body.is_stored
    assert os.pread(body.fileno(), SIZE + 1, 0) == RAW
    body.close()
    assert await store.open(DIGEST) is None
    assert list((tmp_path / "content" / "partial").iterdir()) == []


async def test_the_tail_leaves_before_the_disk_is_waited_for(tmp_path):
    """Measured: an fsync before the tail is released costs the client 0.1 s."""
    seen = []
    store = FilesystemStore(
        tmp_path,
        rotted=lambda *_: None,
        steps=lambda name: seen.append((name, partial._growth.released)) if name == "proved" else None,
    )
    partial = await store.partial(DIGEST, SIZE)
    body = partial.follow()
    await partial.write(RAW)
    await partial.commit()
    assert seen == [("proved", SIZE)]
    with pytest.raises(StorageError, match="let go"):
        await partial.commit()
    body.close()
    store.close()


async def test_one_may_begin_to_follow_at_any_time_until_it_is_let_go(store):
    partial = await store.partial(DIGEST, SIZE)
    await partial.write(RAW)
    await partial.commit()
    body = partial.follow()
    assert await body.more(0) == SIZE
    assert body.is_stored
    body.close()
    await store.delete(DIGEST)
    with pytest.raises(StorageError, match="no longer there"):
        partial.follow()


async def test_a_filler_that_is_cancelled_at_any_moment_leaves_the_lock_free(store):
    for turns in range(12):
        filling = asyncio.create_task(_fill_or_keep(store))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        filling.cancel()
        await asyncio.wait({filling})
    for _ in range(200):
        if await store.size(DIGEST) == SIZE:
            break
        if (partial := await store.partial(DIGEST, SIZE)) is not None:
            await partial.write(RAW[partial.received :])
            await partial.commit()
        await asyncio.sleep(0.01)
    assert await whole(store) == RAW


async def _fill_or_keep(store):
    partial = await store.partial(DIGEST, SIZE)
    if partial is None:
        return
    try:
        for start in range(partial.received, SIZE, 5000):
            await partial.write(RAW[start : start + 5000])
            await asyncio.sleep(0)
        await partial.commit()
    finally:
        await partial.fail(UpstreamUnavailable("cancelled"), keep=True)


async def test_what_waits_is_written_before_a_kept_fill_is_let_go(store):
    partial = await store.partial(DIGEST, SIZE)
    for start in range(0, SIZE - 5, 1000):
        await partial.write(RAW[start : min(start + 1000, SIZE - 5)])
    await partial.fail(UpstreamUnavailable("cut"), keep=True)
    again = await store.partial(DIGEST, SIZE)
    assert again.received == SIZE - 5
    await again.fail(UpstreamUnavailable("cut"), keep=False)


async def test_t08_memory_does_not_grow_with_the_blob(store):
    """64 MiB through a store that may hold a few: what waits is bounded, and no reader has a queue."""
    chunk = bytes(1024 * 1024)
    hasher = hashlib.sha256()
    for _ in range(64):
        hasher.update(chunk)
    digest = Digest("sha256", hasher.hexdigest())
    tracemalloc.start()
    try:
        partial = await store.partial(digest, 64 * len(chunk))
        bodies = [partial.follow() for _ in range(8)]
        for _ in range(64):
            await partial.write(bytes(chunk[:1]) * len(chunk))
        await partial.commit()
        assert await bodies[0].more(0) == 64 * len(chunk)
        body = await store.open(digest)
        assert await body.more(body.size - 1) == body.size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    for reader in (*bodies, body):
        reader.close()
    assert peak < 4 * BACKLOG


async def test_promise_2_a_reader_that_comes_late_to_the_tail_is_cut_where_the_file_was_changed_meanwhile(store):
    partial = await store.partial(DIGEST, SIZE)
    late, other = partial.follow(), partial.follow()
    await partial.write(RAW)
    await partial.commit()
    assert await other.more(SIZE - 1) == SIZE
    assert late.released == SIZE - TAIL
    stored = store._shelf.blob(DIGEST)
    with stored.open("r+b") as file:
        file.seek(SIZE - 1)
        file.write(b"!")
    with pytest.raises(ContentMismatch):
        await late.more(SIZE - TAIL)
    late.close()
    other.close()
