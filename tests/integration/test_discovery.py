"""Where evidence lies, by registries that behave as the real ones do (evidence.md 1.1-1.9, 3), and served again behind us.

No judge stands here: what is found are bytes, and what is proved of them is another room's.
"""

import asyncio
import base64
import json

import pytest

from proxy.demo.images import (
    Blob,
    as_referrer,
    make_image,
    make_index,
    merge_signatures,
    new_key,
    sign,
    signature_manifest,
    signature_tag,
)
from proxy.errors import ManifestUnknown, NotAllowed, UpstreamError
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, parse_manifest
from proxy.oci.reference import EvidenceTag, Tag
from proxy.oci.referrers import filtered
from proxy.pipeline.gathering.gather import Wants
from proxy.verify import lookup
from tests.fakes.gathering import Port, evidence, parsed, statement
from tests.fakes.lab import every_case, serve
from tests.fakes.layouts import VECTORS, needs_vectors, read_layout

APP = "acme/app"
KEY, _ = new_key("team")
SLSA, SBOM = "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"


@pytest.fixture
async def port():
    async with Port() as made:
        yield made


def put(port, label="app"):
    image = make_image(label)
    port.upstream.put_image(APP, image, tag="v1")
    return image


def signed(image):
    return sign(image.digest, private=KEY, reference_name=f"reg.test/{APP}")


def sig(port, image):
    made = signed(image)
    port.upstream.put_image(APP, made, tag=str(signature_tag(image.digest)))
    return made


def att(port, image, *statements):
    layers = [
        Blob(b'{"payload":"%d"}' % number, mediatype.DSSE, {"predicateType": each})
        for number, each in enumerate(statements)
    ]
    made = signature_manifest("x", layers=layers)
    port.upstream.put_image(APP, made, tag=EvidenceTag(image.digest, ".att").tag.name)
    return made


def bundle(port, image, text="bundle", repo=APP, registry=None, **more):
    layer = Blob(b'{"is":"%s"}' % text.encode(), mediatype.SIGSTORE_BUNDLE)
    made = evidence(layer, subject=image, artifact_type=mediatype.SIGSTORE_BUNDLE, **more)
    (registry or port.upstream).put_image(repo, made)
    return made


def places(got):
    return sorted((found.place, found.media_type) for found in got.found)


def manifests(got):
    return {found.manifest for found in got.found}


# Every form and place.


async def test_signatures_and_attestations_at_tags_and_referrers_are_all_found(port):
    image = put(port)
    made = {sig(port, image).digest, att(port, image, SLSA, SBOM).digest, bundle(port, image).digest}
    oci11 = as_referrer(sign(image.digest, private=KEY, reference_name="other"), subject=image)
    notation = evidence(Blob(b"jws", mediatype.JOSE), subject=image, artifact_type=mediatype.NOTARY_SIGNATURE)
    cose = evidence(Blob(b"cose", mediatype.COSE), subject=image)
    for each in (oci11, notation, cose):
        port.upstream.put_image(APP, each)
    got = await port.fetch(APP, image.digest)
    assert manifests(got) == made | {oci11.digest, notation.digest, cose.digest}
    assert [found.media_type for found in got.found].count(mediatype.DSSE) == 2
    assert all(Digest.of(found.payload) == found.blob for found in got.found)
    assert all(found.subject is None and not found.carriers for found in got.found)
    assert (got.gaps, got.rejections, got.nothing_at, got.is_listed) == ((), (), (), True)


async def test_an_unsigned_sbom_is_never_found_as_evidence_and_is_mirrored(port):
    image = put(port)
    tag = EvidenceTag(image.digest, ".sbom")
    sbom = signature_manifest("x", layers=[Blob(b"{}", "text/spdx+json", {})])
    port.upstream.put_image(APP, sbom, tag=tag.tag.name)
    as_listed = evidence(Blob(b"{}", "application/vnd.cyclonedx+json"), subject=image)
    port.upstream.put_image(APP, as_listed)
    got = await port.fetch(APP, image.digest)
    assert got.found == ()
    assert [each.source for each in got.rejections] == [as_listed.digest]
    assert (await port.witnesses.at_tag(port.at(APP), tag)).raw == sbom.manifest
    assert await port.listing(APP, image.digest) == [as_listed.digest]


@needs_vectors
@pytest.mark.parametrize("case", every_case(), ids=lambda case: case["name"])
async def test_the_evidence_of_each_lab_image_is_found_kept_and_served_without_the_upstream(port, case):
    layout = serve(case, port.upstream)
    subject = Digest.parse(case["digest"])
    got = await port.fetch(case["repo"], subject)
    assert got.found
    assert (got.gaps, got.rejections) == ((), ())
    await port.keep(case["repo"], subject, got)
    await port.upstream.stop()
    assert (await port.stored(case["repo"], subject)).found == got.found
    for proof in got.proofs:
        for blob in proof.manifest.blobs:
            assert await port.content.read(blob.digest, limit=blob.size) == layout.blobs[blob.digest]
    tagged = {each for each in layout.tags if each.endswith((".sig", ".att")) and subject.hex in each}
    for name in tagged:
        evidence_tag = EvidenceTag.parse(Tag(name))
        assert (await port.witnesses.at_tag(port.at(case["repo"]), evidence_tag)).digest == layout.tags[name]
    referring = {each.manifest.digest for each in got.proofs if each.slots == ("referrers",)}
    assert set(await port.listing(case["repo"], subject)) == referring
    assert bool(referring) or bool(tagged)


# Listings of the kinds that real registries give.


@pytest.mark.parametrize("status", [404, 400, 405, 406, 501, 303])
async def test_ghcr_without_the_api_is_read_by_its_fallback_tag_whatever_that_says_of_itself(port, status):
    """go-containerregistry wrote the empty config's type there, and cosign drops the annotations."""
    image = put(port)
    made = bundle(port, image, annotations={"dev.sigstore.bundle.predicateType": SLSA})
    port.upstream.knobs.referrers_status = status
    port.upstream.put_fallback(APP, image.digest, artifact_type=mediatype.EMPTY, tells=False)
    for _ in range(2):  # the second time the tag is asked beside the API
        got = await port.fetch(APP, image.digest, wants=Wants(predicate_types=frozenset({SLSA})))
        assert manifests(got) == {made.digest}
        assert got.gaps == ()


async def test_an_upstream_that_lacked_the_api_is_asked_for_both_at_once_and_what_they_say_is_one_listing(port):
    image = put(port)
    one = bundle(port, image, "one")
    port.upstream.knobs.has_referrers_api = False
    port.upstream.put_fallback(APP, image.digest)
    assert manifests(await port.fetch(APP, image.digest)) == {one.digest}
    port.upstream.knobs.has_referrers_api = True
    two = bundle(port, image, "two")
    port.upstream.knobs.missing_by_digest.clear()
    assert manifests(await port.fetch(APP, image.digest)) == {one.digest, two.digest}


@pytest.mark.parametrize("how", ["lists_nothing", "another type"])
async def test_an_empty_list_or_a_page_for_people_leads_to_the_fallback_tag(port, how):
    image = put(port)
    made = bundle(port, image)
    port.upstream.put_fallback(APP, image.digest)
    if how == "lists_nothing":
        port.upstream.knobs.lists_nothing = True
    else:
        port.upstream.knobs.referrers_type = "text/html"
    assert manifests(await port.fetch(APP, image.digest)) == {made.digest}


@pytest.mark.parametrize("is_index", [True, False])
async def test_ghcr_and_gitlab_answer_a_missing_fallback_tag_with_the_image_and_that_is_none(port, is_index):
    image = put(port)
    index = make_index([image])
    port.upstream.put_image(APP, index)
    port.upstream.knobs.has_referrers_api = False
    port.upstream.knobs.fallback_is_subject = True
    got = await port.fetch(APP, (index if is_index else image).digest)
    assert (got.found, got.gaps, got.rejections) == ((), (), ())
    assert None in got.nothing_at


async def test_a_fallback_tag_that_is_no_listing_is_none_and_what_it_is_proves_nothing(port):
    image = put(port)
    port.upstream.knobs.has_referrers_api = False
    port.upstream.put_image(APP, signed(image), tag=EvidenceTag(image.digest, "").tag.name)
    got = await port.fetch(APP, image.digest)
    assert (got.found, got.gaps) == ((), ())


async def test_quay_is_read_by_its_api_where_nobody_wrote_a_fallback_tag(port):
    image = put(port)
    made = bundle(port, image)
    got = await port.fetch(APP, image.digest)
    assert manifests(got) == {made.digest}
    assert port.upstream.count("referrers") == 1
    assert not [seen for seen in port.upstream.requests if seen.path.endswith(image.digest.dashed)]


async def test_registry_k8s_io_has_a_signature_by_its_tag_and_not_by_its_digest(port):
    image = put(port)
    made = sig(port, image)
    port.upstream.knobs.missing_by_digest.add(made.digest)
    got = await port.fetch(APP, image.digest)
    assert manifests(got) == {made.digest}
    assert got.gaps == ()
    assert (await port.witnesses.at_tag(port.at(APP), EvidenceTag(image.digest, ".sig"))).raw == made.manifest


async def test_a_listing_of_many_pages_is_read_to_its_end(port):
    image = put(port)
    made = {bundle(port, image, f"{number}").digest for number in range(7)}
    port.upstream.knobs.page = 2
    assert manifests(await port.fetch(APP, image.digest)) == made
    assert port.upstream.count("referrers") == 4


async def test_what_is_listed_and_refers_to_another_image_is_no_evidence(port):
    image, other = put(port), put(port, "other")
    foreign = bundle(port, other)
    port.upstream.knobs.extra_referrers = [
        {"mediaType": mediatype.OCI_MANIFEST, "digest": str(foreign.digest), "size": foreign.size}
    ]
    got = await port.fetch(APP, image.digest)
    assert got.found == ()
    assert [(each.source, each.reason) for each in got.rejections] == [(foreign.digest, "it refers to another image")]


async def test_t41_what_a_manifest_holds_decides_and_not_what_it_is_called(port):
    image = put(port)
    junk = evidence(Blob(b"junk", mediatype.OCI_LAYER), subject=image, artifact_type=mediatype.SIGSTORE_BUNDLE)
    real = evidence(Blob(b"{}", mediatype.SIGSTORE_BUNDLE), subject=image, artifact_type="application/sarif+json")
    for each in (junk, real):
        port.upstream.put_image(APP, each)
    got = await port.fetch(APP, image.digest)
    assert manifests(got) == {real.digest}
    assert [each.source for each in got.rejections] == [junk.digest]


async def test_a_fallback_tag_that_lists_another_images_evidence_leads_to_none_of_it(port):
    """Whoever may push writes that tag: each manifest says itself what it refers to."""
    image, other = put(port), put(port, "other")
    foreign = bundle(port, other)
    entry = {"mediaType": mediatype.OCI_MANIFEST, "digest": str(foreign.digest), "size": foreign.size}
    listing = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [entry]}
    port.upstream.put_manifest(APP, json.dumps(listing).encode(), mediatype.OCI_INDEX, image.digest.dashed)
    port.upstream.knobs.has_referrers_api = False
    got = await port.fetch(APP, image.digest)
    assert got.found == ()
    assert [(each.source, each.reason) for each in got.rejections] == [(foreign.digest, "it refers to another image")]


async def test_a_listing_is_asked_for_whole_and_never_by_type(port):
    """A registry that filters by what its descriptors say would hide what GHCR and cosign describe wrongly."""
    image = put(port)
    bundle(port, image)
    await port.fetch(APP, image.digest, wants=Wants(predicate_types=frozenset({SLSA})))
    assert [seen.query for seen in port.upstream.seen("referrers")] == [""]


async def test_every_layer_of_a_signature_tag_is_found_whoever_signed_it(port):
    """kube-apiserver v1.34.1 has two layers by two signers, cosign v3.0.2 one by a key and one by an identity."""
    image = put(port)
    other, _ = new_key("staging")
    staging = sign(image.digest, private=other, reference_name=f"reg.test/{APP}")
    both = merge_signatures(staging, signed(image))
    port.upstream.put_image(APP, both, tag=str(signature_tag(image.digest)))
    got = await port.fetch(APP, image.digest)
    signatures = {found.annotations[lookup.SIGNATURE] for found in got.found}
    assert (len(got.found), len(signatures)) == (2, 2)


async def test_bundles_that_attest_do_not_end_the_search_for_a_signature(port):
    """SBOM and provenance are bundles too, and the signature may still lie in `.sig` (talos stops there)."""
    image = put(port)
    for number in range(3):
        bundle(port, image, f"{number}", annotations={"dev.sigstore.bundle.predicateType": SBOM})
    own = sig(port, image)
    assert own.digest in manifests(await port.fetch(APP, image.digest))


async def test_bundles_are_found_by_the_fallback_tag_where_there_is_no_signature_tag(port):
    """ghcr.io/sigstore/cosign v3.1.3: no `.sig`, no API, and a fallback tag that describes its entries as empty."""
    image = put(port)
    made = {bundle(port, image, f"{number}").digest for number in range(2)}
    port.upstream.knobs.has_referrers_api = False
    port.upstream.put_fallback(APP, image.digest, artifact_type=mediatype.EMPTY, tells=False)
    got = await port.fetch(APP, image.digest)
    assert manifests(got) == made
    assert set(got.nothing_at) == {f"{image.digest.dashed}{suffix}" for suffix in (".sig", ".att")}


# None is only what complete answers say.


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.parametrize("kind", ["referrers", "manifest", "blob"])
async def test_whatever_is_out_of_reach_is_a_gap_and_never_none(port, kind, status):
    image = put(port)
    sig(port, image)
    bundle(port, image)
    port.upstream.knobs.fail(status, kinds={kind})
    got = await port.fetch(APP, image.digest)
    assert got.gaps
    assert None not in got.nothing_at or kind != "referrers"


async def test_a_registry_that_lists_what_it_does_not_have_is_a_gap(port):
    image = put(port)
    made = bundle(port, image)
    port.upstream.knobs.missing_by_digest.add(made.digest)
    got = await port.fetch(APP, image.digest)
    assert [str(made.digest) in each for each in got.gaps] == [True]


async def test_nothing_anywhere_is_none_at_each_place(port):
    image = put(port)
    got = await port.fetch(APP, image.digest)
    hexed = f"sha256-{image.digest.hex}"
    assert got.gaps == ()
    assert set(got.nothing_at) == {None, f"{hexed}.sig", f"{hexed}.att"}


async def test_t04_other_bytes_than_the_layer_names_are_a_rejection(port):
    image = put(port)
    made = bundle(port, image)
    blob = next(digest for digest, raw in made.blobs.items() if raw != b"{}")
    port.upstream.knobs.swapped[blob] = b"x" * len(made.blobs[blob])
    got = await port.fetch(APP, image.digest)
    assert got.found == ()
    assert [each.source for each in got.rejections] == [blob]


# A quota on GETs.


async def test_docker_hub_is_asked_by_head_for_what_nobody_said_is_there():
    async with Port("docker.io") as port:
        image = put(port)
        await port.fetch(APP, image.digest)
        gets = [seen.path for seen in port.upstream.seen("manifest", "GET")]
        assert gets == [], "what is absent costs no pull"
        assert port.upstream.count("manifest", "HEAD") == 3  # .sig, .att, the fallback tag
        made = {sig(port, image).digest, bundle(port, image).digest}
        port.upstream.forget()
        assert manifests(await port.fetch(APP, image.digest)) == made
        assert port.upstream.count("manifest", "HEAD") == 2
        assert port.upstream.count("manifest", "GET") == 2


async def test_another_registry_is_asked_once_for_each_tag(port):
    image = put(port)
    sig(port, image)
    await port.fetch(APP, image.digest)
    assert port.upstream.count("manifest", "HEAD") == 0


# Statements that nobody signed, and who signed what carries them.


def dhi(port, image, number=0):
    """Docker Hardened Images: a bare statement in a manifest that is itself signed by a referrer (evidence.md 5)."""
    layer = Blob(statement(image.digest, number=number), mediatype.IN_TOTO, {"in-toto.io/predicate-type": SLSA})
    carrier = evidence(layer, subject=image, artifact_type=mediatype.IN_TOTO)
    signature = as_referrer(signed(carrier), subject=carrier)
    port.upstream.put_image(APP, carrier)
    port.upstream.put_image(APP, signature)
    return carrier, signature


@pytest.mark.parametrize("by_tag", [True, False])
async def test_a_bare_statement_comes_with_the_signatures_of_its_manifest(port, by_tag):
    image = put(port)
    carrier, signature = dhi(port, image)
    if by_tag:
        del port.upstream.repos[APP].manifests[signature.digest]
        port.upstream.put_image(APP, signed(carrier), tag=str(signature_tag(carrier.digest)))
    got = await port.fetch(APP, image.digest)
    (said,) = [found for found in got.found if found.subject is None]
    (vouching,) = [found for found in got.found if found.subject is not None]
    assert (said.manifest, said.media_type, said.carriers) == (carrier.digest, mediatype.IN_TOTO, (carrier.digest,))
    assert (vouching.media_type, vouching.subject, vouching.carriers) == (
        mediatype.SIMPLE_SIGNING,
        carrier.digest,
        (),
    )
    used = {said.manifest, said.blob}
    await port.keep(APP, image.digest, got, used)
    await port.upstream.stop()
    again = await port.stored(APP, image.digest)
    assert again.found == got.found, "what signs the carrier is kept with the statement"


async def test_the_signatures_of_a_carrier_out_of_reach_are_a_gap(port):
    image = put(port)
    _, signature = dhi(port, image)
    port.upstream.knobs.missing_by_digest.add(signature.digest)
    assert (await port.fetch(APP, image.digest)).gaps


async def test_attestations_of_a_carrier_do_not_carry_and_are_not_looked_up(port):
    image = put(port)
    carrier, _ = dhi(port, image)
    port.upstream.put_image(APP, evidence(Blob(statement(carrier.digest), mediatype.IN_TOTO), subject=carrier))
    got = await port.fetch(APP, image.digest)
    assert {found.media_type for found in got.found if found.subject} == {mediatype.SIMPLE_SIGNING}
    assert not [seen for seen in port.upstream.requests if seen.path.endswith(f"{carrier.digest.hex}.att")]


async def test_bare_statements_are_not_read_for_a_rule_that_asks_for_none(port):
    image = put(port)
    carrier, _ = dhi(port, image)
    got = await port.fetch(APP, image.digest, wants=Wants(predicate_types=frozenset()))
    assert (got.found, got.rejections) == ((), ())
    assert not [seen for seen in port.upstream.requests if carrier.digest.hex in seen.path and ".sig" in seen.path]


def buildkit(image, *, is_artifact=False):
    """What BuildKit attaches to one platform of an index: with `is_artifact` it is a referrer as well (evidence.md 1.8)."""
    layer = Blob(statement(image.digest), mediatype.IN_TOTO, {"in-toto.io/predicate-type": SLSA})
    if not is_artifact:
        return signature_manifest("x", layers=[layer])
    return evidence(layer, subject=image, artifact_type=mediatype.DOCKER_ATTESTATION)


def with_attestations(images, attestations):
    index = json.loads(make_index(images).manifest)
    for image, each in zip(images, attestations, strict=True):
        index["manifests"].append(
            {
                "mediaType": each.media_type,
                "digest": str(each.digest),
                "size": each.size,
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {
                    "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": str(image.digest),
                },
            }
        )
    return json.dumps(index).encode()


@pytest.mark.parametrize("is_artifact", [False, True])
async def test_what_buildkit_attached_in_the_index_is_carried_by_the_index(port, is_artifact):
    images = [make_image("a"), make_image("b", architecture="arm64")]
    attached = [buildkit(image, is_artifact=is_artifact) for image in images]
    for each in (*images, *attached):
        port.upstream.put_image(APP, each)
    raw = with_attestations(images, attached)
    digest = port.upstream.put_manifest(APP, raw, mediatype.OCI_INDEX, "v1")
    port.upstream.put_image(APP, sign(digest, private=KEY, reference_name="x"), tag=str(signature_tag(digest)))
    index = parsed_index(raw, digest)

    got = await port.fetch(APP, images[0].digest, index=index)
    (said,) = [found for found in got.found if found.subject is None]
    (vouching,) = [found for found in got.found if found.subject is not None]
    assert said.manifest == attached[0].digest
    assert said.place == "index"
    assert digest in said.carriers
    assert set(said.carriers) <= {digest, attached[0].digest}
    assert (vouching.subject, vouching.media_type) == (digest, mediatype.SIMPLE_SIGNING)

    await port.keep(APP, images[0].digest, got)
    await port.upstream.stop()
    again = await port.stored(APP, images[0].digest, index=index)
    assert {found.blob for found in again.found} == {found.blob for found in got.found}
    assert all(digest in found.carriers for found in again.found if found.subject is None)


@needs_vectors
async def test_a_real_index_of_buildkit_yields_the_provenance_of_its_platform(port):
    layout = read_layout(VECTORS / "oci-slsa-att" / "v2.1.0")
    layout.put_in(port.upstream, APP)
    raw, digest = next((raw, digest) for digest, (raw, kind) in layout.manifests.items() if mediatype.is_index(kind))
    index = parsed_index(raw, digest)
    (child,) = [each.digest for each in index.manifests if each.platform and not each.platform.is_unknown]
    got = await port.fetch(APP, child, index=index)
    carried = [found for found in got.found if found.carriers]
    assert carried
    assert all((found.place, found.carriers) == ("index", (digest,)) for found in carried)
    assert {"sha256": child.hex} in [
        subject["digest"] for found in carried for subject in json.loads(found.payload)["subject"]
    ]


async def test_t10_what_an_index_attaches_to_one_child_is_not_found_for_another(port):
    images = [make_image("a"), make_image("b", architecture="arm64")]
    attached = [buildkit(image) for image in images]
    for each in (*images, *attached):
        port.upstream.put_image(APP, each)
    raw = with_attestations(images, attached)
    digest = port.upstream.put_manifest(APP, raw, mediatype.OCI_INDEX)
    got = await port.fetch(APP, images[1].digest, index=parsed_index(raw, digest))
    assert manifests(got) == {attached[1].digest}
    assert (await port.fetch(APP, images[1].digest)).found == ()


def parsed_index(raw, digest):
    document = parse_manifest(raw, digest=digest, content_type=mediatype.OCI_INDEX)
    assert isinstance(document, Index)
    return document


# Elsewhere.


async def test_evidence_is_found_in_the_sites_own_repository_under_the_images_digest(port):
    site = await port.also("registry.corp.test")
    image = put(port)
    countersigned = signed(image)
    site.put_image("approvals", countersigned, tag=str(signature_tag(image.digest)))
    made = bundle(port, image, repo="approvals", registry=site)
    got = await port.fetch(APP, image.digest, elsewhere=["registry.corp.test/approvals"])
    assert manifests(got) == {countersigned.digest, made.digest}
    assert {found.place for found in got.found} == {"evidenceFrom registry.corp.test/approvals"}
    assert None in got.nothing_at, "what the image's own repository says is remembered, and nothing else"

    await port.keep(APP, image.digest, got)
    await port.upstream.stop()
    await site.stop()
    assert (await port.stored(APP, image.digest)).found == got.found
    assert (await port.witnesses.at_tag(port.at(APP), EvidenceTag(image.digest, ".sig"))).raw == countersigned.manifest
    assert await port.listing(APP, image.digest) == [made.digest]


async def test_the_publishers_own_signature_tag_wins_over_one_from_elsewhere(port):
    site = await port.also("registry.corp.test")
    image = put(port)
    own = sig(port, image)
    other = sign(image.digest, private=KEY, reference_name="registry.corp.test/approvals")
    site.put_image("approvals", other, tag=str(signature_tag(image.digest)))
    got = await port.fetch(APP, image.digest, elsewhere=["registry.corp.test/approvals"])
    await port.keep(APP, image.digest, got)
    assert manifests(got) == {own.digest, other.digest}
    assert (await port.witnesses.at_tag(port.at(APP), EvidenceTag(image.digest, ".sig"))).digest == own.digest


@pytest.mark.parametrize("named", ["nobody.test/approvals", "registry.corp.test/UPPER", "api.github.com/repos/a/b"])
async def test_a_source_that_is_no_upstream_or_no_name_is_a_gap_that_says_so(port, named):
    image = put(port)
    sig(port, image)
    got = await port.fetch(APP, image.digest, elsewhere=[named])
    assert len(got.found) == 1
    assert [each.startswith(f"evidenceFrom {named}") for each in got.gaps] == [True]


async def test_the_images_own_repository_is_not_asked_twice(port):
    image = put(port)
    await port.fetch(APP, image.digest, elsewhere=[f"reg.test/{APP}"])
    assert port.upstream.count("referrers") == 1


def github_bundle(subject, predicate_type=SLSA):
    payload = base64.b64encode(statement(subject, predicate_type)).decode()
    envelope = {"payload": payload, "payloadType": mediatype.IN_TOTO, "signatures": [{"sig": "AA=="}]}
    return {"mediaType": mediatype.SIGSTORE_BUNDLE, "verificationMaterial": {}, "dsseEnvelope": envelope}


async def test_githubs_attestation_api_is_a_source_like_a_registry(tmp_path, port):
    (tmp_path / "token").write_text("t0ken\n")
    api = await port.also("api.github.com", credentials={"username": "any", "passwordFile": str(tmp_path / "token")})
    api.knobs.api_token, api.knobs.page = "t0ken", 1
    image = put(port)
    bundles = [github_bundle(image.digest), github_bundle(image.digest, SBOM)]
    for each in bundles:
        api.put_attestation("repos/acme/app", image.digest, each)
    source = "api.github.com/repos/Acme/App"
    got = await port.fetch(APP, image.digest, manifest=parsed(image), elsewhere=[source])
    assert got.gaps == ()
    assert {found.place for found in got.found} == {f"evidenceFrom {source}"}
    assert sorted(json.loads(found.payload)["dsseEnvelope"]["payload"] for found in got.found) == sorted(
        each["dsseEnvelope"]["payload"] for each in bundles
    )
    for proof in got.proofs:
        assert proof.manifest.subject.digest == image.digest
        assert (proof.manifest.subject.size, proof.manifest.subject.media_type) == (image.size, image.media_type)
        assert proof.manifest.artifact_type == mediatype.SIGSTORE_BUNDLE
    again = await port.fetch(APP, image.digest, manifest=parsed(image), elsewhere=[source])
    assert again.found == got.found, "the same manifest for the same bundle"

    await port.keep(APP, image.digest, got)
    await port.upstream.stop()
    await api.stop()
    assert (await port.stored(APP, image.digest)).found == got.found
    listed = await port.witnesses.listing(port.at(APP), image.digest)
    assert {each.digest for each in listed} == manifests(got)
    assert filtered(listed, mediatype.SIGSTORE_BUNDLE) == listed
    assert filtered(listed, mediatype.NOTARY_SIGNATURE) == ()
    assert {each.annotations["dev.sigstore.bundle.predicateType"] for each in listed} == {SLSA, SBOM}


async def test_an_attestation_api_out_of_reach_is_a_gap_and_one_that_holds_none_is_not(port):
    api = await port.also("api.github.com")
    image = put(port)
    source = ["api.github.com/repos/acme/app"]
    assert (await port.fetch(APP, image.digest, elsewhere=source)).gaps == ()
    api.put_attestation("repos/acme/app", image.digest, None)
    assert "kept elsewhere" in (await port.fetch(APP, image.digest, elsewhere=source)).gaps[0]
    api.knobs.api_token = "other"
    assert (await port.fetch(APP, image.digest, elsewhere=source)).gaps
    assert (await port.fetch(APP, image.digest, elsewhere=["api.github.com/acme/app"])).gaps


# Floods.


def scans(count, artifact_type):
    return [
        {
            "mediaType": mediatype.OCI_MANIFEST,
            "digest": str(Digest.of(b"%d" % number)),
            "size": 100,
            "artifactType": artifact_type,
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("looks_like", ["application/sarif+json", mediatype.SIGSTORE_BUNDLE, mediatype.EMPTY])
async def test_t50_ten_thousand_referrers_do_not_hide_a_notation_signature_or_a_bundle(port, looks_like):
    image = put(port)
    notation = evidence(Blob(b"jws", mediatype.JOSE), subject=image, artifact_type=mediatype.NOTARY_SIGNATURE)
    port.upstream.put_image(APP, notation)
    made = bundle(port, image, annotations={"dev.sigstore.bundle.predicateType": SLSA})
    port.upstream.knobs.page = 1000
    flood = scans(10_000, looks_like)
    got = []
    for listed in (flood, flood[::-1]):
        port.upstream.knobs.extra_referrers = listed
        got.append(await port.fetch(APP, image.digest))
    assert manifests(got[0]) == {notation.digest, made.digest}
    assert got[0] == got[1], "whatever the order of the listing"
    assert any("more than the limit" in each.reason for each in got[0].rejections)
    asked = [seen for seen in port.upstream.seen("manifest") if "sha256:" in seen.path]
    assert len(asked) <= 2 * lookup.MAX_REFERRERS


@pytest.mark.parametrize("by", ["api", "fallback"])
@pytest.mark.parametrize("looks_like", ["application/sarif+json", mediatype.SIGSTORE_BUNDLE])
async def test_t50_among_ten_thousand_that_are_there_a_good_one_is_found_first_or_last(port, by, looks_like):
    """Each of them is a manifest that refers to the image; in the listing the good ones come before all, or after."""
    image = put(port)
    made = bundle(port, image, annotations={"dev.sigstore.bundle.predicateType": SLSA})
    notation = evidence(Blob(b"jws", mediatype.JOSE), subject=image, artifact_type=mediatype.NOTARY_SIGNATURE)
    port.upstream.put_image(APP, notation)
    junk = evidence(Blob(b"junk", looks_like), subject=image, artifact_type=looks_like)
    for number in range(10_000):
        raw = junk.manifest[:-1] + b',"annotations":{"n":"%d"}}' % number
        port.upstream.put_manifest(APP, raw, mediatype.OCI_MANIFEST)
    port.upstream.knobs.has_referrers_api = by == "api"
    port.upstream.knobs.page = 500
    got = []
    for port.upstream.knobs.lists_backwards in (False, True):
        if by == "fallback":
            port.upstream.put_fallback(APP, image.digest)
        got.append(await port.fetch(APP, image.digest, wants=Wants(predicate_types=frozenset({SLSA}))))
    assert manifests(got[0]) >= {made.digest, notation.digest}
    assert got[0] == got[1], "whatever the order of the listing"
    asked = [seen for seen in port.upstream.seen("manifest") if "sha256:" in seen.path]
    assert len(asked) <= 2 * lookup.MAX_REFERRERS


async def test_t50_evidence_beyond_the_cap_on_all_of_it_is_left_out_the_same_way_whoever_came_first(port, monkeypatch):
    monkeypatch.setattr(lookup, "MAX_TOTAL", 10_000)
    image = put(port)
    own = sig(port, image)
    flood = [bundle(port, image, f"{number}" * (3000 + number)) for number in range(8)]
    port.upstream.knobs.delay, port.upstream.knobs.delay_kinds = 0.02, frozenset({"manifest"})
    first = await port.fetch(APP, image.digest)
    port.upstream.knobs.delay_kinds = frozenset({"referrers"})
    second = await port.fetch(APP, image.digest)
    assert own.digest in manifests(first)
    assert 0 < len(manifests(first) & {each.digest for each in flood}) < len(flood)
    assert first.found == second.found
    assert first.rejections == second.rejections
    assert sum(len(found.payload) for found in first.found) <= 10_000


async def test_t08_a_layer_that_claims_more_than_its_kind_may_have_is_not_read(port):
    image = put(port)
    big = evidence(Blob(b"x" * 2_000_000, mediatype.JOSE), subject=image)
    port.upstream.put_image(APP, big)
    got = await port.fetch(APP, image.digest)
    assert got.found == ()
    assert "larger" in got.rejections[0].reason
    assert port.upstream.sent("blob") < 100


async def test_t08_a_layer_that_is_longer_than_it_says_is_read_no_further(port):
    image = put(port)
    made = bundle(port, image)
    blob = next(digest for digest, raw in made.blobs.items() if raw != b"{}")
    port.upstream.knobs.swapped[blob] = b"x" * 5_000_000
    got = await port.fetch(APP, image.digest)
    assert got.found == ()
    assert [each.source for each in got.rejections] == [blob]


async def test_a_layer_of_the_image_that_calls_itself_evidence_costs_no_read_of_it(port):
    """A referrer may name any digest: one of twenty gigabytes that is stored here must not be read to judge."""
    image = put(port)
    layer = Digest.parse(json.loads(image.manifest)["layers"][0]["digest"])
    await port.content.write(layer, image.blobs[layer])
    made = bundle(port, image)
    document = json.loads(made.manifest)
    document["layers"][0] |= {"digest": str(layer), "size": 3}
    digest = port.upstream.put_manifest(APP, json.dumps(document).encode(), mediatype.OCI_MANIFEST)
    await port.listing(APP, image.digest)
    stored = await port.stored(APP, image.digest)
    assert digest in {proof.manifest.digest for proof in stored.proofs}
    assert layer not in {found.blob for found in stored.found}


# What it costs.


async def test_eight_attestations_take_no_longer_than_the_slowest_chain_of_questions(port):
    """Counted, not timed: no question waits for one that it does not need, but for the three of the chain."""
    image = put(port)
    sig(port, image)
    for number in range(8):
        bundle(port, image, f"{number}")
    gate = Rounds(port.upstream)
    got = await port.fetch(APP, image.digest)
    assert len(manifests(got)) == 9
    assert gate.rounds == 3  # listing, manifests, blobs


async def test_eight_attestations_at_one_tag_are_read_side_by_side(port):
    image = put(port)
    sig(port, image)
    att(port, image, *(f"https://acme.test/{number}" for number in range(8)))
    gate = Rounds(port.upstream)
    got = await port.fetch(APP, image.digest)
    assert len(got.found) == 9
    assert gate.rounds == 2  # manifests, blobs


class Rounds:
    """Holds every question until no other comes, then answers all of them at once: counts the turns that depend."""

    def __init__(self, registry):
        self.rounds = 0
        self._waiting = []
        self._answer = registry._respond
        registry._respond = self._held
        self._turn = None

    async def _held(self, request, seen, found):
        ready = asyncio.Event()
        self._waiting.append(ready)
        if self._turn is None:
            self._turn = asyncio.create_task(self._go())
        await ready.wait()
        return await self._answer(request, seen, found)

    async def _go(self):
        count = -1
        while count != len(self._waiting):
            count = len(self._waiting)
            await asyncio.sleep(0.15)
        self.rounds += 1
        waiting, self._waiting, self._turn = self._waiting, [], None
        for ready in waiting:
            ready.set()


# Kept, and served behind us.


async def test_what_a_decision_rests_on_is_kept_with_all_its_layers_and_nothing_else_is(port):
    image = put(port)
    made, other = att(port, image, SLSA, SBOM), bundle(port, image)
    got = await port.fetch(APP, image.digest)
    used = next(found.blob for found in got.found if found.manifest == made.digest)
    await port.keep(APP, image.digest, got, {used})
    await port.upstream.stop()
    for digest in made.blobs:
        assert await port.content.size(digest) is not None
    assert await port.content.size(other.digest) is None
    assert {found.manifest for found in (await port.stored(APP, image.digest)).found} == {made.digest}


async def test_a_layer_that_was_not_read_is_kept_with_those_that_were(port):
    image = put(port)
    layers = [Blob(b"{}", mediatype.DSSE, {"predicateType": SLSA}), Blob(b"x" * 100, "text/spdx+json")]
    made = signature_manifest("x", layers=layers)
    port.upstream.put_image(APP, made, tag=EvidenceTag(image.digest, ".att").tag.name)
    got = await port.fetch(APP, image.digest)
    assert len(got.found) == 1
    await port.keep(APP, image.digest, got)
    assert await port.content.size(Digest.of(b"x" * 100)) == 100


async def test_t60_what_proved_something_and_could_be_run_is_not_kept(port):
    image = put(port)
    layers = [Blob(b"{}", mediatype.SIGSTORE_BUNDLE), Blob(b"tar", mediatype.OCI_LAYER)]
    evil = evidence(*layers, subject=image)
    port.upstream.put_image(APP, evil)
    got = await port.fetch(APP, image.digest)
    assert manifests(got) == {evil.digest}
    await port.keep(APP, image.digest, got)
    assert await port.content.size(evil.digest) is None
    assert await port.listing(APP, image.digest) == []
    with pytest.raises(ManifestUnknown):
        await port.witnesses.at_tag(port.at(APP), EvidenceTag(image.digest, ""))


async def test_t60_an_index_at_an_evidence_tag_is_followed_by_nobody(port):
    image = put(port)
    index = make_index([signed(image)])
    port.upstream.put_image(APP, index, tag=str(signature_tag(image.digest)))
    got = await port.fetch(APP, image.digest)
    assert got.found == ()
    assert "an index" in got.rejections[0].reason
    with pytest.raises(NotAllowed):
        await port.witnesses.at_tag(port.at(APP), EvidenceTag(image.digest, ".sig"))


async def test_the_fallback_tag_that_we_write_lists_what_the_api_lists(port):
    image = put(port)
    made = bundle(port, image)
    written = await port.witnesses.at_tag(port.at(APP), EvidenceTag(image.digest, ""))
    listed = json.loads(written.raw)["manifests"]
    assert [(each["digest"], each["artifactType"]) for each in listed] == [
        (str(made.digest), mediatype.SIGSTORE_BUNDLE)
    ]


async def test_a_listing_without_the_upstream_names_only_what_is_here_whole(port):
    """Notation reads every signature that is listed, and fails where it cannot."""
    image = put(port)
    made = bundle(port, image)
    late = evidence(Blob(b"x" * 2_000_000, mediatype.DSSE), subject=image)
    port.upstream.put_image(APP, late)
    got = await port.fetch(APP, image.digest)
    await port.keep(APP, image.digest, got, {made.digest})
    assert set(await port.listing(APP, image.digest)) == {made.digest, late.digest}
    await port.upstream.stop()
    port.clock.forward(hours=1)
    assert await port.listing(APP, image.digest) == [made.digest]


async def test_small_evidence_that_was_listed_is_here_whole_when_the_upstream_goes(port):
    image = put(port)
    made = bundle(port, image)
    await port.listing(APP, image.digest)
    await port.upstream.stop()
    port.clock.forward(hours=1)
    assert await port.listing(APP, image.digest) == [made.digest]
    assert all([await port.content.size(digest) is not None for digest in made.blobs])


async def test_a_listing_that_a_judgement_read_answers_for_itself_when_the_upstream_goes(port):
    """It named only what no Decision rests on: empty is then the truth about what is here, and no failure."""
    image = put(port)
    own = sig(port, image)
    bundle(port, image)
    got = await port.fetch(APP, image.digest)
    await port.keep(APP, image.digest, got, {own.digest})
    await port.upstream.stop()
    assert await port.listing(APP, image.digest) == []


async def test_a_listing_that_nobody_read_is_a_failure_when_the_upstream_goes(port):
    image = put(port)
    await port.upstream.stop()
    with pytest.raises(UpstreamError):
        await port.listing(APP, image.digest)


async def test_a_referrer_at_a_signature_tag_is_listed_and_a_signature_without_a_subject_is_not(port):
    image = put(port)
    made = as_referrer(signed(image), subject=image)
    port.upstream.put_image(APP, made, tag=str(signature_tag(image.digest)))
    port.upstream.knobs.has_referrers_api = False
    att(port, image, SLSA)
    got = await port.fetch(APP, image.digest)
    await port.keep(APP, image.digest, got)
    assert await port.listing(APP, image.digest) == [made.digest]
