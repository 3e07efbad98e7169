"""A company's own CA: a chain to its anchors, at a stamped time or now; by SAN or by subject."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from proxy.policy.match import TextPattern
from proxy.verify.certificates.certificate import spki_sha256
from proxy.verify.evidence import Rejection
from tests.fakes.layouts import needs_vectors
from tests.fakes.vectors import NOW, Scene, beside, said_beside, scene_named, store_of

pytestmark = needs_vectors
STORE = "trust/x509/pki.root.pem"


def company(**fields) -> Scene:
    return scene_named("v2-own-pki", **{"name": "company"} | fields)


def only(scene: Scene, *founds, **changes):
    proved = scene.prove(*founds, **changes)
    (proof,) = (*proved.evidence, *proved.rejections)
    return proof


def reason(scene: Scene, *founds, **changes) -> str:
    proof = only(scene, *founds, **changes)
    assert isinstance(proof, Rejection)
    return proof.reason


def test_a_chain_to_the_companys_anchor_proves_and_lasts_as_long_as_it():
    proof = only(company())
    assert proof.signer == "company"
    assert proof.identity == f"x509:{proof.certificate.authority} signer@acme.test"
    assert proof.proved_at is None
    assert NOW < proof.valid_until <= proof.certificate.not_after
    assert proof.rests_on == (store_of(STORE).item(store_of(STORE).roots[0]),)


def test_t31_without_a_timestamp_the_chain_must_be_valid_now():
    end = only(company()).valid_until
    assert only(company(), now=end).signer == "company"
    assert reason(company(), now=end + timedelta(seconds=1))
    assert reason(company(), now=datetime(2020, 1, 1, tzinfo=UTC))


def test_t28_another_san_is_told_with_both_names():
    told = reason(company(san=TextPattern.exact("other@acme.test")))
    assert told.startswith("signed, but by signer@acme.test (issuer none) instead of company; add a signer for it")


def test_a_subject_may_be_asked_for_and_each_attribute_must_be_there():
    facts = only(company()).certificate
    pairs = tuple(tuple(part.split("=", 1)) for part in facts.subject.split(","))
    proof = only(company(san=None, subject=pairs[:1]))
    assert proof.identity == f"x509:{facts.authority} {facts.subject}"
    assert only(company(subject=pairs)).identity.endswith("signer@acme.test")
    assert "instead of company" in reason(company(subject=(*pairs, ("OU", "Other"))))
    assert "instead of company" in reason(company(san=TextPattern.exact("x"), subject=pairs))


def test_t23_a_signer_who_names_neither_san_nor_subject_is_nobody():
    assert "instead of company" in reason(company(san=None, subject=()))


def test_t33_another_anchor_proves_nothing():
    other = company(store="trust/x509/n_p256.root.pem")
    assert "it is not proved under trust store trust/x509/n_p256.root.pem: the trust store has no" in reason(other)
    absent = company()
    assert "is not loaded" in reason(absent, material=replace(absent.material, stores={}))


def test_a_chain_that_lacks_its_intermediate_proves_nothing():
    scene = company()
    assert "has no certificate authority" in reason(scene, beside(scene.founds[0], chain=None))


def test_t24_a_changed_payload_or_another_leaf_proves_nothing():
    scene = company()
    other = said_beside(scene_named("v2-keyless-email").founds[0], "certificate")
    assert "not made by the key of the certificate" in reason(scene, beside(scene.founds[0], certificate=other))


def test_a_revoked_key_is_silent_with_the_reason():
    scene = company()
    anchor = scene.material.stores[STORE].roots[0]
    material = replace(scene.material, revoked={spki_sha256(anchor): "INC-5"})
    assert "revoked: INC-5" in reason(scene, material=material)


def test_a_stamp_of_no_anchor_counts_for_nothing():
    """It neither helps nor harms: the chain is held against now."""
    scene = company(store=f"{STORE}|trust/x509/tsa_a.root.pem")
    assert scene.material.stores[scene.signers[0].store].timestamp_roots
    foreign = said_beside(scene_named("v2-key-tsa").founds[0], "rfc3161timestamp")
    proof = only(scene, beside(scene.founds[0], rfc3161timestamp=foreign))
    assert proof.proved_at is None


@pytest.mark.parametrize("mode", ["log", "enforce", "skip"])
def test_t34_a_chain_that_names_no_revocation_source_cannot_be_revoked(mode):
    scene = company()
    store = replace(scene.material.stores[STORE], revocation=mode)
    proved = scene.prove(material=replace(scene.material, stores={STORE: store}))
    assert [each.warnings for each in proved.evidence] == [()]
    assert proved.wanted == ()
