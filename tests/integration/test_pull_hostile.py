"""Hostile upstreams: documents with two meanings, floods, junk, evidence that could be run."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from proxy.demo.images import Blob, as_referrer, make_image, make_index, sign, signature_manifest, signature_tag
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.reference import EvidenceTag
from tests.fakes.house import UPSTREAM, House

APP = "acme/app"


@pytest.fixture
async def house(tmp_path):
    async with House(tmp_path) as house:
        yield house


def put_signed(house: House, raw: bytes, media_type: str, tag: str = "v1") -> Digest:
    digest = house.upstream.put_manifest(APP, raw, media_type, tag)
    signature = sign(digest, private=house.private, reference_name=f"{UPSTREAM}/{APP}")
    house.upstream.put_image(APP, signature, tag=str(signature_tag(digest)))
    return digest


def document(**changes: object) -> dict[str, object]:
    return json.loads(make_image("app").manifest) | changes


HOSTILE = {
    "t05-two-shapes": json.dumps(document(manifests=[])).encode(),
    "t05-another-type-inside": json.dumps(document(mediaType=mediatype.OCI_INDEX)).encode(),
    "t06-duplicate-keys": make_image("app").manifest.replace(b'{"', b'{"config":{},"', 1),
    "t06-trailing-data": make_image("app").manifest + b"{}",
    "t06-bom": b"\xef\xbb\xbf" + make_image("app").manifest,
    "t06-deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "t06-nan": make_image("app").manifest[:-1] + b',"annotations":NaN}',
    "t07-path-in-a-digest": make_image("app").manifest.replace(b"sha256:", b"sha256:../../", 1),
    "t07-md5": json.dumps(
        document(config={"mediaType": mediatype.OCI_CONFIG, "digest": "md5:" + "a" * 32, "size": 1})
    ).encode(),
    "t58-urls": json.dumps(
        document(
            layers=[
                {
                    "mediaType": mediatype.OCI_LAYER,
                    "digest": str(Digest.of(b"x")),
                    "size": 1,
                    "urls": ["http://evil.example/x"],
                }
            ]
        )
    ).encode(),
    "non-distributable": json.dumps(
        document(
            layers=[
                {
                    "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                    "digest": str(Digest.of(b"x")),
                    "size": 1,
                }
            ]
        )
    ).encode(),
    "schema-1": b'{"schemaVersion":1,"name":"acme/app","tag":"v1","fsLayers":[],"history":[]}',
}


@pytest.mark.parametrize("case", sorted(HOSTILE))
async def test_t05_t06_t07_t58_a_hostile_manifest_is_refused_though_it_is_signed(house, case):
    put_signed(house, HOSTILE[case], mediatype.OCI_MANIFEST)
    got = await house.manifest(APP, "v1")
    assert got.status == 403, case
    assert json.loads(got.body)["errors"][0]["code"] == "DENIED"


async def test_docker_schema_1_is_refused_with_a_sentence_that_says_so(house):
    put_signed(house, HOSTILE["schema-1"], mediatype.DOCKER_SCHEMA1)
    got = await house.manifest(APP, "v1")
    assert got.status == 403
    assert "schema 1" in json.loads(got.body)["errors"][0]["message"]


async def test_t08_an_endless_manifest_is_cut_off_by_counted_bytes(house):
    house.put(APP, "app", tag="v1")
    house.upstream.knobs.flood_kinds = frozenset({"manifest"})
    got = await house.manifest(APP, "v1")
    assert got.status in (403, 502)
    assert max(seen.sent for seen in house.upstream.seen("manifest")) < 64 * 1024 * 1024


async def test_any_other_artifact_passes_unchanged(house):
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_MANIFEST,
            "artifactType": "application/vnd.acme.model.v1",
            "config": {
                "mediaType": "application/vnd.cncf.helm.config.v1+json",
                "digest": str(Digest.of(b"{}")),
                "size": 2,
            },
            "layers": [
                {"mediaType": "application/x-weights", "digest": str(Digest.of(b"weights")), "size": 7},
            ],
        }
    ).encode()
    house.upstream.put_blob(APP, b"{}")
    house.upstream.put_blob(APP, b"weights")
    put_signed(house, raw, mediatype.OCI_MANIFEST)
    got = await house.manifest(APP, "v1")
    assert (got.status, got.body) == (200, raw)
    assert (await house.blob(APP, Digest.of(b"weights"))).body == b"weights"


async def test_t04_a_signature_blob_that_is_not_what_its_manifest_says_proves_nothing(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    signature = house.sign(image, name=APP)
    layer = Digest.parse(json.loads(signature.manifest)["layers"][0]["digest"])
    house.upstream.knobs.swapped[layer] = signature.blobs[layer].replace(b"cosign", b"COSIGN")
    got = await house.manifest(APP, "v1")
    assert got.status == 403
    assert "no signature by team" in json.loads(got.body)["errors"][0]["message"]


async def test_t20_t24_signatures_that_are_junk_foreign_or_for_another_digest_prove_nothing(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    name = f"{UPSTREAM}/{APP}"
    foreign = sign(image.digest, private=house.stranger, reference_name=name)
    elsewhere = sign(Digest.of(b"another"), private=house.private, reference_name=name)
    layers = []
    for signature in (foreign, elsewhere):
        entry = json.loads(signature.manifest)["layers"][0]
        layers.append(Blob(signature.blobs[Digest.parse(entry["digest"])], entry["mediaType"], entry["annotations"]))
    layers.append(Blob(b"junk", mediatype.SIMPLE_SIGNING, {"dev.cosignproject.cosign/signature": "AAAA"}))
    layers.append(Blob(b"{}", mediatype.SIMPLE_SIGNING, {}))
    house.upstream.put_image(APP, signature_manifest(name, layers=layers), tag=str(signature_tag(image.digest)))
    got = await house.manifest(APP, "v1")
    assert got.status == 403
    record = next(event for event in house.events if type(event).__name__ == "Refused").record
    assert len(record["decision"]["rejections"]) == 4, "one Rejection for each thing that was found and not proved"


async def test_a_good_signature_among_bad_ones_admits(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    name = f"{UPSTREAM}/{APP}"
    good = sign(image.digest, private=house.private, reference_name=name)
    entry = json.loads(good.manifest)["layers"][0]
    layers = [
        Blob(b"junk %d" % number, mediatype.SIMPLE_SIGNING, {"dev.cosignproject.cosign/signature": "AAAA"})
        for number in range(20)
    ]
    layers.append(Blob(good.blobs[Digest.parse(entry["digest"])], entry["mediaType"], entry["annotations"]))
    house.upstream.put_image(APP, signature_manifest(name, layers=layers), tag=str(signature_tag(image.digest)))
    assert (await house.manifest(APP, "v1")).status == 200


@pytest.mark.parametrize("has_api", [True, False])
async def test_the_oci_1_1_form_is_found_by_the_api_and_by_the_fallback_tag(house, has_api):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    signature = as_referrer(
        sign(image.digest, private=house.private, reference_name=f"{UPSTREAM}/{APP}"), subject=image
    )
    house.upstream.put_image(APP, signature)
    house.upstream.knobs.has_referrers_api = has_api
    if not has_api:
        house.upstream.put_fallback(APP, image.digest)
    assert (await house.manifest(APP, "v1")).status == 200


async def test_t41_a_referrer_of_the_right_type_with_junk_in_it_is_no_evidence(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    junk = signature_manifest("x", layers=[Blob(b"junk", mediatype.SIMPLE_SIGNING, {})])
    house.upstream.put_image(APP, as_referrer(junk, subject=image))
    assert (await house.manifest(APP, "v1")).status == 403


async def test_t50_a_flood_of_referrers_neither_admits_nor_denies(house):
    image = house.put(APP, "app", tag="v1")
    bad = house.put(APP, "bad", tag="v2", is_signed=False)
    house.upstream.knobs.extra_referrers = [
        {
            "mediaType": mediatype.OCI_MANIFEST,
            "digest": str(Digest.of(b"%d" % number)),
            "size": 100,
            "artifactType": "application/vnd.acme.scan",
        }
        for number in range(10_000)
    ]
    assert (await house.manifest(APP, "v1")).status == 200
    assert image
    got = await house.manifest(APP, bad.digest)
    assert got.status in (403, 503)
    by_digest = [seen for seen in house.upstream.seen("manifest") if "sha256:" in seen.path]
    assert len(by_digest) < 200


async def test_t50_endless_pages_of_referrers_do_not_deny_a_signed_image(house):
    house.put(APP, "app", tag="v1")
    house.upstream.knobs.link = f"{house.upstream.url}/v2/{APP}/referrers/more"
    assert (await house.manifest(APP, "v1")).status == 200


async def test_evidence_of_an_admitted_image_is_served_and_verifies_with_the_upstream_off(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    signature = house.sign(image, name=APP)
    await house.manifest(APP, "v1")
    await house.upstream.stop()
    got = await house.manifest(APP, signature_tag(image.digest))
    assert (got.status, got.body) == (200, signature.manifest)
    assert (await house.manifest(APP, signature.digest)).status == 200
    for digest, raw in signature.blobs.items():
        assert (await house.blob(APP, digest)).body == raw
    await house.upstream.start()


async def test_a_complete_answer_that_a_judgement_got_is_remembered_for_who_verifies_offline(house):
    """cosign asks for the `.sig` tag and for the referrers; neither may be a 503 because nobody asked before."""
    legacy = house.put(APP, "legacy", tag="v1")
    modern = house.put(APP, "modern", tag="v2", is_signed=False)
    signature = as_referrer(
        sign(modern.digest, private=house.private, reference_name=f"{UPSTREAM}/{APP}"), subject=modern
    )
    house.upstream.put_image(APP, signature)
    assert (await house.manifest(APP, "v1")).status == 200
    assert (await house.manifest(APP, "v2")).status == 200
    await house.upstream.stop()
    listed = await house.get(f"/v2/{APP}/referrers/{legacy.digest}?ns={UPSTREAM}")
    assert (listed.status, json.loads(listed.body)["manifests"]) == (200, [])
    assert (await house.manifest(APP, signature_tag(modern.digest))).status == 404
    listed = await house.get(f"/v2/{APP}/referrers/{modern.digest}?ns={UPSTREAM}")
    assert [each["digest"] for each in json.loads(listed.body)["manifests"]] == [str(signature.digest)]
    await house.upstream.start()


async def test_referrers_are_an_index_empty_if_none_and_filtered_by_type(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    signature = as_referrer(
        sign(image.digest, private=house.private, reference_name=f"{UPSTREAM}/{APP}"), subject=image
    )
    house.upstream.put_image(APP, signature)
    got = await house.get(f"/v2/{APP}/referrers/{image.digest}?ns={UPSTREAM}")
    listed = json.loads(got.body)["manifests"]
    assert got.headers["Content-Type"] == mediatype.OCI_INDEX
    assert [each["digest"] for each in listed] == [str(signature.digest)]
    assert listed[0]["artifactType"] == mediatype.COSIGN_SIGNATURE_ARTIFACT
    other = await house.get(f"/v2/{APP}/referrers/{image.digest}?ns={UPSTREAM}&artifactType=x/y")
    assert json.loads(other.body)["manifests"] == []
    assert other.headers["OCI-Filters-Applied"] == "artifactType"
    unknown = await house.get(f"/v2/{APP}/referrers/{Digest.of(b'nobody')}?ns={UPSTREAM}")
    assert (unknown.status, json.loads(unknown.body)["manifests"]) == (200, [])
    fallback = await house.manifest(APP, EvidenceTag(image.digest, "").tag)
    assert json.loads(fallback.body)["manifests"][0]["digest"] == str(signature.digest)
    again = await house.manifest(APP, fallback.headers["Docker-Content-Digest"])
    assert again.body == fallback.body


async def test_t60_what_could_be_run_is_not_served_by_an_evidence_name(house):
    image = house.put(APP, "app", tag="v1")
    evil = make_image("evil")
    house.upstream.put_image(APP, evil, tag=EvidenceTag(image.digest, ".att").tag.name)
    assert (await house.manifest(APP, "v1")).status == 200
    got = await house.manifest(APP, EvidenceTag(image.digest, ".att").tag)
    assert got.status == 403
    house.upstream.put_image(APP, make_index([evil]), tag=EvidenceTag(image.digest, ".sbom").tag.name)
    assert (await house.manifest(APP, EvidenceTag(image.digest, ".sbom").tag)).status == 403
    assert (await house.manifest(APP, evil.digest)).status == 403
    for digest in evil.blobs:
        assert (await house.blob(APP, digest)).status == 403


async def test_t60_a_runnable_referrer_is_neither_listed_nor_served(house):
    image = house.put(APP, "app", tag="v1")
    evil = as_referrer(make_image("evil"), subject=image)
    document = json.loads(evil.manifest)
    document["config"]["mediaType"] = mediatype.OCI_CONFIG
    raw = json.dumps(document).encode()
    digest = house.upstream.put_manifest(APP, raw, mediatype.OCI_MANIFEST)
    got = await house.get(f"/v2/{APP}/referrers/{image.digest}?ns={UPSTREAM}")
    assert json.loads(got.body)["manifests"] == []
    assert (await house.manifest(APP, digest)).status == 403


async def test_t60_evidence_of_what_is_not_admitted_is_not_served(house):
    image = house.put(APP, "app", tag="v1", is_signed=False)
    house.sign(image, name=APP, by=house.stranger)
    assert (await house.manifest(APP, signature_tag(image.digest))).status == 403
    got = await house.get(f"/v2/{APP}/referrers/{image.digest}?ns={UPSTREAM}")
    assert got.status == 403


async def test_t60_evidence_admits_nothing_and_makes_no_pin(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, signature_tag(image.digest))
    assert await house.proxy.pipeline.pins.all() == []


async def test_t09_t58_a_redirect_to_a_private_address_is_not_followed(house):
    image = house.put(APP, "app", tag="v1")
    await house.manifest(APP, "v1")
    house.upstream.knobs.redirect = 307
    house.upstream.knobs.redirect_to = "http://169.254.169.254/latest"
    for digest in image.blobs:
        assert (await house.blob(APP, digest)).status == 502


async def test_t57_names_from_requests_never_become_labels(house):
    for number in range(50):
        await house.manifest(f"acme/app-{number}", f"tag-{number}")
        await house.get(f"/v2/acme/x{number}/manifests/v1?ns=evil-{number}.example")
    text = house.proxy.metrics.render().decode()
    assert "app-1" not in text
    assert "evil" not in text


async def test_t40_two_exceptions_never_add_up(tmp_path):
    image = make_image("app")
    policy = f"""\
version: 1
signers: {{ team: {{ key: team.pub, log: none }}, other: {{ key: other.pub, log: none }} }}
images:
  - match: reg.test/acme/**
    require: [ {{ signature: team, name: one }}, {{ signature: other, name: two }} ]
exceptions:
  - {{ match: reg.test/acme/app, digest: "{image.digest}", waive: [one], reason: a, by: a, until: UNTIL }}
  - {{ match: reg.test/acme/app, digest: "{image.digest}", waive: [two], reason: b, by: b, until: UNTIL }}
"""
    until = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%MZ")
    async with House(tmp_path, policy=policy.replace("UNTIL", until)) as house:
        house.upstream.put_image(APP, image, tag="v1")
        assert (await house.manifest(APP, "v1")).status == 403
