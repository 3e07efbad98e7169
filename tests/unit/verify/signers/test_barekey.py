"""A bare key speaks by its signature; what its signer asks for beyond that is required, and nothing else is read."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.verify.certificates import certificate
from proxy.verify.evidence import NotProved, Rejection
from proxy.verify.material import KeySigner, TrustMaterial
from tests.fakes.layouts import needs_vectors
from tests.fakes.vectors import Scene, beside, said_beside, scene_named, twin

SIG, ATT, BUNDLE, STAMPED = "v2-key-rekor1", "v2-att-key-rekor1", "v3-key-rekor2-ref", "v2-key-tsa"
LOGGED = (SIG, ATT, BUNDLE)
SECOND = timedelta(seconds=1)


def only(scene: Scene, *founds, **changes):
    proved = scene.prove(*founds, **changes)
    (proof,) = (*proved.evidence, *proved.rejections)
    return proof


def reason(scene: Scene, *founds, **changes) -> str:
    proof = only(scene, *founds, **changes)
    assert isinstance(proof, Rejection)
    return proof.reason


def without_entry(found):
    if "bundle" in str(found.media_type):
        return twin(found, lambda document: document["verificationMaterial"].pop("tlogEntries"))
    return beside(found, bundle=None)


def with_entry(found, of):
    if "bundle" in str(found.media_type):
        entries = json.loads(of.payload)["verificationMaterial"]["tlogEntries"]
        return twin(found, lambda document: document["verificationMaterial"].update(tlogEntries=entries))
    return beside(found, bundle=said_beside(of, "bundle"))


def test_t31_a_revoked_key_is_silent_though_the_signer_is_still_asked(lab):
    material = TrustMaterial(signers={}, revoked={lab.signer().spki: "INC-4712"})
    proof = lab.proofs(lab.found(), lab.signer(), material=material)[0]
    assert proof.reason == "it is by team, whose key is revoked: INC-4712"


def test_nothing_beside_a_bare_keys_signature_is_ever_read(lab, monkeypatch):
    """Nor is a certificate touched: that keeps a key's proof at a tenth of a millisecond."""
    read = []
    monkeypatch.setattr(certificate, "load_chain", lambda ders: read.append(ders) or ())
    found = lab.found()
    junk = {f"dev.sigstore.cosign/{name}": "junk" for name in ("certificate", "bundle", "rfc3161timestamp")}
    for annotations in (found.annotations, dict(found.annotations) | junk):
        assert lab.proofs(replace(found, annotations=annotations), lab.signer())[0].signer == "team"
    assert read == []


@pytest.mark.parametrize("needs", ["needs_log", "needs_timestamp"])
def test_t23_a_root_that_is_not_there_proves_nothing(lab, needs):
    for root in (None, "corp"):
        told = lab.proofs(lab.found(), lab.signer(root=root, **{needs: True}))[0].reason
        assert told == f"it is by team, but trust root {root} is not loaded; see `pratique trust show`"
    stale = TrustMaterial(signers={}, stale={"corp": "it was not refreshed for 31 days"})
    told = lab.proofs(lab.found(), lab.signer(root="corp", **{needs: True}), material=stale)[0].reason
    assert "must not be used: it was not refreshed for 31 days" in told


@pytest.mark.parametrize("junk", ["{", "{}", "[]", '{"SignedEntryTimestamp": "AA==", "Payload": {}}'])
def test_t22_a_malformed_log_entry_silences_only_who_needs_it(lab, junk):
    needy = lab.signer("needy", needs_log=True, root="corp")
    lab.private["team"] = lab.private["needy"]
    found = lab.found(by="needy")
    found = replace(found, annotations=dict(found.annotations) | {"dev.sigstore.cosign/bundle": junk})
    assert isinstance(lab.proofs(found, needy)[0], Rejection)
    assert [proof.signer for proof in lab.proofs(found, needy, lab.signer("team"))] == ["team"]


@needs_vectors
@pytest.mark.parametrize("name", LOGGED)
def test_a_log_that_is_required_is_proved_and_told(name):
    proof = only(scene_named(name))
    assert proof.log is not None
    assert proof.rests_on[0].startswith("key:")
    assert any(item.startswith("log:") for item in proof.rests_on)
    # Rekor v2 signs no time; that bundle brings a timestamp.
    assert proof.proved_at is not None
    assert (proof.log.integrated_at is None) == (name == BUNDLE)


@needs_vectors
@pytest.mark.parametrize("name", LOGGED)
def test_t20_a_log_entry_that_is_required_must_be_there(name):
    scene = scene_named(name)
    told = reason(scene, without_entry(scene.founds[0]))
    assert "it carries no log entry, and trust root" in told
    assert isinstance(only(scene_named(name, needs_log=False), without_entry(scene.founds[0])).identity, str)


@needs_vectors
@pytest.mark.parametrize(
    ("name", "foreign"), [(SIG, "v2-key-rekor1-rsa4096"), (ATT, SIG), (BUNDLE, "v3-key-rekor2-fb")]
)
def test_t20_a_valid_entry_of_another_signature_proves_nothing(name, foreign):
    """By this very key, even (CVE-2022-23649, CVE-2026-22703)."""
    scene = scene_named(name)
    told = reason(scene, with_entry(scene.founds[0], scene_named(foreign).founds[0]))
    assert "log entry" in told
    assert (
        only(scene_named(name, needs_log=False), with_entry(scene.founds[0], scene_named(foreign).founds[0])).log
        is None
    )


@needs_vectors
def test_t31_a_retired_key_is_believed_for_what_it_signed_in_its_time():
    honest = only(scene_named(SIG))
    at = honest.proved_at
    retired = scene_named(SIG, valid_until=at + SECOND)
    assert only(retired) == honest
    assert only(retired).valid_until is None
    assert "its key was valid until" in reason(scene_named(SIG, valid_until=at))
    assert "its key is valid only from" in reason(scene_named(SIG, valid_from=at + SECOND))
    assert only(scene_named(SIG, valid_from=at)) == honest


@needs_vectors
def test_t31_without_a_proved_time_now_is_what_counts():
    scene = scene_named(BUNDLE)
    end = scene.now + SECOND
    unstamped = twin(
        scene.founds[0], lambda document: document["verificationMaterial"].pop("timestampVerificationData")
    )
    assert only(scene, unstamped).proved_at is None
    assert only(scene_named(BUNDLE, valid_until=end), unstamped).valid_until == end
    assert "its key was valid until" in reason(scene_named(BUNDLE, valid_until=scene.now), unstamped)


@needs_vectors
def test_t33_a_timestamp_that_is_required_is_proved_and_must_be_there():
    scene = scene_named(STAMPED)
    honest = only(scene)
    assert honest.proved_at is not None
    assert honest.log is None
    assert "it carries no timestamp" in reason(scene, beside(scene.founds[0], rfc3161timestamp=None))
    assert reason(scene_named(STAMPED, root="trust/roots/tsaonly_b.json"))
    foreign = said_beside(scene_named("v2-keyless-tsa-only").founds[0], "rfc3161timestamp")
    assert "stamps something else" in reason(scene, beside(scene.founds[0], rfc3161timestamp=foreign))


@needs_vectors
def test_t31_a_log_whose_window_is_closed_proves_nothing():
    assert "log's key was not valid" in reason(scene_named(SIG, root="trust/roots/log_closed.json"))
    assert "log's key was not valid" in reason(scene_named(BUNDLE, root="trust/roots/log2_closed.json"))


@needs_vectors
def test_t30_one_key_under_two_names_is_one_identity_logged_or_not():
    scene = scene_named(SIG)
    (signer,) = scene.signers
    assert isinstance(signer, KeySigner)
    again = replace(signer, name="again", needs_log=False)
    evidence = scene.prove(signers=(signer, again)).evidence
    assert len(evidence) == 2
    assert len({each.identity for each in evidence}) == 1


@needs_vectors
def test_a_key_is_named_by_the_hash_of_its_spki():
    """`material.revoked` and `identity` speak of the same bytes."""
    (signer,) = scene_named(SIG).signers
    der = signer.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert only(scene_named(SIG)).identity == f"key:{signer.spki}"
    assert len(der) == 91


def test_what_cannot_be_proved_is_said_with_our_own_error():
    assert issubclass(NotProved, ValueError)
