"""Promise 3: what comes back after a loss, and what must be confirmed."""

import pytest

from proxy.bootstrap.recovery import recover_pins
from proxy.events import PinMoved, StateLost
from proxy.observe.audit import Audit
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.tags.pins import Pins
from proxy.state.sqlite import SqliteStore
from tests.fakes.content import MemoryStore

REPOSITORY, TAG, DIGEST = Repository("reg.test", "acme/app"), Tag("v1"), Digest.of(b"image")


class Place:
    def __init__(self, folder, state):
        self.audit_folder, self.state = folder / "audit", state
        self.content, self.events = MemoryStore(), []
        self.pins = Pins(state, self._moved)

    async def _moved(self, event):
        self.events.append(event)

    def remember(self):
        audit = Audit(self.audit_folder)
        audit.record(PinMoved(REPOSITORY, TAG.name, None, DIGEST, "first", "proxy"))
        audit.close()

    async def recover(self):
        self.events.clear()
        await recover_pins(self.pins, self.state, self.content, audit_folder=self.audit_folder, emit=self.events.append)
        return [each for each in self.events if isinstance(each, StateLost)]


@pytest.fixture
async def place(tmp_path):
    state = await SqliteStore.open(tmp_path / "state.db")
    yield Place(tmp_path, state)
    await state.close()


async def test_a_first_start_lost_nothing_and_is_looked_at_once(place):
    assert await place.recover() == []
    assert not await place.pins.is_distrusted()
    await place.content.write(Digest.of(b"x"), b"x")
    place.state._database.is_new = False
    assert await place.recover() == [], "it was recovered already"


async def test_promise_3_pins_come_back_from_the_audit(place):
    place.remember()
    await place.content.write(Digest.of(b"x"), b"x")
    assert await place.recover() == [StateLost(1, False)]
    assert (await place.pins.get(REPOSITORY, TAG)).digest == DIGEST
    assert not await place.pins.is_distrusted()


async def test_promise_3_content_without_state_and_audit_is_trusted_anew_by_nobody(place):
    await place.content.write(Digest.of(b"x"), b"x")
    assert await place.recover() == [StateLost(0, True)]
    assert await place.pins.is_distrusted()


async def test_promise_3_a_damaged_audit_distrusts_whatever_it_still_tells(place):
    place.remember()
    (file,) = place.audit_folder.glob("*.jsonl")
    file.write_bytes(b"\x00 broken\n" + file.read_bytes())
    (lost,) = await place.recover()
    assert lost.distrusted
    assert await place.pins.is_distrusted()
