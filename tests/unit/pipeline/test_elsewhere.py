"""One image, two processes: one of them works, and the other one knows then what was learned."""

import asyncio

import pytest

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.elsewhere import Elsewhere
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.tags.pins import Pins
from proxy.state.memory import MemoryStore
from tests.fakes.clock import START, HandClock
from tests.unit.pipeline.family.test_parentage import manifest

REPOSITORY, TAG = Repository("reg.test", "acme/app"), Tag("v1")


class Process:
    """A process on a directory that it shares: what it remembers is its own."""

    def __init__(self, folder, store) -> None:
        self.pins, self.parentage = Pins(store, self._moved), Parentage(store)
        self.elsewhere = Elsewhere(folder / "run" / "work", pins=self.pins, parentage=self.parentage)

    async def _moved(self, event) -> None:
        """Nobody audits here."""


@pytest.fixture
def processes(tmp_path):
    store = MemoryStore(clock=HandClock())
    return Process(tmp_path, store), Process(tmp_path, store)


async def test_who_waited_knows_the_pin_and_what_the_manifest_names(processes):
    one, other = processes
    image = manifest("app")
    assert await other.pins.get(REPOSITORY, TAG) is None  # and remembers that there is none
    await other.parentage.family(REPOSITORY)
    begun, go = asyncio.Event(), asyncio.Event()

    async def work():
        begun.set()
        await go.wait()
        await one.parentage.remember(REPOSITORY, image, kind="root")
        return await one.pins.first(REPOSITORY, TAG, image.digest, now=START, by="one")

    async def late():
        pin = await other.pins.get(REPOSITORY, TAG)
        return pin.digest, image.digest in (await other.parentage.family(REPOSITORY)).known

    working = asyncio.create_task(one.elsewhere.once(REPOSITORY, TAG, work))
    await begun.wait()
    waiting = asyncio.create_task(other.elsewhere.once(REPOSITORY, TAG, late))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    go.set()
    assert await working == image.digest
    assert await waiting == (image.digest, True)


@pytest.mark.parametrize("reference", [Tag("v2"), Digest.of(b"another"), Tag(f"sha256-{'0' * 64}.sig")])
async def test_nobody_waits_for_another_image_nor_for_evidence(processes, reference):
    one, other = processes
    begun, go = asyncio.Event(), asyncio.Event()

    async def work():
        begun.set()
        await go.wait()

    async def quick():
        return "done"

    name = reference if isinstance(reference, Tag) and reference.name.endswith(".sig") else TAG
    working = asyncio.create_task(one.elsewhere.once(REPOSITORY, name, work))
    await begun.wait()
    assert await other.elsewhere.once(REPOSITORY, reference, quick) == "done"
    go.set()
    await working


async def test_work_that_fails_or_is_given_up_leaves_the_next_one_its_turn(processes):
    one, other = processes

    async def fails():
        raise ZeroDivisionError

    async def hangs():
        await asyncio.Event().wait()

    async def works():
        return "done"

    with pytest.raises(ZeroDivisionError):
        await one.elsewhere.once(REPOSITORY, TAG, fails)
    hanging = asyncio.create_task(one.elsewhere.once(REPOSITORY, TAG, hangs))
    await asyncio.sleep(0)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    assert await other.elsewhere.once(REPOSITORY, TAG, works) == "done"


async def test_a_folder_that_cannot_be_written_costs_no_client_its_image(tmp_path):
    (tmp_path / "run").write_bytes(b"a file")

    async def works():
        return "done"

    alone = Process(tmp_path, MemoryStore())
    assert await alone.elsewhere.once(REPOSITORY, TAG, works) == "done"
