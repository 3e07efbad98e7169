"""A bundle of GitHub's API in the form that registries keep: what is ours about it is the same for the same bundle."""

import base64
import json

import pytest

from proxy.errors import UpstreamUnavailable
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import is_evidence_manifest
from proxy.oci.reference import Repository
from proxy.pipeline.gathering.borrowed import as_referrer, borrow
from proxy.pipeline.gathering.catch import Catch
from proxy.upstream.attestations import Bundle, Bundles
from proxy.verify.lookup import ANYTHING, MAX_EVIDENCE
from tests.fakes.gathering import statement

SUBJECT = Descriptor(mediatype.OCI_INDEX, Digest.of(b"image"), 5)
SOURCE = Repository("api.github.com", "repos/acme/app")
SLSA = "https://slsa.dev/provenance/v1"


def bundle(envelope=None, media_type=mediatype.SIGSTORE_BUNDLE, **more):
    document = {"mediaType": media_type, **({"dsseEnvelope": envelope} if envelope is not None else {}), **more}
    return Bundle(media_type, json.dumps(document).encode())


def enveloped(payload):
    return {"payload": base64.b64encode(payload).decode(), "signatures": []}


class Api:
    def __init__(self, *bundles, error=None, **more):
        self.held = Bundles({each.raw: each for each in bundles}, **more)
        self.error = error

    async def bundles(self, source, subject):
        if self.error:
            raise self.error
        return self.held


async def borrowed(api, most=100_000):
    catch = Catch(ANYTHING, registry_of=lambda _source: pytest.fail("nothing more is asked"), most=most)
    await borrow(catch, api, SOURCE, SUBJECT, origin="evidenceFrom x")
    return await catch.settle()


def test_the_manifest_is_what_cosign_writes_and_can_be_nothing_but_evidence():
    made = bundle(enveloped(statement(SUBJECT.digest, SLSA)))
    manifest = as_referrer(made, SUBJECT)
    document = json.loads(manifest.raw)
    assert document["subject"] == {"mediaType": SUBJECT.media_type, "digest": str(SUBJECT.digest), "size": 5}
    assert document["artifactType"] == document["layers"][0]["mediaType"] == mediatype.SIGSTORE_BUNDLE
    assert document["config"] == {
        "mediaType": mediatype.EMPTY,
        "digest": Digest.EMPTY_JSON,
        "size": 2,
        "artifactType": mediatype.SIGSTORE_BUNDLE,
    }
    assert document["annotations"] == {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": SLSA,
    }
    assert is_evidence_manifest(manifest)
    assert as_referrer(made, SUBJECT).digest == manifest.digest


@pytest.mark.parametrize(
    "envelope",
    [{}, {"payload": 5}, {"payload": "%"}, enveloped(b"junk"), enveloped(b"[]"), enveloped(b'{"a":1,"a":2}')],
)
def test_a_statement_that_cannot_be_read_is_told_nothing_of_and_left_to_the_proof(envelope):
    manifest = as_referrer(bundle(envelope), SUBJECT)
    assert manifest.annotations == {"dev.sigstore.bundle.content": "dsse-envelope"}


def test_a_bundle_without_an_envelope_is_a_message_signature():
    assert as_referrer(bundle(), SUBJECT).annotations["dev.sigstore.bundle.content"] == "message-signature"


async def test_bundles_are_found_with_the_config_that_they_need_to_be_served():
    made = bundle()
    got = await borrowed(Api(made))
    assert [(found.place, found.payload) for found in got.found] == [("evidenceFrom x", made.raw)]
    assert got.proofs[0].blobs == {Digest.of(made.raw): made.raw, Digest.parse(Digest.EMPTY_JSON): b"{}"}
    assert not got.is_listed


async def test_t50_bundles_count_under_the_cap_on_all_evidence():
    small, large = bundle(), bundle(more="x" * 1000)
    got = await borrowed(Api(large, small), most=500)
    assert [found.payload for found in got.found] == [small.raw]
    assert len(got.rejections) == 1


async def test_t08_a_bundle_larger_than_evidence_is_a_rejection():
    got = await borrowed(Api(bundle(more="x" * MAX_EVIDENCE)), most=10 * MAX_EVIDENCE)
    assert got.found == ()
    assert "larger" in got.rejections[0].reason


async def test_what_could_not_be_read_is_a_gap_and_what_is_no_bundle_a_rejection():
    assert (await borrowed(Api(error=UpstreamUnavailable("away")))).gaps == ("evidenceFrom x could not be read: away",)
    got = await borrowed(Api(foreign=2, absent=3, is_cut=True))
    assert [each.reason.split()[0] for each in got.rejections] == ["2", "there"]
    assert len(got.gaps) == 1
