"""The order in which things go, on a real directory and a state in memory; whole pulls are in tests/integration/test_evict.py."""

import json
import time

import pytest

from proxy.content.keeping.stock import Stock
from proxy.oci.digest import Digest
from proxy.pipeline.keeping.evict import Evictor
from proxy.pipeline.keeping.records import DECISIONS, MANIFESTS, WITNESSES
from proxy.pipeline.keeping.usage import Usage
from proxy.state.memory import MemoryStore
from tests.fakes.keeping import age_file

APP = "reg.test/acme/app"
EVERYTHING = 1 << 60


class Ground:
    def __init__(self, root):
        self.stock = Stock(root / "content")
        self.state = MemoryStore()
        self.usage = Usage(self.stock)
        self.pins: dict = {}
        self.forgotten = 0
        self.done: list[str] = []
        self.cases = root / "cases"
        self.cases.mkdir()
        self.evictor = Evictor(
            self.stock,
            self.state,
            self.usage,
            pinned=self.pinned,
            forget=self.forget,
            cases=self.cases,
            lease=0.0,
            settle=0.0,
            steps=self.done.append,
        )

    async def pinned(self):
        return self.pins

    def forget(self):
        self.forgotten += 1

    def put(self, raw: bytes) -> Digest:
        path = self.stock.path(Digest.of(raw))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        age_file(path, time.time() - 9000)
        return Digest.of(raw)

    async def admit(self, name: str, *layers: str, evidence: str | None = None) -> Digest:
        """As the judge records it: the bytes, who names whom, a Decision."""
        digest, *named = (self.put(each.encode()) for each in (name, *layers))
        await self._row(digest, "root", named, [])
        if evidence:
            await self._row(self.put(evidence.encode()), "evidence", [], [[str(digest), "referrers"]])
        record = {"upstream": "reg.test", "repository": "acme/app", "digest": str(digest), "bases": []}
        record["evidence"] = [str(Digest.of(evidence.encode()))] if evidence else []
        key = Digest.of(digest.hex.encode()).hex
        await self.state.put(DECISIONS, key, json.dumps(record).encode())
        await self.state.put(WITNESSES, f"{APP}@{digest}", b"{}")
        (self.cases / f"{key}.case").write_bytes(b"case")
        return digest

    async def _row(self, digest, kind, named, proves):
        names = [["t", str(each), 1, ""] for each in named]
        record = {"kind": kind, "isIndex": False, "names": names, "proves": proves}
        await self.state.put(MANIFESTS, f"{APP}@{digest}", json.dumps(record).encode())

    async def keys(self, book):
        return {entry.key for entry in await self.state.scan(book)}


@pytest.fixture
def ground(tmp_path):
    return Ground(tmp_path)


async def test_decisions_go_first_then_records_then_bytes(ground):
    await ground.admit("app", "layer", evidence="sig")
    removed = await ground.evictor.make_room(EVERYTHING)
    assert (removed.images, removed.blobs) == (1, 3)
    assert list(dict.fromkeys(ground.done)) == [
        *("decisions-gone", "cases-gone", "records-gone", "content-gone", "contents-gone")
    ]
    assert [await ground.keys(book) for book in (DECISIONS, MANIFESTS, WITNESSES)] == [set()] * 3
    assert list(ground.cases.iterdir()) == []
    assert ground.stock.survey() == {}
    assert ground.forgotten == 2


async def test_looking_changes_nothing(ground):
    digest = await ground.admit("app", "layer", evidence="sig")
    chosen = await ground.evictor.choose(EVERYTHING)
    assert [image.name for image in chosen.plan.images] == [f"{APP}@{digest}"]
    assert len(ground.stock.survey()) == 3
    assert (ground.done, ground.forgotten) == ([], 0)


async def test_what_another_image_stands_on_stays_recorded(ground):
    await ground.admit("one", "shared", evidence="sig")
    kept = await ground.admit("two", "shared")
    ground.pins = {(APP, kept): ["v1"]}
    await ground.evictor.make_room(EVERYTHING)
    assert await ground.keys(MANIFESTS) == {f"{APP}@{kept}"}
    assert len(await ground.keys(DECISIONS)) == 1
    assert ground.stock.survey().keys() == {kept, Digest.of(b"shared")}


async def test_an_image_that_was_used_while_it_waited_keeps_its_records_and_bytes(ground):
    digest = await ground.admit("app", "layer", evidence="sig")
    chosen = await ground.evictor.choose(EVERYTHING)
    ground.usage.note(digest)
    removed = await ground.evictor.remove(chosen)
    assert (removed.images, removed.blobs) == (0, 0)
    assert f"{APP}@{digest}" in await ground.keys(MANIFESTS)
    assert len(ground.stock.survey()) == 3


async def test_who_came_after_the_records_went_finds_them_back_and_others_go(ground):
    used, other = await ground.admit("used", "layer", evidence="sig"), await ground.admit("other", "more")
    before = {book: await ground.keys(book) for book in (MANIFESTS, WITNESSES)}

    def come(step):
        if step == "records-gone":
            ground.usage.note(used)

    ground.evictor._steps = come
    removed = await ground.evictor.make_room(EVERYTHING)
    assert removed.images == 1
    assert {book: await ground.keys(book) for book in before} == {
        book: {key for key in keys if str(other) not in key} for book, keys in before.items()
    }
    assert ground.stock.survey().keys() == {used, Digest.of(b"layer"), Digest.of(b"sig")}


async def test_a_record_that_was_written_meanwhile_stays_as_it_was_written(ground):
    digest = await ground.admit("app", "layer")
    chosen = await ground.evictor.choose(EVERYTHING)
    newer = json.dumps({"kind": "root", "isIndex": False, "names": [], "proves": [], "more": 1}).encode()
    await ground.state.put(MANIFESTS, f"{APP}@{digest}", newer)
    await ground.evictor.remove(chosen)
    assert (await ground.state.get(MANIFESTS, f"{APP}@{digest}")).value == newer


async def test_evidence_that_was_kept_again_meanwhile_stays(ground):
    """Another image's Decision may rest on it by now."""
    await ground.admit("app", "layer", evidence="sig")
    chosen = await ground.evictor.choose(EVERYTHING)
    path = ground.stock.path(Digest.of(b"sig"))
    age_file(path, time.time() + 5)
    await ground.evictor.remove(chosen)
    assert path.exists()
    assert not ground.stock.path(Digest.of(b"layer")).exists()


async def test_a_decision_about_nothing_that_is_recorded_goes_too(ground):
    digest = await ground.admit("app", "layer")
    await ground.state.delete(MANIFESTS, f"{APP}@{digest}")
    await ground.evictor.make_room(EVERYTHING)
    assert await ground.keys(DECISIONS) == set()
    assert ground.stock.survey() == {}


async def test_what_was_put_aside_goes_before_anything_that_is_served(ground):
    await ground.admit("app", "layer")
    aside = ground.stock._root / "quarantine"
    aside.mkdir(parents=True)
    (aside / "sha256-aa.1-2-3").write_bytes(b"x" * 100)
    removed = await ground.evictor.make_room(50)
    assert (removed.freed, removed.images) == (100, 0)
    assert len(ground.stock.survey()) == 2
