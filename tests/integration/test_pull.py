"""The pull, through the real HTTP stack: what is admitted, what is refused, and that a hit is judged like a miss."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from proxy.demo.images import make_image, make_index
from proxy.oci.digest import Digest, require_digest
from proxy.state.sqlite import SqliteStore
from tests.fakes.house import UPSTREAM, House

APP = "acme/app"


@pytest.fixture
async def house(tmp_path):
    async with House(tmp_path) as house:
        yield house


async def stored(house: House) -> set[Digest]:
    return {digest async for digest, _ in house.proxy.pipeline.rooms.manifests._content.scan()}


async def pull(house: House, name: str, reference: object) -> None:
    """As containerd does: HEAD, GET by digest, then every blob; all of it must be what it says."""
    head = await house.manifest(name, reference, method="HEAD")
    assert head.status == 200, head.reason
    digest = Digest.parse(head.headers["Docker-Content-Digest"])
    got = await house.manifest(name, digest)
    assert got.status == 200, got.reason
    require_digest(got.body, digest)
    document = json.loads(got.body)
    for child in document.get("manifests", []):
        await pull(house, name, child["digest"])
    for blob in [document[key] for key in ("config",) if key in document] + document.get("layers", []):
        answer = await house.blob(name, blob["digest"])
        assert answer.status == 200, answer.reason
        require_digest(answer.body, Digest.parse(blob["digest"]))


async def test_an_allowed_signed_image_is_pulled_cold_warm_and_with_the_upstream_off(house):
    house.put(APP, "app", tag="v1", layers=3)
    await pull(house, APP, "v1")
    await house.settle()
    house.upstream.forget()
    await pull(house, APP, "v1")
    assert house.upstream.counts == {}, "a warm pull asks the upstream nothing"
    await house.upstream.stop()
    await pull(house, APP, "v1")
    await house.upstream.start()


async def test_a_warm_pull_never_waits_for_the_state(house, monkeypatch):
    house.put(APP, "app", tag="v1", layers=3)
    await pull(house, APP, "v1")
    await house.settle()

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as hanging:
        for door in ("get", "put", "compare_and_set", "delete", "scan", "lease"):
            assert hasattr(SqliteStore, door)
            hanging.setattr(SqliteStore, door, never)
        async with asyncio.timeout(20):
            await pull(house, APP, "v1")


async def test_promise_6_after_a_restart_with_the_upstream_down_what_was_admitted_is_served(house):
    house.put(APP, "app", tag="v1")
    await pull(house, APP, "v1")
    await house.upstream.stop()
    await house.restart()
    await pull(house, APP, "v1")
    await house.upstream.start()


async def test_the_manifest_is_answered_with_its_exact_bytes_type_length_and_digest(house):
    image = house.put(APP, "app", tag="v1")
    for method in ("GET", "HEAD"):
        got = await house.manifest(APP, "v1", method=method)
        assert got.headers["Content-Type"] == image.media_type
        assert got.headers["Content-Length"] == str(len(image.manifest))
        assert got.headers["Docker-Content-Digest"] == str(image.digest)
        assert got.body == (image.manifest if method == "GET" else b"")


async def test_an_unsigned_image_is_refused_with_a_line_that_says_why_and_leaves_nothing(house):
    house.put(APP, "app", tag="v1", is_signed=False)
    got = await house.manifest(APP, "v1")
    assert got.status == 403
    error = json.loads(got.body)["errors"][0]
    assert error["code"] == "DENIED"
    assert "no signature by team (0 found)" in error["message"]
    assert re.search(r"\[r-[a-z0-9]{6}\]$", error["message"])
    assert got.reason.startswith("DENIED ")
    assert len(got.reason) <= 100
    assert got.reason.endswith(error["message"][-10:])
    assert await stored(house) == set()


async def test_a_refused_image_is_refused_by_digest_and_its_blobs_with_its_id(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    assert (await house.manifest(APP, "v1")).status == 403
    refused = await house.manifest(APP, image.digest)
    assert refused.status == 403
    told = json.loads(refused.body)["errors"][0]["message"]
    for digest in image.blobs:
        got = await house.blob(APP, digest)
        assert got.status == 403
        assert json.loads(got.body)["errors"][0]["message"][-10:] == told[-10:], "the id of the refused root"
    unknown = await house.blob(APP, Digest.of(b"nowhere"))
    assert unknown.status == 404
    assert json.loads(unknown.body)["errors"][0]["code"] == "BLOB_UNKNOWN"
    assert await stored(house) == set()


async def test_what_is_not_on_the_list_is_refused_without_any_upstream_request(house):
    house.put("other/app", "app", tag="v1")
    for path in (
        f"/v2/other/app/manifests/v1?ns={UPSTREAM}",
        "/v2/acme/app/manifests/v1?ns=evil.example",
        "/v2/evil.example/acme/app/manifests/v1",
        f"/v2/other/app/blobs/{Digest.of(b'x')}?ns={UPSTREAM}",
        f"/v2/other/app/tags/list?ns={UPSTREAM}",
        f"/v2/other/app/referrers/{Digest.of(b'x')}?ns={UPSTREAM}",
    ):
        got = await house.get(path)
        assert got.status == 403, path
        assert json.loads(got.body)["errors"][0]["code"] == "DENIED"
    assert house.upstream.counts == {}


async def test_an_index_admits_its_children_and_their_blobs_and_nothing_else(house):
    images = [make_image("app", architecture=each) for each in ("amd64", "arm64")]
    index = make_index(images)
    house.upstream.put_image(APP, index, tag="v1")
    house.sign(index, name=APP)
    await pull(house, APP, "v1")
    stranger = make_image("stranger")
    house.upstream.put_image(APP, stranger)
    assert (await house.manifest(APP, stranger.digest)).status == 403


async def test_t10_a_child_that_no_admitted_index_lists_and_nobody_signed_is_refused(house):
    child = make_image("app")
    house.upstream.put_image(APP, make_index([child]), tag="unsigned")
    got = await house.manifest(APP, child.digest)
    assert got.status == 403


async def test_t10_an_attestation_child_is_served_under_its_index_and_never_as_an_image(tmp_path):
    policy = """\
version: 1
signers: { team: { key: team.pub, log: none } }
images:
  - match: reg.test/acme/**
    platforms: [linux/amd64]
    require: [ { signature: team } ]
"""
    async with House(tmp_path, policy=policy) as house:
        image = make_image("app")
        attestation = make_image("attestation", architecture="unknown", os="unknown")
        windows = make_image("app", os="windows")
        index = make_index([image, attestation, windows])
        house.upstream.put_image(APP, index, tag="v1")
        house.sign(index, name=APP)
        assert (await house.manifest(APP, "v1")).status == 200
        assert (await house.manifest(APP, image.digest)).status == 200
        assert (await house.manifest(APP, attestation.digest)).status == 200
        refused = await house.manifest(APP, windows.digest)
        assert refused.status == 403
        assert "platform" in json.loads(refused.body)["errors"][0]["message"]
        house.upstream.put_image("acme/bare", attestation, tag="v1")
        house.sign(attestation, name="acme/bare")
        assert (await house.manifest("acme/bare", "v1")).status == 403


async def test_t01_the_upstream_is_resolved_once_and_head_and_get_never_differ(house):
    signed = house.put(APP, "signed")
    evil = make_image("evil")
    house.upstream.put_image(APP, evil)
    house.upstream.tag(APP, "v1", signed.digest)
    house.upstream.knobs.sequences[(APP, "v1")] = [signed.digest, evil.digest, evil.digest]
    head = await house.manifest(APP, "v1", method="HEAD")
    got = await house.manifest(APP, "v1")
    assert head.headers["Docker-Content-Digest"] == got.headers["Docker-Content-Digest"] == str(signed.digest)
    assert got.body == signed.manifest
    asked = [seen for seen in house.upstream.requests if seen.path.endswith("/manifests/v1")]
    assert len(asked) == 1


async def test_t01_promise_7_a_lying_digest_header_is_not_believed(house):
    image = house.put(APP, "app", tag="v1")
    house.upstream.knobs.digest_header = str(Digest.of(b"a lie"))
    got = await house.manifest(APP, "v1")
    assert got.headers["Docker-Content-Digest"] == str(image.digest)


async def test_other_bytes_under_a_manifests_digest_are_a_502_and_are_not_served(house):
    image = house.put(APP, "app", tag="v1")
    house.upstream.knobs.swapped[image.digest] = make_image("evil").manifest
    got = await house.manifest(APP, image.digest)
    assert got.status == 502
    assert await stored(house) == set()


async def test_t02_a_tag_that_moved_still_answers_its_pin_and_the_unsigned_new_digest_is_refused(house):
    image = house.put(APP, "app", tag="v1")
    assert (await house.manifest(APP, "v1")).status == 200
    moved = house.put(APP, "evil", tag="v1", is_signed=False)
    got = await house.manifest(APP, "v1")
    assert (got.status, got.body) == (200, image.manifest)
    assert (await house.manifest(APP, moved.digest)).status == 403
    await house.restart()
    assert (await house.manifest(APP, "v1")).body == image.manifest


async def test_t03_a_layer_with_wrong_bytes_is_cut_and_never_stored(house):
    image = house.put(APP, "app", tag="v1", layer_size=300_000)
    layer = json.loads(image.manifest)["layers"][0]
    digest = Digest.parse(layer["digest"])
    wrong = bytearray(image.blobs[digest])
    wrong[len(wrong) // 2] ^= 1
    house.upstream.knobs.swapped[digest] = bytes(wrong)
    assert (await house.manifest(APP, "v1")).status == 200
    got = await house.blob(APP, digest)
    assert got.is_cut
    again = await house.blob(APP, digest, headers={"Range": "bytes=1000-"})
    assert again.status == 502
    assert digest not in await stored(house)


async def test_t11_another_product_of_the_same_signer_is_refused_and_signed_as_admits_it(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    house.sign(image, name=APP, names="reg.test/acme/other")
    got = await house.manifest(APP, "v1")
    assert got.status == 403
    message = json.loads(got.body)["errors"][0]["message"]
    assert "reg.test/acme/other" in message
    assert "signedAs" in message
    house.set_policy((house.folder / "policy.yaml").read_text() + "    signedAs: [reg.test/acme/other]\n")
    assert (await house.manifest(APP, "v1")).status == 200


async def test_t61_admitted_in_one_repository_is_judged_again_in_another_of_the_same_rule(house):
    image = house.put(APP, "app", tag="v1")
    await pull(house, APP, "v1")
    signature = house.upstream.repos[APP]
    house.upstream.repos["acme/copy"] = signature
    got = await house.manifest("acme/copy", "v1")
    assert got.status == 403, "the payload names acme/app"
    assert (await house.manifest("acme/copy", image.digest)).status == 403
    for digest in image.blobs:
        assert (await house.blob("acme/copy", digest)).status in (403, 404)


async def test_promise_4_no_signature_is_never_inferred_from_an_error(house):
    house.put(APP, "app", tag="v1", is_signed=False)
    house.upstream.knobs.referrers_status = 500
    got = await house.manifest(APP, "v1")
    assert got.status == 503
    assert "Retry-After" in got.headers
    assert json.loads(got.body)["errors"][0]["code"] == "UNAVAILABLE"
    house.upstream.knobs.referrers_status = None
    assert (await house.manifest(APP, "v1")).status == 403


async def test_a_proof_in_hand_needs_no_complete_answer(house):
    house.put(APP, "app", tag="v1")
    house.upstream.knobs.referrers_status = 500
    assert (await house.manifest(APP, "v1")).status == 200


async def test_a_denial_is_gathered_again_after_a_minute_and_not_before(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    assert (await house.manifest(APP, "v1")).status == 403
    house.sign(image, name=APP)
    assert (await house.manifest(APP, "v1")).status == 403
    house.clock.forward(seconds=61)
    assert (await house.manifest(APP, "v1")).status == 200


async def test_a_tag_that_was_denied_is_not_fetched_again_while_the_denial_holds(house):
    house.put(APP, "app", tag="v1", is_signed=False)
    assert (await house.manifest(APP, "v1")).status == 403
    house.upstream.forget()
    assert (await house.manifest(APP, "v1")).status == 403
    assert house.upstream.counts == {}
    signed = house.put(APP, "signed", tag="v1")
    house.clock.forward(seconds=61)
    assert (await house.manifest(APP, "v1")).body == signed.manifest


async def test_promise_5_the_evidence_is_kept_so_that_judging_again_needs_no_network(house):
    house.put(APP, "app", tag="v1")
    await pull(house, APP, "v1")
    await house.upstream.stop()
    text = (house.folder / "policy.yaml").read_text()
    house.set_policy(text.replace("{ signature: team }", "{ signature: team, name: again }"))
    house.upstream.forget()
    assert (await house.manifest(APP, "v1")).status == 200
    house.set_policy(text.replace("key: team.pub", "key: other.pub"))
    assert (await house.manifest(APP, "v1")).status in (403, 503)
    await house.upstream.start()


async def test_t62_a_reload_takes_effect_on_the_next_request_hits_included(house):
    house.put(APP, "app", tag="v1")
    await pull(house, APP, "v1")
    text = (house.folder / "policy.yaml").read_text()
    house.set_policy(text.replace("reg.test/acme/**", "reg.test/else/**"))
    assert (await house.manifest(APP, "v1")).status == 403
    house.set_policy(text)
    assert (await house.manifest(APP, "v1")).status == 200


async def test_t62_a_revoked_digest_is_refused_at_the_next_request_with_its_blobs(house):
    image = house.put(APP, "app", tag="v1")
    await pull(house, APP, "v1")
    text = (house.folder / "policy.yaml").read_text()
    house.set_policy(text + f'revoked:\n  - {{ digest: "{image.digest}", reason: INC-1 }}\n')
    for got in (await house.manifest(APP, "v1"), await house.manifest(APP, image.digest)):
        assert got.status == 403
        assert "INC-1" in json.loads(got.body)["errors"][0]["message"]
    for digest in image.blobs:
        assert (await house.blob(APP, digest)).status == 403


async def test_t62_a_revoked_key_is_believed_no_more(house):
    house.put(APP, "app", tag="v1")
    await pull(house, APP, "v1")
    text = (house.folder / "policy.yaml").read_text()
    house.set_policy(text + "revoked:\n  - { key: team.pub, reason: stolen }\n")
    assert (await house.manifest(APP, "v1")).status == 403


async def test_a_wrong_policy_is_not_loaded_and_the_old_one_stays(house):
    house.put(APP, "app", tag="v1")
    await pull(house, APP, "v1")
    house.set_policy("version: 1\nimages: [ { match: 'reg.test/**', requires: [] } ]\n")
    assert (await house.manifest(APP, "v1")).status == 200
    kept = [event for event in house.events if getattr(event, "outcome", "") == "kept"]
    assert kept
    assert "policy.yaml:2" in kept[0].message


async def test_the_empty_policy_denies_everything_and_says_so(tmp_path):
    async with House(tmp_path, policy="version: 1\n") as house:
        house.put(APP, "app", tag="v1")
        assert (await house.manifest(APP, "v1")).status == 403
        assert any("permits nothing" in getattr(event, "message", "") for event in house.events)


async def test_what_is_absent_at_the_upstream_is_404(house):
    house.put(APP, "app", tag="v1")
    got = await house.manifest(APP, "v2")
    assert got.status == 404
    assert json.loads(got.body)["errors"][0]["code"] == "MANIFEST_UNKNOWN"
    assert (await house.manifest(APP, Digest.of(b"nothing"))).status == 404


async def test_t59_an_upstream_that_fails_is_served_from_the_store_or_said_truthfully(house):
    house.put(APP, "app", tag="v1")
    await pull(house, APP, "v1")
    for status, expected in ((500, 503), (503, 503), (401, 502), (403, 502), (429, 503)):
        house.upstream.knobs.fail(status, retry_after="1" if status == 429 else None)
        assert (await house.manifest(APP, "v1")).status == 200, status
        got = await house.manifest(APP, f"cold-{status}")
        assert got.status == expected, status
        if expected == 503:
            assert "Retry-After" in got.headers
        house.upstream.knobs.fail(None)


async def test_promise_8_there_is_no_write_route(house):
    house.put(APP, "app", tag="v1")
    for method, path in (
        ("PUT", "/v2/acme/app/manifests/v1"),
        ("DELETE", "/v2/acme/app/manifests/v1"),
        ("POST", "/v2/acme/app/blobs/uploads/"),
        ("PATCH", "/v2/acme/app/blobs/uploads/1"),
        ("DELETE", f"/v2/acme/app/blobs/{Digest.of(b'x')}"),
    ):
        got = await house.get(f"{path}?ns={UPSTREAM}", method=method)
        assert got.status == 405, (method, path)
        assert json.loads(got.body)["errors"][0]["code"] == "UNSUPPORTED"
    assert house.upstream.counts == {}


async def test_over_the_deadline_it_is_503_and_the_work_goes_on_so_that_the_retry_succeeds(tmp_path):
    async with House(tmp_path, extra="limits: { requestSeconds: 1, drainSeconds: 1 }") as house:
        house.put(APP, "app", tag="v1")
        house.upstream.knobs.delay = 1.2
        house.upstream.knobs.delay_kinds = frozenset({"manifest"})
        got = await house.manifest(APP, "v1")
        assert got.status == 503
        assert "Retry-After" in got.headers
        house.upstream.knobs.delay = 0
        got = await house.manifest(APP, "v1")
        assert got.status == 200


async def test_t54_content_encoding_from_an_upstream_is_not_decoded(house):
    house.put(APP, "app", tag="v1")
    house.upstream.knobs.content_encoding = "gzip"
    got = await house.manifest(APP, "v1")
    assert got.status == 502


async def test_nothing_that_a_client_sends_is_forwarded(house):
    house.put(APP, "app", tag="v1")
    await house.get(
        f"/v2/{APP}/manifests/v1?ns={UPSTREAM}",
        headers={"Authorization": "Basic c2VjcmV0", "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "X-Evil": "yes"},
    )
    for seen in house.upstream.requests:
        assert not seen.authorization
        assert not {"Cookie", "X-Forwarded-For", "X-Evil"} & set(seen.headers)


async def test_a_cold_head_of_a_blob_costs_no_upstream_request(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    house.upstream.forget()
    for digest, raw in image.blobs.items():
        got = await house.blob(APP, digest, method="HEAD")
        assert (got.status, got.headers["Content-Length"]) == (200, str(len(raw)))
    assert house.upstream.count("blob") == 0


async def test_a_manifest_is_never_answered_as_a_blob(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    assert (await house.blob(APP, image.digest)).status == 404


async def test_config_and_layers_are_fetched_before_the_client_asks(tmp_path):
    async with House(tmp_path, fills_ahead=4) as house:
        image = house.put(APP, "app", tag="v1", layers=3)
        await house.manifest(APP, "v1")
        for _ in range(500):
            if set(image.blobs) <= await stored(house):
                break
            await asyncio.sleep(0.01)
        assert set(image.blobs) <= await stored(house)
        house.upstream.forget()
        await pull(house, APP, "v1")
        assert house.upstream.count("blob") == 0


async def test_what_is_named_by_sha512_is_pulled_under_its_index_and_by_its_own_signature(house):
    made = make_image("app", layers=2)
    text = made.manifest.decode()
    for digest, raw in made.blobs.items():
        text = text.replace(str(digest), str(Digest.of(raw, "sha512")))
    image = replace(
        made,
        manifest=text.encode(),
        digest=Digest.of(text.encode(), "sha512"),
        blobs={Digest.of(raw, "sha512"): raw for raw in made.blobs.values()},
    )
    index = make_index([image])
    for name in ("acme/under", "acme/alone"):
        house.upstream.put_image(name, image)
        house.upstream.put_manifest(name, image.manifest, image.media_type, algorithm="sha512")
    house.upstream.put_manifest("acme/under", index.manifest, index.media_type, tag="v1")
    house.sign(index, name="acme/under")
    await pull(house, "acme/under", "v1")
    assert (await house.manifest("acme/alone", image.digest)).status == 403
    house.sign(image, name="acme/alone")
    house.clock.forward(seconds=61)
    await pull(house, "acme/alone", image.digest)
    await house.settle()
    assert {image.digest, *image.blobs} <= await stored(house)


async def test_of_an_index_only_the_platforms_that_the_rule_names_are_fetched_ahead(tmp_path):
    policy = """\
version: 1
signers: { team: { key: team.pub, log: none } }
images:
  - match: reg.test/acme/**
    platforms: [linux/amd64]
    require: [ { signature: team } ]
"""
    async with House(tmp_path, policy=policy, fills_ahead=2) as house:
        wanted, other = (make_image(f"app-{each}", architecture=each) for each in ("amd64", "s390x"))
        index = make_index([wanted, other])
        house.upstream.put_image(APP, index, tag="v1")
        house.sign(index, name=APP)
        assert (await house.manifest(APP, "v1")).status == 200
        for _ in range(500):
            if set(wanted.blobs) <= await stored(house):
                break
            await asyncio.sleep(0.01)
        await house.settle()
        assert {wanted.digest, *wanted.blobs} <= await stored(house)
        assert not {other.digest, *other.blobs} & await stored(house)


async def test_the_metrics_of_a_running_proxy_tell_what_it_did(house):
    house.put(APP, "app", tag="v1")
    house.put(APP, "unsigned", tag="v2", is_signed=False)
    await pull(house, APP, "v1")
    await house.settle()
    await house.restart()  # what is stored is counted at the start, and every minute
    await pull(house, APP, "v1")
    await house.manifest(APP, "v2")
    for _ in range(500):
        text = house.proxy.metrics.render().decode()
        if "pratique_event_loop_lag_seconds_count 0.0" not in text and "pratique_content_bytes 0.0" not in text:
            break
        await asyncio.sleep(0.01)
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    for name in (
        'pratique_requests_total{kind="manifest",outcome="denied"}',
        'pratique_hits_total{kind="blob"}',
        'pratique_refusals_total{reason="unverified"}',
        'pratique_upstream_requests_total{status="2xx",upstream="reg.test",what="manifest"}',
        'pratique_upstream_bytes_total{upstream="reg.test",what="manifest"}',
        "pratique_verification_seconds_count",
        "pratique_content_bytes",
        "pratique_event_loop_lag_seconds_count",
    ):
        assert float(told[name]) > 0, name


async def test_every_answer_says_who_asked_for_what_and_what_became_of_it(house):
    house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    await house.manifest(APP, "v1")
    answered = [event for event in house.events if type(event).__name__ == "Answered"]
    assert [event.outcome for event in answered] == ["miss", "hit"]
    assert answered[0].client.address == "127.0.0.1"
    assert str(answered[0].repository) == "reg.test/acme/app"
