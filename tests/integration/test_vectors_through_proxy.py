"""Images that real tools signed, pulled whole through the proxy: what the tools accept is admitted, and nothing else is.

The lab's 80 cases say what to require. The upstream behaves as each says: it answers the referrers API, or knows fallback
tags alone. Images that others published stand in test_vectors_of_others.
"""

import pytest
import yaml

from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from tests.fakes.behind import evidence, expected, pull
from tests.fakes.house import House
from tests.fakes.lab import case_of, every_case, policy_of, serve, twins
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
    """Promises 5 and 6: after a restart without the upstream it is pulled whole still, and so is all its evidence."""
    async with House(tmp_path, policy=policy_of(case)) as house:
        layout, subject = serve(case, house.upstream), Digest.parse(case["digest"])
        assert layout.tags[case["tag"]] == subject
        cold = await pull(house, case["repo"], case["tag"], layout)
        assert case["digest"] in cold
        await house.settle()
        house.upstream.forget()
        assert await pull(house, case["repo"], case["tag"], layout) == cold
        assert house.upstream.count("blob") == house.upstream.count("referrers") == 0
        await house.upstream.stop()
        await house.restart()
        assert await pull(house, case["repo"], case["tag"], layout) == cold
        assert await pull(house, case["repo"], case["digest"], layout) == cold
        assert await evidence(house, case["repo"], subject, layout) == expected(subject, layout)


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
        for wrong in sorted({*ALIASED.values(), "test", "vsa"} - {each["attestation"] for each in asked}):
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
            # Each registry behaves in its own way, and a repository here is one of them.
            got = await house.manifest(case["repo"], case["tag"])
            assert (got.status, str(Digest.of(got.body))) == (200, case["digest"]), (case["name"], got.body)
