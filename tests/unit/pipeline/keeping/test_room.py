"""Room before a transfer begins, and above high water by itself."""

import asyncio

import pytest

from proxy.content.keeping.budget import Budget, Reservation
from proxy.content.settings import ContentSettings
from proxy.errors import StorageError
from proxy.events import Evicted
from proxy.oci.digest import Digest
from proxy.pipeline.keeping import room as module
from proxy.pipeline.keeping.evict import Removed
from proxy.pipeline.keeping.room import Room

A, B = (Digest.of(name) for name in (b"a", b"b"))


class Hands:
    """An evictor: each entry of `rounds` is what a round removes, or an error; where none is left, nothing goes."""

    def __init__(self, folder, *rounds):
        self.folder = folder
        self.rounds = list(rounds)
        self.wanted = []

    async def make_room(self, wanted):
        self.wanted.append(wanted)
        await asyncio.sleep(0)
        found = self.rounds.pop(0) if self.rounds else Removed(pinned=5, leased=7)
        if isinstance(found, StorageError):
            raise found
        blob = self.folder / "0".zfill(64)
        if found.freed:
            blob.write_bytes(b"x" * max(0, blob.stat().st_size - found.freed))
        return found


class Ground:
    def __init__(self, root, *rounds, held=900, high=1.0, low=0.5):
        folder = root / "blobs" / "sha256" / "00"
        folder.mkdir(parents=True)
        (folder / "0".zfill(64)).write_bytes(b"x" * held)
        settings = ContentSettings.model_validate({"maxBytes": "1000", "highWater": high, "lowWater": low})
        self.evictor = Hands(folder, *rounds)
        self.events, self.seen = [], []
        self.room = Room(Budget(root, settings), self.evictor, self.events.append, seen=self.seen.append)
        self.budget = Budget(root, settings)


@pytest.fixture
def ground(tmp_path):
    return lambda *rounds, **how: Ground(tmp_path, *rounds, **how)


async def test_where_there_is_room_nothing_goes(ground):
    here = ground()
    (await here.room.reserve(A, 100)).release()
    assert here.evictor.wanted == []


async def test_where_there_is_none_it_is_made(ground):
    here = ground(Removed(1, 2, freed=500))
    reservation = await here.room.reserve(A, 600)
    assert isinstance(reservation, Reservation)
    assert here.evictor.wanted == [500]
    assert [type(event) for event in here.events] == [Evicted]
    reservation.release()


async def test_many_who_wait_are_one_eviction(ground):
    here = ground(Removed(1, 2, freed=900))
    found = await asyncio.gather(*(here.room.reserve(Digest.of(bytes([n])), 120) for n in range(6)))
    assert len(here.evictor.wanted) == 1
    for each in found:
        each.release()


async def test_where_nothing_may_go_it_says_that_the_store_is_full(ground):
    here = ground()
    with pytest.raises(StorageError, match="pinned") as caught:
        await here.room.reserve(A, 600)
    assert caught.value.trouble == "full"
    assert here.budget.look().holding.promised == 0


async def test_what_was_tried_in_vain_is_not_tried_again_at_once_and_said_once(ground, monkeypatch):
    here = ground()
    for _ in range(3):
        with pytest.raises(StorageError):
            await here.room.reserve(A, 600)
    assert len(here.evictor.wanted) == 1
    monkeypatch.setattr(module, "_FRUITLESS_SECONDS", 0.0)
    here.room._fruitless_until = 0.0
    for _ in range(2):
        with pytest.raises(StorageError):
            await here.room.reserve(A, 600)
    (said,) = here.events
    assert (said.freed, said.wanted, said.pinned, said.leased) == (0, 500, 5, 7)


async def test_another_process_that_makes_room_is_waited_for(ground, monkeypatch):
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.001)
    elsewhere = Removed(is_ours=False)
    here = ground(elsewhere, elsewhere, Removed(1, 1, freed=500))
    (await here.room.reserve(A, 600)).release()
    assert len(here.evictor.wanted) == 3
    assert len(here.events) == 1


async def test_a_state_that_fails_while_room_is_made_is_no_reason_to_fail_otherwise(ground):
    here = ground(StorageError("state.db stayed locked"))
    with pytest.raises(StorageError) as caught:
        await here.room.reserve(A, 600)
    assert caught.value.trouble == "full"  # so that the blob passes through


async def test_who_leaves_while_it_waits_leaves_no_reservation(ground):
    here = ground()
    waiting = asyncio.create_task(here.room.reserve(A, 50))
    while not here.room._turn.locked():
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert here.budget.look().holding.promised == 0


async def test_above_high_water_room_is_made_by_itself(ground, monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    here = ground(StorageError("the disk failed"), Removed(3, 9, freed=400), high=0.8)
    running = asyncio.create_task(here.room.run())
    async with asyncio.timeout(20):
        while len(here.evictor.wanted) < 2 or here.seen[-1].excess:
            await asyncio.sleep(0.001)
    running.cancel()
    await here.room.close()
    assert here.evictor.wanted == [400, 400]
    assert here.seen[0].excess == 400
