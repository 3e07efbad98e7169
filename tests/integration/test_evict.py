"""Making room in a real proxy: what goes, what stays, and that nobody who reads notices."""

import asyncio
import inspect
import json
import random
import re
import sys

import aiohttp
import pytest

from proxy.content.keeping import marks
from proxy.demo.images import make_index, signature_tag
from proxy.events import Evicted, FillEnded
from proxy.oci.digest import Digest
from proxy.pipeline.keeping import evict
from tests.fakes.house import UPSTREAM, House
from tests.fakes.keeping import KIB, Tight, layer_of

EVERYTHING = 1 << 60


@pytest.fixture
async def tight(tmp_path):
    async with House(tmp_path) as house:
        yield Tight(house)


async def entries(house: House, book: str):
    return await house.proxy.pipeline.decisions._book._store.scan(book, limit=10_000)


async def keys(house: House, book: str) -> set[str]:
    return {entry.key for entry in await entries(house, book)}


async def test_the_image_that_was_not_used_for_longest_goes_whole_with_all_that_stood_for_it(tight):
    old, new = tight.put("acme/app", "old"), tight.put("acme/app", "new")
    await tight.pull("acme/app", old)
    await tight.pull("acme/app", new)
    signature = tight.house.upstream.repos["acme/app"].tags[str(signature_tag(old.digest))]
    assert tight.holds(signature)
    await tight.age(old, hours=3)
    await tight.age(new, hours=2)
    before = await keys(tight.house, "decisions")

    removed = await tight.make_room(50 * KIB)

    assert (removed.images, removed.freed >= 100 * KIB) == (1, True)
    assert not any(tight.holds(digest) for digest in (old.digest, signature, *old.blobs))
    assert all(tight.holds(digest) for digest in (new.digest, *new.blobs))
    left = await keys(tight.house, "decisions")
    assert (len(before), len(left)) == (2, 1)
    assert not any(str(old.digest) in key or old.digest.dashed in key for key in await keys(tight.house, "manifests"))
    assert not any(str(old.digest) in key or old.digest.dashed in key for key in await keys(tight.house, "witnesses"))
    cases = {path.stem for path in tight.house.proxy.config.cases_folder.glob("*.case")}
    assert not cases & (before - left)


async def test_what_went_is_judged_and_fetched_again_by_the_next_pull(tight):
    image = tight.put("acme/app", "app")
    await tight.pull("acme/app", image)
    await tight.age(image)
    await tight.make_room(EVERYTHING)
    assert not tight.holds(layer_of(image))
    tight.house.upstream.forget()
    await tight.pull("acme/app", image)
    assert tight.house.upstream.sent("blob") >= 100 * KIB
    assert tight.holds(layer_of(image))


async def test_promise_6_what_is_pinned_or_locked_never_goes(tight):
    pinned, locked, loose = (tight.put("acme/app", label, tag=label) for label in ("pinned", "locked", "loose"))
    lock = f"version: 1\npins:\n  {UPSTREAM}/acme/app:\n    locked: {locked.digest}\n"
    (tight.house.folder / "pins.lock.yaml").write_text(lock)
    tight.house.proxy.reload()
    await tight.pull("acme/app", pinned, tag="pinned")
    await tight.pull("acme/app", locked)
    await tight.pull("acme/app", loose)
    await tight.age(pinned, locked, loose)

    removed = await tight.make_room(EVERYTHING)

    assert removed.images == 1
    assert removed.pinned >= 200 * KIB
    assert not tight.holds(layer_of(loose))
    assert tight.holds(layer_of(pinned))
    assert tight.holds(layer_of(locked))
    await tight.house.upstream.__aexit__(None, None, None)
    await tight.pull("acme/app", pinned, tag="pinned")


async def test_demand_18_what_was_used_within_the_hour_never_goes(tight):
    tight.keeping.evictor.lease = 3600.0
    image = tight.put("acme/app", "app")
    await tight.pull("acme/app", image)
    assert (await tight.make_room(EVERYTHING)).freed == 0
    await tight.age(image)
    assert (await tight.house.manifest("acme/app", image.digest)).status == 200  # a warm answer is a use
    assert (await tight.make_room(EVERYTHING)).freed == 0
    await tight.pull("acme/app", image)


async def test_a_use_is_known_after_a_restart(tight):
    tight.lease = 3600.0
    image = tight.put("acme/app", "app")
    await tight.pull("acme/app", image)
    await tight.age(image)
    assert (await tight.house.manifest("acme/app", image.digest)).status == 200
    await tight.house.restart()
    tight.hasten()
    assert (await tight.make_room(EVERYTHING)).freed == 0
    await tight.age(image)
    assert (await tight.make_room(EVERYTHING)).images == 1


async def test_demand_7_a_layer_that_another_image_needs_stays_until_both_go(tight):
    first = tight.put("acme/app", "shared", layers=2)
    second = tight.put("acme/app", "shared", layers=1)  # its layer is the first one's first
    assert layer_of(first) == layer_of(second)
    for image in (first, second):
        await tight.pull("acme/app", image)
    await tight.age(first, hours=3)
    await tight.age(second, hours=2)
    removed = await tight.make_room(1)
    assert removed.images == 1
    assert tight.holds(layer_of(second))
    tight.house.upstream.forget()
    await tight.pull("acme/app", second)
    assert tight.house.upstream.counts == {}
    await tight.age(second)
    await tight.make_room(EVERYTHING)
    assert not tight.holds(layer_of(second))


async def test_an_index_goes_with_its_children(tight):
    children = [tight.put("acme/app", "multi", architecture=arch, is_signed=False) for arch in ("amd64", "arm64")]
    index = make_index(children)
    tight.house.upstream.put_image("acme/app", index)
    tight.house.sign(index, name="acme/app")
    await tight.pull("acme/app", index)
    await tight.age(index)
    removed = await tight.make_room(1)
    assert removed.images == 1
    assert not any(tight.holds(each.digest) for each in index.tree)
    assert not any(tight.holds(blob) for child in children for blob in child.blobs)
    assert await keys(tight.house, "manifests") == set()


async def test_demand_7_eviction_during_a_read_lets_the_reader_end_whole(tight):
    image = tight.put("acme/app", "app", size=8 * 1024 * KIB)
    await tight.pull("acme/app", image)
    url = f"{tight.house.url}/v2/acme/app/blobs/{layer_of(image)}?ns={UPSTREAM}"
    async with aiohttp.ClientSession(auto_decompress=False) as http, http.get(url) as answer:
        first = await answer.content.readexactly(KIB)
        removed = await tight.make_room(EVERYTHING)
        assert removed.freed == 0  # somebody has it open, and its image was used today
        rest = await answer.content.read()
    assert Digest.of(first + rest) == layer_of(image)
    await tight.age(image)
    assert (await tight.make_room(EVERYTHING)).images == 1


async def test_even_where_the_file_is_gone_a_reader_ends_whole(tight):
    image = tight.put("acme/app", "app", size=8 * 1024 * KIB)
    await tight.pull("acme/app", image)
    url = f"{tight.house.url}/v2/acme/app/blobs/{layer_of(image)}?ns={UPSTREAM}"
    async with aiohttp.ClientSession(auto_decompress=False) as http, http.get(url) as answer:
        first = await answer.content.readexactly(KIB)
        tight.path(layer_of(image)).unlink()
        rest = await answer.content.read()
    assert Digest.of(first + rest) == layer_of(image)


async def test_eviction_during_a_fill_leaves_the_fill_alone(tight):
    image = tight.put("acme/app", "app", size=1024 * KIB)
    assert (await tight.house.manifest("acme/app", image.digest)).status == 200
    tight.house.upstream.knobs.hold_at = 512 * KIB
    reading = asyncio.create_task(tight.house.blob("acme/app", layer_of(image)))
    while not (tight.content / "partial" / layer_of(image).dashed).exists():
        await asyncio.sleep(0.01)
    await tight.make_room(EVERYTHING)
    tight.house.upstream.knobs.hold.set()
    answer = await reading
    assert Digest.of(answer.body) == layer_of(image)


async def test_a_herd_on_an_evicted_blob_is_one_transfer(tight):
    image = tight.put("acme/app", "app", size=1024 * KIB)
    await tight.pull("acme/app", image)
    await tight.age(image)
    await tight.make_room(EVERYTHING)
    tight.house.upstream.forget()
    assert (await tight.house.manifest("acme/app", image.digest)).status == 200
    answers = await asyncio.gather(*(tight.house.blob("acme/app", layer_of(image)) for _ in range(16)))
    assert {Digest.of(answer.body) for answer in answers} == {layer_of(image)}
    requests = [each for each in tight.house.upstream.requests if str(layer_of(image)) in each.path]
    assert len(requests) == 1


async def test_demand_18_a_pull_that_begins_while_room_is_made_keeps_its_image(tight):
    """Whatever step it meets, its blobs are served."""
    image = tight.put("acme/app", "app")
    evictor = tight.keeping.evictor
    steps = (0, 1)
    for at in steps:
        await tight.pull("acme/app", image)
        await tight.age(image)
        settled, turn = evictor._settled, iter(range(9))

        async def meddle(settled=settled, turn=turn, at=at):
            await settled()
            if next(turn) == at:
                assert (await tight.house.manifest("acme/app", image.digest)).status == 200

        evictor._settled = meddle
        removed = await tight.make_room(EVERYTHING)
        evictor._settled = settled
        if at == 0:
            assert removed.images == 0
            assert tight.holds(layer_of(image))
        for digest in image.blobs:
            assert (await tight.house.blob("acme/app", digest)).status == 200


async def test_manifests_blobs_and_pulls_in_a_storm_of_evictions_are_never_short(tight, monkeypatch):
    """Eight images, six nodes, and room made all the time."""
    monkeypatch.setattr(marks, "EVERY", 0.0)  # since the lease is far shorter than an hour
    tight.keeping.evictor.lease = 0.5
    images = [tight.put("acme/app", f"app-{number}", layers=2) for number in range(8)]
    gone = []

    async def make_room():
        while sum(gone) < 12:
            gone.append((await tight.make_room(EVERYTHING)).images)
            await asyncio.sleep(0.01)

    async def node(seed):
        chance = random.Random(seed)  # noqa: S311 the same each time
        while sum(gone) < 12:
            await tight.pull("acme/app", chance.choice(images))
            await asyncio.sleep(chance.uniform(0, 1.5))

    async with asyncio.timeout(90):
        await asyncio.gather(make_room(), *(node(seed) for seed in range(6)))
    assert sum(gone) >= 12


async def test_above_high_water_what_is_old_goes_by_itself_down_to_low_water(tmp_path):
    async with House(tmp_path, extra="content: { maxBytes: 1MiB, highWater: 0.5, lowWater: 0.3 }") as house:
        tight = Tight(house)
        images = [tight.put("acme/app", f"app-{number}") for number in range(6)]
        for number, image in enumerate(images):
            await tight.pull("acme/app", image)
            await tight.age(image, hours=10 - number)
        standing = await house.proxy.keeping.room.look()
        assert standing.excess > 0
        await house.proxy.keeping.room.make(standing.excess)
        standing = await house.proxy.keeping.room.look()
        assert standing.holding.spoken_for <= standing.low
        assert not tight.holds(layer_of(images[0]))
        assert tight.holds(layer_of(images[-1]))
        (said,) = [event for event in house.events if isinstance(event, Evicted)]
        assert said.freed >= said.wanted
        text = house.proxy.metrics.render().decode()
        assert f"pratique_content_evicted_bytes_total {float(said.freed)}" in text
        assert "pratique_content_limit_bytes 1.048576e+06" in text


async def test_demand_6_a_fill_makes_its_own_room_before_it_begins(tmp_path):
    async with House(tmp_path, extra="content: { maxBytes: 1MiB, highWater: 1, lowWater: 0.9 }") as house:
        tight = Tight(house)
        old = tight.put("acme/app", "old", size=700 * KIB)
        new = tight.put("acme/app", "new", size=800 * KIB)
        await tight.pull("acme/app", old)
        await tight.age(old)
        await tight.pull("acme/app", new)
        assert tight.holds(layer_of(new))
        assert not tight.holds(layer_of(old))
        assert (await house.proxy.keeping.room.look()).holding.present <= 1024 * KIB


async def test_where_nothing_may_go_a_blob_of_an_admitted_image_passes_through_unkept(tmp_path):
    async with House(tmp_path, extra="content: { maxBytes: 1MiB, highWater: 1, lowWater: 0.9 }") as house:
        tight = Tight(house)
        pinned = tight.put("acme/app", "pinned", size=700 * KIB, tag="v1")
        large = tight.put("acme/app", "large", size=800 * KIB)
        await tight.pull("acme/app", pinned, tag="v1")
        await tight.age(pinned)
        await tight.pull("acme/app", large)
        assert tight.holds(layer_of(pinned))
        assert not tight.holds(layer_of(large))
        ended = {event.digest: event.outcome for event in house.events if isinstance(event, FillEnded)}
        assert ended[layer_of(large)] == "unkept"
        (said,) = [event for event in house.events if isinstance(event, Evicted)]
        assert said.freed < said.wanted
        assert said.pinned >= 700 * KIB
        assert (await house.proxy.keeping.room.look()).holding.promised == 0


async def test_evidence_of_a_base_image_stays_while_the_image_that_was_built_on_it_does(tight):
    """Promise 5: what a Decision rests on goes with it, and never before."""
    image = tight.put("acme/app", "app")
    await tight.pull("acme/app", image)
    state = tight.house.proxy.pipeline.decisions._book._store
    (decision,) = await state.scan("decisions")
    base = tight.put("acme/base", "base")
    await tight.pull("acme/base", base)
    signature = tight.house.upstream.repos["acme/base"].tags[str(signature_tag(base.digest))]
    record = json.loads(decision.value) | {"bases": [f"{UPSTREAM}/acme/base@{base.digest}"]}
    await state.put("decisions", decision.key, json.dumps(record).encode())
    await tight.age(base)
    tight.keeping.evictor.lease = 3600.0
    await tight.make_room(EVERYTHING)
    assert tight.holds(signature)


async def test_demand_18_another_process_that_makes_room_takes_nothing_from_a_pull(tight, monkeypatch):
    """Nodes come at any moment of its rounds; whoever was given a manifest is given its blobs."""
    monkeypatch.setattr(marks, "EVERY", 0.0)  # since its leases are far shorter than an hour
    images = [tight.put("acme/app", f"app-{number}", size=10 * KIB) for number in range(16)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.fakes.evictor", str(tight.house.folder / "pratique.yaml"), "0.5"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    gone = []

    async def listen():
        async for line in process.stdout:
            gone.append(int(line))  # noqa: PERF401 each as it comes

    async def node(seed):
        chance = random.Random(seed)  # noqa: S311 the same each time
        while sum(gone) < 4:
            await tight.pull("acme/app", chance.choice(images))
            await asyncio.sleep(chance.uniform(0, 4))

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(90):
        await asyncio.gather(*(node(seed) for seed in range(5)))
    process.stdin.close()
    await process.wait()
    await listening


class Killed(BaseException):
    """kill -9, as far as files and the state can tell: nothing that comes after is done."""


STEPS = ("decisions-gone", "cases-gone", "records-gone", "content-gone", "contents-gone")


def test_every_step_of_an_eviction_is_walked():
    assert set(re.findall(r'_steps\("([a-z-]+)"\)', inspect.getsource(evict))) == {*STEPS, "records-back"}


@pytest.mark.parametrize("step", STEPS)
async def test_promise_5_an_eviction_that_was_killed_leaves_no_decision_without_its_evidence(tight, step):
    image, other = tight.put("acme/app", "app"), tight.put("acme/app", "other", tag="v1")
    await tight.pull("acme/app", image)
    await tight.pull("acme/app", other, tag="v1")
    await tight.age(image, other)

    def end(reached):
        if reached == step:
            raise Killed

    tight.keeping.evictor._steps = end
    with pytest.raises(Killed):
        await tight.make_room(EVERYTHING)
    await tight.house.restart()
    tight.hasten()

    decided = {json.loads(each.value)["digest"] for each in await entries(tight.house, "decisions")}
    assert decided == {str(other.digest)}
    signature = tight.house.upstream.repos["acme/app"].tags[str(signature_tag(other.digest))]
    assert tight.holds(signature)
    tight.house.upstream.forget()
    await tight.pull("acme/app", other, tag="v1")
    assert tight.house.upstream.counts == {}
    await tight.pull("acme/app", image)
    await tight.age(image)
    await tight.make_room(EVERYTHING)
    assert not any(tight.holds(digest) for digest in (image.digest, *image.blobs))


async def test_what_an_eviction_left_when_it_was_killed_goes_with_the_next(tight):
    image = tight.put("acme/app", "app")
    await tight.pull("acme/app", image)
    await tight.age(image)

    def end(reached):
        if reached == "records-gone":
            raise Killed

    tight.keeping.evictor._steps = end
    with pytest.raises(Killed):
        await tight.make_room(EVERYTHING)
    await tight.house.restart()
    tight.hasten()
    assert tight.holds(layer_of(image))
    removed = await tight.make_room(EVERYTHING)
    assert (removed.images, removed.freed >= 100 * KIB) == (0, True)
    assert tight.keeping.stock.survey() == {}
