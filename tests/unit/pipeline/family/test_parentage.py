import asyncio

import pytest

from proxy.demo.images import make_image, make_index
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.oci.reference import Repository
from proxy.pipeline.family.parentage import Known, Parentage
from proxy.state.memory import MemoryStore
from tests.fakes.clock import HandClock

REPOSITORY = Repository("reg.test", "acme/app")
SUBJECT, OTHER = Digest.of(b"subject"), Digest.of(b"other")


def manifest(label: str):
    image = make_image(label)
    return parse_manifest(image.manifest, digest=image.digest, content_type=image.media_type)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=HandClock())


async def test_a_record_is_its_own_inverse():
    found = await Parentage(MemoryStore()).remember(
        REPOSITORY, manifest("app"), kind="evidence", place="referrers", parent=SUBJECT
    )
    assert Known.from_record(found.to_record()) == found


async def test_what_one_process_wrote_another_reads(store):
    image = manifest("app")
    await Parentage(store).remember(REPOSITORY, image, kind="root")
    family = await Parentage(store).family(REPOSITORY)
    assert family.known[image.digest].kind == "root"
    assert [parent for parent, _ in family.parents_of(image.layers[0].digest)] == [image.digest]


async def test_another_repository_knows_nothing_of_it(store):
    parentage = Parentage(store)
    image = manifest("app")
    await parentage.remember(REPOSITORY, image, kind="root")
    assert (await parentage.family(Repository("reg.test", "acme/ap"))).known == {}
    assert (await parentage.family(Repository("reg.test", "acme/app2"))).known == {}


@pytest.mark.parametrize(("first", "then", "stays"), [("root", "child", "root"), ("evidence", "root", "root")])
async def test_a_root_stays_one_and_what_gets_a_decision_becomes_one(store, first, then, stays):
    parentage = Parentage(store)
    image = manifest("app")
    await parentage.remember(REPOSITORY, image, kind=first)
    await parentage.remember(REPOSITORY, image, kind=then)
    assert (await parentage.family(REPOSITORY)).known[image.digest].kind == stays


async def test_evidence_of_two_images_in_two_places_is_evidence_of_both(store):
    parentage = Parentage(store)
    signature = manifest("signature")
    places = [(SUBJECT, "referrers"), (SUBJECT, "tag"), (OTHER, "tag")]
    await asyncio.gather(
        *(
            parentage.remember(REPOSITORY, signature, kind="evidence", place=place, parent=parent)
            for parent, place in places
        )
    )
    for looked_at in (parentage, Parentage(store)):
        family = await looked_at.family(REPOSITORY)
        assert set(family.known[signature.digest].proves) == set(places)
        assert signature.digest in family.evidence_of[SUBJECT]
        assert signature.digest in family.evidence_of[OTHER]


async def test_what_is_remembered_while_the_memory_is_dropped_is_not_lost(store):
    parentage = Parentage(store)
    image = manifest("app")
    write = store.compare_and_set

    async def dropping(*given, **named):
        entry = await write(*given, **named)
        parentage.forget()
        return entry

    store.compare_and_set = dropping
    await parentage.remember(REPOSITORY, image, kind="root")
    assert image.digest in (await parentage.family(REPOSITORY)).known


async def test_a_family_that_was_read_while_somebody_wrote_is_read_again(store):
    parentage = Parentage(store)
    image = manifest("app")
    scan = store.scan
    interruptions = [None]

    async def interrupted(*given, **named):
        page = await scan(*given, **named)
        if interruptions:
            interruptions.pop()
            await Parentage(store).remember(REPOSITORY, image, kind="root")
            parentage.forget()
        return page

    store.scan = interrupted
    assert image.digest in (await parentage.family(REPOSITORY)).known


async def test_two_processes_that_record_one_manifest_at_once_lose_nothing_of_each_other(store):
    one, two = Parentage(store), Parentage(store)
    image = manifest("app")
    for parentage in (one, two):
        await parentage.family(REPOSITORY)  # each remembers that there is nothing
    await one.remember(REPOSITORY, image, kind="root")
    await two.remember(REPOSITORY, image, kind="evidence", place="tag", parent=SUBJECT)
    known = (await Parentage(store).family(REPOSITORY)).known[image.digest]
    assert (known.kind, known.proves) == ("root", ((SUBJECT, "tag"),))


async def test_what_another_process_wrote_is_learned_by_itself(store):
    here, other = Parentage(store), Parentage(store)
    old, new = manifest("old"), manifest("new")
    await here.remember(REPOSITORY, old, kind="root")
    await other.remember(REPOSITORY, new, kind="root")
    assert new.digest not in (await here.family(REPOSITORY)).known
    store.scan = None  # nothing is read but the one record
    await here.learn(f"{REPOSITORY}@{new.digest}")
    assert set((await here.family(REPOSITORY)).known) == {old.digest, new.digest}
    await Parentage(store).learn(f"{REPOSITORY}@{new.digest}")  # of a family that nobody asked for nothing is read


async def test_what_is_learned_while_its_family_is_read_is_not_lost(store):
    parentage = Parentage(store)
    image = manifest("app")
    scan, begun, go = store.scan, asyncio.Event(), asyncio.Event()

    async def slow(*given, **named):
        page = await scan(*given, **named)
        if not begun.is_set():
            begun.set()
            await go.wait()
        return page

    store.scan = slow
    reading = asyncio.create_task(parentage.family(REPOSITORY))
    await begun.wait()
    await Parentage(store).remember(REPOSITORY, image, kind="root")
    await parentage.learn(f"{REPOSITORY}@{image.digest}")
    go.set()
    await reading
    assert image.digest in (await parentage.family(REPOSITORY)).known


async def test_a_record_that_cannot_be_read_names_nothing(store):
    await store.put("manifests", f"{REPOSITORY}@{SUBJECT}", b'{"digest": "sha256:short"}')
    assert (await Parentage(store).family(REPOSITORY)).known == {}


async def test_children_that_were_not_asked_for_are_told_with_the_index_that_names_them(store):
    images = [make_image("app", architecture=each) for each in ("amd64", "arm64")]
    listing = make_index(images)
    index = parse_manifest(listing.manifest, digest=listing.digest, content_type=listing.media_type)
    parentage = Parentage(store)
    await parentage.remember(REPOSITORY, index, kind="root")
    child = parse_manifest(images[0].manifest, digest=images[0].digest, content_type=images[0].media_type)
    await parentage.remember(REPOSITORY, child, kind="child")
    unfetched = (await parentage.family(REPOSITORY)).unfetched()
    assert [(parent, each.digest) for parent, each in unfetched] == [(index.digest, images[1].digest)]


async def test_families_in_memory_are_bounded(store, monkeypatch):
    monkeypatch.setattr("proxy.pipeline.family.parentage._REPOSITORIES", 3)
    parentage = Parentage(store)
    image = manifest("app")
    await parentage.remember(REPOSITORY, image, kind="root")
    for number in range(10):
        await parentage.family(Repository("reg.test", f"acme/{number}"))
    assert len(parentage._families) == 3
    assert image.digest in (await parentage.family(REPOSITORY)).known
