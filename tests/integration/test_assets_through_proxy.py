"""Committed images of every form through the proxy: admitted, kept, judged again without the upstream, and refused to others.

They need neither the vectors nor any tool: what a bare machine shows of real signatures.
"""

import json

import pytest
import yaml

from proxy.oci.digest import Digest
from tests.fakes.assets import ASSETS, asset_cases, asset_named, strangers
from tests.fakes.behind import evidence, expected, judged, pull
from tests.fakes.house import House
from tests.fakes.lab import policy_of, serve

every = pytest.mark.parametrize("case", asset_cases(), ids=lambda case: case["name"])


@every
async def test_a_committed_image_is_admitted_and_its_evidence_stays_without_the_upstream(tmp_path, case):
    async with House(tmp_path, policy=policy_of(case)) as house:
        layout, subject = serve(case, house.upstream), Digest.parse(case["digest"])
        cold = await pull(house, case["repo"], case["tag"], layout)
        everything = expected(subject, layout)
        assert await evidence(house, case["repo"], subject, layout) == everything
        await house.settle()
        await house.upstream.stop()
        again = yaml.safe_load(policy_of(case))
        for number, each in enumerate(again["images"][0]["require"]):
            each["name"] = f"again-{number}"
        (house.folder / "policy.yaml").write_text(yaml.safe_dump(again))
        await house.restart()
        house.events.clear()
        assert await pull(house, case["repo"], case["tag"], layout) == cold
        assert {each.verdict for each in judged(house, subject)} == {"allow"}, "judged again, by what is kept"
        assert await evidence(house, case["repo"], subject, layout) == everything


@every
async def test_t28_a_committed_image_is_refused_under_somebody_else(tmp_path, case):
    async with House(tmp_path, policy=policy_of(case)) as house:
        serve(case, house.upstream)
        for twin in strangers(case):
            house.set_policy(policy_of(twin.case))
            got = await house.manifest(case["repo"], case["tag"])
            assert got.status == 403, (twin.name, got, got.body)
        house.set_policy(policy_of(case))
        assert (await house.manifest(case["repo"], case["tag"])).status == 200


@every
async def test_t24_a_committed_image_is_refused_without_what_signs_it(tmp_path, case):
    async with House(tmp_path, policy=policy_of(case)) as house:
        serve(case, house.upstream)
        repo = house.upstream.repos[case["repo"]]
        repo.tags = {tag: digest for tag, digest in repo.tags.items() if not tag.startswith("sha256-")}
        house.upstream.knobs.lists_nothing = True
        house.upstream.knobs.lacks_api.clear()
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 403, got.body


async def test_t24_provenance_whose_manifest_somebody_else_signed_is_refused(tmp_path):
    """Docker Hardened style: the statement is bare, and its manifest's own signature is all that says it."""
    case = asset_named("hardened")
    async with House(tmp_path, policy=policy_of(case)) as house:
        layout = serve(case, house.upstream)
        repo = house.upstream.repos[case["repo"]]
        (statement,) = (
            digest
            for digest, (raw, _) in layout.manifests.items()
            if json.loads(raw).get("artifactType") == "application/vnd.in-toto+json"
        )
        del repo.tags[f"sha256-{statement.hex}"]
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 403
        assert b"https://slsa.dev/provenance/v1" in got.body


async def test_an_ngc_image_needs_the_line_that_maps_its_name(tmp_path):
    """One key signs a publisher's whole catalogue: the payload's name must be the repository, or one that the rule lists."""
    case = asset_named("ngc")
    policy = yaml.safe_load(policy_of(case))
    del policy["images"][0]["signedAs"]
    async with House(tmp_path, policy=yaml.safe_dump(policy)) as house:
        serve(case, house.upstream)
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 403
        assert b"nvcr.io/nvidia/cuda" in got.body


@pytest.mark.parametrize("name", ["own-pki-logged", "own-pki-stamped", "own-pki-bundle"])
async def test_a_company_without_its_log_or_its_timestamp_authority_is_refused(tmp_path, name):
    """What the signer asks for must be proved: by a log that is listed, and by a stamp under the store's anchors."""
    case = asset_named(name)
    policy = yaml.safe_load(policy_of(case))
    log, anchor = ASSETS / "lab/trust/roots/rekor1.json", ASSETS / "lab/trust/x509/tsa_a.root.pem"
    for root in policy["trustRoots"].values():
        if "file" in root:
            root |= {"file": str(log), "sha256": Digest.of(log.read_bytes()).hex}
        if "timestamps" in root:
            root["timestamps"] = str(anchor)
    async with House(tmp_path, policy=yaml.safe_dump(policy)) as house:
        _, subject = serve(case, house.upstream), Digest.parse(case["digest"])
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 403, (name, got.body)
        (rejection, *_) = judged(house, subject)[0].record["rejections"]
        assert ("log" if "logged" in name else "timestamp") in rejection["reason"]
