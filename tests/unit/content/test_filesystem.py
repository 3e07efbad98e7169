"""Promise 2 on a real directory: what was changed since its proof is put aside, and what is right stays."""

import asyncio
import errno
import os
import shutil
import time
from pathlib import Path

import pytest

from proxy.content import disk, proofs, shelf
from proxy.content.filesystem import FilesystemStore
from proxy.content.store import TAIL
from proxy.errors import StorageError
from proxy.oci.digest import Digest
from tests.fakes.disks import Faults

RAW = b"a layer " * TAIL
DIGEST = Digest.of(RAW)


class Site:
    def __init__(self, root):
        self.root = root
        self.rotten = []
        self.store = FilesystemStore(root, rotted=lambda digest, what: self.rotten.append((digest, what)))
        self.path = root / "blobs" / "sha256" / DIGEST.hex[:2] / DIGEST.hex
        self.proof = self.path.with_name(f"{DIGEST.hex}.proof")

    async def fill(self):
        partial = await self.store.partial(DIGEST, len(RAW))
        await partial.write(RAW)
        await partial.commit()

    async def is_served_whole(self):
        body = await self.store.open(DIGEST)
        if body is None:
            return False
        try:
            assert await body.more(len(RAW) - 1) == len(RAW)
            return os.pread(body.fileno(), len(RAW) + 1, 0) == RAW
        finally:
            body.close()

    def aside(self):
        return list((self.root / "quarantine").glob("*"))


@pytest.fixture
async def site(tmp_path):
    found = Site(tmp_path / "content")
    await found.fill()
    yield found
    found.store.close()


@pytest.fixture
def hashed(monkeypatch):
    """How often a whole file was hashed."""
    count = []
    real = proofs.prove
    monkeypatch.setattr(proofs, "prove", lambda *given: count.append(1) or real(*given))
    return count


def flip(path, *, restore):
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(9)
        file.write(b"\0")
    if restore:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(path):
    shutil.copyfile(path, path.with_name("other"))
    flip(path.with_name("other"), restore=False)
    shutil.copystat(path, path.with_name("other"))
    path.with_name("other").rename(path)


def link(path, *, target):
    path.rename(target)
    path.symlink_to(target)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: flip(path, restore=False),
        lambda path: flip(path, restore=True),
        lambda path: os.truncate(path, len(RAW) - 1),
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(path, len(RAW) + 1),
        swap,
        lambda path: link(path, target=path.with_name("elsewhere")),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), os.mkfifo(path)),
    ],
    ids=["flipped", "flipped, mtime restored", "cut", "emptied", "extended", "swapped", "linked", "folder", "pipe"],
)
async def test_a_changed_file_is_put_aside_and_filled_again(site, damage):
    damage(site.path)
    assert await site.store.open(DIGEST) is None
    assert [digest for digest, _ in site.rotten] == [DIGEST]
    assert len(site.aside()) == 1
    assert not os.path.lexists(site.path)
    assert await site.store.open(DIGEST) is None
    assert len(site.rotten) == 1
    await site.fill()
    assert await site.is_served_whole()


async def test_a_proved_file_is_not_hashed_again(site, hashed):
    assert await site.is_served_whole()
    assert hashed == []


@pytest.mark.parametrize("how", ["lost", "torn", "of another file", "touched"])
async def test_a_right_file_without_its_proof_is_hashed_once_for_all_who_ask(site, hashed, how):
    if how == "lost":
        site.proof.unlink()
    elif how == "torn":
        site.proof.write_bytes(site.proof.read_bytes()[:-3])
    elif how == "touched":
        site.path.touch()
    else:
        shutil.copyfile(site.path, site.path.with_name("copy"))
        site.path.with_name("copy").rename(site.path)
    bodies = await asyncio.gather(*(site.store.open(DIGEST) for _ in range(16)))
    assert all(body is not None for body in bodies)
    for body in bodies:
        body.close()
    assert hashed == [1]
    assert await site.is_served_whole()
    assert hashed == [1]
    assert site.rotten == []


async def test_t56_a_read_only_store_still_serves_what_it_can_hash(site, monkeypatch):
    site.proof.unlink()

    def refuse(*_given):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(proofs, "record", refuse)
    assert await site.is_served_whole()
    with monkeypatch.context() as patch:
        real = os.open
        patch.setattr(
            os, "open", lambda path, flags, *rest: refuse() if flags & os.O_CREAT else real(path, flags, *rest)
        )
        with pytest.raises(StorageError, match="read-only"):
            await site.store.partial(Digest.of(b"new"), 3)
        assert await site.is_served_whole()


async def test_a_rotten_file_that_cannot_be_moved_is_never_served(site, monkeypatch):
    flip(site.path, restore=True)

    def refuse(*_given):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(type(site.path), "rename", refuse)
    assert await site.store.open(DIGEST) is None
    assert await site.store.open(DIGEST) is None
    assert len(site.rotten) == 2


async def test_files_and_folders_are_for_our_own_eyes(site):
    await site.store.write(Digest.of(b"small"), b"small")
    for path in site.root.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


async def test_quarantine_keeps_the_last_few(tmp_path):
    site = Site(tmp_path / "content")
    for at in range(20):
        raw = b"small %d" % at
        await site.store.write(Digest.of(raw), raw)
        path = site.path.parent.parent / Digest.of(raw).hex[:2] / Digest.of(raw).hex
        path.write_bytes(b"rotten")
        assert await site.store.read(Digest.of(raw), limit=100) is None
    assert len(site.aside()) == 16
    assert len(site.rotten) == 20
    site.store.close()


async def test_t39_names_of_files_are_hashes_and_nothing_else(site):
    (site.path.parent / "..evil").write_bytes(b"x")
    (site.path.parent / "notes.txt").write_bytes(b"x")
    assert [found async for found in site.store.scan()] == [(DIGEST, len(RAW))]
    assert not await site.store.is_empty()


async def test_the_size_of_what_is_no_file_is_none(site):
    assert await site.store.size(DIGEST) == len(RAW)
    link(site.path, target=site.path.with_name("elsewhere"))
    assert await site.store.size(DIGEST) is None


async def test_a_reader_cancelled_while_it_opens_leaks_no_descriptor(site):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        opening = asyncio.create_task(site.store.open(DIGEST))
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait({opening})
        if not opening.cancelled():
            opening.result().close()
    await asyncio.sleep(0.05)
    await site.store.size(DIGEST)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


async def test_what_a_crash_left_of_small_content_is_tidied_away_and_growing_files_are_kept(site):
    folder = site.root / "partial"
    partial = await site.store.partial(Digest.of(b"grows"), 5)
    (folder / f"{DIGEST.dashed}.77-1.new").write_bytes(b"half")
    (folder / f"{DIGEST.dashed}.progress").write_bytes(b"old")
    await site.store.tidy()
    assert {path.name for path in folder.iterdir()} == {partial.digest.dashed, f"{partial.digest.dashed}.progress"}
    await partial.fail(StorageError("over"), keep=False)
    assert list(folder.iterdir()) == []


async def test_a_blob_whose_proof_is_just_being_written_is_not_hashed_by_who_asks_meanwhile(site, hashed, monkeypatch):
    """Between rename and proof the filler holds the file's lock; who opens waits for the proof."""
    await site.store.delete(DIGEST)
    real = proofs.settled
    renamed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(descriptor):
        loop.call_soon_threadsafe(renamed.set)
        time.sleep(0.1)
        return real(descriptor)

    monkeypatch.setattr(proofs, "settled", slow)
    filling = asyncio.create_task(site.fill())
    await renamed.wait()
    assert await site.is_served_whole()
    assert hashed == []
    await filling


async def test_a_doubted_file_is_hashed_before_it_is_served_again_and_then_trusted_again(tmp_path):
    store = FilesystemStore(tmp_path, rotted=lambda digest, what: pytest.fail(f"{digest}: {what}"))
    await store.write(DIGEST, RAW)
    first = await store.open(DIGEST)
    first.doubt()
    first.close()
    with Faults(disk) as faults:
        faults.fail("preadv", errno.EMFILE)  # whatever it says: it is asked
        with pytest.raises(StorageError):
            await store.open(DIGEST)
        assert faults.failed == ["preadv"]
        faults.heal()
        (await store.open(DIGEST)).close()
        faults.fail("preadv")
        (await store.open(DIGEST)).close()  # by its proof
    store.close()


async def test_what_the_disk_cannot_read_is_put_aside_small_content_too(tmp_path):
    rotted = []
    store = FilesystemStore(tmp_path, rotted=lambda digest, what: rotted.append(what))
    await store.write(DIGEST, RAW)
    with Faults(shelf) as faults:
        faults.fail("pread")
        assert await store.read(DIGEST, limit=len(RAW)) is None
    assert rotted == ["the disk cannot read the stored file"]
    assert await store.size(DIGEST) is None
    await store.write(DIGEST, RAW)
    assert await store.read(DIGEST, limit=len(RAW)) == RAW
    store.close()
