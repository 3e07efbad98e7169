"""The document of `cache ls`, from values: shared bytes are counted once, and what stays says why."""

from proxy.cli.inventory import described
from proxy.content.keeping.budget import Standing
from proxy.content.keeping.eviction import Image, Stored
from proxy.content.keeping.tally import Holding
from proxy.oci.digest import Digest
from proxy.pipeline.keeping.holdings import Kept

NOW = 1_000_000.0
APP = "reg.test/acme/app"
STANDING = Standing(Holding(stored=260, blobs=5, growing=7, aside=3, promised=2), 1000, 900, 800)


def d(name: str) -> Digest:
    return Digest.of(name.encode())


def kept(name: str, *layers: str, is_pinned: bool = False) -> Kept:
    image = Image(f"{APP}@{d(name)}", (d(name),), tuple(map(d, layers)), (), is_pinned)
    return Kept(image, APP, d(name), (), ())


def here(**sizes: tuple[int, float]) -> dict[Digest, Stored]:
    return {d(name): Stored(d(name), size, NOW - ago) for name, (size, ago) in sizes.items()}


STORED = here(a=(10, 9000), b=(10, 5000), shared=(100, 9000), own=(50, 9000), stray=(90, 9000))
DOCUMENT = described(
    STORED,
    [kept("a", "shared", "own", "absent"), kept("b", "shared", is_pinned=True)],
    {(APP, d("b")): ["v1"]},
    STANDING,
    now=NOW,
)


def test_the_last_used_stands_first_with_its_tags():
    assert [(each["digest"], each["tags"]) for each in DOCUMENT["images"]] == [(str(d("b")), ["v1"]), (str(d("a")), [])]


def test_an_image_has_its_bytes_and_those_that_another_needs_too():
    _, first = DOCUMENT["images"]
    assert (first["bytes"], first["sharedBytes"], first["blobs"], first["missing"]) == (160, 100, 3, 1)


def test_shared_and_pinned_bytes_are_counted_once_in_the_sums():
    assert DOCUMENT["bytes"]["pinned"] == 110
    assert DOCUMENT["bytes"]["evictable"] == 150
    assert DOCUMENT["unnamed"] == {"blobs": 1, "bytes": 90}
    assert DOCUMENT["bytes"]["held"] == 270
    assert DOCUMENT["limit"] == {"bytes": 1000, "high": 900, "low": 800}


def test_what_stays_says_why():
    assert [each["stays"] for each in DOCUMENT["images"]] == ["pinned", None]
    (lately,) = described(here(a=(1, 9000), x=(1, 60)), [kept("a", "x")], {}, STANDING, now=NOW)["images"]
    assert lately["stays"] == "in use"


def test_an_image_of_which_no_manifest_is_here_was_used_at_no_known_time():
    (lost,) = described({}, [kept("a")], {}, STANDING, now=NOW)["images"]
    assert (lost["usedAt"], lost["bytes"], lost["missing"]) == (None, 0, 1)
