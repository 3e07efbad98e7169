"""Who goes: never what is pinned, leased, open or needed; and enough, wherever enough may go."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.content.keeping.eviction import LEASE, LONG_LEASE, Image, Stored, plan, used_at
from proxy.oci.digest import Digest

NOW = 1_000_000.0
HOUR = 3600.0


def d(name: object) -> Digest:
    return Digest.of(str(name).encode())


def stored(*rows: tuple[str, int, float]) -> dict[Digest, Stored]:
    """(name, size, hours ago)."""
    return {d(name): Stored(d(name), size, NOW - HOUR * ago) for name, size, ago in rows}


def image(name: str, *layers: str, evidence: tuple[str, ...] = (), is_pinned: bool = False) -> Image:
    return Image(name, (d(name),), tuple(map(d, layers)), tuple(map(d, evidence)), is_pinned)


def chosen(here, images, wanted, *, opened=(), lease=LEASE):
    found = plan(here, images, wanted=wanted, now=NOW, is_open={d(name) for name in opened}.__contains__, lease=lease)
    names = {digest: name for name in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ" for digest in [d(name)]}
    return [each.name for each in found.images], [names.get(each.digest, "?") for each in found.contents], found


def test_the_image_that_was_not_used_for_longest_goes_first_and_whole():
    here = stored(("a", 1, 5), ("b", 100, 9), ("c", 1, 3), ("d", 100, 9), ("e", 1, 9))
    images = [image("a", "b", evidence=("e",)), image("c", "d")]
    assert chosen(here, images, 50)[:2] == (["a"], ["b", "a", "e"])
    assert chosen(here, images, 150)[:2] == (["a", "c"], ["b", "a", "e", "d", "c"])


def test_nothing_goes_where_nothing_is_wanted():
    here = stored(("a", 1, 5), ("b", 100, 9))
    assert chosen(here, [image("a", "b")], 0)[:2] == ([], [])


def test_what_two_images_need_goes_with_the_second():
    here = stored(("a", 1, 9), ("b", 1, 8), ("s", 100, 9))
    images = [image("a", "s"), image("b", "s")]
    assert chosen(here, images, 1)[:2] == (["a"], ["a"])
    assert chosen(here, images, 2)[:2] == (["a", "b"], ["a", "s", "b"])


def test_what_a_pinned_image_needs_never_goes():
    here = stored(("a", 1, 9), ("b", 1, 8), ("s", 100, 9))
    names, contents, found = chosen(here, [image("a", "s"), image("b", "s", is_pinned=True)], 1000)
    assert (names, contents) == (["a"], ["a"])
    assert found.pinned == 101


def test_what_was_used_within_the_lease_never_goes():
    here = stored(("a", 1, 0.5), ("b", 100, 9), ("c", 50, 0.2), ("d", 50, 2))
    names, contents, found = chosen(here, [image("a", "b")], 1000)
    assert (names, contents) == ([], ["d"])
    assert found.leased == 151


def test_a_layer_that_was_read_lately_leases_its_image_unless_another_needs_it_too():
    here = stored(("a", 1, 5), ("b", 100, 0.1), ("c", 1, 5), ("d", 1, 7))
    assert chosen(here, [image("a", "b")], 1000)[0] == []
    assert chosen(here, [image("a", "b"), image("c", "b"), image("d", "b")], 1000)[0] == ["d", "a"]


def test_evidence_that_was_read_lately_leases_nothing():
    here = stored(("a", 1, 5), ("b", 100, 5), ("e", 1, 0))
    assert chosen(here, [image("a", "b", evidence=("e",))], 1000)[0] == ["a"]


def test_an_image_of_which_anything_is_open_stays_for_a_day():
    here = stored(("a", 1, 5), ("s", 100, 9), ("b", 1, 0))
    images = [image("a", "s"), image("b", "s")]
    assert chosen(here, images, 1000, opened="s")[0] == []
    here = stored(("a", 1, 1 + LONG_LEASE / HOUR), ("s", 100, 9), ("b", 1, 0))
    assert chosen(here, images, 1000, opened="s")[0] == ["a"]


def test_what_no_image_names_goes_by_its_own_last_use():
    here = stored(("a", 10, 9), ("b", 10, 8), ("c", 1, 7), ("d", 10, 9))
    assert chosen(here, [image("c", "d")], 20)[1] == ["a", "b"]


def test_what_is_not_here_frees_nothing():
    here = stored(("a", 1, 9))
    names, contents, found = chosen(here, [image("a", "b", "c", evidence=("e",))], 1000)
    assert (names, contents, found.freed) == (["a"], ["a"], 1)
    assert used_at(image("x"), here) == 0.0


def test_only_what_might_go_is_asked_whether_it_is_open():
    here = stored(*((name, 10, 9) for name in "abcdefgh"))
    asked = []
    plan(here, [], wanted=10, now=NOW, is_open=lambda digest: bool(asked.append(digest)))
    assert len(asked) == 1


@st.composite
def scenes(draw):
    names = [f"blob-{number}" for number in range(draw(st.integers(1, 14)))]
    here = {
        d(name): Stored(d(name), draw(st.integers(0, 100)), NOW - draw(st.floats(0, 4 * LEASE)))
        for name in names
        if draw(st.booleans()) or draw(st.booleans())
    }
    some = st.lists(st.sampled_from(names), max_size=5)
    images = [
        Image(
            f"image-{number}",
            (d(f"image-{number}"), *map(d, draw(st.lists(st.sampled_from(names), max_size=1)))),
            tuple(map(d, draw(some))),
            tuple(map(d, draw(some))),
            draw(st.booleans()) and draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 6)))
    ]
    for each in images:
        if draw(st.booleans()):
            here[each.manifests[0]] = Stored(each.manifests[0], 1, NOW - draw(st.floats(0, 30 * LEASE)))
    opened = set(draw(some))
    return here, images, {d(name) for name in opened}, draw(st.integers(0, 400))


@given(scenes())
def test_whatever_is_there_nothing_goes_that_somebody_needs_and_enough_goes_if_it_may(scene):
    here, images, opened, wanted = scene
    found = plan(here, images, wanted=wanted, now=NOW, is_open=opened.__contains__)
    gone = {each.digest for each in found.contents}
    staying = [each for each in images if each not in found.images]

    assert len(gone) == len(found.contents)
    assert gone <= here.keys()
    assert found.freed == sum(each.size for each in found.contents)
    assert not any(each.is_pinned for each in found.images)
    assert not gone & {digest for each in staying for digest in each.contents}, "a staying image needs it"
    assert not gone & opened
    for each in found.images:
        assert NOW - used_at(each, here) >= LEASE
    evidence = {digest for each in images for digest in each.evidence}
    assert all(NOW - each.used_at >= LEASE for each in found.contents if each.digest not in evidence)
    # Each image that went takes everything of its own: nothing half of it stays for nobody.
    named = {digest for each in staying for digest in each.contents}
    for each in found.images:
        assert set(each.contents) & here.keys() <= gone | named
    if found.freed < wanted:
        strays = {digest for digest in here if not any(digest in each.contents for each in images)}
        assert all(here[each] in found.contents or _stays(here[each], opened) for each in strays)
        assert all(each.is_pinned or _is_leased(each, here, opened, staying) for each in staying)


def _stays(each, opened):
    return each.digest in opened or NOW - each.used_at < LEASE


def _is_leased(image, here, opened, staying):
    needed = [digest for other in staying if other is not image for digest in other.contents]
    alone = [here[digest] for digest in image.contents if digest in here and digest not in needed]
    if NOW - used_at(image, here) < LEASE or any(NOW - each.used_at < LEASE for each in alone):
        return True
    return any(digest in opened for digest in image.contents)
