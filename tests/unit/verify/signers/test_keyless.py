"""An identity speaks only through a whole chain of proofs. Each link is broken once, in each form."""

import base64
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from proxy.oci.digest import Digest
from proxy.policy.match import TextPattern
from proxy.verify.certificates.certificate import spki_sha256
from proxy.verify.evidence import Found, Rejection
from proxy.verify.material import RevokedIdentity
from tests.fakes import scenes
from tests.fakes.layouts import needs_vectors
from tests.fakes.vectors import Scene, beside, said_beside, scene_named, twin

pytestmark = needs_vectors

SIG, ATT, BUNDLE = "v2-keyless-email", "v2-att-keyless-rekor1", "v3-keyless-rekor1-ref"
SIG_TSA, ATT_TSA, BUNDLE_TSA = "v2-keyless-tsa-only", "v2-att-keyless-tsa", "v3-keyless-tsaonly-ref"
TILES = "v3-keyless-rekor2-ref"
IN_REKOR1 = (SIG, ATT, BUNDLE)
BY_TSA = (SIG_TSA, ATT_TSA, BUNDLE_TSA)
FULL = (*IN_REKOR1, *BY_TSA, TILES)


def only(scene: Scene, *founds: Found, **changes):
    proved = scene.prove(*founds, **changes)
    (proof,) = (*proved.evidence, *proved.rejections)
    return proof


def reason(scene: Scene, *founds: Found, **changes) -> str:
    proof = only(scene, *founds, **changes)
    assert isinstance(proof, Rejection)
    return proof.reason


def changed(found: Found, **fields) -> Found:
    """`certificate` (DER), `entry` and `stamp` of another signature in this one's place, whatever its form."""
    if "verificationMaterial" not in json.loads(found.payload):
        return _beside(found, **fields)

    def change(document):
        material = document["verificationMaterial"]
        if "certificate" in fields:
            material["certificate"]["rawBytes"] = base64.b64encode(fields["certificate"]).decode()
        if "entry" in fields:
            material["tlogEntries"] = [fields["entry"]] if fields["entry"] else []
        if "stamp" in fields:
            stamps = [{"signedTimestamp": base64.b64encode(fields["stamp"]).decode()}] if fields["stamp"] else []
            material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}

    return twin(found, change)


def _beside(found: Found, **fields) -> Found:
    said = {}
    if "certificate" in fields:
        said["certificate"] = load_der_x509_certificate(fields["certificate"]).public_bytes(Encoding.PEM).decode()
    if "entry" in fields:
        said["bundle"] = json.dumps(fields["entry"]) if fields["entry"] else None
    if "stamp" in fields:
        token = base64.b64encode(fields["stamp"] or b"").decode()
        said["rfc3161timestamp"] = json.dumps({"SignedRFC3161Timestamp": token}) if token else None
    return beside(found, **said)


def entry_of(found: Found):
    document = json.loads(found.payload)
    if "verificationMaterial" in document:
        return document["verificationMaterial"]["tlogEntries"][0]
    return json.loads(said_beside(found, "bundle"))


def stamp_of(found: Found) -> bytes:
    document = json.loads(found.payload)
    if "verificationMaterial" in document:
        stamps = document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        return base64.b64decode(stamps[0]["signedTimestamp"])
    return base64.b64decode(json.loads(said_beside(found, "rfc3161timestamp"))["SignedRFC3161Timestamp"])


def certificate_of(found: Found) -> bytes:
    document = json.loads(found.payload)
    if "verificationMaterial" in document:
        return base64.b64decode(document["verificationMaterial"]["certificate"]["rawBytes"])
    return load_pem_x509_certificate(said_beside(found, "certificate").encode()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("name", FULL)
def test_what_is_proved_tells_who_when_and_by_what(name):
    scene = scene_named(name)
    proof = only(scene)
    assert proof.identity == f"keyless:{proof.certificate.issuer} {proof.certificate.san}"
    assert proof.certificate.not_before <= proof.proved_at <= proof.certificate.not_after
    assert proof.valid_until is None
    assert (proof.log is None) == (name in BY_TSA)
    assert any(item.startswith("ca:") for item in proof.rests_on)
    assert any(item.startswith("log:") for item in proof.rests_on) == (name not in BY_TSA)


@pytest.mark.parametrize("name", FULL)
def test_t28_another_identity_is_told_with_both_names(name):
    scene = scene_named(name, subject=TextPattern.exact("somebody@acme.test"), name="ml-ci")
    facts = only(scene_named(name)).certificate
    told = f"signed, but by {facts.san} (issuer {facts.issuer}) instead of ml-ci; "
    assert reason(scene) == told + "add a signer for this identity, or ask the publisher"


@pytest.mark.parametrize("name", [SIG, BUNDLE])
def test_several_who_did_not_sign_are_named_together(name):
    scene = scene_named(name, issuer="https://other.test")
    (signer,) = scene.signers
    two = (replace(signer, name="one"), replace(signer, name="two"))
    proof = only(scene, signers=two)
    assert "instead of one, two;" in proof.reason
    assert proof.signer is None
    assert only(scene).signer == signer.name


def test_t28_each_extension_that_is_asked_for_must_be_there():
    asked = {"sourceRepositoryUri": TextPattern.exact("https://git.acme.test/acme/other")}
    scene = scene_named("v2-keyless-ci", extensions=asked, name="ml-ci")
    assert "says sourceRepositoryUri 'https://git.acme.test/acme/images', which ml-ci" in reason(scene)
    scene = scene_named("v2-keyless-ci", extensions={"deploymentEnvironment": TextPattern.glob("**")}, name="ml-ci")
    assert "says no deploymentEnvironment, which ml-ci does not allow" in reason(scene)


@pytest.mark.parametrize("name", FULL)
def test_t24_a_payload_that_was_changed_is_not_the_certificates(name):
    scene = scene_named(name)
    (found,) = scene.founds

    def change(document):
        envelope = document.get("dsseEnvelope", document)
        if "payload" in envelope:
            raw = base64.b64decode(envelope["payload"]).replace(b'"predicate"', b'"predicate" ')
            envelope["payload"] = base64.b64encode(raw).decode()

    assert "not made by the key of the certificate beside it" in reason(scene, twin(found, change))


@pytest.mark.parametrize("name", FULL)
def test_t24_another_certificate_of_the_same_authority_is_not_who_signed(name):
    scene = scene_named(name)
    (found,) = scene.founds
    other = certificate_of(scene_named("v2-keyless-tsa-and-rekor1").founds[0])
    assert "not made by the key of the certificate" in reason(scene, changed(found, certificate=other))


@pytest.mark.parametrize("name", IN_REKOR1)
def test_t20_a_valid_entry_of_another_signature_proves_nothing(name):
    scene = scene_named(name)
    (found,) = scene.founds
    others = {SIG: "v2-keyless-ci", ATT: SIG, BUNDLE: "v3-keyless-rekor1-fb"}
    foreign = entry_of(scene_named(others[name]).founds[0])
    assert "log entry" in reason(scene, changed(found, entry=foreign))


def test_t20_a_valid_entry_of_rekor_v2_of_another_signature_proves_nothing():
    scene = scene_named(TILES)
    (found,) = scene.founds
    foreign = entry_of(scene_named("v3-keyless-rekor2-fb").founds[0])
    assert "log entry" in reason(scene, changed(found, entry=foreign))


@pytest.mark.parametrize("name", [*IN_REKOR1, TILES])
def test_t20_an_entry_is_required_where_the_root_lists_a_log(name):
    scene = scene_named(name)
    (found,) = scene.founds
    assert "carries no log entry" in reason(scene, changed(found, entry=None))


@pytest.mark.parametrize("name", BY_TSA)
def test_t33_a_timestamp_is_required_where_the_root_lists_only_those(name):
    scene = scene_named(name)
    (found,) = scene.founds
    assert "carries no timestamp" in reason(scene, changed(found, stamp=None))


@pytest.mark.parametrize("name", BY_TSA)
def test_t33_a_timestamp_of_another_signature_proves_nothing(name):
    scene = scene_named(name)
    (found,) = scene.founds
    other = stamp_of(scene_named("v2-key-tsa").founds[0])
    assert "timestamp" in reason(scene, changed(found, stamp=other))


@pytest.mark.parametrize("name", [*BY_TSA, TILES])
def test_t33_a_tampered_timestamp_proves_nothing(name):
    scene = scene_named(name)
    (found,) = scene.founds
    token = bytearray(stamp_of(found))
    token[-1] ^= 1
    assert isinstance(only(scene, changed(found, stamp=bytes(token))), Rejection)


def test_t32_an_inclusion_proof_alone_proves_no_time():
    """Rekor v2 signs none: without a timestamp nothing tells when the certificate was used."""
    scene = scene_named(TILES)
    (found,) = scene.founds
    assert "nothing proves when it was" in reason(scene, changed(found, stamp=None))


@pytest.mark.parametrize("name", IN_REKOR1)
def test_t32_an_integrated_time_that_was_altered_proves_nothing(name):
    scene = scene_named(name)
    (found,) = scene.founds
    entry = entry_of(found)
    if "Payload" in entry:
        entry["Payload"]["integratedTime"] += 1
    else:
        entry["integratedTime"] = str(int(entry["integratedTime"]) + 1)
    assert "signed entry timestamp" in reason(scene, changed(found, entry=entry))


def test_t32_an_integrated_time_whose_promise_was_taken_away_proves_nothing():
    scene = scene_named(BUNDLE)
    (found,) = scene.founds
    entry = entry_of(found)
    del entry["inclusionPromise"]
    assert "nothing proves when it was" in reason(scene, changed(found, entry=entry))


@pytest.mark.parametrize(
    ("name", "root", "sentence"),
    [
        ("v2-keyless-email", "trust/roots/ca_closed.json", "certificate authority was trusted only within"),
        ("v3-keyless-rekor1-ref", "trust/roots/ca_closed.json", "certificate authority was trusted only within"),
        ("v2-keyless-email", "trust/roots/log_closed.json", "log's key was not valid"),
        ("v3-keyless-rekor1-ref", "trust/roots/log_closed.json", "log's key was not valid"),
        ("v3-keyless-rekor2-ref", "trust/roots/log2_closed.json", "log's key was not valid"),
        ("v2-keyless-email", "trust/roots/ct_closed.json", "CT log"),
        ("v2-keyless-tsa-only", "trust/roots/tsa_closed.json", "trusted only within"),
        ("v3-keyless-tsaonly-ref", "trust/roots/tsa_closed.json", "trusted only within"),
    ],
)
def test_t31_a_key_of_the_root_whose_window_is_closed_proves_nothing(name, root, sentence):
    assert sentence in reason(scene_named(name, root=root))


@pytest.mark.parametrize(
    ("name", "root", "sentence"),
    [
        ("v2-keyless-email", "trust/roots/fulcio_b.json", "no certificate authority that issued"),
        ("v2-keyless-email", "trust/roots/rekor_b.json", "which the trust root does not list"),
        ("v2-keyless-email", "trust/roots/ct_b.json", "CT log"),
        ("v2-keyless-tsa-only", "trust/roots/tsaonly_b.json", "timestamp"),
        ("v3-keyless-tsaonly-ref", "trust/roots/tsaonly_b.json", "timestamp"),
        ("v3-keyless-rekor2-ref", "trust/roots/rekor_b.json", "trust root"),
        ("v2-keyless-email", "roots/sigstore-prod.json", "which the trust root does not list"),
        ("v3-keyless-tsaonly-ref", "trust/roots/full.json", "carries no log entry"),
    ],
)
def test_t33_material_that_another_root_lists_proves_nothing(name, root, sentence):
    told = reason(scene_named(name, root=root))
    assert sentence in told
    assert told.startswith(f"it is not proved under trust root {root}: ")


def test_each_root_that_was_asked_tells_why_not():
    scene = scene_named(SIG)
    (signer,) = scene.signers
    other = replace(signer, root="trust/roots/rekor_b.json", name="b")
    material = replace(scene.material, roots=scene.material.roots | scene_named(SIG, root=other.root).material.roots)
    assert only(scene, signers=(other, signer), material=material).signer == signer.name
    wrong = replace(signer, issuer="x")
    told = reason(scene, signers=(wrong, other), material=material)
    assert "instead of" in told
    assert "; it is not proved under trust root trust/roots/rekor_b.json: " in told


def test_a_root_that_is_stale_or_absent_is_never_used():
    scene = scene_named(SIG)
    root = scene.signers[0].root
    stale = replace(scene.material, stale={root: "it was not refreshed for 31 days"})
    assert "must not be used: it was not refreshed for 31 days" in reason(scene, material=stale)
    assert "is not loaded" in reason(scene, material=replace(scene.material, roots={}))


@pytest.mark.parametrize("name", [SIG, BUNDLE])
def test_a_revoked_identity_is_silent_with_the_reason(name):
    scene = scene_named(name)
    facts = only(scene).certificate
    for subject, is_revoked in ((facts.san, True), ("else@acme.test", False)):
        revoked = RevokedIdentity(facts.issuer, TextPattern.exact(subject), "INC-1")
        proof = only(scene, material=replace(scene.material, revoked_identities=(revoked,)))
        assert isinstance(proof, Rejection) == is_revoked
        assert not is_revoked or "revoked: INC-1" in proof.reason
    foreign = RevokedIdentity("https://other.test", TextPattern.exact(facts.san), "INC-2")
    assert not isinstance(only(scene, material=replace(scene.material, revoked_identities=(foreign,))), Rejection)


@pytest.mark.parametrize("which", ["leaf", "authority"])
def test_a_revoked_key_in_the_chain_is_silent_with_the_reason(which):
    scene = scene_named(SIG)
    leaf = load_der_x509_certificate(certificate_of(scene.founds[0]))
    authority = scene.material.roots[scene.signers[0].root].authorities[0].chain[0]
    spki = spki_sha256(leaf if which == "leaf" else authority)
    assert "revoked: INC-3" in reason(scene, material=replace(scene.material, revoked={spki: "INC-3"}))


def test_t51_an_entry_twice_in_other_words_is_refused():
    """The same place in the same log; the words differ, so that only the engine can see it."""
    scene = scene_named(BUNDLE)
    (found,) = scene.founds

    def twice(document):
        entries = document["verificationMaterial"]["tlogEntries"]
        again = json.loads(json.dumps(entries[0]))
        del again["inclusionPromise"]
        entries.append(again)

    assert "came with it twice" in reason(scene, twin(found, twice))


def test_t30_an_entry_of_an_unknown_log_beside_a_good_one_counts_for_nothing():
    scene = scene_named(BUNDLE)
    (found,) = scene.founds

    def add(document):
        entries = document["verificationMaterial"]["tlogEntries"]
        foreign = json.loads(json.dumps(entries[0]))
        foreign["logId"]["keyId"] = base64.b64encode(b"0" * 32).decode()
        entries.insert(0, foreign)

    assert only(scene, twin(found, add)).log == only(scene).log


def test_t20_an_entry_without_a_proof_is_no_entry_of_a_bundle_that_must_have_one():
    scene = scene_named(BUNDLE)
    (found,) = scene.founds
    entry = entry_of(found)
    del entry["inclusionProof"]
    assert "must hold an inclusion proof" in reason(scene, changed(found, entry=entry))

    def older(document):
        document["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"

    assert only(scene, twin(changed(found, entry=entry), older)).log == only(scene).log
    del entry["inclusionPromise"]
    assert "must hold an inclusion promise" in reason(scene, twin(changed(found, entry=entry), older))


def test_a_chain_in_a_bundle_is_read_leaf_first():
    scene = scene_named(BUNDLE)
    (found,) = scene.founds

    def listed(document):
        material = document["verificationMaterial"]
        material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}

    assert only(scene, twin(found, listed)).identity == only(scene).identity


def test_a_certificate_that_is_junk_is_told_and_harms_no_bare_key(lab):
    junk = {"dev.sigstore.cosign/certificate": "junk"}
    found = lab.found(annotations=dict(lab.found().annotations) | junk)
    keyless = scene_named(SIG).signers[0]
    assert "does not hold PEM certificates" in lab.proofs(found, keyless)[0].reason
    assert lab.proofs(found, keyless, lab.signer())[0].signer == "team"


def test_a_bare_keys_signature_tells_an_identity_that_it_carries_no_certificate(lab):
    keyless = replace(scene_named(SIG).signers[0], name="ml-ci")
    assert lab.proofs(lab.found(), keyless)[0].reason == (
        "it carries no certificate; it is signed by a bare key, so not by ml-ci"
    )
    assert lab.proofs(lab.found(), keyless, lab.signer("other"))[0].reason == (
        "it was made by another key than other, or its payload was changed"
    )


def test_t24_a_certificate_of_ones_own_making_is_nobodys(lab):
    """A stranger who copies a good certificate into his own layer has not its key."""
    lab.private["stranger"] = ec.generate_private_key(ec.SECP256R1())
    honest = scene_named(SIG)
    payload = honest.founds[0].payload
    signature = base64.b64encode(lab.private["stranger"].sign(payload, ec.ECDSA(SHA256()))).decode()
    forged = replace(
        honest.founds[0],
        annotations=dict(honest.founds[0].annotations) | {"dev.cosignproject.cosign/signature": signature},
    )
    assert "not made by the key of the certificate" in reason(honest, forged)


def rewritten(found: Found) -> Found:
    """The same JSON values in other bytes."""
    raw = json.dumps(json.loads(found.payload), indent=1).encode()
    assert raw != found.payload
    return replace(found, payload=raw, blob=Digest.of(raw))


def test_t36_an_envelope_written_anew_is_not_the_one_that_was_logged_or_stamped():
    """`intoto 0.0.1` and the stamp of an `.att` are over the envelope's bytes; its signature is not, and does not help."""
    logged = scenes.slsa("v1.4.0")
    assert "log entry" in reason(logged, rewritten(logged.founds[0]))
    stamped = scene_named(ATT_TSA)
    assert "timestamp" in reason(stamped, rewritten(stamped.founds[0]))


def test_t36_what_binds_the_payload_and_not_the_envelope_still_holds():
    """`dsse 0.0.1` records the payload's hash, which is what was signed."""
    logged = scenes.slsa("v2.1.0")
    assert only(logged, rewritten(logged.founds[0])).identity == only(logged).identity


@pytest.mark.parametrize("name", FULL)
def test_t36_a_payload_written_anew_is_not_what_was_signed(name):
    scene = scene_named(name)
    (found,) = scene.founds
    document = json.loads(found.payload)
    envelope = document.get("dsseEnvelope", document)
    if "payload" not in envelope:
        anew = rewritten(found)
    else:
        pretty = json.dumps(json.loads(base64.b64decode(envelope["payload"])), indent=1).encode()
        envelope["payload"] = base64.b64encode(pretty).decode()
        raw = json.dumps(document).encode()
        anew = replace(found, payload=raw, blob=Digest.of(raw))
    assert "not made by the key of the certificate" in reason(scene, anew)
