"""Fields of pratique.yaml that only show through the whole proxy: written in the file, seen in what a client gets."""

import asyncio
import json

from proxy.events import UpstreamAsked
from proxy.oci.digest import Digest
from tests.fakes.house import UPSTREAM, House
from tests.fakes.registry import FakeRegistry

APP = "acme/app"


def largest_layer(image) -> Digest:
    layers = json.loads(image.manifest)["layers"]
    return Digest.parse(max(layers, key=lambda layer: layer["size"])["digest"])


async def test_default_upstream_is_meant_where_a_client_names_none(tmp_path):
    extra = f"defaultUpstream: {UPSTREAM}\nlimits: {{ drainSeconds: 1 }}"
    async with House(tmp_path, extra=extra) as house:
        image = house.put(APP, "app", tag="v1")
        got = await house.get(f"/v2/{APP}/manifests/v1")
        assert (got.status, got.body) == (200, image.manifest)


async def test_without_a_default_upstream_a_name_alone_is_unknown(tmp_path):
    async with House(tmp_path) as house:
        house.put(APP, "app", tag="v1")
        got = await house.get(f"/v2/{APP}/manifests/v1")
        assert got.status == 404
        assert json.loads(got.body)["errors"][0]["code"] == "NAME_UNKNOWN"
        assert house.upstream.counts == {}


async def test_stall_seconds_break_off_a_silent_transfer_which_is_taken_up_where_it_broke(tmp_path):
    async with House(tmp_path, extra="limits: { stallSeconds: 1, drainSeconds: 1 }") as house:
        image = house.put(APP, "app", tag="v1", layer_size=400_000)
        layer = largest_layer(image)
        assert (await house.manifest(APP, "v1")).status == 200
        house.upstream.knobs.hold_at = 100_000
        house.events.clear()
        pulling = asyncio.create_task(house.blob(APP, layer))
        while not any(isinstance(each, UpstreamAsked) and each.what == "blob" for each in house.events):
            await asyncio.sleep(0.02)  # the held transfer ends by the proxy's deadline, and by nothing else
        house.upstream.knobs.hold_at = None
        got = await pulling
        assert Digest.of(got.body) == layer
        assert len([seen for seen in house.upstream.seen("blob") if str(layer) in seen.path]) >= 2
        house.upstream.knobs.hold.set()


async def test_gather_seconds_end_a_judgement_that_nobody_waits_for_any_more(tmp_path):
    extra = "limits: { requestSeconds: 1, gatherSeconds: 1, drainSeconds: 1 }"
    async with House(tmp_path, extra=extra) as house:
        house.put(APP, "app", tag="v1")
        house.upstream.knobs.delay = 1.5
        house.upstream.knobs.delay_kinds = frozenset({"manifest"})
        assert (await house.manifest(APP, "v1")).status == 503
        await asyncio.sleep(2.0)
        house.upstream.knobs.delay = 0.0
        house.upstream.forget()
        assert (await house.manifest(APP, "v1")).status == 200
        assert house.upstream.count("manifest") > 0, "the work that was too slow was ended, so it begins anew"


async def test_redirects_named_by_the_operator_are_followed_and_others_are_not(tmp_path):
    async with FakeRegistry() as storage, House(tmp_path, upstream_extra=f", redirects: ['{storage.host}']") as house:
        images = [house.put(APP, tag, tag=tag) for tag in ("v1", "v2")]
        for tag in ("v1", "v2"):
            assert (await house.manifest(APP, tag)).status == 200
        house.upstream.knobs.redirect = 307
        house.upstream.knobs.redirect_to = storage.url
        storage.put_image(APP, images[0])
        layer = largest_layer(images[0])
        assert Digest.of((await house.blob(APP, layer)).body) == layer
        async with FakeRegistry() as stranger:
            house.upstream.knobs.redirect_to = f"http://localhost:{stranger.url.rpartition(':')[2]}"
            stranger.put_image(APP, images[1])
            assert (await house.blob(APP, largest_layer(images[1]))).status == 502
            assert stranger.requests == []


async def test_data_is_where_content_state_and_audit_are_kept(tmp_path):
    async with House(tmp_path, extra="data: elsewhere\nlimits: { drainSeconds: 1 }") as house:
        house.put(APP, "app", tag="v1")
        assert (await house.manifest(APP, "v1")).status == 200
        kept = tmp_path / "elsewhere"
        assert {"content", "state.db", "audit"} <= {each.name for each in kept.iterdir()}
        assert not (tmp_path / "data").exists()
