"""A bundle is read strictly: one content, one signer, bounded lists, nothing unknown."""

import base64
import dataclasses
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.digest import Digest
from proxy.verify.evidence import Evidence, Rejection
from proxy.verify.formats.bundle import PREFIX, parse_bundle, prove_bare
from proxy.verify.material import TrustMaterial
from tests.unit.verify.conftest import BUNDLE

MANIFEST = b'{"schemaVersion": 2}'
NOTHING = TrustMaterial(signers={})


def told(lab, document: dict | bytes, **fields) -> str:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    (proof,) = lab.proofs(lab.layer(raw, media_type=BUNDLE), lab.signer(), **fields)
    return proof.reason if isinstance(proof, Rejection) else proof.kind


def honest(lab, **changes) -> dict:
    return lab.bundle(dsseEnvelope=lab.envelope()) | changes


def material(**changes) -> dict:
    return {"verificationMaterial": {"publicKey": {"hint": "x"}} | changes}


def message(lab, raw: bytes = MANIFEST, **changes) -> dict:
    lab.signer()
    signature = lab.private["team"].sign(raw, ec.ECDSA(hashes.SHA256()))
    digest = {"algorithm": "SHA2_256", "digest": base64.b64encode(bytes.fromhex(Digest.of(raw).hex)).decode()}
    content = {"messageDigest": digest, "signature": base64.b64encode(signature).decode()}
    return lab.bundle(messageSignature=content | changes)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json; version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    ],
)
def test_every_version_is_read_under_every_name_it_has(lab, media_type):
    raw = json.dumps(honest(lab, mediaType=media_type)).encode()
    (proof,) = lab.proofs(lab.layer(raw, media_type=media_type), lab.signer())
    assert isinstance(proof, Evidence)
    assert proof.form == "bundle"


@pytest.mark.parametrize(
    "media_type", ["", None, 3, f"{PREFIX}.v0.4+json", f"{PREFIX}+json", f"{PREFIX}+json;version=0.9", "text/plain"]
)
def test_another_version_is_refused_by_name(lab, media_type):
    assert "not a Sigstore bundle v0.1 to v0.3" in told(lab, honest(lab, mediaType=media_type))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dsseEnvelope": None}, "content must hold exactly one"),
        ({"messageSignature": {}}, "content must hold exactly one"),
        ({"extra": 1}, "holds 'extra', which is not known"),
        ({"MediaType": "x"}, "spells 'mediaType'"),
        ({"verificationMaterial": None}, "verificationMaterial is not a JSON object"),
        ({"verificationMaterial": {}}, "must hold exactly one of publicKey"),
        (material(certificate={"rawBytes": "AA=="}), "must hold exactly one of publicKey"),
        (material(unknown=[]), "holds 'unknown'"),
        (material(publicKey=[]), "publicKey is not a JSON object"),
        (material(publicKey={"hint": "", "key": ""}), "holds 'key'"),
        (material(publicKey=None, x509CertificateChain={}), "x509CertificateChain is empty"),
        (material(tlogEntries={"a": 1}), "tlogEntries is not a list"),
        (material(timestampVerificationData=[1]), "timestampVerificationData is not a JSON object"),
        (material(timestampVerificationData={"rfc3161Timestamps": 7}), "rfc3161Timestamps is not a list"),
    ],
)
def test_t22_a_malformed_bundle_is_refused(lab, changes, sentence):
    assert sentence in told(lab, honest(lab, **changes))


def test_null_is_absent_as_protobuf_has_it(lab):
    empty = material(certificate=None, tlogEntries=None, timestampVerificationData=None)
    assert told(lab, honest(lab, messageSignature=None, **empty)) == "attestation"


@pytest.mark.parametrize(
    "changes",
    [
        material(tlogEntries=[{"logIndex": number} for number in range(33)]),
        material(timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": str(n)} for n in range(33)]}),
        material(publicKey=None, x509CertificateChain={"certificates": [{"rawBytes": str(n)} for n in range(11)]}),
    ],
)
def test_t51_more_entries_stamps_or_certificates_than_are_read_are_refused(lab, changes):
    """Though a bare key needs none of them."""
    assert "is not a list of at most" in told(lab, honest(lab, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        material(tlogEntries=[{"logIndex": 1}, {"logIndex": 1}]),
        material(timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": "AA=="}] * 2}),
    ],
)
def test_t51_what_stands_there_twice_is_refused(lab, changes):
    assert "holds one item twice" in told(lab, honest(lab, **changes))


def test_t20_a_foreign_log_entry_in_a_bare_keys_bundle_is_not_looked_at(lab):
    junk = material(
        tlogEntries=[{"junk": True}], timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": "AA=="}]}
    )
    assert told(lab, honest(lab, **junk)) == "attestation"


def test_a_message_signature_over_the_manifest_signs_the_image(lab):
    lab.subject = Digest.of(MANIFEST)
    assert told(lab, message(lab), manifest=MANIFEST) == "signature"
    assert told(lab, message(lab, messageDigest=None), manifest=MANIFEST) == "signature"


def test_a_message_signature_without_the_manifests_bytes_is_refused_with_a_sentence(lab):
    lab.subject = Digest.of(MANIFEST)
    assert f"the bytes of {lab.subject} are not at hand" in told(lab, message(lab))


def test_t11_a_message_signature_of_other_bytes_proves_nothing(lab):
    lab.subject = Digest.of(MANIFEST)
    other = b'{"schemaVersion": 2, "other": true}'
    assert "not of sha256" in told(lab, message(lab, other), manifest=MANIFEST)
    assert "another key" in told(lab, message(lab, other, messageDigest=None), manifest=MANIFEST)
    assert "the bytes are" in told(lab, message(lab, other), manifest=other)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"signature": None}, "bundle's signature is not text"),
        ({"signature": "?"}, "bundle's signature is not base64"),
        ({"messageDigest": {"algorithm": "MD5", "digest": ""}}, "is by 'MD5'"),
        ({"messageDigest": {"algorithm": "SHA2_512", "digest": "AA=="}}, "it is a signature of sha512:00"),
        ({"messageDigest": {"algorithm": "SHA2_256", "digest": "?"}}, "messageDigest is not base64"),
        ({"messageDigest": []}, "messageDigest is not a JSON object"),
        ({"more": 1}, "holds 'more'"),
    ],
)
def test_t22_a_malformed_message_signature_is_refused(lab, changes, sentence):
    lab.subject = Digest.of(MANIFEST)
    assert sentence in told(lab, message(lab, **changes), manifest=MANIFEST)


def bare(lab, document: dict, digest: Digest, artifact: bytes | None):
    raw = json.dumps(document).encode()
    return prove_bare(raw, artifact=artifact, digest=digest, signers=[lab.signer()], material=NOTHING, now=lab.now)


def test_a_bare_file_is_proved_offline_by_digest_or_by_artifact(lab):
    by_digest = bare(lab, honest(lab), lab.subject, None)
    assert [each.place for each in by_digest.evidence] == ["file"]
    assert len(bare(lab, message(lab), Digest.of(MANIFEST), MANIFEST).evidence) == 1


def test_a_bare_file_of_something_else_is_refused(lab):
    other = Digest.of(b"other")
    assert "it speaks of" in bare(lab, honest(lab), other, None).rejections[0].reason
    assert "the bytes are" in bare(lab, message(lab), other, MANIFEST).rejections[0].reason
    assert "it is a signature of sha256:" in bare(lab, message(lab), other, None).rejections[0].reason


def test_a_message_signature_is_held_against_the_digest_alone_where_the_bytes_are_not_at_hand(lab):
    """ECDSA signs a hash, so that nothing is taken on trust: another digest is another signature's."""
    digest = Digest.of(MANIFEST)
    assert [each.subject for each in bare(lab, message(lab), digest, None).evidence] == [digest]
    unnamed = message(lab, messageDigest=None)
    assert len(bare(lab, unnamed, digest, None).evidence) == 1
    assert not bare(lab, unnamed, Digest.of(b"other"), None).evidence
    longer = bare(lab, unnamed, Digest.of(MANIFEST, "sha512"), None)
    assert "only the sha512 hash of the bytes was given" in longer.rejections[0].reason


@given(st.binary(max_size=200))
def test_t55_a_bare_file_of_any_bytes_is_a_rejection(lab, raw):
    proved = prove_bare(raw, artifact=None, digest=lab.subject, signers=[lab.signer()], material=NOTHING, now=lab.now)
    assert (len(proved.evidence), len(proved.rejections)) == (0, 1)


def test_lists_are_counted_and_not_read(lab):
    read = parse_bundle(json.dumps(honest(lab, **material(tlogEntries=[7, "x"]))).encode())
    assert (read.entries, read.certificates, read.hint) == ((7, "x"), (), "x")


def test_a_layers_digest_must_be_its_bytes(lab):
    found = lab.layer(json.dumps(honest(lab)).encode(), media_type=BUNDLE)
    (proof,) = lab.proofs(dataclasses.replace(found, blob=Digest.of(b"other")), lab.signer())
    assert isinstance(proof, Rejection)
