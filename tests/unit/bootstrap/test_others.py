"""What another process wrote: taken up where it stands in memory, and dropped where it may be wrong."""

from dataclasses import dataclass, field

import pytest

from proxy.bootstrap.others import Others
from proxy.errors import StorageError
from proxy.pipeline.table import Table
from proxy.state.memory import MemoryStore
from proxy.state.store import Change


@dataclass
class Room:
    """What it was told; with `error`, how it fails."""

    told: list[object] = field(default_factory=list)
    error: Exception | None = None

    async def learn(self, key):
        if self.error:
            raise self.error
        self.told.append(key)

    def forget(self, key="all"):
        self.told.append(("forget", key))

    def forget_marks(self):
        self.told.append("marks")


class Rooms:
    def __init__(self) -> None:
        self.pins, self.decisions, self.parentage, self.witnesses = Room(), Room(), Room(), Room()
        self.table = Table()
        self.rooms = self

    @property
    def told(self):
        rooms = {
            "pins": self.pins,
            "decisions": self.decisions,
            "manifests": self.parentage,
            "witnesses": self.witnesses,
        }
        return {name: room.told for name, room in rooms.items() if room.told}


@pytest.fixture
def rooms():
    return Rooms()


@pytest.fixture
def looked():
    return []


@pytest.fixture
def others(rooms, looked):
    async def distrusted():
        looked.append(1)

    return Others(rooms, distrusted=distrusted)


@pytest.mark.parametrize("book", ["pins", "decisions", "manifests"])
async def test_one_record_is_learned_by_its_room_alone(book, rooms, others):
    await others.learn(Change(book, "key", by_others=True))
    assert rooms.told == {book: ["key"]}
    assert rooms.table.generation == 0


async def test_when_evidence_was_last_looked_for_is_read_again(rooms, others):
    await others.learn(Change("witnesses", "key", by_others=True))
    assert rooms.told == {"witnesses": [("forget", "key")]}


@pytest.mark.parametrize("book", ["refusals", "refusal-ids"])
async def test_what_clients_were_told_concerns_nobody(book, rooms, others, looked):
    await others.learn(Change(book, "key", by_others=True))
    assert rooms.told == {}
    assert looked == []


async def test_a_lifted_distrust_is_looked_at(rooms, others, looked):
    await others.learn(Change("marks", "", by_others=True))
    assert rooms.told == {"pins": ["marks"]}
    assert looked == [1]


@pytest.mark.parametrize(
    "change",
    [Change("", ""), Change("decisions", "", by_others=True), Change("of a later version", "k", by_others=True)],
)
async def test_t62_what_cannot_be_told_apart_drops_everything(change, rooms, others, looked):
    await others.learn(change)
    assert set(rooms.told) == {"pins", "decisions", "manifests", "witnesses"}
    assert rooms.table.generation == 1
    assert looked == [1]


async def test_t56_what_cannot_be_read_drops_everything(rooms, others):
    rooms.pins.error = StorageError("the disk is gone")
    await others.learn(Change("pins", "key", by_others=True))
    assert rooms.table.generation == 1


async def test_what_this_process_wrote_itself_is_no_news(rooms, others):
    store = MemoryStore()
    await store.put("pins", "mine", b"")
    changes = [Change("pins", "mine"), Change("pins", "theirs", by_others=True)]

    class Watched:
        def watch(self):
            async def told():
                for change in changes:
                    yield change

            return told()

    await others.watch(Watched())
    assert rooms.told == {"pins": ["theirs"]}
