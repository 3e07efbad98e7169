"""Images that real tools signed, pulled whole through the proxy: what the tools accept is admitted, and nothing else is.

The lab's 80 cases say what to require. The upstream behaves as each says: it answers the referrers API, or knows fallback
tags alone. Images that others published stand in test_vectors_of_others.
"""

import json
from urllib.parse import quote

import pytest
import yaml

from proxy.demo.images import Blob
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from tests.fakes.behind import evidence, expected, judged, pull
from tests.fakes.gathering import evidence as evidence_manifest
from tests.fakes.house import House
from tests.fakes.lab import case_of, every_case, policy_of, predicate_types, serve, twins
from tests.fakes.layouts import needs_vectors

pytestmark = needs_vectors
every = pytest.mark.parametrize("case", every_case(), ids=lambda case: case["name"])


def test_all_cases_are_here():
    """T23: an empty list of cases would pass everything; each asks for something, and has twins to refuse."""
    assert len(every_case()) == 80
    for case in every_case():
        assert case["expect"] == "allow"
        assert len(list(twins(case))) >= 3, case["name"]


@every
async def test_a_lab_image_is_admitted_as_it_requires_cold_warm_and_without_its_upstream(tmp_path, case):
    """Promises 5 and 6: after a restart without the upstream it is pulled whole still, and so is what proves it."""
    async with House(tmp_path, policy=policy_of(case)) as house:
        layout, subject = serve(case, house.upstream), Digest.parse(case["digest"])
        assert layout.tags[case["tag"]] == subject
        cold = await pull(house, case["repo"], case["tag"], layout)
        assert case["digest"] in cold
        await house.settle()
        house.upstream.forget()
        assert await pull(house, case["repo"], case["tag"], layout) == cold
        assert house.upstream.count("blob") == house.upstream.count("referrers") == 0
        (decision,) = judged(house, subject)
        await house.upstream.stop()
        await house.restart()
        assert await pull(house, case["repo"], case["tag"], layout) == cold
        assert await pull(house, case["repo"], case["digest"], layout) == cold
        # Nobody verified behind us while the upstream was there: what the Decision rests on is served, and no stranger's.
        served = await evidence(house, case["repo"], subject, layout)
        everything = expected(subject, layout)
        assert all(found <= everything[place] for place, found in served.items())
        manifests = set().union(*served.values())
        rests_on = {Digest.parse(each) for each in decision.record["evidence"]}
        assert rests_on & layout.manifests.keys() <= manifests | {subject}
        assert manifests


@every
async def test_whoever_lists_the_evidence_of_a_lab_image_finds_all_of_it_again_without_the_upstream(tmp_path, case):
    """T60's other side: API, fallback tag and cosign's tags answer, each manifest with its blobs, by whatever way it came."""
    async with House(tmp_path, policy=policy_of(case)) as house:
        layout, subject = serve(case, house.upstream), Digest.parse(case["digest"])
        await pull(house, case["repo"], case["tag"], layout)
        everything = expected(subject, layout)
        assert await evidence(house, case["repo"], subject, layout) == everything
        await house.settle()
        await house.upstream.stop()
        await house.restart()
        assert await evidence(house, case["repo"], subject, layout) == everything
        for kind in {await _artifact_type(house, case, digest) for digest in everything["api"]}:
            listed = await house.get(
                f"/v2/{case['repo']}/referrers/{subject}?ns=reg.test&artifactType={quote(kind, safe='')}"
            )
            assert listed.headers["OCI-Filters-Applied"] == "artifactType"
            assert {each["artifactType"] for each in json.loads(listed.body)["manifests"]} == {kind}
        listed = await house.get(f"/v2/{case['repo']}/referrers/{subject}?ns=reg.test&artifactType=application/x")
        assert json.loads(listed.body)["manifests"] == []


async def _artifact_type(house, case, digest):
    document = json.loads((await house.manifest(case["repo"], digest)).body)
    return document.get("artifactType") or document["config"]["mediaType"]


@every
async def test_promise_5_a_lab_image_is_judged_again_by_what_is_kept_of_it(tmp_path, case):
    """Another policy, a restart, and no upstream: the evidence that is stored proves it anew, and refuses it to others."""
    async with House(tmp_path, policy=policy_of(case)) as house:
        layout, subject = serve(case, house.upstream), Digest.parse(case["digest"])
        await pull(house, case["repo"], case["tag"], layout)
        await house.settle()
        await house.upstream.stop()
        again = yaml.safe_load(policy_of(case))
        for number, each in enumerate(again["images"][0]["require"]):
            each["name"] = f"again-{number}"
        (house.folder / "policy.yaml").write_text(yaml.safe_dump(again))
        await house.restart()
        house.events.clear()
        assert (await house.manifest(case["repo"], case["tag"])).status == 200
        assert {each.verdict for each in judged(house, subject)} == {"allow"}
        twin = next(twins(case))
        house.set_policy(policy_of(twin.case))
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status in {403, 503}, (twin.name, got, got.body)


@every
async def test_t28_a_lab_image_is_refused_under_each_wrong_signer_of_its_kind(tmp_path, case):
    """Another key, identity, issuer, root, log, timestamp authority, store, claim or predicate type: one change each."""
    async with House(tmp_path, policy=policy_of(case)) as house:
        layout, subject = serve(case, house.upstream), Digest.parse(case["digest"])
        for twin in twins(case):
            house.set_policy(policy_of(twin.case))
            for reference in (case["tag"], case["digest"]):
                got = await house.manifest(case["repo"], reference)
                assert got.status == 403, (twin.name, got, got.body)
        document = parse_manifest(layout.manifests[subject][0], digest=subject, content_type="")
        below = [("blobs", each.digest) for each in document.blobs]
        below += [("manifests", child.digest) for child in document.children]
        for kind, digest in below:
            got = await house.get(f"/v2/{case['repo']}/{kind}/{digest}?ns=reg.test")
            # A blob of an image that was never admitted here is unknown here, and never served.
            assert got.status in {403, 404}, (kind, digest, got)
        house.set_policy(policy_of(case))
        assert (await house.manifest(case["repo"], case["digest"])).status == 200, "the same, under the right signer"


ALIASED = {
    "https://slsa.dev/provenance/v0.2": "slsa-provenance",
    "https://slsa.dev/provenance/v1": "slsa-provenance",
    "https://spdx.dev/Document": "sbom",
    "https://cyclonedx.org/bom": "sbom",
    "https://cosign.sigstore.dev/attestation/vuln/v1": "vuln",
    "https://openvex.dev/ns": "vex",
}


def aliased(case) -> bool:
    return any(each["predicate_type"] in ALIASED for each in case["require"].get("attestations", []))


@pytest.mark.parametrize("case", [each for each in every_case() if aliased(each)], ids=lambda case: case["name"])
async def test_an_attestation_is_asked_for_by_its_alias_as_by_its_type(tmp_path, case):
    """And by no other alias (T23)."""
    policy = yaml.safe_load(policy_of(case))
    asked = [each for each in policy["images"][0]["require"] if "attestation" in each]
    for each in asked:
        each["attestation"] = ALIASED[each["attestation"]]
    async with House(tmp_path, policy=yaml.safe_dump(policy)) as house:
        layout = serve(case, house.upstream)
        await pull(house, case["repo"], case["tag"], layout)
        carried = {ALIASED[each] for each in predicate_types(case) if each in ALIASED}
        for wrong in sorted({*ALIASED.values(), "test", "vsa"} - carried):
            other = yaml.safe_load(yaml.safe_dump(policy))
            for each in other["images"][0]["require"]:
                if "attestation" in each:
                    each["attestation"] = wrong
            house.set_policy(yaml.safe_dump(other))
            got = await house.manifest(case["repo"], case["digest"])
            assert got.status == 403, (wrong, got.body)


ATTESTED = [case for case in every_case() if "signature" not in case["require"]]


@pytest.mark.parametrize("case", ATTESTED, ids=lambda case: case["name"])
async def test_t26_an_attestation_by_the_right_signer_is_no_signature(tmp_path, case):
    (asked,) = case["require"]["attestations"]
    as_signed = case | {"require": {"signature": {"any_of": asked["any_of"]}}}
    async with House(tmp_path, policy=policy_of(as_signed)) as house:
        serve(case, house.upstream)
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 403, got.body


async def test_a_signature_that_names_another_repository_is_refused_and_the_remedy_is_said(tmp_path):
    """T20: signedAs says which names may stand in the payload; the default is the repository itself."""
    case = case_of("v2-key-p256")
    policy = yaml.safe_load(policy_of(case))
    del policy["images"][0]["signedAs"]
    async with House(tmp_path, policy=yaml.safe_dump(policy)) as house:
        serve(case, house.upstream)
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 403
        assert b"127.0.0.1:5001/hidden/v2-key-p256" in got.body
        assert b"signedAs" in got.body


async def test_all_lab_images_stand_under_one_policy(tmp_path):
    """As an operator has it: eighty rules, every kind of signer and seven trust roots side by side."""
    async with House(tmp_path, policy=policy_of(*every_case())) as house:
        for case in every_case():
            serve(case, house.upstream)
            got = await house.manifest(case["repo"], case["tag"])
            assert (got.status, str(Digest.of(got.body))) == (200, case["digest"]), (case["name"], got.body)


FLOODED = ["v3-key-nolog-ref", "v3-keyless-rekor2-ref", "v3-att-slsa1", "notation-p256-cose", "v2-oci11-referrer"]


@pytest.mark.parametrize("backwards", [False, True], ids=["good one first", "good one last"])
@pytest.mark.parametrize("name", FLOODED)
async def test_t50_ten_thousand_referrers_of_a_third_party_do_not_deny_a_lab_image(tmp_path, name, backwards):
    """Scans of somebody who may push: each is there, refers to the image, and is listed before or behind the good one."""
    case = case_of(name)
    async with House(tmp_path, policy=policy_of(case)) as house:
        layout, subject = serve(case, house.upstream), Digest.parse(case["digest"])
        raw, media_type = layout.manifests[subject]
        junk = evidence_manifest(Blob(b"{}", "application/sarif+json"), artifact_type="application/sarif+json")
        refers = {"subject": {"mediaType": media_type, "digest": str(subject), "size": len(raw)}}
        for number in range(10_000):
            document = json.loads(junk.manifest) | refers | {"annotations": {"n": str(number)}}
            house.upstream.put_manifest(case["repo"], json.dumps(document).encode(), mediatype.OCI_MANIFEST)
        house.upstream.knobs.page = 1000
        house.upstream.knobs.lists_backwards = backwards
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 200, got.body
        (decision,) = judged(house, subject)
        assert "more than the limit" in str(decision.record["rejections"])
        assert house.upstream.count("manifest") < 100
