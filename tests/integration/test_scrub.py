"""What rots is found by the scrub, put aside, counted, and fetched again where an admitted image names it."""

import asyncio
import json
import os

import pytest

from proxy.bootstrap import care
from proxy.content.proofs import Proof
from proxy.demo.images import signature_tag
from proxy.events import ContentRotted, ContentScrubbed
from proxy.oci.digest import Digest
from tests.fakes.house import House
from tests.fakes.mortal import rot

APP = "acme/app"


@pytest.fixture
async def house(tmp_path):
    async with House(tmp_path) as house:
        yield house


def layer_of(image) -> Digest:
    layers = json.loads(image.manifest)["layers"]
    return Digest.parse(max(layers, key=lambda layer: layer["size"])["digest"])


async def pulled(house, *, label="app", tag="v1"):
    """An image of which everything is stored here."""
    image = house.put(APP, label, tag=tag, layer_size=300_000)
    assert (await house.manifest(APP, tag)).status == 200
    for blob in (layer_of(image), Digest.parse(json.loads(image.manifest)["config"]["digest"])):
        assert (await house.blob(APP, blob)).status == 200
    await house.settle()
    return image


async def scrubbed(house):
    """One round, and the end of what follows from it."""
    mender, content = house.proxy.pipeline.mender, house.proxy.care._content
    report = await content.scrub(rate=0, found=mender.lost).run()
    await eventually(lambda: mender.is_idle)
    return report


async def eventually(holds):
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_what_rotted_is_fetched_again_and_counted(house):
    image = await pulled(house)
    content, layer = house.proxy.care._content, layer_of(image)
    signature = Digest.of((await house.manifest(APP, signature_tag(image.digest))).body)
    wrong = {layer, image.digest, signature}
    for digest in wrong:
        rot(content, digest)
    house.upstream.forget()
    report = await scrubbed(house)
    assert set(report.wrong) == wrong
    assert {each.digest for each in house.events if isinstance(each, ContentRotted)} == wrong
    assert b"pratique_content_rotted_total 3.0" in house.proxy.metrics.render()
    assert house.upstream.count("blob") == 1
    house.upstream.forget()
    assert (await scrubbed(house)).wrong == ()
    await house.restart()
    assert (await house.manifest(APP, image.digest)).body == image.manifest
    assert Digest.of((await house.blob(APP, layer)).body) == layer
    assert house.upstream.count("blob") == house.upstream.count("manifest") == 0


async def test_what_no_admitted_image_names_any_more_is_not_fetched_again(house):
    image = await pulled(house)
    layer = layer_of(image)
    house.set_policy(
        (house.folder / "policy.yaml").read_text() + f"revoked: [ {{ digest: '{image.digest}', reason: bad }} ]\n"
    )
    rot(house.proxy.care._content, layer)
    house.upstream.forget()
    assert (await scrubbed(house)).wrong == (layer,)
    assert house.upstream.counts == {}
    assert await house.proxy.care._content.size(layer) is None


async def test_what_cannot_be_had_now_is_had_when_a_client_asks(house):
    image = await pulled(house)
    layer = layer_of(image)
    rot(house.proxy.care._content, layer)
    house.upstream.knobs.fail(503, kinds={"blob"})
    assert (await scrubbed(house)).wrong == (layer,)
    assert await house.proxy.care._content.size(layer) is None
    house.upstream.knobs.fail(None)
    assert Digest.of((await house.blob(APP, layer)).body) == layer


async def test_a_round_runs_by_itself_at_the_rate_that_is_set(tmp_path, monkeypatch):
    monkeypatch.setattr(care, "_QUIET_SECONDS", 0.0)
    async with House(tmp_path, extra="content: { scrub: { rate: 1GiB, every: 1d } }") as house:
        await eventually(lambda: any(isinstance(each, ContentScrubbed) for each in house.events))
        image = await pulled(house)
        rot(house.proxy.care._content, layer_of(image))
        (house.folder / "data" / "content" / "scrub").unlink()  # the last round was never
        house.events.clear()
        await house.restart()
        await eventually(lambda: any(isinstance(each, ContentScrubbed) for each in house.events))
        (ended,) = (each for each in house.events if isinstance(each, ContentScrubbed))
        assert (ended.wrong, ended.files > 3, ended.bytes > 300_000) == (1, True, True)
        shown = house.proxy.metrics.render().decode()
        assert "pratique_scrub_progress_ratio 1.0" in shown
        assert "pratique_scrub_rounds_total 1.0" in shown


@pytest.mark.parametrize("scrub", ["rate: 0", "every: 7d"])
async def test_no_round_runs_where_none_is_due(tmp_path, monkeypatch, scrub):
    monkeypatch.setattr(care, "_QUIET_SECONDS", 0.0)
    async with House(tmp_path) as house:
        image = await pulled(house)
        await house.proxy.care._content.scrub(rate=0).run()
        rot(house.proxy.care._content, layer_of(image))
        house.extra = f"content: {{ scrub: {{ {scrub} }} }}"
        if scrub == "rate: 0":
            (house.folder / "data" / "content" / "scrub").unlink()
        await house.restart()
        house.events.clear()
        await asyncio.sleep(0.3)
        assert not any(isinstance(each, ContentScrubbed | ContentRotted) for each in house.events)


async def test_promise_2_rot_beneath_the_file_system_is_the_scrubs_within_its_window(house):
    """Its stat is as it was: nothing but hashing sees it, and until then it is served. docs/adr/0003 says so."""
    image = await pulled(house)
    content, layer = house.proxy.care._content, layer_of(image)
    rot(content, layer)
    descriptor = os.open(content._shelf.blob(layer), os.O_RDONLY)
    assert content._shelf.open(layer)[1] == Proof.of(descriptor)
    os.close(descriptor)
    assert Digest.of((await house.blob(APP, layer)).body) != layer
    await scrubbed(house)
    assert Digest.of((await house.blob(APP, layer)).body) == layer
