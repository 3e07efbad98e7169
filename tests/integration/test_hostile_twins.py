"""Every hostile twin, in a registry as an attacker would put it there, asked for through the proxy: 403, and nothing of it.

The table is tests/fakes/hostile/table.py; tests/unit/verify/test_hostile.py shows each twin to the verifier alone.
"""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from proxy.demo.images import make_image, make_index
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.oci.reference import EvidenceTag
from tests.fakes.behind import judged
from tests.fakes.hostile.forge import AT, FORMS, Forge
from tests.fakes.hostile.laying import lay, lay_one
from tests.fakes.hostile.table import ELSEWHERE, ROWS
from tests.fakes.hostile.twins import CASES, STAMPED, TWINS, right_case
from tests.fakes.house import House
from tests.fakes.lab import policy_of
from tests.fakes.layouts import needs_vectors

pytestmark = needs_vectors
WITH_TWINS = sorted({(each.row, each.form) for each in TWINS})


@pytest.mark.parametrize("form", FORMS)
async def test_what_the_forge_makes_with_nothing_changed_is_admitted(tmp_path, form):
    case = right_case(form, CASES[form])
    async with House(tmp_path, policy=policy_of(case)) as house:
        house.upstream.knobs.has_referrers_api = case["api"] == "referrers"
        lay(house.upstream, case["repo"], case, [Forge(form, case).make()])
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 200, got.body


@pytest.mark.parametrize(("row", "form"), WITH_TWINS)
async def test_a_twin_is_refused_and_nothing_of_it_is_served(tmp_path, row, form):
    """Each in a repository of its own, under the rule that an operator would have written."""
    twins = [each for each in TWINS if (each.row, each.form) == (row, form)]
    cases = [each.case | {"laid_at": f"twins/{number}"} for number, each in enumerate(twins)]
    async with House(tmp_path, policy=policy_of(*cases)) as house:
        for twin, case in zip(twins, cases, strict=True):
            house.upstream.knobs.has_referrers_api = case["api"] == "referrers"
            subject = lay(house.upstream, case["laid_at"], case, twin.founds())
            house.events.clear()
            got = await house.manifest(case["laid_at"], case["tag"])
            assert got.status == 403, (str(twin), got, got.body)
            assert twin.says in str(judged(house, subject)[-1].record), str(twin)
            raw, media_type = house.upstream.repos[case["laid_at"]].manifests[subject]
            document = parse_manifest(raw, digest=subject, content_type=media_type)
            for kind, digest in [
                *(("blobs", each.digest) for each in document.blobs),
                *(("manifests", each.digest) for each in document.children),
                ("manifests", EvidenceTag(subject, ".sig").tag.name),
                ("referrers", subject),
            ]:
                below = await house.get(f"/v2/{case['laid_at']}/{kind}/{digest}?ns=reg.test")
                assert below.status in {403, 404}, (str(twin), kind, digest, below.status)
        held = [digest async for digest, _ in house.proxy.pipeline.rooms.manifests._content.scan()]
        assert held == [], "nothing of a refused image is kept"


def test_no_row_is_without_a_twin_through_the_proxy_or_a_test_elsewhere():
    assert {row for row, _ in WITH_TWINS} | ELSEWHERE.keys() == set(ROWS)


# Rows that are about tags, names and time rather than about one image's evidence, in each form that can tell.


def of_image(form, case, image, **wishes):
    """The forge's evidence, of another image than the case's."""
    forge = Forge(form, case)
    if form in ("jws", "cose"):
        artifact = {"digest": str(image.digest), "mediaType": image.media_type, "size": image.size}
        return forge.make(artifact=artifact, **wishes)
    found = forge.make(subject=image.digest, **wishes)
    return replace(found, place=found.place.replace(forge.subject.dashed, image.digest.dashed))


@pytest.mark.parametrize("form", ["sig-keyless", "att", "bundle", "jws", "cose"])
async def test_t12_a_tag_that_goes_back_to_an_older_signature_is_refused(tmp_path, form):
    """Both are validly signed; under `rollback: deny` the tag stays at what was signed last."""
    name = STAMPED[form] if form in ("jws", "cose") else CASES[form]
    case = right_case(form, name)
    document = yaml.safe_load(policy_of(case))
    document["images"][0] |= {"pinning": "follow", "ttl": "1m", "rollback": "deny"}
    new, old = make_image("new"), make_image("old")
    async with House(tmp_path, policy=yaml.safe_dump(document)) as house:
        house.upstream.knobs.has_referrers_api = case["api"] == "referrers"
        moments = {old.digest: AT - timedelta(seconds=30), new.digest: AT}
        for image in (old, new):
            at = moments[image.digest]
            wishes = {"at": at}
            if form in ("jws", "cose"):
                wishes = {"stamped_at": at, "protected": {"io.cncf.notary.signingTime": at}}
            lay_one(house.upstream, case["repo"], image, of_image(form, case, image, **wishes))
        for image in (old, new, old):
            house.upstream.tag(case["repo"], "v1", image.digest)
            house.clock.forward(minutes=5)
            got = await house.manifest(case["repo"], "v1")
            assert got.status == 200, got.body
        assert Digest.of(got.body) == new.digest
        assert "rollback" in str([each for each in house.events if "Drift" in type(each).__name__])


@pytest.mark.parametrize("form", FORMS)
async def test_t60_a_runnable_manifest_is_refused_wherever_evidence_may_lie(tmp_path, form):
    """Beside good evidence of an admitted image: at its tags, in its listing, and by digest."""
    case = right_case(form, CASES[form])
    evil = make_image("evil")
    async with House(tmp_path, policy=policy_of(case)) as house:
        registry, repo = house.upstream, case["repo"]
        registry.knobs.has_referrers_api = case["api"] == "referrers"
        subject = lay(registry, repo, case, [Forge(form, case).make()])
        raw, media_type = registry.repos[repo].manifests[subject]
        refers = {"subject": {"mediaType": media_type, "digest": str(subject), "size": len(raw)}}
        runnable = json.dumps(json.loads(evil.manifest) | refers).encode()
        registry.put_image(repo, evil)
        listed = [
            registry.put_manifest(repo, runnable, mediatype.OCI_MANIFEST),
            registry.put_manifest(
                repo,
                json.dumps(json.loads(runnable) | {"artifactType": "application/vnd.cncf.notary.signature"}).encode(),
                mediatype.OCI_MANIFEST,
            ),
        ]
        tags = [EvidenceTag(subject, suffix).tag.name for suffix in (".sig", ".att", ".sbom")]
        free = [tag for tag in tags if tag not in registry.repos[repo].tags]
        for number, tag in enumerate(free):
            shown = evil if number % 2 else make_index([evil])
            registry.put_image(repo, shown, tag=tag)
        if not registry.knobs.has_referrers_api:
            registry.put_fallback(repo, subject)
        assert (await house.manifest(repo, case["tag"])).status == 200, "good evidence admits still"
        for tag in free:
            assert (await house.manifest(repo, tag)).status in {403, 404}, tag
        told = json.loads((await house.get(f"/v2/{repo}/referrers/{subject}?ns=reg.test")).body)["manifests"]
        assert not {each["digest"] for each in told} & {str(each) for each in listed}
        for digest in (*listed, evil.digest):
            assert (await house.manifest(repo, digest)).status in {403, 404}, digest
        for digest in evil.blobs:
            assert (await house.blob(repo, digest)).status in {403, 404}, digest


@pytest.mark.parametrize("form", FORMS)
async def test_t61_evidence_that_admits_in_one_repository_is_judged_again_in_another(tmp_path, form):
    """One rule, two repositories: what names its repository is refused in the other, and what does not needs its evidence there."""
    case = right_case(form, CASES[form])
    document = yaml.safe_load(policy_of(case | {"laid_at": "hidden/**"}))
    async with House(tmp_path, policy=yaml.safe_dump(document)) as house:
        registry = house.upstream
        registry.knobs.has_referrers_api = case["api"] == "referrers"
        subject = lay(registry, case["repo"], case, [Forge(form, case).make()])
        lay(registry, "hidden/elsewhere", case, [])
        assert (await house.manifest(case["repo"], case["tag"])).status == 200
        for reference in (case["tag"], subject):
            got = await house.manifest("hidden/elsewhere", reference)
            assert got.status == 403, (reference, got)
        names = "docker-reference" in Forge(form, case).make().payload.decode(errors="replace")
        if names:
            del document["images"][0]["signedAs"]
            lay(registry, "hidden/elsewhere", case, [Forge(form, case).make()])
            house.set_policy(yaml.safe_dump(document))
            got = await house.manifest("hidden/elsewhere", case["tag"])
            assert got.status == 403
            assert b"signedAs" in got.body


@pytest.mark.parametrize("form", FORMS)
async def test_t62_trust_that_is_taken_back_is_seen_by_the_next_request(tmp_path, form):
    """Warm, in memory and on the disk: a signer that is another from now on has not signed what was served a moment ago."""
    case = right_case(form, CASES[form])
    async with House(tmp_path, policy=policy_of(case)) as house:
        house.upstream.knobs.has_referrers_api = case["api"] == "referrers"
        subject = lay(house.upstream, case["repo"], case, [Forge(form, case).make()])
        for _ in range(2):
            assert (await house.manifest(case["repo"], case["tag"])).status == 200
        document = yaml.safe_load(policy_of(case))
        other = deepcopy(document)
        for signer in other["signers"].values():
            if "key" in signer:
                signer["key"] = str(house.folder / "other.pub")
            elif "issuer" in signer:
                signer["subject"] = "reviewer@acme.test"
            elif "san" in signer:
                signer["san"] = "reviewer@acme.test"
            else:
                signer["subject"] = "CN=reviewer"
        house.set_policy(yaml.safe_dump(other))
        for reference in (case["tag"], subject):
            assert (await house.manifest(case["repo"], reference)).status == 403
        house.set_policy(yaml.safe_dump(document))
        assert (await house.manifest(case["repo"], case["tag"])).status == 200
        house.set_policy(yaml.safe_dump(document | {"revoked": [{"digest": str(subject), "reason": "INC-1"}]}))
        assert (await house.manifest(case["repo"], case["tag"])).status == 403
        assert (await house.manifest(case["repo"], subject)).status == 403
