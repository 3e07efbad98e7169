"""A whole proxy on a disk that fails: what clients get, what the log says, once, and what /metrics shows."""

import asyncio
import errno
import json

import pytest

from proxy.content import disk, filling, shelf
from proxy.events import ContentRotted, FillEnded, StorageChanged
from proxy.oci.digest import Digest
from proxy.web import streaming
from tests.fakes.disks import Faults, fill_up, needs_mounts, small_disk
from tests.fakes.house import House

APP, OTHER = "acme/app", "acme/other"
LAYER = 700_000


def layer_of(image) -> Digest:
    layers = json.loads(image.manifest)["layers"]
    return Digest.parse(max(layers, key=lambda layer: layer["size"])["digest"])


def turns(house) -> list[str]:
    return [each.state for each in house.events if isinstance(each, StorageChanged)]


def shown(house) -> str:
    """The state of the disk that /metrics shows."""
    lines = house.proxy.metrics.render().decode().splitlines()
    (line,) = (each for each in lines if each.startswith("pratique_storage_state{") and each.endswith(" 1.0"))
    return line.split('"')[1]


@pytest.fixture
async def house(tmp_path):
    async with House(tmp_path) as house:
        yield house


@pytest.fixture(params=["data/content", "data"])
async def small_house(tmp_path, request):
    """Its content lies on a disk of a few MiB, with its state and its audit or without."""
    with small_disk(tmp_path / request.param, 6 * 1024 * 1024):
        async with House(tmp_path) as house:
            yield house


@needs_mounts
async def test_t56_on_a_full_disk_admitted_images_are_served_new_ones_wait_and_it_recovers(small_house):
    house = small_house
    cached = house.put(APP, "cached", tag="v1", layer_size=LAYER)
    missing = house.put(APP, "missing", tag="v2", layer_size=LAYER)
    new = house.put(OTHER, "new", tag="v1")
    assert (await house.manifest(APP, "v1")).status == 200
    assert Digest.of((await house.blob(APP, layer_of(cached))).body) == layer_of(cached)
    assert (await house.manifest(APP, "v2")).status == 200
    await house.settle()
    ballast = fill_up(house.folder / "data" / "content")
    house.events.clear()

    assert (await house.manifest(APP, "v1")).body == cached.manifest
    for _ in range(3):
        assert Digest.of((await house.blob(APP, layer_of(cached))).body) == layer_of(cached)
        assert Digest.of((await house.blob(APP, layer_of(missing))).body) == layer_of(missing)
        refused = await house.manifest(OTHER, "v1")
        assert refused.status == 503
        assert "full" in refused.body.decode()
    await house.settle()
    assert turns(house) == ["full"]
    assert shown(house) == "full"
    assert {each.outcome for each in house.events if isinstance(each, FillEnded)} == {"unkept"}

    ballast.unlink()
    content = house.proxy.care._content
    await content.probe()
    assert turns(house) == ["full"]  # it failed just now: not well between two requests
    content.condition.quiet = 0
    await content.probe()
    assert (turns(house), shown(house)) == (["full", "ok"], "ok")
    assert (await house.manifest(OTHER, "v1")).body == new.manifest
    assert Digest.of((await house.blob(APP, layer_of(missing))).body) == layer_of(missing)
    await house.settle()
    house.upstream.forget()
    assert Digest.of((await house.blob(APP, layer_of(missing))).body) == layer_of(missing)
    assert house.upstream.count("blob") == 0


async def test_an_admitted_manifest_whose_bytes_are_lost_is_answered_from_a_disk_that_keeps_nothing(house, monkeypatch):
    image = house.put(APP, "app", tag="v1")
    assert (await house.manifest(APP, "v1")).status == 200
    await house.restart()  # nothing of it is in memory
    monkeypatch.setattr(shelf, "publish", refuse)
    house.proxy.care._content._shelf.delete(image.digest)
    got = await house.manifest(APP, image.digest)
    assert (got.status, got.body) == (200, image.manifest)
    assert turns(house) == ["read-only"]


def refuse(*_):
    raise OSError(errno.EROFS, "Read-only file system")


async def test_a_disk_that_cannot_read_the_middle_cuts_once_and_then_the_blob_is_fetched_again(house):
    """EIO is what `sendfile` says; the client is cut, and whoever asks next gets it whole."""
    image = house.put(APP, "app", tag="v1", layer_size=LAYER)
    layer = layer_of(image)
    await house.manifest(APP, "v1")
    await house.blob(APP, layer)
    await house.settle()
    with Faults(streaming, disk) as faults:
        faults.fail("sendfile", when=lambda _out, _in, at, _count: at >= 0)
        faults.fail("preadv", when=lambda _file, _views, at: at >= 100_000)
        assert (await house.blob(APP, layer)).is_cut
        faults._rules.pop("sendfile")
        assert Digest.of((await house.blob(APP, layer)).body) == layer  # streamed in anew
        assert [each.digest for each in house.events if isinstance(each, ContentRotted)] == [layer]
    await house.settle()
    house.upstream.forget()
    assert Digest.of((await house.blob(APP, layer)).body) == layer
    assert house.upstream.count("blob") == 0


async def test_no_part_of_what_passes_by_is_answered_but_the_whole_is(house, monkeypatch):
    image = house.put(APP, "app", tag="v1", layer_size=LAYER)
    layer = layer_of(image)
    await house.manifest(APP, "v1")
    monkeypatch.setattr(filling, "require_room", lambda *_: refuse())
    part = await house.blob(APP, layer, headers={"Range": "bytes=100-200"})
    assert (part.status, part.headers["Retry-After"]) == (503, "30")
    for header in ("bytes=0-", "bytes=100-"):
        got = await house.blob(APP, layer, headers={"Range": header})
        assert (got.status, Digest.of(got.body)) == (200, layer)
    await house.settle()
    assert turns(house) == ["read-only"]


async def test_a_herd_on_a_disk_that_takes_nothing_is_one_transfer_a_client_each_proved(house, monkeypatch):
    image = house.put(APP, "app", tag="v1", layer_size=LAYER)
    layer = layer_of(image)
    await house.manifest(APP, "v1")
    monkeypatch.setattr(filling, "require_room", lambda *_: refuse())
    house.upstream.forget()
    got = await asyncio.gather(*(house.blob(APP, layer) for _ in range(8)))
    assert {Digest.of(each.body) for each in got} == {layer}
    assert house.upstream.count("blob") == 8
    await house.settle()
