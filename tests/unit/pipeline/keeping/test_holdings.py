"""From records to images: what belongs to which, by names alone."""

from proxy.oci.digest import Digest
from proxy.pipeline.keeping.holdings import kept, unfounded
from proxy.pipeline.keeping.records import Row, Ruling
from proxy.state.store import Entry

APP, BASE = "reg.test/acme/app", "reg.test/acme/base"


def d(name: str) -> Digest:
    return Digest.of(name.encode())


def row(name, *names, kind="root", of=(), repository=APP, is_index=False):
    entry = Entry(f"{repository}@{d(name)}", b"", 1)
    return Row(entry, repository, d(name), kind, is_index, tuple(map(d, names)), tuple(map(d, of)))


def ruling(name, *evidence, bases=(), repository=APP, expires_at=None):
    entry = Entry(f"key-{repository}-{name}", b"", 1, expires_at)
    return Ruling(entry, repository, d(name), tuple(map(d, evidence)), tuple((each, d(base)) for each, base in bases))


def one(found, name):
    (image,) = [each for each in found if each.digest == d(name)]
    return image


def named(digests, *names):
    return set(digests) == {d(name) for name in names}


def test_an_image_has_its_layers_and_its_evidence():
    rows = [row("app", "config", "layer"), row("sig", "payload", kind="evidence", of=["app"])]
    (found,) = kept(rows, [ruling("app", "payload")], set())
    assert found.image.name == f"{APP}@{d('app')}"
    assert named(found.image.manifests, "app")
    assert named(found.image.layers, "config", "layer")
    assert named(found.image.evidence, "sig", "payload")
    assert [each.digest for each in found.rulings] == [d("app")]
    assert len(found.rows) == 2


def test_an_index_has_its_children_with_theirs():
    rows = [
        row("index", "amd64", "arm64", is_index=True),
        row("amd64", "config", "layer", kind="child"),
        row("sig", "payload", kind="evidence", of=["amd64"]),
        row("of-sig", "second", kind="evidence", of=["sig"]),
    ]
    (found,) = kept(rows, [ruling("index"), ruling("amd64")], set())
    assert named(found.image.manifests, "index", "amd64")
    assert named(found.image.layers, "config", "layer")
    assert named(found.image.evidence, "sig", "payload", "of-sig", "second")
    assert len(found.rulings) == 2


def test_an_image_of_its_own_that_an_index_names_stands_for_both():
    rows = [row("index", "amd64", is_index=True), row("amd64", "layer")]
    found = kept(rows, [], set())
    assert len(found) == 2
    assert named(one(found, "index").image.layers, "layer")
    assert named(one(found, "amd64").image.layers, "layer")


def test_what_is_pinned_is_pinned_with_all_that_it_names():
    rows = [row("index", "amd64", is_index=True), row("amd64", "layer", kind="child"), row("other", "layer")]
    found = kept(rows, [], {(APP, d("index"))})
    assert one(found, "index").image.is_pinned
    assert not one(found, "other").image.is_pinned
    assert not any(each.image.is_pinned for each in kept(rows, [], {(BASE, d("index"))}))


def test_promise_5_the_evidence_of_a_base_belongs_to_what_was_built_on_it():
    rows = [
        row("app", "layer"),
        row("base-sig", "base-payload", kind="evidence", of=["base"], repository=BASE),
    ]
    (found,) = kept(rows, [ruling("app", bases=[(BASE, "base")])], set())
    assert named(found.image.evidence, "base-sig", "base-payload")
    assert named(found.image.manifests, "app")


def test_promise_5_whatever_a_decision_rests_on_belongs_to_its_image():
    (found,) = kept([row("app", "layer")], [ruling("app", "elsewhere")], set())
    assert named(found.image.evidence, "elsewhere")


def test_what_belongs_to_nothing_is_one_by_itself():
    rows = [row("lost", "layer", kind="child"), row("sig", "payload", kind="evidence", of=["gone"])]
    found = kept(rows, [], set())
    assert {each.digest for each in found} == {d("lost"), d("sig")}
    assert named(one(found, "sig").image.evidence, "sig", "payload")


def test_a_circle_of_names_ends():
    rows = [row("a", "b", is_index=True), row("b", "a", is_index=True, kind="child")]
    (found,) = kept(rows, [], set())
    assert named(found.image.manifests, "a", "b")


def test_a_decision_about_nothing_that_is_recorded_is_unfounded_unless_it_ends_by_itself():
    rows, rulings = [row("app", "layer")], [ruling("app"), ruling("gone"), ruling("denied", expires_at=9.0)]
    found = kept(rows, rulings, set())
    assert [each.digest for each in unfounded(rulings, found)] == [d("gone")]
