"""Pins, modes, exceptions, thresholds and lost states, each through the real proxy."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from proxy.demo.images import make_image, make_index, merge_signatures, sign, signature_tag
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from tests.fakes.house import SIGNED, UPSTREAM, House

APP = "acme/app"
REPOSITORY = Repository(UPSTREAM, APP)


def policy(rule: str, *, rest: str = "", signers: str = "") -> str:
    return f"""\
version: 1
signers:
  team: {{ key: team.pub, log: none }}
{signers}images:
  - match: reg.test/acme/**
{rule}
{rest}"""


@pytest.fixture
async def house(tmp_path):
    async with House(tmp_path) as house:
        yield house


def message(got) -> str:
    return json.loads(got.body)["errors"][0]["message"]


async def test_tags_outside_the_list_cannot_be_pulled_and_admitted_digests_can(tmp_path):
    text = policy('    tags: ["v1*"]\n    require: [ { signature: team } ]')
    async with House(tmp_path, policy=text) as house:
        image = house.put(APP, "app", tag="v1.2")
        house.upstream.tag(APP, "latest", image.digest)
        assert (await house.manifest(APP, "v1.2")).status == 200
        refused = await house.manifest(APP, "latest")
        assert refused.status == 403
        assert "latest" in message(refused)
        assert (await house.manifest(APP, image.digest)).status == 200


async def test_warn_serves_what_only_fails_require_and_records_it_without_a_pin(tmp_path):
    text = policy("    mode: warn\n    require: [ { signature: team } ]")
    async with House(tmp_path, policy=text) as house:
        image = house.put(APP, "app", tag="v1", is_signed=False)
        got = await house.manifest(APP, "v1")
        assert got.status == 200
        assert "no signature by team" in got.headers["Warning"]
        assert await house.proxy.pipeline.pins.get(REPOSITORY, Tag("v1")) is None
        for digest in image.blobs:
            assert (await house.blob(APP, digest)).status == 200
        house.set_policy(text.replace("    mode: warn\n", ""))
        assert (await house.manifest(APP, "v1")).status == 403
        assert (await house.manifest(APP, image.digest)).status == 403
        for digest in image.blobs:
            assert (await house.blob(APP, digest)).status == 403


async def test_warn_relaxes_neither_tags_nor_platforms_nor_revocation(tmp_path):
    image = make_image("app")
    text = policy(
        '    mode: warn\n    tags: ["v1"]\n    platforms: [linux/arm64]\n    require: [ { signature: team } ]',
        rest=f'revoked: [ {{ digest: "{make_image("bad").digest}", reason: INC-7 }} ]\n',
    )
    async with House(tmp_path, policy=text) as house:
        house.upstream.put_image(APP, image, tag="v1")
        house.upstream.put_image(APP, make_image("bad"), tag="v2")
        assert (await house.manifest(APP, "v1")).status == 403
        assert (await house.manifest(APP, "v2")).status == 403
        assert (await house.manifest(APP, make_image("bad").digest)).status == 403


async def test_a_reviewed_digest_is_a_requirement_like_any_other(tmp_path):
    image = make_image("app")
    text = policy(f'    require: [ {{ digest: [ "{image.digest}" ] }} ]')
    async with House(tmp_path, policy=text) as house:
        house.upstream.put_image(APP, image, tag="v1")
        house.upstream.put_image(APP, make_image("other"), tag="v2")
        assert (await house.manifest(APP, "v1")).status == 200
        assert (await house.manifest(APP, "v2")).status == 403
        assert house.upstream.count("referrers") == 0, "a digest needs no evidence"


async def test_t30_at_least_counts_distinct_keys(tmp_path):
    text = policy(
        "    require: [ { atLeast: 2, of: [ { signature: team }, { signature: twin }, { signature: other } ] } ]",
        signers="  twin: { key: team.pub, log: none }\n  other: { key: other.pub, log: none }\n",
    )
    async with House(tmp_path, policy=text) as house:
        once = house.put(APP, "once", tag="once")
        name = f"{UPSTREAM}/{APP}"
        twice = house.put(APP, "twice", tag="twice", is_signed=False)
        signatures = [sign(twice.digest, private=key, reference_name=name) for key in (house.private, house.stranger)]
        both = merge_signatures(*signatures)
        house.upstream.put_image(APP, both, tag=str(signature_tag(twice.digest)))
        assert (await house.manifest(APP, "once")).status == 403
        assert (await house.manifest(APP, once.digest)).status == 403
        assert (await house.manifest(APP, "twice")).status == 200


async def test_claims_ask_for_signed_annotations(tmp_path):
    text = policy('    require: [ { signature: team, claims: { build: "4711" } } ]')
    async with House(tmp_path, policy=text) as house:
        wrong = house.put(APP, "wrong", tag="wrong", is_signed=False)
        house.sign(wrong, name=APP, annotations={"build": "1"})
        right = house.put(APP, "right", tag="right", is_signed=False)
        house.sign(right, name=APP, annotations={"build": "4711"})
        assert (await house.manifest(APP, "wrong")).status == 403
        assert (await house.manifest(APP, "right")).status == 200


async def test_ngc_style_newlines_in_the_annotation_are_accepted(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    house.sign(image, name=APP, newlines=True)
    assert (await house.manifest(APP, "v1")).status == 200


async def test_an_exception_waives_by_name_for_one_digest_until_its_end(tmp_path):
    image = make_image("app")
    until = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%MZ")
    text = policy(
        "    require: [ { signature: team, name: vendor-signature } ]",
        rest=(
            f"exceptions:\n  - {{ match: reg.test/acme/app, digest: '{image.digest}', waive: [vendor-signature], "
            f"reason: INC-4711, by: j.doe, until: {until} }}\n"
        ),
    )
    async with House(tmp_path, policy=text) as house:
        house.upstream.put_image(APP, image, tag="v1")
        house.upstream.put_image(APP, make_image("other"), tag="v2")
        assert (await house.manifest(APP, "v1")).status == 200
        assert (await house.manifest(APP, "v2")).status == 403
        house.clock.forward(days=3)
        assert (await house.manifest(APP, "v1")).status == 403


async def test_locked_serves_only_what_the_lock_file_names(tmp_path):
    image = make_image("app")
    text = policy("    pinning: locked\n    require: [ { signature: team } ]")
    (tmp_path / "pins.lock.yaml").write_text(f"version: 1\npins:\n  reg.test/acme/app:\n    v1: {image.digest}\n")
    async with House(tmp_path, policy=text) as house:
        house.upstream.put_image(APP, image)
        house.sign(image, name=APP)
        house.put(APP, "newer", tag="v1")
        house.put(APP, "unlocked", tag="v2")
        got = await house.manifest(APP, "v1")
        assert (got.status, got.body) == (200, image.manifest)
        refused = await house.manifest(APP, "v2")
        assert refused.status == 403
        assert "lock" in message(refused)
        listed = await house.get(f"/v2/{APP}/tags/list?ns={UPSTREAM}")
        assert json.loads(listed.body)["tags"] == ["v1"]


async def test_follow_takes_up_a_moved_tag_after_ttl_only_when_the_new_digest_is_admitted(tmp_path):
    text = policy("    pinning: follow\n    ttl: 5m\n    require: [ { signature: team } ]")
    async with House(tmp_path, policy=text) as house:
        first = house.put(APP, "first", tag="v1")
        assert (await house.manifest(APP, "v1")).body == first.manifest
        second = house.put(APP, "second", tag="v1")
        assert (await house.manifest(APP, "v1")).body == first.manifest, "within ttl"
        house.clock.forward(minutes=6)
        assert (await house.manifest(APP, "v1")).body == second.manifest
        house.put(APP, "third", tag="v1", is_signed=False)
        house.clock.forward(minutes=6)
        assert (await house.manifest(APP, "v1")).body == second.manifest, "an unsigned digest is not followed"
        assert any(type(event).__name__ == "DriftSeen" for event in house.events)
        house.clock.forward(minutes=6)
        await house.upstream.stop()
        assert (await house.manifest(APP, "v1")).body == second.manifest, "and an upstream that is down changes nothing"
        await house.upstream.start()


async def test_drift_is_recorded_by_a_bounded_look_and_never_followed(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    evil = house.put(APP, "evil", tag="v1", is_signed=False)
    assert await house.proxy.pipeline.drift.look() == 0, "it was looked at just now"
    house.clock.forward(hours=2)
    assert await house.proxy.pipeline.drift.look() == 1
    pin = await house.proxy.pipeline.pins.get(REPOSITORY, Tag("v1"))
    assert (pin.digest, pin.offered) == (image.digest, evil.digest)
    assert pin.offered_summary.startswith("deny")
    assert (await house.manifest(APP, "v1")).body == image.manifest


async def test_a_pin_whose_decision_turns_deny_stays_and_is_refused(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    house.put(APP, "newer", tag="v1")
    house.set_policy(SIGNED + f'revoked: [ {{ digest: "{image.digest}", reason: INC-9 }} ]\n')
    assert (await house.manifest(APP, "v1")).status == 403
    assert (await house.proxy.pipeline.pins.get(REPOSITORY, Tag("v1"))).digest == image.digest


async def test_promise_3_after_a_lost_state_pins_come_back_from_the_audit(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    house.put(APP, "newer", tag="v1")
    await house.stop()
    house.lose_state()
    await house.start()
    assert (await house.manifest(APP, "v1")).body == image.manifest


async def test_after_a_lost_state_what_is_stored_is_admitted_again_by_judging_and_not_before(house):
    image = house.put(APP, "app", tag="v1")
    unsigned = house.put(APP, "unsigned", tag="v2", is_signed=False)
    await house.manifest(APP, "v1")
    for digest in image.blobs:
        await house.blob(APP, digest)
    await house.settle()
    await house.stop()
    house.lose_state()
    await house.start()
    house.upstream.knobs.fail(503)
    for digest in image.blobs:
        assert (await house.blob(APP, digest)).status == 503, "stored, and not known to be admitted"
    house.upstream.knobs.fail(None)
    house.upstream.forget()
    await house.restart()  # the upstream that failed again and again was left alone for a while
    assert (await house.manifest(APP, "v1")).body == image.manifest
    for digest in image.blobs:
        got = await house.blob(APP, digest)
        assert (got.status, Digest.of(got.body)) == (200, digest)
    asked = {seen.path.rsplit("/", 1)[1] for seen in house.upstream.seen("blob")}
    assert not asked & {str(digest) for digest in image.blobs}, "config and layers are where they were"
    assert (await house.manifest(APP, unsigned.digest)).status == 403


async def test_promise_3_without_lock_or_audit_nothing_is_trusted_anew_until_confirmed(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    house.put(APP, "newer", tag="v1")
    await house.stop()
    house.lose_state()
    house.lose_audit()
    await house.start()
    refused = await house.manifest(APP, "v1")
    assert refused.status == 403
    assert "pratique pin confirm" in message(refused)
    assert (await house.manifest(APP, image.digest)).status == 200, "a digest is judged by its own evidence"
    await house.proxy.pipeline.pins.confirm(REPOSITORY, Tag("v1"), image.digest, now=house.clock.now(), by="ops")
    assert (await house.manifest(APP, "v1")).body == image.manifest


async def test_a_fresh_instance_finds_a_layer_under_a_pinned_or_permitted_tag(house):
    index = make_index([make_image("app", architecture=each) for each in ("amd64", "arm64")])
    house.upstream.put_image(APP, index, tag="v1")
    house.sign(index, name=APP)
    layer = next(iter(json.loads(index.children[0].manifest)["layers"]))["digest"]
    got = await house.blob(APP, layer)
    assert got.status == 200
    assert Digest.of(got.body) == Digest.parse(layer)
    child = await house.manifest(APP, index.children[1].digest)
    assert child.status == 200
    assert await house.proxy.pipeline.pins.get(REPOSITORY, Tag("v1")) is None, "looking pins nothing"


async def test_a_search_is_bounded_and_a_fruitless_one_is_not_begun_again(house):
    for number in range(40):
        house.put(APP, f"app-{number}", tag=f"v{number:02}")
    stranger = Digest.of(b"nowhere")
    assert (await house.blob(APP, stranger)).status == 404
    asked = [seen for seen in house.upstream.seen("manifest") if "/manifests/v" in seen.path]
    assert len(asked) <= 32
    house.upstream.forget()
    assert (await house.blob(APP, stranger)).status == 404
    assert house.upstream.counts == {}


async def test_a_search_that_an_error_cut_short_is_503_and_not_an_absence(house):
    house.put(APP, "app", tag="v1")
    house.upstream.knobs.fail(500, kinds={"tags"})
    got = await house.blob(APP, Digest.of(b"nowhere"))
    assert got.status == 503
    assert "Retry-After" in got.headers


async def test_only_permitted_tags_are_listed_in_pages(tmp_path):
    text = policy('    tags: ["v*"]\n    require: [ { signature: team } ]')
    async with House(tmp_path, policy=text) as house:
        for tag in ("v1", "v2", "v3", "latest"):
            house.put(APP, "app", tag=tag)
        first = await house.get(f"/v2/{APP}/tags/list?ns={UPSTREAM}&n=2")
        assert json.loads(first.body)["tags"] == ["v1", "v2"]
        assert 'rel="next"' in first.headers["Link"]
        second = await house.get(f"/v2/{APP}/tags/list?ns={UPSTREAM}&n=2&last=v2")
        assert json.loads(second.body)["tags"] == ["v3"]
        assert "Link" not in second.headers
        none = await house.get(f"/v2/{APP}/tags/list?ns={UPSTREAM}&n=0")
        assert json.loads(none.body)["tags"] == []
        assert "Link" not in none.headers
