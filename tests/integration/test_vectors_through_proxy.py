"""Images that others made, pulled whole through the proxy: what the real tools accept is admitted, and nothing else is.

The upstream behaves as each case says: it answers the referrers API, or knows fallback tags alone.
"""

from pathlib import Path

import pytest
import yaml

from proxy.demo.images import make_image, sign
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, parse_manifest
from proxy.oci.reference import EvidenceTag
from proxy.trust.presets import PRESETS, Preset
from tests.fakes.house import House
from tests.fakes.lab import OTHER, SIGNED_BY_OTHER, keys_of, lab_cases, policy_of, rule_of
from tests.fakes.layouts import LAB, VECTORS, Layout, needs_vectors, read_layout

pytestmark = needs_vectors


async def pull(house: House, name: str, reference: object, layout: Layout) -> dict[str, bytes]:
    """Everything under this manifest, as a client takes it: by HEAD and GET, each byte held against its digest."""
    head = await house.manifest(name, reference, method="HEAD")
    got = await house.manifest(name, reference)
    digest = Digest.of(got.body)
    assert (head.status, got.status) == (200, 200), got
    assert head.headers["Docker-Content-Digest"] == got.headers["Docker-Content-Digest"] == str(digest)
    assert got.headers["Content-Type"] == head.headers["Content-Type"] == layout.manifests[digest][1]
    assert got.body == layout.manifests[digest][0]
    found = {str(digest): got.body}
    document = parse_manifest(got.body, digest=digest, content_type=got.headers["Content-Type"])
    if isinstance(document, Index):
        for child in document.manifests:
            found |= await pull(house, name, child.digest, layout)
    for each in document.blobs:
        blob = await house.blob(name, each.digest)
        assert (blob.status, Digest.of(blob.body, each.digest.algorithm), len(blob.body)) == (
            200,
            each.digest,
            each.size,
        )
        found[str(each.digest)] = blob.body
    return found


def policy_for(case: dict, *keys: dict) -> str:
    return policy_of(rule_of(case, *keys), keys=list(keys))


def stands_up(house: House, case: dict) -> Layout:
    layout = read_layout(LAB / case["folder"])
    layout.put_in(house.upstream, case["repo"])
    house.upstream.knobs.has_referrers_api = case["api"] == "referrers"
    return layout


@pytest.mark.parametrize("case", lab_cases(), ids=lambda case: case["name"])
async def test_a_lab_image_is_admitted_by_the_keys_that_signed_it(tmp_path, case):
    """Cold, and again with the upstream switched off and the proxy restarted (promises 5 and 6)."""
    async with House(tmp_path, policy=policy_for(case, *keys_of(case))) as house:
        layout = stands_up(house, case)
        assert layout.tags[case["tag"]] == Digest.parse(case["digest"])
        cold = await pull(house, case["repo"], case["tag"], layout)
        assert case["digest"] in cold
        await house.settle()
        await house.upstream.stop()
        await house.restart()
        assert await pull(house, case["repo"], case["tag"], layout) == cold


@pytest.mark.parametrize("case", lab_cases(), ids=lambda case: case["name"])
async def test_a_lab_image_is_refused_where_another_key_is_asked_for(tmp_path, case):
    async with House(tmp_path, policy=policy_for(case, OTHER)) as house:
        layout = stands_up(house, case)
        is_signed = case["name"] in SIGNED_BY_OTHER
        for reference in (case["tag"], case["digest"]):
            got = await house.manifest(case["repo"], reference)
            assert got.status == (200 if is_signed else 403), got.body
        document = parse_manifest(
            layout.manifests[Digest.parse(case["digest"])][0], digest=Digest.parse(case["digest"]), content_type=""
        )
        below = [("blobs", each.digest) for each in document.blobs]
        below += [("manifests", child.digest) for child in document.children]
        for kind, digest in below:
            got = await house.get(f"/v2/{case['repo']}/{kind}/{digest}?ns=reg.test")
            # A blob of an image that was never admitted here is unknown here, and never served.
            assert got.status in ({200} if is_signed else {403, 404}), (kind, digest, got)


async def test_a_claim_that_was_not_signed_is_refused(tmp_path):
    (case,) = (each for each in lab_cases() if each["name"] == "v2-key-annotations")
    wrong = {**keys_of(case)[0], "annotations": {"build": "4712"}}
    async with House(tmp_path, policy=policy_for(case, wrong)) as house:
        stands_up(house, case)
        assert (await house.manifest(case["repo"], case["tag"])).status == 403


async def test_a_signature_that_names_another_repository_is_refused_and_the_remedy_is_said(tmp_path):
    """T20: signedAs says which names may stand in the payload; the default is the repository itself."""
    (case,) = (each for each in lab_cases() if each["name"] == "v2-key-p256")
    policy = yaml.safe_load(policy_for(case, *keys_of(case)))
    del policy["images"][0]["signedAs"]
    async with House(tmp_path, policy=yaml.safe_dump(policy)) as house:
        stands_up(house, case)
        got = await house.manifest(case["repo"], case["tag"])
        assert got.status == 403
        assert b"127.0.0.1:5001/hidden/v2-key-p256" in got.body
        assert b"signedAs" in got.body


def test_enough_cases_were_found_to_mean_something():
    """T23: an empty list of cases would pass everything."""
    assert len(lab_cases()) >= 19


# Connaisseur's: manifests and signatures, no layers.

CONNAISSEUR = VECTORS / "cosign-connaisseur"
TESTIMAGE = "securesystemsengineering/testimage"
BY_ALICE = "071bf7a986f1ca9cb2a1f0bc8392822a7777f90d58f2d2c6f271913e08de7c81"
BY_THREE = "bfec161fecb0a887df7cb85e4da327c65986ccda7060cf3cd92171c6c90d7533"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


def connaisseur(*, at_least: int) -> str:
    people = ("alice", "bob", "charlie")
    return yaml.safe_dump(
        {
            "version": 1,
            "signers": {name: {"key": str(CONNAISSEUR / f"{name}.pub"), "log": "none"} for name in people},
            "images": [
                {
                    "match": "reg.test/**",
                    "require": [{"atLeast": at_least, "of": [{"signature": name} for name in people]}],
                    "signedAs": [f"docker.io/{TESTIMAGE}"],
                }
            ],
        }
    )


def put_connaisseur(house: House) -> None:
    folder = CONNAISSEUR / "testimage"
    for blob in (folder / "blobs").iterdir():
        house.upstream.put_blob(TESTIMAGE, blob.read_bytes())
    for tag, digest in (("alice", BY_ALICE), ("alice-bob-charlie", BY_THREE)):
        raw = (folder / "manifests" / f"multi-cosigned-{tag}.json").read_bytes()
        assert house.upstream.put_manifest(TESTIMAGE, raw, DOCKER, tag).hex == digest
        evidence = EvidenceTag(Digest("sha256", digest), ".sig").tag.name
        signature = (folder / "manifests" / f"{evidence}.json").read_bytes()
        house.upstream.put_manifest(TESTIMAGE, signature, "application/vnd.oci.image.manifest.v1+json", evidence)


@pytest.mark.parametrize(("at_least", "admitted"), [(1, {BY_ALICE, BY_THREE}), (2, {BY_THREE}), (3, {BY_THREE})])
async def test_t30_connaisseurs_images_are_admitted_by_as_many_signers_as_they_have(tmp_path, at_least, admitted):
    """Index.docker.io in the payload is docker.io; the blobs that are not there are not needed to judge."""
    async with House(tmp_path, policy=connaisseur(at_least=at_least)) as house:
        put_connaisseur(house)
        for digest in (BY_ALICE, BY_THREE):
            got = await house.manifest(TESTIMAGE, f"sha256:{digest}")
            assert got.status == (200 if digest in admitted else 403), got.body
            assert got.status == 403 or Digest.of(got.body).hex == digest


# NGC: the preset's mechanism, with a key of ours in the place of NVIDIA's.

NGC = """\
version: 1
signers:
  nvidia: { preset: nvidia-ngc }
images:
  - match: reg.test/nvidia/**
    tags: ["24.*-py3"]
    require: [ { signature: nvidia } ]
    signedAs: [ nvcr.io/nvidia/** ]
"""


@pytest.fixture
def our_key_is_nvidias(tmp_path, monkeypatch):
    """The preset as it ships, but for the bytes of its key."""
    (tmp_path / "keys").mkdir()

    def source_for(preset: Preset, signer: str):
        shipped = shipped_source(preset, signer)
        assert b"PUBLIC KEY" in shipped.pem
        return type(shipped)(
            name=signer,
            pem=(tmp_path / "team.pub").read_bytes(),
            hash=shipped.hash,
            valid_until=shipped.valid_until,
            signed_as=shipped.signed_as,
        )

    shipped_source = Preset.source_for
    monkeypatch.setattr(Preset, "source_for", source_for)
    assert "nvidia-ngc" in PRESETS


@pytest.mark.parametrize("is_folded", [True, False], ids=["newlines in the base64", "one line"])
async def test_an_ngc_style_signature_is_admitted_by_the_presets_mechanism(tmp_path, our_key_is_nvidias, is_folded):
    async with House(tmp_path, policy=NGC) as house:
        image = make_image("cuda", layers=2)
        house.upstream.put_image("nvidia/cuda", image, tag="24.10-py3")
        house.upstream.knobs.is_ngc = True
        house.upstream.knobs.auth = "bearer"
        signature = sign(image.digest, private=house.private, reference_name="nvcr.io/nvidia/cuda", newlines=is_folded)
        assert (b"\\n" in signature.manifest) == is_folded
        house.upstream.put_image("nvidia/cuda", signature, EvidenceTag(image.digest, ".sig").tag.name)
        got = await house.manifest("nvidia/cuda", "24.10-py3")
        assert (got.status, got.body) == (200, image.manifest)
        for digest, raw in image.blobs.items():
            assert (await house.blob("nvidia/cuda", digest)).body == raw
        assert (await house.manifest("nvidia/cuda", "25.01-py3")).status == 403


async def test_nvidias_own_key_does_not_admit_what_we_signed(tmp_path):
    async with House(tmp_path, policy=NGC) as house:
        image = house.put("nvidia/cuda", "cuda", tag="24.10-py3", is_signed=False)
        house.sign(image, name="nvidia/cuda", names="nvcr.io/nvidia/cuda")
        got = await house.manifest("nvidia/cuda", "24.10-py3")
        assert got.status == 403
        assert b"nvidia" in got.body


# Whole images of others, by a reviewed digest and by a key of ours: tests/e2e pulls them with real clients.

WHOLE = {
    "alpine": (Path("notation-go-alpine/oci-layout"), 0),
    "slsa v1.4.0": (Path("oci-slsa-att/v1.4.0"), 1),
    "slsa v2.1.0": (Path("oci-slsa-att/v2.1.0"), 1),
}


@pytest.mark.parametrize("by", ["digest", "signature"])
@pytest.mark.parametrize("which", WHOLE)
async def test_a_whole_image_of_others_is_admitted_by_digest_and_by_our_key(tmp_path, which, by):
    layout = read_layout(VECTORS / WHOLE[which][0])
    root = layout.roots[0]
    require = {"digest": f"{{ digest: [ '{root}' ] }}", "signature": "{ signature: team }"}[by]
    signers = "signers: { team: { key: team.pub, log: none } }\n" if by == "signature" else ""
    policy = f"version: 1\n{signers}images:\n  - match: reg.test/**\n    require: [ {require} ]\n"
    async with House(tmp_path, policy=policy) as house:
        layout.put_in(house.upstream, "others/image")
        house.upstream.tag("others/image", "v1", root)
        if by == "signature":
            assert (await house.manifest("others/image", "v1")).status == 403
            house.clock.forward(seconds=61)  # a denial is gathered again after 60 s (face.md)
            signature = sign(root, private=house.private, reference_name="reg.test/others/image")
            house.upstream.put_image("others/image", signature, EvidenceTag(root, ".sig").tag.name)
        pulled = await pull(house, "others/image", "v1", layout)
        assert str(root) in pulled
        attestation = EvidenceTag(root, ".att").tag.name
        got = await house.manifest("others/image", attestation)
        assert got.status == (200 if WHOLE[which][1] else 404), got
