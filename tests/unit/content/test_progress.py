"""Followers in another process: as far as the record says, and no further than the proof."""

import asyncio
import os
import subprocess
import sys

import pytest

from proxy.content import progress
from proxy.content.filesystem import FilesystemStore
from proxy.content.growing import Stage
from proxy.content.progress import Record
from proxy.content.store import TAIL
from proxy.errors import ContentMismatch, StorageError, UpstreamUnavailable
from proxy.oci.digest import Digest

RAW = bytes(range(256)) * (TAIL // 64)
DIGEST = Digest.of(RAW)
SIZE = len(RAW)


def test_a_record_is_read_as_it_was_written():
    record = Record(Stage.PROVED, inode=2**60, received=2**50)
    assert Record.unpack(record.pack()) == record


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: b"", lambda raw: raw + b"x", lambda raw: bytes(len(raw))]
)
def test_a_torn_or_foreign_record_is_none(change):
    assert Record.unpack(change(Record(Stage.GROWING, 1, 2).pack())) is None


@pytest.mark.parametrize("at", range(28))
def test_any_flipped_byte_of_a_record_shows(at):
    raw = bytearray(Record(Stage.GROWING, 1, 2).pack())
    raw[at] ^= 64
    assert Record.unpack(bytes(raw)) is None


class Filler:
    """Another process that fills what we follow."""

    def __init__(self, tmp_path, raw=RAW):
        (tmp_path / "raw").write_bytes(raw)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.filler", tmp_path / "content", str(DIGEST), str(SIZE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self.asked(tmp_path / "raw") == "received 0"

    def asked(self, line):
        self.process.stdin.write(f"{line}\n")
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def store(tmp_path):
    found = FilesystemStore(tmp_path / "content", rotted=lambda *_: None)
    yield found
    found.close()


@pytest.fixture
def filler(tmp_path):
    found = Filler(tmp_path)
    yield found
    found.close()


async def asked(filler, line):
    return await asyncio.to_thread(filler.asked, line)


async def test_a_follower_sees_progress_proof_and_commit_of_another_process(store, filler):
    assert await store.partial(DIGEST, SIZE) is None
    bodies = [store.follow(DIGEST, SIZE) for _ in range(8)]
    waiting = [asyncio.create_task(body.more(0)) for body in bodies]
    await asked(filler, "write 1000")
    assert await asyncio.gather(*waiting) == [1000] * 8
    assert len(store._watched) == 1
    await asked(filler, f"write {SIZE - 1000}")
    assert await bodies[0].more(SIZE - TAIL - 1) == SIZE - TAIL
    waiting = asyncio.create_task(bodies[0].more(SIZE - TAIL))
    await asyncio.sleep(0.03)
    assert not waiting.done()
    assert await store.open(DIGEST) is None
    await asked(filler, "commit")
    assert await waiting == SIZE
    assert os.pread(bodies[3].fileno(), SIZE + 1, 0) == RAW
    for body in bodies:
        body.close()
        body.close()
    assert store._watched == {}
    stored = await store.open(DIGEST)
    assert stored is not None
    stored.close()
    with pytest.raises(StorageError, match="nobody fetches"):
        store.follow(DIGEST, SIZE)


async def test_a_follower_that_comes_late_begins_with_what_is_there(store, filler):
    await asked(filler, "write 5000")
    body = store.follow(DIGEST, SIZE)
    assert await body.more(0) == 5000
    body.close()


@pytest.mark.parametrize(("line", "error"), [("fail", UpstreamUnavailable), ("keep", UpstreamUnavailable)])
async def test_a_follower_is_told_that_the_filler_failed(store, filler, line, error):
    body = store.follow(DIGEST, SIZE)
    waiting = asyncio.create_task(body.more(0))
    await asyncio.sleep(0.02)
    await asked(filler, line)
    with pytest.raises(error):
        await waiting
    body.close()


async def test_t03_a_follower_in_another_process_never_completes_wrong_bytes(store, tmp_path):
    filler = Filler(tmp_path, raw=RAW[:-1] + b"!")
    body = store.follow(DIGEST, SIZE)
    await asked(filler, f"write {SIZE}")
    assert await body.more(0) == SIZE - TAIL
    waiting = asyncio.create_task(body.more(SIZE - TAIL))
    await asyncio.to_thread(filler.process.communicate, "commit\n")
    with pytest.raises(ContentMismatch):
        await waiting
    assert body.released == SIZE - TAIL
    body.close()
    filler.close()


async def test_a_filler_that_dies_is_noticed_and_its_bytes_are_taken_up_again(store, filler, monkeypatch):
    monkeypatch.setattr(progress, "QUIET", 3)
    body = store.follow(DIGEST, SIZE)
    await asked(filler, "write 100000")
    assert await body.more(0) == 100_000
    waiting = asyncio.create_task(body.more(100_000))
    filler.process.kill()
    filler.process.wait()
    with pytest.raises(StorageError, match="ended"):
        await waiting
    body.close()
    partial = await store.partial(DIGEST, SIZE)
    assert partial is not None
    assert partial.received == 100_000
    await partial.write(RAW[100_000:])
    await partial.commit()
    assert await store.size(DIGEST) == SIZE


async def test_looking_at_the_lock_never_keeps_a_filler_out(store, filler, monkeypatch):
    monkeypatch.setattr(progress, "QUIET", 1)
    body = store.follow(DIGEST, SIZE)
    waiting = asyncio.create_task(body.more(0))
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert not waiting.done()
    await asked(filler, "write 10")
    assert await waiting == 10
    body.close()


async def test_a_record_that_speaks_of_another_file_is_not_believed(store):
    partial = await store.partial(DIGEST, SIZE)
    assert partial is not None
    await partial.write(RAW)
    while partial.follow().released == 0:
        await asyncio.sleep(0.001)
    path = store._shelf.progress(DIGEST)
    inode = store._shelf.growing(DIGEST).stat().st_ino
    path.write_bytes(Record(Stage.PROVED, inode + 1, SIZE).pack())
    body = store.follow(DIGEST, SIZE)
    body._growth.look()
    assert body.released == 0
    path.write_bytes(Record(Stage.PROVED, inode, SIZE + 1).pack())
    body._growth.look()
    assert body.released == 0
    body.close()
    await partial.fail(StorageError("over"), keep=False)


async def test_a_poll_ends_with_its_last_waiter(store, filler):
    body = store.follow(DIGEST, SIZE)
    waiting = asyncio.create_task(body.more(0))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.wait({waiting})
    body.close()
    await asyncio.sleep(0.02)
    assert body._remote._poller is None


async def test_a_record_that_is_no_file_fails_its_readers(store):
    partial = await store.partial(DIGEST, SIZE)
    path = store._shelf.progress(DIGEST)
    path.unlink()
    path.symlink_to("/dev/null")
    body = store.follow(DIGEST, SIZE)
    with pytest.raises(StorageError, match="not a file"):
        await body.more(0)
    body.close()
    await partial.fail(StorageError("over"), keep=False)


async def test_a_record_that_was_removed_under_its_readers_ends_them(store, filler, monkeypatch):
    monkeypatch.setattr(progress, "QUIET", 3)
    await asked(filler, "write 10")
    body = store.follow(DIGEST, SIZE)
    assert await body.more(0) == 10
    store._shelf.progress(DIGEST).unlink()
    with pytest.raises(StorageError, match="ended"):
        await body.more(10)
    body.close()
