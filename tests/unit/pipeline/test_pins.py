import asyncio

import pytest

from proxy.errors import StorageError
from proxy.events import PinMoved
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.pins import Pins
from proxy.state.memory import MemoryStore
from tests.fakes.clock import START, HandClock

REPOSITORY = Repository("reg.test", "acme/app")
TAG = Tag("v1")
A, B, C = (Digest.of(letter) for letter in (b"a", b"b", b"c"))


class Notebook:
    def __init__(self) -> None:
        self.moves: list[PinMoved] = []

    async def __call__(self, event: PinMoved) -> None:
        self.moves.append(event)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=HandClock())


async def test_promise_3_the_first_admitted_digest_stays(store, notebook):
    pins = Pins(store, notebook)
    winners = await asyncio.gather(
        *(pins.first(REPOSITORY, TAG, digest, now=START, by="proxy") for digest in (A, B, C))
    )
    assert len(set(winners)) == 1
    assert len(notebook.moves) == 1
    assert notebook.moves[0].cause == "first"
    assert (await pins.get(REPOSITORY, TAG)).digest == winners[0]


async def test_two_processes_agree_on_the_first(store, notebook):
    one, two = Pins(store, notebook), Pins(store, notebook)
    assert await one.get(REPOSITORY, TAG) is None
    assert await two.get(REPOSITORY, TAG) is None
    assert await one.first(REPOSITORY, TAG, A, now=START, by="one") == A
    assert await two.first(REPOSITORY, TAG, B, now=START, by="two") == A


async def test_a_pin_moves_only_from_where_it_was_seen(store, notebook):
    pins = Pins(store, notebook)
    await pins.first(REPOSITORY, TAG, A, now=START, by="proxy")
    seen = await pins.get(REPOSITORY, TAG)
    assert await pins.move(seen, B, now=START, cause="follow", by="proxy") == B
    assert await pins.move(seen, C, now=START, cause="follow", by="proxy") == B
    assert [move.new for move in notebook.moves] == [A, B]


async def test_what_the_upstream_offers_is_kept_beside_the_pin(store, notebook):
    pins = Pins(store, notebook)
    await pins.first(REPOSITORY, TAG, A, now=START, by="proxy")
    await pins.checked(await pins.get(REPOSITORY, TAG), now=START, offered=B, summary="deny: no signature")
    pin = await pins.get(REPOSITORY, TAG)
    assert (pin.digest, pin.offered, pin.offered_summary) == (A, B, "deny: no signature")


async def test_restoring_never_overwrites_a_pin(store, notebook):
    pins = Pins(store, notebook)
    await pins.first(REPOSITORY, TAG, A, now=START, by="proxy")
    await pins.restore(REPOSITORY, TAG, B, now=START)
    assert (await pins.get(REPOSITORY, TAG)).digest == A


async def test_an_operator_confirms_and_distrust_is_lifted_only_by_hand(store, notebook):
    pins = Pins(store, notebook)
    await pins.distrust(is_distrusted=True)
    await pins.confirm(REPOSITORY, TAG, A, now=START, by="ops")
    assert await pins.is_distrusted()
    assert (await pins.get(REPOSITORY, TAG)).cause == "confirm"
    await pins.distrust(is_distrusted=False)
    assert not await pins.is_distrusted()


async def test_a_pin_that_cannot_be_read_is_no_pin(store, notebook):
    await store.put("pins", f"{REPOSITORY}:{TAG}", b'{"digest": "sha256:short"}')
    assert await Pins(store, notebook).get(REPOSITORY, TAG) is None


async def test_pins_are_listed_by_repository(store, notebook):
    pins = Pins(store, notebook)
    await pins.first(REPOSITORY, TAG, A, now=START, by="proxy")
    await pins.first(Repository("reg.test", "acme/app2"), TAG, B, now=START, by="proxy")
    assert [pin.digest for pin in await pins.all(REPOSITORY)] == [A]
    assert len(await pins.all()) == 2


async def test_a_move_that_the_audit_cannot_hold_is_an_error(store):
    async def full(event: PinMoved) -> None:
        raise StorageError("the disk is full")

    with pytest.raises(StorageError):
        await Pins(store, full).first(REPOSITORY, TAG, A, now=START, by="proxy")
