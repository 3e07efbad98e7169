"""Images that other projects published, pulled through the proxy as their README expects: admitted, kept, and no twin is.

What has no image bytes is proved in tests/unit/verify/test_vectors.py; tests/fakes/readme.py says which is which.
"""

import pytest

from proxy.oci.digest import Digest
from tests.fakes.behind import evidence, expected, judged, pull
from tests.fakes.house import House
from tests.fakes.layouts import VECTORS, needs_vectors
from tests.fakes.others import exhibits, notation, with_files

pytestmark = needs_vectors
every = pytest.mark.parametrize("exhibit", exhibits(), ids=lambda each: each.name)


async def taken(house, exhibit):
    """All of it that is in the vectors: the image whole, or its manifest where nobody published the layers."""
    if exhibit.is_whole:
        return await pull(house, exhibit.repository, exhibit.reference, exhibit.layout)
    got = await house.manifest(exhibit.repository, exhibit.reference)
    assert got.status == 200, got.body
    return {str(Digest.of(got.body)): got.body}


@every
async def test_what_others_published_is_admitted_and_stays_without_its_upstream(tmp_path, exhibit):
    exhibit = with_files(exhibit, tmp_path)
    async with House(tmp_path, policy=exhibit.policy()) as house:
        exhibit.put_in(house.upstream)
        subject = exhibit.layout.tags.get(exhibit.reference) or Digest.parse(exhibit.reference)
        cold = await taken(house, exhibit)
        assert str(subject) in cold
        (decision,) = judged(house, subject)
        assert (decision.verdict, decision.record["rejections"]) == ("allow", [])
        await house.settle()
        if exhibit.is_whole:
            everything = expected(subject, exhibit.layout)
            assert await evidence(house, exhibit.repository, subject, exhibit.layout) == everything
        await house.upstream.stop()
        await house.restart()
        assert await taken(house, exhibit) == cold
        if exhibit.is_whole:
            assert await evidence(house, exhibit.repository, subject, exhibit.layout) == everything


@every
async def test_t28_what_others_published_is_refused_under_every_stranger(tmp_path, exhibit):
    exhibit = with_files(exhibit, tmp_path)
    assert len(exhibit.strangers) >= 2
    async with House(tmp_path, policy=exhibit.policy()) as house:
        exhibit.put_in(house.upstream)
        for stranger in exhibit.strangers:
            house.set_policy(exhibit.policy(stranger))
            got = await house.manifest(exhibit.repository, exhibit.reference)
            assert got.status == 403, (stranger, got, got.body)
        house.set_policy(exhibit.policy())
        assert (await house.manifest(exhibit.repository, exhibit.reference)).status == 200


@every
async def test_t24_what_others_published_is_refused_without_its_evidence(tmp_path, exhibit):
    """The same image, and nothing at its tags or in its listing."""
    exhibit = with_files(exhibit, tmp_path)
    async with House(tmp_path, policy=exhibit.policy()) as house:
        exhibit.put_in(house.upstream)
        repo = house.upstream.repos[exhibit.repository]
        repo.tags = {tag: digest for tag, digest in repo.tags.items() if not tag.startswith("sha256-")}
        house.upstream.knobs.lists_nothing = True
        house.upstream.knobs.has_referrers_api = True
        got = await house.manifest(exhibit.repository, exhibit.reference)
        assert got.status == 403, got.body


@pytest.mark.parametrize("unsigned", ["notation-unsign.json"])
async def test_an_image_that_nobody_signed_is_refused(tmp_path, unsigned):
    """It lies beside the signed one, in the same repository and under the same rule."""
    exhibit = with_files(notation(), tmp_path)
    raw = (VECTORS / "notation-connaisseur" / "testimage" / "manifests" / unsigned).read_bytes()
    async with House(tmp_path, policy=exhibit.policy()) as house:
        exhibit.put_in(house.upstream)
        media_type = "application/vnd.docker.distribution.manifest.v2+json"
        digest = house.upstream.put_manifest(exhibit.repository, raw, media_type)
        assert (await house.manifest(exhibit.repository, digest)).status == 403
        assert (await house.manifest(exhibit.repository, exhibit.reference)).status == 200
