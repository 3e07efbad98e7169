"""A disk that is full, read-only or failing: what is cached is served, what is missing passes by, and it recovers by itself."""

import asyncio
import errno
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from proxy.content import disk, filling
from proxy.content.store import TAIL
from proxy.content.unkept.passing import WINDOW
from proxy.errors import ContentMismatch, StorageError, UpstreamError
from proxy.oci.digest import Digest
from proxy.pipeline import fill
from tests.fakes.bench import MIB, REPOSITORY, Bench, read
from tests.fakes.disks import (
    Faults,
    fill_up,
    needs_mounts,
    needs_root,
    remount,
    small_disk,
    spoil,
    spoilable_disk,
)
from tests.fakes.registry import FakeRegistry

RAW = hashlib.shake_128(b"faults").digest(6 * MIB)


@pytest.fixture
async def upstream():
    async with FakeRegistry() as upstream:
        yield upstream


@pytest.fixture
async def bench(tmp_path, upstream):
    bench = Bench(tmp_path / "content", upstream)
    yield bench
    await bench.close()


@pytest.fixture
async def small(tmp_path, upstream):
    """A bench on a disk of 16 MiB."""
    with small_disk(tmp_path / "disk", 16 * MIB) as folder:
        bench = Bench(folder / "content", upstream)
        yield bench
        await bench.close()


async def full_later(bench, folder):
    """A fill that is at a third when the disk turns full: its reader, and how to let it go on."""
    blob = bench.put_raw(RAW)
    bench.upstream.knobs.hold_at = 2 * MIB
    body, _ = await bench.fills.body(REPOSITORY, blob)
    while body.released < 2 * MIB:
        await body.more(body.released)
    fill_up(folder)
    return body


@needs_mounts
async def test_t56_what_finds_no_room_streams_through_proved_and_unkept(small):
    small.folder.mkdir()
    fill_up(small.folder)
    blob = small.put_raw(RAW)
    assert await small.read(blob) == RAW
    assert await small.read(blob) == RAW
    await small.finished()
    assert [each.outcome for each in small.ended if each.transferred] == ["unkept", "unkept"]
    assert small.upstream.sent("blob") == 2 * len(RAW)
    assert await small.store.size(blob.digest) is None
    assert small.turns == ["full"]


@needs_mounts
async def test_t56_a_full_disk_is_well_again_by_itself_once_there_is_room(small):
    small.folder.mkdir()
    ballast = fill_up(small.folder)
    blob = small.put_raw(RAW)
    assert await small.read(blob) == RAW
    await small.store.probe()
    assert small.turns == ["full"]
    ballast.unlink()
    await small.store.probe()
    assert small.turns == ["full", "ok"]
    assert await small.read(blob) == RAW
    await small.finished()
    assert small.ended[-1].outcome == "stored"
    assert list((small.folder / "partial").iterdir()) == []


@needs_mounts
async def test_a_probe_looks_for_as_much_room_as_was_wanted(small):
    small.folder.mkdir()
    (small.folder / "ballast").write_bytes(bytes(12 * MIB))
    assert await small.read(small.put_raw(RAW)) == RAW
    await small.store.probe()
    assert small.turns == ["full"]  # a small file would find room, this one does not
    await small.store.write(Digest.of(b"small"), b"small")
    await small.store.probe()
    assert small.turns == ["full"]
    (small.folder / "ballast").unlink()
    await small.store.probe()
    assert small.turns == ["full", "ok"]


@needs_mounts
async def test_t56_a_disk_that_fills_up_in_the_middle_of_a_blob_cuts_no_reader(small):
    first = await full_later(small, small.folder)
    blob = small.put_raw(RAW)
    follower, outcome = await small.fills.body(REPOSITORY, blob)
    assert outcome == "coalesced"
    reading = asyncio.gather(read(first), read(follower))
    small.upstream.knobs.hold_at = None
    small.upstream.knobs.hold.set()
    assert await reading == [RAW, RAW]
    await small.finished()
    assert small.turns == ["full"]
    ranged = [seen.headers["Range"] for seen in small.upstream.seen("blob")[1:]]
    assert len(ranged) == 2
    assert all(int(each.removeprefix("bytes=").removesuffix("-")) >= 2 * MIB for each in ranged)
    assert list((small.folder / "partial").iterdir()) == []  # its room is given back


@needs_mounts
async def test_what_is_cached_is_served_from_a_full_and_from_a_read_only_disk(small):
    blob = small.put_raw(RAW)
    await small.read(blob)
    await small.finished()
    small.upstream.forget()
    ballast = fill_up(small.folder)
    assert await small.read(blob) == RAW
    ballast.unlink()
    remount(small.folder.parent, "ro")
    assert await small.read(blob) == RAW
    assert small.upstream.counts == {}
    assert small.turns == []
    remount(small.folder.parent, "rw")


@needs_mounts
async def test_t56_a_read_only_disk_lets_what_is_missing_pass_and_recovers_by_itself(small):
    remount(small.folder.parent, "ro")
    blob = small.put_raw(RAW)
    assert await small.read(blob) == RAW
    with pytest.raises(StorageError, match="read-only") as refused:
        await small.store.write(Digest.of(b"x"), b"x")
    assert refused.value.trouble == "read-only"
    assert small.turns == ["read-only"]
    remount(small.folder.parent, "rw")
    await small.store.probe()
    assert small.turns == ["read-only", "ok"]
    assert await small.read(blob) == RAW
    await small.finished()
    assert small.ended[-1].outcome == "stored"


@pytest.mark.parametrize(
    ("number", "turn"), [(errno.EIO, "failing"), (errno.EDQUOT, "full"), (errno.EROFS, "read-only")]
)
async def test_t56_a_write_that_fails_in_the_middle_cuts_no_reader(bench, number, turn):
    blob = bench.put_raw(RAW)
    with Faults(disk) as faults:
        faults.fail("pwritev", number, when=lambda _file, _views, at: at >= 2 * MIB)
        body, outcome = await bench.fills.body(REPOSITORY, blob)
        assert outcome == "miss"
        while body.released < MIB:
            await body.more(body.released)
        while bench.turns != [turn]:
            await asyncio.sleep(0.005)
        faults.heal()
        assert await read(body) == RAW
    await bench.finished()
    assert bench.turns == [turn]
    assert await bench.store.size(blob.digest) is None


async def test_a_disk_that_fails_at_the_commit_costs_the_cached_copy_and_no_reader(bench):
    blob = bench.put_raw(RAW)
    with Faults(disk) as faults:
        faults.fail("fsync")
        assert await bench.read(blob) == RAW
        await bench.finished()
    assert bench.turns == ["failing"]
    assert await bench.store.size(blob.digest) is None
    assert await bench.read(blob) == RAW
    await bench.finished()
    assert await bench.store.size(blob.digest) == len(RAW)


async def test_a_partial_that_the_disk_cannot_read_is_begun_anew(bench):
    blob = bench.put_raw(RAW)
    path = bench.folder / "partial" / blob.digest.dashed
    path.parent.mkdir(parents=True)
    path.write_bytes(RAW[: 3 * MIB])
    with Faults(disk) as faults:
        faults.fail("preadv", when=lambda _file, _views, at: at >= MIB)
        assert await bench.read(blob) == RAW  # it passes by meanwhile
    assert not path.exists()
    assert await bench.read(blob) == RAW
    await bench.finished()
    assert bench.ended[-1].outcome == "stored"


@needs_mounts
async def test_a_stored_file_that_the_disk_cannot_read_is_put_aside_and_fetched_again(tmp_path, upstream):
    """A real disk with real errors: the middle of the file is unreadable, its stat is as it was."""
    image = tmp_path / "image"
    with spoilable_disk(tmp_path / "disk", image) as folder:
        bench = Bench(folder / "content", upstream)
        try:
            blob = bench.put_raw(RAW)
            await bench.read(blob)
            await bench.finished()
            file = bench.store._shelf.blob(blob.digest)
            spoil(image, file, RAW)
            body = await bench.store.open(blob.digest)
            assert body is not None  # nothing shows in its stat
            with pytest.raises(OSError, match="Input/output"):
                os.pread(body.fileno(), MIB, len(RAW) - MIB)
            body.doubt()  # as the door does where a client was cut
            body.close()
            assert await bench.store.open(blob.digest) is None
            assert bench.rotted == [blob.digest]
            assert await bench.read(blob) == RAW
            await bench.finished()
            assert await bench.store.size(blob.digest) == len(RAW)
            assert len(list((bench.folder / "quarantine").iterdir())) == 1
        finally:
            await bench.close()


@pytest.fixture
async def unkept(bench, monkeypatch):
    """A bench whose disk takes nothing."""
    monkeypatch.setattr(filling, "require_room", refuse_room)
    return bench


def refuse_room(_folder, _count):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_promise_2_t03_wrong_bytes_that_pass_by_never_complete(unkept):
    blob = unkept.put_raw(RAW)
    unkept.upstream.knobs.swapped[blob.digest] = RAW[:100] + b"!" + RAW[101:]
    body, _ = await unkept.fills.body(REPOSITORY, blob)
    with pytest.raises(ContentMismatch):
        await read(body)
    assert body.released <= len(RAW) - TAIL
    with pytest.raises(ContentMismatch):  # for half a minute, as of any mismatch
        await unkept.fills.body(REPOSITORY, blob)


async def test_t08_what_passes_by_takes_a_window_of_memory_however_long_it_is(unkept):
    blob = unkept.put(48 * MIB)
    body, _ = await unkept.fills.body(REPOSITORY, blob)
    hasher, at, most = hashlib.sha256(), 0, 0
    while at < body.size:
        released = await body.more(at)
        raw = os.pread(body.fileno(), min(released - at, 100_000), at)
        hasher.update(raw)
        at += len(raw)
        most = max(most, os.fstat(body.fileno()).st_blocks * 512)
    body.close()
    assert hasher.hexdigest() == blob.digest.hex
    assert most <= WINDOW + 2 * unkept.upstream.knobs.chunk + TAIL


async def test_a_reader_of_what_passes_by_that_leaves_ends_its_transfer(unkept):
    blob = unkept.put_raw(RAW)
    unkept.upstream.knobs.hold_at = MIB
    body, _ = await unkept.fills.body(REPOSITORY, blob)
    await body.more(0)
    body.close()
    body.close()
    await unkept.finished()
    assert unkept.ended[-1].outcome == "stopped"


async def test_a_broken_transfer_that_passes_by_is_taken_up_where_it_broke(unkept):
    blob = unkept.put_raw(RAW)
    unkept.upstream.knobs.cut_at = 3 * MIB
    unkept.upstream.knobs.cut_times = 1
    assert await unkept.read(blob) == RAW
    assert unkept.upstream.seen("blob")[1].headers["Range"].startswith("bytes=")


async def test_what_passes_by_ends_with_its_upstreams_failure(unkept):
    blob = unkept.put_raw(RAW)
    unkept.upstream.knobs.fail(500, kinds={"blob"})
    with pytest.raises(UpstreamError):
        await unkept.fills.body(REPOSITORY, blob)
    await unkept.finished()


async def test_too_many_that_pass_by_are_told_to_come_again(unkept, monkeypatch):
    monkeypatch.setattr(fill, "_UNKEPT", 2)
    blob = unkept.put_raw(RAW)
    unkept.upstream.knobs.hold_at = MIB
    bodies = [(await unkept.fills.body(REPOSITORY, blob))[0] for _ in range(2)]
    with pytest.raises(StorageError, match="too many") as refused:
        await unkept.fills.body(REPOSITORY, blob)
    assert refused.value.retry_after == 5
    for body in bodies:
        body.close()
    await unkept.finished()


async def test_what_nobody_asked_for_does_not_pass_by(unkept):
    with pytest.raises(StorageError):
        await unkept.fills.body(REPOSITORY, unkept.put_raw(RAW), is_kept=True)
    assert unkept.upstream.count("blob") == 0


async def test_an_empty_blob_passes_by_too(unkept):
    empty = unkept.put_raw(b"")
    assert await unkept.read(empty) == b""


PAUPER = """
import asyncio, os, sys
from pathlib import Path
from proxy.errors import StorageError
from tests.fakes import bench

class Elsewhere:
    url = sys.argv[2]

async def main():
    found = bench.Bench(Path(sys.argv[1]), Elsewhere)
    for name in sys.argv[3:]:
        digest, _, size = name.partition("=")
        blob = bench.Descriptor("application/octet-stream", bench.Digest.parse(digest), int(size))
        raw = await found.read(blob)
        assert bench.Digest.of(raw) == blob.digest
        await found.finished()
        print(found.ended[-1].outcome if found.ended else "hit", found.store.condition.state)
        found.events.clear()
    try:
        await found.store.write(bench.Digest.of(b"x"), b"x")
    except StorageError as error:
        print("refused", error.trouble)
    await found.close()

os.setgroups([])
os.setgid(65534)
os.setuid(65534)
asyncio.run(main())
"""


@needs_root
async def test_t56_a_directory_that_is_not_ours_is_read_only_and_what_is_missing_passes(upstream):
    """EACCES: another user's proxy on a directory that it may only read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder / "content", upstream)
        cached, missing = bench.put_raw(RAW), bench.put_raw(RAW[::-1])
        await bench.read(cached)
        await bench.finished()
        await bench.close()
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        names = [f"{blob.digest}={blob.size}" for blob in (cached, missing)]
        ran = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PAUPER, str(folder / "content"), upstream.url, *names),
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        )
        out, _ = await ran.communicate()
    assert out.decode().splitlines() == ["hit ok", "unkept read-only", "refused read-only"]


async def test_t56_a_limit_of_the_process_on_files_is_as_a_full_disk(bench):
    """RLIMIT_FSIZE: what is missing cannot pass either, since the window counts as a file; it is told, and recovers."""
    blob = bench.put_raw(RAW)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, before[1]))
    try:
        body, _ = await bench.fills.body(REPOSITORY, blob)
        with pytest.raises(StorageError, match="larger than the disk"):
            await read(body)
        await bench.finished()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert bench.turns == ["full"]
    assert await bench.read(blob) == RAW
    await bench.finished()
    assert bench.ended[-1].outcome == "stored"


@needs_mounts
async def test_t56_folders_on_different_disks_are_told_and_every_reader_is_served(bench):
    """EXDEV at the rename: what CVE-2024-51491 made of it was no verification at all."""
    with small_disk(bench.folder / "partial", 16 * MIB):
        blob = bench.put_raw(RAW)
        assert await bench.read(blob) == RAW
        await bench.finished()
        assert await bench.store.size(blob.digest) is None
        assert bench.turns == ["failing"]
    assert await bench.read(blob) == RAW
    await bench.finished()
    assert bench.ended[-1].outcome == "stored"
