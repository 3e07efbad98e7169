"""What an adversary, a crash, a full disk or a bad neighbour would try, through the real proxy."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from proxy.demo.images import Blob, as_referrer, make_image, make_index, sign, signature_manifest, signature_tag
from proxy.errors import StorageError
from proxy.events import PinMoved
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.reference import EvidenceTag, Repository, Tag
from tests.fakes.house import SIGNED, UPSTREAM, House

APP = "acme/app"
REPOSITORY = Repository(UPSTREAM, APP)
BY_PLATFORM = SIGNED.replace("    require:", "    platforms: [linux/amd64]\n    require:")


@pytest.fixture
async def house(tmp_path):
    async with House(tmp_path) as house:
        yield house


def message(got) -> str:
    return json.loads(got.body)["errors"][0]["message"]


def layer_of(image) -> Digest:
    return Digest.parse(json.loads(image.manifest)["layers"][0]["digest"])


def put_signed_document(house: House, raw: bytes, *, tag: str, media_type: str = mediatype.OCI_MANIFEST) -> Digest:
    digest = house.upstream.put_manifest(APP, raw, media_type, tag)
    signature = sign(digest, private=house.private, reference_name=f"{UPSTREAM}/{APP}")
    house.upstream.put_image(APP, signature, tag=str(signature_tag(digest)))
    return digest


def naming(image, **changes: object) -> bytes:
    """Another manifest with the same config and layers."""
    return json.dumps(json.loads(image.manifest) | changes).encode()


# One bad root beside a good one.


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_revoked_image_takes_no_other_image_with_it_that_shares_its_layers(house, is_first):
    image = house.put(APP, "app", tag="v1")
    twin = put_signed_document(house, naming(image, annotations={"twin": "yes"}), tag="v2")
    for tag in ("v1", "v2"):
        assert (await house.manifest(APP, tag)).status == 200
    revoked = image.digest if is_first else twin
    house.set_policy(SIGNED + f'revoked: [ {{ digest: "{revoked}", reason: INC-1 }} ]\n')
    for digest in image.blobs:
        assert (await house.blob(APP, digest)).status == 200
    house.set_policy(
        SIGNED + "revoked:" + "".join(f'\n  - {{ digest: "{each}", reason: INC-1 }}' for each in (image.digest, twin))
    )
    for digest in image.blobs:
        assert (await house.blob(APP, digest)).status == 403


async def test_blobs_of_a_revoked_root_are_refused_with_the_id_of_its_refusal(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    house.set_policy(SIGNED + f'revoked: [ {{ digest: "{image.digest}", reason: INC-1 }} ]\n')
    refusal = message(await house.manifest(APP, "v1")).rpartition("[")[2]
    assert refusal.startswith("r-")
    for digest in image.blobs:
        assert message(await house.blob(APP, digest)).endswith(refusal)


async def test_a_layer_under_a_valid_root_does_not_wait_for_a_root_that_must_be_judged_again(tmp_path):
    """Promise 6: the other root's Decision ended, and the upstream is down."""
    image = make_image("app")
    until = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%MZ")
    text = SIGNED + (
        f"exceptions:\n  - {{ match: reg.test/acme/app, digest: '{image.digest}', waive: [signature], "
        f"reason: INC-4711, by: j.doe, until: {until} }}\n"
    )
    async with House(tmp_path, policy=text) as house:
        house.upstream.put_image(APP, image, tag="v1")
        assert (await house.manifest(APP, "v1")).status == 200
        put_signed_document(house, naming(image, annotations={"twin": "yes"}), tag="v2")
        assert (await house.manifest(APP, "v2")).status == 200
        for digest in image.blobs:
            assert (await house.blob(APP, digest)).status == 200
        house.clock.forward(days=3)
        house.upstream.forget()
        for digest in image.blobs:
            assert (await house.blob(APP, digest)).status == 200
        assert house.upstream.counts == {}


async def test_a_blob_whose_root_must_be_judged_waits_no_longer_than_a_client(tmp_path):
    async with House(tmp_path, extra="limits: { requestSeconds: 1, drainSeconds: 1 }") as house:
        image = house.put(APP, "app", tag="v1")
        await house.manifest(APP, "v1")
        house.set_policy(SIGNED.replace("team.pub", "other.pub"))
        house.upstream.knobs.delay = 1.3
        house.upstream.knobs.delay_kinds = frozenset({"manifest", "referrers"})
        got = await house.blob(APP, layer_of(image))
        assert got.status == 503
        assert "Retry-After" in got.headers
        asked = house.upstream.count("manifest")
        for _ in range(10):
            got = await house.blob(APP, layer_of(image))
            if got.status != 503:
                break
        assert got.status == 403, "the work went on"
        assert house.upstream.count("manifest") <= asked + 1, "and nobody began it again"


async def test_evidence_that_lies_about_a_layers_size_does_not_break_the_image(house):
    """T50: whoever may push evidence must not deny a good image."""
    image = house.put(APP, "app", tag="v1", is_signed=False)
    good = sign(image.digest, private=house.private, reference_name=f"{UPSTREAM}/{APP}")
    document = json.loads(good.manifest)
    layer = layer_of(image)
    for number in range(64):  # until it stands before the image in the order of digests
        lie = {"mediaType": mediatype.IN_TOTO, "digest": str(layer), "size": 7 + number}
        raw = json.dumps(document | {"layers": [*document["layers"], lie]}).encode()
        if Digest.of(raw) < image.digest:
            break
    house.upstream.put_image(APP, good)
    house.upstream.put_manifest(APP, raw, mediatype.OCI_MANIFEST, str(signature_tag(image.digest)))
    assert (await house.manifest(APP, "v1")).status == 200
    await house.restart()
    head = await house.blob(APP, layer, method="HEAD")
    assert head.headers["Content-Length"] == str(len(image.blobs[layer]))
    assert (await house.blob(APP, layer)).status == 200


# Search.


async def test_a_search_is_not_used_up_by_evidence_tags(tmp_path):
    async with House(tmp_path) as house:
        image = house.put(APP, "app", tag="24.10-py3")
        for number in range(40):
            house.put(APP, f"other-{number}")
        assert (await house.blob(APP, layer_of(image))).status == 200


async def test_a_search_that_meets_what_cannot_be_judged_is_503_and_not_an_absence(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    house.upstream.knobs.referrers_status = 500
    assert (await house.blob(APP, layer_of(image))).status == 503
    house.upstream.knobs.referrers_status = None
    house.sign(image, name=APP)
    assert (await house.blob(APP, layer_of(image))).status == 200


async def test_a_search_goes_on_past_a_child_that_its_upstream_does_not_have(house):
    children = [make_image("app", architecture=each) for each in ("s390x", "amd64")]
    index = make_index(children)
    house.upstream.put_image(APP, index, tag="v1")
    del house.upstream.repos[APP].manifests[children[0].digest]
    house.sign(index, name=APP)
    assert (await house.blob(APP, layer_of(children[1]))).status == 200


async def test_a_search_does_not_go_around_a_lock(tmp_path):
    image = make_image("locked")
    (tmp_path / "pins.lock.yaml").write_text(f"version: 1\npins:\n  reg.test/acme/app:\n    v1: {image.digest}\n")
    async with House(tmp_path) as house:
        house.upstream.put_image(APP, image)
        house.sign(image, name=APP)
        newer = house.put(APP, "newer", tag="v1")
        assert (await house.blob(APP, layer_of(newer))).status == 404


# Platforms.


async def test_a_child_that_names_no_platform_is_asked_for_its_config(tmp_path):
    async with House(tmp_path, policy=BY_PLATFORM) as house:
        children = [make_image("app", architecture=each) for each in ("amd64", "arm64")]
        document = json.loads(make_index(children).manifest)
        for entry in document["manifests"]:
            del entry["platform"]
        for child in children:
            house.upstream.put_image(APP, child)
        put_signed_document(house, json.dumps(document).encode(), tag="v1", media_type=mediatype.OCI_INDEX)
        assert (await house.manifest(APP, "v1")).status == 200
        assert (await house.manifest(APP, children[0].digest)).status == 200
        for _ in range(2):
            assert (await house.manifest(APP, children[1].digest)).status == 403
        assert (await house.blob(APP, layer_of(children[0]))).status == 200
        assert (await house.blob(APP, layer_of(children[1]))).status in (403, 404)


async def test_an_image_whose_config_its_upstream_does_not_have_cannot_be_judged_and_is_no_404(tmp_path):
    async with House(tmp_path, policy=BY_PLATFORM) as house:
        image = house.put(APP, "app", tag="v1")
        config = Digest.parse(json.loads(image.manifest)["config"]["digest"])
        del house.upstream.repos[APP].blobs[config]
        assert (await house.manifest(APP, "v1")).status == 503


# Pins.


async def test_a_follower_keeps_its_pin_whatever_the_upstream_offers_instead(tmp_path):
    text = BY_PLATFORM.replace("    require:", "    pinning: follow\n    ttl: 5m\n    require:")
    async with House(tmp_path, policy=text) as house:
        image = house.put(APP, "app", tag="v1")
        assert (await house.manifest(APP, "v1")).status == 200
        broken = house.put(APP, "broken", tag="v1")
        del house.upstream.repos[APP].blobs[Digest.parse(json.loads(broken.manifest)["config"]["digest"])]
        house.clock.forward(minutes=6)
        assert (await house.manifest(APP, "v1")).body == image.manifest


async def test_a_follower_keeps_its_pin_when_the_upstream_hangs(tmp_path):
    text = SIGNED.replace("    require:", "    pinning: follow\n    ttl: 5m\n    require:")
    async with House(tmp_path, policy=text, extra="limits: { requestSeconds: 2, drainSeconds: 1 }") as house:
        image = house.put(APP, "app", tag="v1")
        assert (await house.manifest(APP, "v1")).status == 200
        house.clock.forward(minutes=6)
        house.upstream.knobs.delay = 6
        assert (await house.manifest(APP, "v1")).body == image.manifest


async def test_promise_3_a_pin_that_cannot_be_read_is_not_trusted_anew(house):
    house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    await house.proxy.pipeline.pins._book.put(f"{REPOSITORY}:v1", {"digest": "of another version"})
    house.proxy.forget()
    house.put(APP, "newer", tag="v1")
    refused = await house.manifest(APP, "v1")
    assert refused.status == 403
    assert "pratique pin confirm" in message(refused)


async def test_promise_3_a_pin_that_the_audit_could_not_keep_is_no_pin(house):
    image = house.put(APP, "app", tag="v1")
    record = house.proxy.audit.record

    def full(event):
        if isinstance(event, PinMoved):
            raise StorageError("the disk is full")

    house.proxy.audit.record = full
    assert (await house.manifest(APP, "v1")).status in (403, 503)
    house.proxy.audit.record = record
    assert await house.proxy.pipeline.pins.get(REPOSITORY, Tag("v1")) is None
    assert (await house.manifest(APP, "v1")).body == image.manifest
    await house.stop()
    house.lose_state()
    house.put(APP, "newer", tag="v1")
    await house.start()
    assert (await house.manifest(APP, "v1")).body == image.manifest


async def test_promise_3_a_crash_while_pins_are_restored_does_not_end_the_restoring(house, monkeypatch):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    await house.stop()
    house.lose_state()
    house.put(APP, "newer", tag="v1")
    with monkeypatch.context() as patch:
        patch.setattr("proxy.bootstrap.assembly.Pins.restore", _crash)
        with pytest.raises(StorageError):
            await house.start()
    await house.start()
    assert (await house.manifest(APP, "v1")).body == image.manifest


async def _crash(*_: object, **__: object) -> None:
    raise StorageError("the machine went down here")


async def test_t62_a_reload_in_the_middle_of_a_first_pull_makes_no_pin_under_the_old_policy(house):
    image = house.put(APP, "app", tag="v1")
    house.upstream.knobs.delay = 0.5
    house.upstream.knobs.delay_kinds = frozenset({"referrers"})
    pulling = asyncio.create_task(house.manifest(APP, "v1"))
    await asyncio.sleep(0.2)
    house.set_policy(SIGNED.replace("team.pub", "other.pub"))
    assert (await pulling).status in (403, 503)
    assert await house.proxy.pipeline.pins.get(REPOSITORY, Tag("v1")) is None
    assert (await house.manifest(APP, "v1")).status == 403
    assert image


async def test_t62_a_pin_that_an_operator_moves_is_seen_by_the_next_request(house):
    house.put(APP, "app", tag="v1")
    second = house.put(APP, "second")
    await house.manifest(APP, "v1")
    await house.manifest(APP, "v1")
    await house.proxy.pipeline.pins.confirm(REPOSITORY, Tag("v1"), second.digest, now=house.clock.now(), by="ops")
    assert (await house.manifest(APP, "v1")).body == second.manifest


async def test_the_first_pull_of_one_tag_cools_no_other(house):
    house.put(APP, "app", tag="v1")
    house.put(APP, "other", tag="v2")
    await house.manifest(APP, "v1")
    generation = house.proxy.pipeline.rooms.table.generation
    await house.manifest(APP, "v2")
    assert house.proxy.pipeline.rooms.table.generation == generation


async def test_drift_keeps_what_was_said_of_the_candidate_while_the_upstream_is_down(house):
    house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    house.put(APP, "evil", tag="v1", is_signed=False)
    house.clock.forward(hours=2)
    await house.proxy.pipeline.drift.look()
    await house.upstream.stop()
    house.clock.forward(hours=2)
    await house.proxy.pipeline.drift.look()
    await house.upstream.start()
    pin = await house.proxy.pipeline.pins.get(REPOSITORY, Tag("v1"))
    assert pin.offered_summary.startswith("deny")


async def test_a_locked_tag_outside_tags_is_not_listed(tmp_path):
    image = make_image("app")
    text = SIGNED.replace("    require:", '    pinning: locked\n    tags: ["v*"]\n    require:')
    (tmp_path / "pins.lock.yaml").write_text(
        f"version: 1\npins:\n  reg.test/acme/app:\n    v1: {image.digest}\n    latest: {image.digest}\n"
    )
    async with House(tmp_path, policy=text) as house:
        listed = await house.get(f"/v2/{APP}/tags/list?ns={UPSTREAM}")
        assert json.loads(listed.body)["tags"] == ["v1"]


# What is stored is lost, full or behind.


async def test_promise_6_an_admitted_manifest_that_rotted_is_fetched_and_stored_again(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    content = house.proxy.pipeline.rooms.manifests._content
    await content.delete(image.digest)
    await house.restart()
    assert (await house.manifest(APP, "v1")).body == image.manifest
    await house.restart()
    await house.upstream.stop()
    assert (await house.manifest(APP, "v1")).body == image.manifest
    await house.upstream.start()


async def test_a_decision_without_the_record_of_what_its_manifest_names_is_made_again(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    await house.proxy.pipeline.rooms.parentage._book.delete(f"{REPOSITORY}@{image.digest}")
    house.proxy.forget()
    assert (await house.manifest(APP, "v1")).status == 200
    for digest in image.blobs:
        assert (await house.blob(APP, digest)).status == 200


async def test_a_refusal_stays_one_when_it_cannot_be_recorded_and_is_recorded_later(house, monkeypatch):
    """T56: the disk that keeps refusals is full."""
    house.put(APP, "app", tag="v1", is_signed=False)
    assert (await house.manifest(APP, "v1")).status == 403
    house.clock.forward(minutes=11)
    refusals = house.proxy.pipeline.rooms.refusals
    with monkeypatch.context() as patch:
        patch.setattr(refusals._book, "put", _crash)
        refused = await house.manifest(APP, "v1")
        assert refused.status == 403
    again = message(await house.manifest(APP, "v1"))
    identity = again.rpartition("[")[2].rstrip("]")
    assert await refusals._book.get(identity) is not None


async def test_a_denial_made_before_the_clock_was_set_back_does_not_outlive_its_minute(house):
    house.clock.forward(days=365)
    image = house.put(APP, "app", tag="v1", is_signed=False)
    assert (await house.manifest(APP, "v1")).status == 403
    house.clock.forward(days=-365)
    house.sign(image, name=APP)
    assert (await house.manifest(APP, "v1")).status == 200


async def test_promise_5_what_is_stored_and_what_is_found_are_proved_together(house):
    """One signature is only here, the other only there: the rule asks for both now."""
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    house.sign(image, name=APP, by=house.stranger)
    house.set_policy(
        SIGNED.replace("images:", "  other: { key: other.pub, log: none }\nimages:").replace(
            "require: [ { signature: team } ]", "require: [ { signature: team }, { signature: other, name: second } ]"
        )
    )
    assert (await house.manifest(APP, "v1")).status == 200


# Evidence.


async def test_evidence_found_in_two_places_is_served_in_both(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    signature = as_referrer(
        sign(image.digest, private=house.private, reference_name=f"{UPSTREAM}/{APP}"), subject=image
    )
    house.upstream.put_image(APP, signature, tag=str(signature_tag(image.digest)))
    assert (await house.manifest(APP, "v1")).status == 200
    assert (await house.manifest(APP, signature_tag(image.digest))).body == signature.manifest
    listed = await house.get(f"/v2/{APP}/referrers/{image.digest}?ns={UPSTREAM}")
    assert [each["digest"] for each in json.loads(listed.body)["manifests"]] == [str(signature.digest)]


async def test_t08_a_listing_of_referrers_with_huge_annotations_stays_small(house):
    image = house.put(APP, "app", tag="v1")
    for number in range(3):
        blob = Blob(b"{}", mediatype.IN_TOTO, {})
        evidence = as_referrer(signature_manifest("x", layers=[blob]), subject=image)
        raw = json.dumps(json.loads(evidence.manifest) | {"annotations": {"k": f"{number}" * 1_000_000}}).encode()
        house.upstream.put_manifest(APP, raw, mediatype.OCI_MANIFEST)
    got = await house.get(f"/v2/{APP}/referrers/{image.digest}?ns={UPSTREAM}")
    assert len(json.loads(got.body)["manifests"]) == 3
    assert len(got.body) < 100_000
    fallback = await house.manifest(APP, EvidenceTag(image.digest, "").tag)
    assert len(fallback.body) < 100_000


async def test_t08_signatures_that_claim_megabytes_are_not_read(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    layers = [
        Blob(bytes([number]) * 3_000_000, mediatype.SIMPLE_SIGNING, {"dev.cosignproject.cosign/signature": "AAAA"})
        for number in range(8)
    ]
    house.upstream.put_image(APP, signature_manifest("x", layers=layers), tag=str(signature_tag(image.digest)))
    assert (await house.manifest(APP, "v1")).status == 403
    assert house.upstream.sent("blob") < 1_000_000


async def test_t60_an_endless_document_at_an_evidence_name_is_refused(house):
    image = house.put(APP, "app", tag="v1")
    tag = EvidenceTag(image.digest, ".att").tag
    house.upstream.put_manifest(APP, b" " * (5 * 1024 * 1024), mediatype.OCI_MANIFEST, str(tag))
    assert (await house.manifest(APP, "v1")).status == 200
    assert (await house.manifest(APP, tag)).status == 403


async def test_a_head_of_a_blob_is_502_as_well_for_half_a_minute_after_a_mismatch(house):
    image = house.put(APP, "app", tag="v1", layer_size=300_000)
    layer = layer_of(image)
    house.upstream.knobs.swapped[layer] = bytes(len(image.blobs[layer]))
    await house.manifest(APP, "v1")
    assert (await house.blob(APP, layer)).is_cut
    assert (await house.blob(APP, layer, method="HEAD")).status == 502
