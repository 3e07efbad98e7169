import asyncio
import json

import pytest

from proxy.errors import PinMismatch, StorageError
from proxy.events import PinMoved
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.tags.pins import Pins
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


async def test_promise_3_the_audit_knows_a_pin_before_anybody_can_be_answered_by_it(store):
    """A crash between the two leaves a pin in the audit that nobody was given, never one that only the state knows."""
    seen = []

    async def moved(event: PinMoved) -> None:
        seen.append(await store.get("pins", f"{REPOSITORY}:{TAG}"))

    await Pins(store, moved).first(REPOSITORY, TAG, A, now=START, by="proxy")
    assert seen == [None]


async def test_promise_3_a_pin_that_cannot_be_read_is_not_replaced_by_a_first_pull(store, notebook):
    await store.put("pins", f"{REPOSITORY}:{TAG}", b'{"digest": "sha256:short"}')
    pins = Pins(store, notebook)
    with pytest.raises(PinMismatch, match="pin confirm"):
        await pins.first(REPOSITORY, TAG, A, now=START, by="proxy")
    assert notebook.moves == []
    await pins.confirm(REPOSITORY, TAG, A, now=START, by="ops")
    assert (await pins.get(REPOSITORY, TAG)).digest == A


async def test_where_another_process_was_quicker_the_audit_says_so_last(store, notebook):
    pins = Pins(store, notebook)
    write = store.compare_and_set

    async def outrun(*given, **named):
        store.compare_and_set = write
        await Pins(store, notebook).first(REPOSITORY, TAG, B, now=START, by="quicker")
        return await write(*given, **named)

    store.compare_and_set = outrun
    assert await pins.first(REPOSITORY, TAG, A, now=START, by="proxy") == B
    assert notebook.moves[-1].new == B


@pytest.mark.parametrize("verb", ["move", "confirm"])
async def test_a_move_that_the_state_cannot_hold_is_taken_back_in_the_audit(store, notebook, verb):
    pins = Pins(store, notebook)
    await pins.first(REPOSITORY, TAG, A, now=START, by="proxy")
    pin = await pins.get(REPOSITORY, TAG)

    async def full(*given: object, **named: object) -> None:
        raise StorageError("the disk is full")

    store.put = store.compare_and_set = full
    moving = {
        "move": lambda: pins.move(pin, B, now=START, cause="follow", by="proxy"),
        "confirm": lambda: pins.confirm(REPOSITORY, TAG, B, now=START, by="ops"),
    }
    with pytest.raises(StorageError):
        await moving[verb]()
    assert notebook.moves[-1].new == A


async def test_t62_what_repeats_answers_is_told_after_a_pin_was_set_elsewhere_and_not_before(store, notebook):
    told: list[Digest] = []

    def changed() -> None:
        told.append(Digest.parse(json.loads(store._books["pins"][f"{REPOSITORY}:{TAG}"].value)["digest"]))

    pins = Pins(store, notebook, changed=changed)
    await pins.first(REPOSITORY, TAG, A, now=START, by="proxy")
    assert told == []
    await pins.move(await pins.get(REPOSITORY, TAG), B, now=START, cause="follow", by="proxy")
    await pins.confirm(REPOSITORY, TAG, C, now=START, by="ops")
    assert told == [B, C]


async def test_that_pins_were_brought_back_is_said_once_and_kept(store, notebook):
    assert not await Pins(store, notebook).is_recovered()
    await Pins(store, notebook).recovered()
    assert await Pins(store, notebook).is_recovered()


async def test_t62_a_pin_that_another_process_moved_drops_what_was_answered_by_it(store, notebook):
    dropped = []
    here, other = Pins(store, notebook, changed=lambda: dropped.append(1)), Pins(store, notebook)
    await here.first(REPOSITORY, TAG, A, now=START, by="here")
    await other.confirm(REPOSITORY, TAG, B, now=START, by="operator")
    await here.learn(f"{REPOSITORY}:{TAG}")
    assert (await here.get(REPOSITORY, TAG)).digest == B
    assert dropped == [1]


async def test_a_pin_that_another_process_only_looked_at_or_that_nobody_asked_for_drops_nothing(store, notebook):
    dropped = []
    here, other = Pins(store, notebook, changed=lambda: dropped.append(1)), Pins(store, notebook)
    await here.first(REPOSITORY, TAG, A, now=START, by="here")
    await other.checked(await other.get(REPOSITORY, TAG), now=START, offered=B, summary="allow")
    await here.learn(f"{REPOSITORY}:{TAG}")
    assert (await here.get(REPOSITORY, TAG)).offered == B
    await other.first(REPOSITORY, Tag("v2"), B, now=START, by="other")
    await here.learn(f"{REPOSITORY}:v2")
    assert dropped == []
