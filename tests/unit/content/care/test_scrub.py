"""The scrub: finds what rotted, at a rate, from where it was, and accuses nobody wrongly."""

import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.content.care import directly, scrub
from proxy.content.care.bookmark import Bookmark, last_round
from proxy.content.care.directly import PIECE
from proxy.content.filesystem import FilesystemStore
from proxy.content.proofs import Proof
from proxy.errors import StorageError
from proxy.oci.digest import Digest
from tests.fakes.disks import Faults, forget_cached, needs_mounts, spoilable_disk

RAWS = [hashlib.shake_128(bytes([n])).digest(100_000 + n) for n in range(12)]
DIGESTS = sorted((Digest.of(raw) for raw in RAWS), key=str)
MIB = 1024 * 1024


class Ground:
    def __init__(self, root):
        self.root = root
        self.rotted = []
        self.found = []
        self.pauses = []
        self.seen = []
        self.store = FilesystemStore(root, rotted=lambda digest, what: self.rotted.append((digest, what)))

    async def pause(self, seconds):
        self.pauses.append(seconds)

    async def fill(self, *raws):
        for raw in raws:
            partial = await self.store.partial(Digest.of(raw), len(raw))
            await partial.write(raw)
            await partial.commit()

    def scrub(self, rate=0):
        return self.store.scrub(rate=rate, pause=self.pause, found=self.found.append).run(self.seen.append)

    def path(self, digest):
        return self.store._shelf.blob(digest)

    def rot(self, digest, at=50_000):
        """As beneath the file system: other bytes, and a proof that holds."""
        with self.path(digest).open("r+b") as file:
            file.seek(at)
            file.write(b"rot")
        descriptor = os.open(self.path(digest), os.O_RDWR)
        os.fsync(descriptor)
        self.store._shelf.keep_proof(digest, Proof.of(descriptor))
        os.close(descriptor)


@pytest.fixture
async def ground(tmp_path):
    ground = Ground(tmp_path / "content")
    yield ground
    ground.store.close()


async def test_an_empty_store_is_a_round_too(ground):
    report = await ground.scrub()
    assert (report.files, report.bytes, report.wrong) == (0, 0, ())
    assert (await ground.store.last_scrub()).ended > 0


async def test_a_sound_store_is_read_to_its_last_byte_and_stays_as_it_is(ground):
    await ground.fill(*RAWS)
    report = await ground.scrub()
    assert (report.files, report.bytes) == (12, sum(map(len, RAWS)))
    assert not report.is_resumed
    assert (report.wrong, ground.rotted, ground.found) == ((), [], [])
    assert ground.seen[-1].ratio == 1.0
    assert sum(each.step for each in ground.seen) == report.bytes
    assert {digest async for digest, _ in ground.store.scan()} == set(DIGESTS)


async def test_rot_beneath_the_file_system_is_put_aside_counted_and_told(ground):
    await ground.fill(*RAWS)
    for digest in (DIGESTS[3], DIGESTS[8]):
        ground.rot(digest)
    body = await ground.store.open(DIGESTS[3])
    assert body is not None  # nothing shows in its stat: this is the scrub's
    body.close()
    report = await ground.scrub()
    assert report.wrong == (DIGESTS[3], DIGESTS[8])
    assert ground.found == list(report.wrong)
    assert [digest for digest, _ in ground.rotted] == list(report.wrong)
    assert await ground.store.open(DIGESTS[3]) is None
    assert len(list((ground.root / "quarantine").iterdir())) == 2
    assert (await ground.store.last_scrub()).wrong == 2
    assert (await ground.scrub()).wrong == ()


@needs_mounts
async def test_rot_under_a_good_copy_in_memory_is_found(tmp_path):
    """The disk itself is read: its bytes change under a file that is in the page cache."""
    image = tmp_path / "image"
    with spoilable_disk(tmp_path / "disk", image) as folder:
        ground = Ground(folder / "content")
        raw = hashlib.shake_128(b"cached").digest(3 * MIB)
        await ground.fill(raw)
        os.sync()
        at = image.read_bytes().find(raw[MIB : MIB + 4096])
        ground.path(Digest.of(raw)).read_bytes()
        with image.open("r+b") as file:
            file.seek(at)
            file.write(b"rot")
        mounts = Path("/proc/mounts").read_text().splitlines()
        forget_cached(*(Path(line.split()[0]) for line in mounts if str(folder) in line))
        assert (await ground.scrub()).wrong == (Digest.of(raw),)
        ground.store.close()


async def test_what_the_disk_cannot_read_is_wrong_too(ground):
    raw = RAWS[0] * 30
    await ground.fill(raw)
    with Faults(directly) as faults:
        faults.fail("preadv", when=lambda _file, _views, at, *_: at >= PIECE)
        report = await ground.scrub()
    assert report.wrong == (Digest.of(raw),)
    assert ground.rotted == [(Digest.of(raw), "the disk cannot read the stored file")]


async def test_the_rate_is_kept(ground):
    await ground.fill(*RAWS)
    await ground.scrub(rate=1000)
    asked = sum(map(len, RAWS)) / 1000
    assert 0.9 * asked < sum(ground.pauses) <= asked


async def test_without_a_rate_nobody_waits(ground):
    await ground.fill(*RAWS)
    await ground.scrub()
    assert ground.pauses == []


async def test_a_round_that_was_interrupted_goes_on_where_it_was(ground, monkeypatch):
    await ground.fill(*RAWS)
    monkeypatch.setattr("proxy.content.care.bookmark._KEPT_EVERY", 150_000)
    reached = []

    def stop(progress):
        reached.append(progress.files)
        if progress.files == 7:
            raise RuntimeError("the process ends")

    with pytest.raises(RuntimeError):
        await ground.store.scrub(rate=0, found=ground.found.append).run(stop)
    last = await ground.store.last_scrub()
    assert last.is_going_on
    assert 5 <= last.files <= 7
    began = last.began
    report = await ground.scrub()
    assert report.is_resumed
    assert report.files == 12
    assert len(ground.seen) == 12 - last.files
    assert (await ground.store.last_scrub()).began == began
    assert not (await ground.scrub()).is_resumed


async def test_a_process_that_is_killed_loses_its_place_by_little_and_its_lock_at_once(ground, tmp_path):
    await ground.fill(*RAWS)
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from proxy.content.care import bookmark\n"
        "from proxy.content.filesystem import FilesystemStore\n"
        "bookmark._KEPT_EVERY = 1\n"
        "store = FilesystemStore(Path(sys.argv[1]), rotted=print)\n"
        "asyncio.run(store.scrub(rate=0).run(lambda now: os._exit(9) if now.files == 5 else None))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(ground.root)], check=False)
    assert ended.returncode == 9
    assert last_round(ground.root).files == 5
    assert (await ground.scrub()).is_resumed
    assert len(ground.seen) == 7


async def test_one_process_scrubs_at_a_time(ground):
    ground.root.mkdir()
    held = Bookmark.take(ground.root)
    with pytest.raises(StorageError, match="another process scrubs"):
        await ground.scrub()
    held.release()
    await ground.scrub()


async def test_one_round_may_follow_another_at_once(ground):
    await ground.fill(*RAWS)
    for _ in range(5):
        assert (await ground.scrub()).files == 12


async def test_a_scrub_that_is_cancelled_at_any_moment_frees_its_lock_and_leaks_nothing(ground):
    await ground.fill(*RAWS)
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for turns in range(20):
        task = asyncio.create_task(ground.scrub())
        for _ in range(turns):
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait({task})
    await asyncio.sleep(0.05)
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) <= before
    assert (await ground.scrub()).wrong == ()


async def test_what_goes_or_is_replaced_while_it_is_hashed_is_no_rot(ground, monkeypatch):
    raw = RAWS[0] * 30
    digest = Digest.of(raw)
    await ground.fill(raw)
    ground.rot(digest, at=5)
    feed, turn = scrub._feed, []

    def replaced(hasher, file):
        if not turn:
            turn.append(1)
            fresh = ground.path(digest).with_name("fresh")
            fresh.write_bytes(raw)
            fresh.rename(ground.path(digest))
        return feed(hasher, file)

    monkeypatch.setattr(scrub, "_feed", replaced)
    report = await ground.scrub()
    assert (report.wrong, ground.rotted) == ((), [])
    body = await ground.store.open(digest)
    assert body is not None
    body.close()


async def test_what_is_written_to_while_it_is_hashed_is_left_to_whoever_opens_it(ground, monkeypatch):
    raw = RAWS[0] * 30
    digest = Digest.of(raw)
    await ground.fill(raw)
    feed, turn = scrub._feed, []

    def written(hasher, file):
        if not turn:
            turn.append(1)
            with ground.path(digest).open("r+b") as target:
                target.seek(2 * MIB)
                target.write(b"another program")
        return feed(hasher, file)

    monkeypatch.setattr(scrub, "_feed", written)
    assert (await ground.scrub()).wrong == ()
    assert await ground.store.open(digest) is None
    assert [each for each, _ in ground.rotted] == [digest]


async def test_what_was_restored_from_a_backup_is_proved_before_its_first_use(ground):
    await ground.fill(RAWS[0])
    digest = Digest.of(RAWS[0])
    fresh = ground.path(digest).with_name("fresh")
    fresh.write_bytes(RAWS[0])
    fresh.rename(ground.path(digest))
    ground.store._shelf.proof(digest).unlink()
    await ground.scrub()
    assert ground.store._shelf.open(digest) is not None  # by a proof


async def test_what_cannot_be_moved_away_is_not_served_by_its_old_proof(ground, monkeypatch):
    await ground.fill(RAWS[0])
    digest = Digest.of(RAWS[0])
    ground.rot(digest)
    monkeypatch.setattr(ground.store._shelf, "condemn", lambda *_: None)
    assert (await ground.scrub()).wrong == (digest,)
    assert await ground.store.open(digest) is None
