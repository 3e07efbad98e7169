"""What stands here, and its removal: never what somebody has open, never what was used since."""

import os
import time

import pytest

from proxy.content.filesystem import FilesystemStore
from proxy.content.keeping.stock import Stock
from proxy.oci.digest import Digest
from tests.fakes.keeping import age_file

LONG_AGO = 7200.0


@pytest.fixture
async def store(tmp_path):
    store = FilesystemStore(tmp_path, rotted=lambda *_: None)
    yield store
    store.close()


async def fill(store, raw):
    partial = await store.partial(Digest.of(raw), len(raw))
    await partial.write(raw)
    await partial.commit()
    return Digest.of(raw)


def aged(stock, digest):
    for path in sorted(stock.path(digest).parent.glob(f"{digest.hex}*"), reverse=True):
        age_file(path, time.time() - LONG_AGO)


async def test_a_survey_names_everything_with_its_size_and_last_use(tmp_path, store):
    stock = Stock(tmp_path)
    large, small = await fill(store, b"x" * 1000), Digest.of(b"small")
    await store.write(small, b"small")
    aged(stock, large)
    found = stock.survey()
    assert {digest: each.size for digest, each in found.items()} == {large: 1000, small: 5}
    assert time.time() - found[small].used_at < 60
    assert time.time() - found[large].used_at > LONG_AGO - 60


async def test_an_opened_blob_is_used_now_and_keeps_its_proof(tmp_path, store):
    stock = Stock(tmp_path)
    digest = await fill(store, b"x" * 1000)
    aged(stock, digest)
    (await store.open(digest)).close()
    assert time.time() - stock.last_use(digest) < 60
    assert stock.proved(digest) == 1000


async def test_what_is_open_stays_and_is_removed_when_it_is_closed(tmp_path, store):
    stock = Stock(tmp_path)
    digest = await fill(store, b"x" * 1000)
    body = await store.open(digest)
    assert stock.is_open(digest)
    assert stock.remove(digest, unused_since=time.time() + 60) == 0
    body.close()
    assert not stock.is_open(digest)
    assert stock.remove(digest, unused_since=time.time() + 60) == 1000
    assert await store.open(digest) is None
    assert list(stock.path(digest).parent.iterdir()) == []


async def test_who_follows_a_growing_file_holds_what_it_becomes(tmp_path, store):
    raw = b"x" * 200_000
    partial = await store.partial(Digest.of(raw), len(raw))
    follower = partial.follow()
    await partial.write(raw)
    await partial.commit()
    stock = Stock(tmp_path)
    assert stock.remove(Digest.of(raw), unused_since=time.time() + 60) == 0
    follower.close()
    assert stock.remove(Digest.of(raw), unused_since=time.time() + 60) == len(raw)


async def test_what_was_used_since_stays(tmp_path, store):
    stock = Stock(tmp_path)
    digest = await fill(store, b"x" * 1000)
    assert stock.remove(digest, unused_since=time.time() - 60) == 0
    assert stock.remove(Digest.of(b"absent"), unused_since=time.time()) == 0


async def test_what_is_written_again_where_it_stands_counts_as_used(tmp_path, store):
    """Evidence that a new Decision rests on must not go since it was old before."""
    stock = Stock(tmp_path)
    digest = Digest.of(b"evidence")
    await store.write(digest, b"evidence")
    aged(stock, digest)
    before = time.time()
    await store.write(digest, b"evidence")
    assert stock.remove(digest, unused_since=before - 1) == 0
    assert await store.read(digest, limit=100) == b"evidence"


async def test_a_removal_that_was_killed_leaves_nothing_that_proves_anything(tmp_path, store):
    digest = await fill(store, b"x" * 1000)

    class Killed(BaseException):
        pass

    def end(step):
        raise Killed(step)

    with pytest.raises(Killed):
        Stock(tmp_path, steps=end).remove(digest, unused_since=time.time() + 60)
    assert await store.open(digest) is None
    await fill(store, b"x" * 1000)
    body = await store.open(digest)
    assert body.size == 1000
    body.close()


async def test_strays_of_so_long_ago_are_tidied_away(tmp_path, store):
    stock = Stock(tmp_path)
    digest = await fill(store, b"x" * 1000)
    proof = stock.path(digest).with_name(f"{digest.hex}.proof")
    stock.path(digest).unlink()
    stock.survey()
    assert proof.exists()
    os.utime(proof, (time.time() - 10 * 3600,) * 2)
    assert stock.survey() == {}
    assert not proof.exists()


async def test_of_what_was_put_aside_the_oldest_goes_first(tmp_path):
    aside = tmp_path / "quarantine"
    aside.mkdir()
    for name in ("a", "b", "c"):
        (aside / name).write_bytes(b"x" * 10)
        time.sleep(0.02)
    assert Stock(tmp_path).remove_aside(15) == 20
    assert [path.name for path in aside.iterdir()] == ["c"]
    assert Stock(tmp_path / "absent").remove_aside(15) == 0


async def test_a_growing_file_goes_only_where_nobody_fills_it(tmp_path, store):
    raw = b"x" * 1000
    partial = await store.partial(Digest.of(raw), len(raw))
    await partial.write(raw[:500])
    (tmp_path / "partial" / Digest.of(b"left").dashed).write_bytes(b"y" * 70)
    stock = Stock(tmp_path)
    assert stock.remove_abandoned(1 << 40, unused_since=time.time() - 60) == 0
    assert stock.remove_abandoned(1 << 40, unused_since=time.time() + 60) == 70
    await partial.write(raw[500:])
    await partial.commit()
    assert await store.size(Digest.of(raw)) == 1000


def test_one_process_makes_room_at_a_time(tmp_path):
    with Stock(tmp_path).alone() as first, Stock(tmp_path).alone() as second:
        assert (first, second) == (True, False)
    with Stock(tmp_path).alone() as again:
        assert again
