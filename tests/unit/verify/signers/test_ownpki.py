"""A company's own CA: a chain to its anchors, at a stamped time or now; by SAN or by subject."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.match import TextPattern
from proxy.verify import trustedroot
from proxy.verify.certificates.certificate import spki_sha256
from proxy.verify.evidence import Found, Rejection, Target
from proxy.verify.material import TrustMaterial, X509Signer, X509Store
from proxy.verify.prove import prove_all
from tests.fakes import pki
from tests.fakes.companies import Employee, employee
from tests.fakes.layouts import needs_vectors
from tests.fakes.pki import DAY
from tests.fakes.signing import AT, Sigstore, b64
from tests.fakes.site import simple_payload
from tests.fakes.tsas import FakeAuthority
from tests.fakes.vectors import NOW, Scene, beside, said_beside, scene_named, store_of

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


@needs_vectors
def test_a_chain_to_the_companys_anchor_proves_and_lasts_as_long_as_it():
    proof = only(company())
    assert proof.signer == "company"
    assert proof.identity == f"x509:{proof.certificate.authority} {proof.certificate.subject} signer@acme.test"
    assert proof.proved_at is None
    assert NOW < proof.valid_until <= proof.certificate.not_after
    assert proof.rests_on == (store_of(STORE).item(store_of(STORE).roots[0]),)


@needs_vectors
def test_t31_without_a_timestamp_the_chain_must_be_valid_now():
    end = only(company()).valid_until
    assert only(company(), now=end).signer == "company"
    assert reason(company(), now=end + timedelta(seconds=1))
    assert reason(company(), now=datetime(2020, 1, 1, tzinfo=UTC))


@needs_vectors
def test_t28_another_san_is_told_with_both_names():
    told = reason(company(san=TextPattern.exact("other@acme.test")))
    assert told.startswith("signed, but by signer@acme.test (issuer none) instead of company; add a signer for it")


@needs_vectors
def test_a_subject_may_be_asked_for_and_each_attribute_must_be_there():
    facts = only(company()).certificate
    pairs = tuple(tuple(part.split("=", 1)) for part in facts.subject.split(","))
    proof = only(company(san=None, subject=pairs[:1]))
    assert proof.identity == only(company()).identity  # by whichever name it is asked for (T30)
    assert only(company(subject=pairs)).identity.endswith("signer@acme.test")
    assert "instead of company" in reason(company(subject=(*pairs, ("OU", "Other"))))
    assert "instead of company" in reason(company(san=TextPattern.exact("x"), subject=pairs))


@needs_vectors
def test_t23_a_signer_who_names_neither_san_nor_subject_is_nobody():
    assert "instead of company" in reason(company(san=None, subject=()))


@needs_vectors
def test_t33_another_anchor_proves_nothing():
    other = company(store="trust/x509/n_p256.root.pem")
    assert "it is not proved under trust store trust/x509/n_p256.root.pem: the trust store has no" in reason(other)
    absent = company()
    assert "is not loaded" in reason(absent, material=replace(absent.material, stores={}))


@needs_vectors
def test_a_chain_that_lacks_its_intermediate_proves_nothing():
    scene = company()
    assert "has no certificate authority" in reason(scene, beside(scene.founds[0], chain=None))


@needs_vectors
def test_t24_a_changed_payload_or_another_leaf_proves_nothing():
    scene = company()
    other = said_beside(scene_named("v2-keyless-email").founds[0], "certificate")
    assert "not made by the key of the certificate" in reason(scene, beside(scene.founds[0], certificate=other))


@needs_vectors
def test_a_revoked_key_is_silent_with_the_reason():
    scene = company()
    anchor = scene.material.stores[STORE].roots[0]
    material = replace(scene.material, revoked={spki_sha256(anchor): "INC-5"})
    assert "revoked: INC-5" in reason(scene, material=material)


@needs_vectors
def test_a_stamp_of_no_anchor_counts_for_nothing():
    """It neither helps nor harms: the chain is held against now."""
    scene = company(store=f"{STORE}|trust/x509/tsa_a.root.pem")
    assert scene.material.stores[scene.signers[0].store].timestamp_roots
    foreign = said_beside(scene_named("v2-key-tsa").founds[0], "rfc3161timestamp")
    proof = only(scene, beside(scene.founds[0], rfc3161timestamp=foreign))
    assert proof.proved_at is None


@needs_vectors
@pytest.mark.parametrize("mode", ["log", "enforce", "skip"])
def test_t34_a_chain_that_names_no_revocation_source_cannot_be_revoked(mode):
    scene = company()
    store = replace(scene.material.stores[STORE], revocation=mode)
    proved = scene.prove(material=replace(scene.material, stores={STORE: store}))
    assert [each.warnings for each in proved.evidence] == [()]
    assert proved.wanted == ()


# Made in memory: with a log, with a timestamp, with both, and with what the authority's own server says.

ROOT = pki.root("O=Acme,CN=root")
CA = ROOT.issue("O=Acme,CN=ca", is_ca=True)
LATER = pki.NOW + 400 * DAY  # after every certificate here has ended
SIGSTORE = Sigstore()
LOGGED = trustedroot.parse("logged", SIGSTORE.logged)
CRL = "http://crl.acme.test/ca.crl"


class Desk:
    """Who is asked, by what material, and when; `now` is a day after the signature."""

    def __init__(self, *, stamps=(), revocation="enforce", hosts=("crl.acme.test",), **signer):
        self.signer = X509Signer("company", "store", san=TextPattern.exact("release@acme.test"), **signer)
        self.store = X509Store(
            "store", (ROOT.certificate,), tuple(stamps), revocation=revocation, hosts=frozenset(hosts)
        )
        self.now = pki.NOW + DAY
        self.answers = {}
        self.material = {}

    def hear(self, blob, *signers):
        asked = signers or (self.signer,)
        material = TrustMaterial(
            {each.name: each for each in asked}, stores={"store": self.store}, roots={"logged": LOGGED}, **self.material
        )
        found = Found("tag", Digest.of(b"m"), Digest.of(blob.raw), blob.media_type, blob.annotations, blob.raw)
        target = Target(Repository("reg.test", "acme/app"), APP, "application/vnd.oci.image.manifest.v1+json", 3)
        return prove_all(
            [found], target=target, signers=asked, material=material, now=self.now, revocation=self.answers
        )

    def proof(self, blob, *signers):
        (found,) = self.hear(blob, *signers).evidence
        return found

    def reason(self, blob, *signers):
        proved = self.hear(blob, *signers)
        assert not proved.evidence
        return proved.rejections[0].reason


APP = Digest.of(b"app")
PAYLOAD = simple_payload(APP, "reg.test/acme/app")
STAMPER = SIGSTORE.stamper
LOG = {"needs_log": True, "root": "logged"}


def signed(*, log=None, stamper=None, at=AT, **knobs):
    return Employee(employee(CA, **knobs), log=log, stamper=stamper).simple(PAYLOAD, at=at)


def test_a_log_that_is_asked_for_proves_the_time_and_is_told():
    desk = Desk(**LOG)
    desk.now = LATER
    proof = desk.proof(signed(log=SIGSTORE))
    assert proof.proved_at == proof.log.integrated_at == AT
    assert proof.valid_until is None
    assert proof.log.kind == "hashedrekord 0.0.1"
    assert set(LOGGED.resting_on([LOGGED.logs[0].item])) <= set(proof.rests_on)


def test_a_log_that_is_not_asked_for_is_not_looked_at():
    """It can neither help nor harm: the chain is held against now."""
    desk = Desk()
    proof = desk.proof(signed(log=Sigstore("stranger")))
    assert (proof.proved_at, proof.log) == (None, None)
    desk.now = LATER
    assert "the signing certificate is valid from" in desk.reason(signed(log=SIGSTORE))


def test_t31_the_log_s_key_must_have_been_good_then_and_the_root_be_fresh():
    desk = Desk(**LOG)
    assert "was not valid at" in desk.reason(signed(log=SIGSTORE, at=datetime(2025, 12, 1, tzinfo=UTC)))
    desk.material = {"stale": {"logged": "it was refreshed 40 days ago"}}
    assert "must not be used: it was refreshed 40 days ago" in desk.reason(signed(log=SIGSTORE))
    absent = replace(desk.signer, root="nowhere")
    assert "trust root nowhere is not loaded" in desk.reason(signed(log=SIGSTORE), absent)


def test_t20_a_log_entry_that_names_the_bare_key_hides_who_signed():
    blob = signed(log=SIGSTORE)
    holder = employee(CA)
    signature = Employee(holder).sign(PAYLOAD)
    entry = SIGSTORE.record(
        "hashedrekord 0.0.1",
        at=AT,
        signature=signature,
        message=PAYLOAD,
        payload=PAYLOAD,
        envelope=PAYLOAD,
        key=pki.spki(holder.private),
        is_certificate=False,
    )
    bare = {"body": b64(entry.body), "integratedTime": entry.integrated_time, "logIndex": entry.index}
    text = json.dumps({"SignedEntryTimestamp": b64(entry.promise), "Payload": bare | {"logID": entry.log_id.hex()}})
    own = Employee(holder, log=SIGSTORE).simple(PAYLOAD)
    beside = own.annotations | {"dev.sigstore.cosign/bundle": text}
    again = {**beside, "dev.cosignproject.cosign/signature": b64(signature)}
    assert "instead of the certificate" in Desk(**LOG).reason(replace(own, annotations=again))
    assert Desk(**LOG).proof(blob)


def test_a_timestamp_and_a_log_must_both_lie_within_the_chain():
    desk = Desk(stamps=STAMPER.chain[-1:], needs_timestamp=True, **LOG)
    desk.now = LATER
    both = signed(log=SIGSTORE, stamper=STAMPER)
    assert desk.proof(both).proved_at == AT
    late = signed(stamper=STAMPER, at=AT + 50 * DAY, not_after=AT + 2 * DAY)
    entry = signed(log=SIGSTORE, not_after=AT + 2 * DAY).annotations["dev.sigstore.cosign/bundle"]
    mixed = replace(late, annotations={**late.annotations, "dev.sigstore.cosign/bundle": entry})
    assert desk.reason(mixed)
    assert "carries no timestamp, and the signer requires one" in desk.reason(signed(log=SIGSTORE))


def test_signers_who_ask_for_more_and_for_less_are_each_told_apart():
    plain, logged = Desk().signer, replace(Desk(**LOG).signer, name="logged")
    proved = Desk().hear(signed(), plain, logged)
    assert [each.signer for each in proved.evidence] == ["company"]
    both = Desk().hear(signed(log=SIGSTORE), plain, logged)
    assert sorted(each.signer for each in both.evidence) == ["company", "logged"]
    assert len({each.identity for each in both.evidence}) == 1, "T30: one certificate is one voice"


def test_t29_a_certificate_with_two_names_says_which_of_them_is_too_many():
    two = (x509.RFC822Name("release@acme.test"), x509.RFC822Name("x@acme.test"))
    assert "has 2 alternative names" in Desk().reason(signed(sans=two))


def test_t34_what_must_be_asked_first_is_wanted_of_all_chains_at_once():
    between = pki.root("O=Time,CN=root").issue("O=Time,CN=between", is_ca=True)
    named = {"purposes": [pki.STAMP], "are_purposes_critical": True, "crl": ("http://crl.acme.test/time.crl",)}
    leaf = between.issue("O=Time,CN=tsa", **named)
    stamper = FakeAuthority(leaf.private, leaf.chain)
    desk = Desk(stamps=stamper.chain[-1:])
    blob = signed(stamper=stamper, crl=(CRL,))
    proved = desk.hear(blob)
    assert proved.wanted == (CRL, "http://crl.acme.test/time.crl")
    assert not proved.evidence
    assert not proved.gaps
    desk.answers = {
        CRL: pki.crl(CA, begins=AT),
        "http://crl.acme.test/time.crl": pki.crl(between, begins=AT, ends=LATER),
    }
    desk.now = AT + DAY / 2
    assert desk.proof(blob).valid_until == AT + DAY, "the first answer that ends"
    desk.answers |= {"http://crl.acme.test/time.crl": pki.crl(between, leaf.certificate.serial_number)}
    assert "revoked: " in desk.reason(blob)


def test_t34_who_did_not_answer_leaves_a_gap_and_not_only_a_rejection():
    desk = Desk()
    desk.answers = {CRL: b""}
    proved = desk.hear(signed(crl=(CRL,)))
    assert proved.gaps == (
        "it is not proved under trust store store: whether it is revoked is unknown: 'crl.acme.test' did not answer",
    )
    assert proved.rejections
    desk.answers = {CRL: pki.crl(CA, ends=LATER)}
    assert desk.hear(signed(crl=(CRL,))).gaps == ()


def test_t34_another_signer_who_speaks_already_hides_no_question():
    """Two stores may hold one anchor and ask differently."""
    desk = Desk()
    lax = X509Store("lax", (ROOT.certificate,), revocation="skip")
    other = replace(desk.signer, name="other", store="lax")
    blob = signed(crl=(CRL,))
    found = Found("tag", Digest.of(b"m"), Digest.of(blob.raw), blob.media_type, blob.annotations, blob.raw)
    target = Target(Repository("reg.test", "acme/app"), APP, "application/vnd.oci.image.manifest.v1+json", 3)
    material = TrustMaterial({"company": desk.signer, "other": other}, stores={"store": desk.store, "lax": lax})
    asked = {"target": target, "signers": (desk.signer, other), "material": material, "now": desk.now}
    proved = prove_all([found], **asked)
    assert [each.signer for each in proved.evidence] == ["other"]
    assert proved.wanted == (CRL,)
    assert prove_all([found], revocation={CRL: b""}, **asked).gaps


def test_under_log_the_evidence_says_what_was_not_asked():
    desk = Desk(revocation="log")
    proof = desk.proof(signed(crl=(CRL,)))
    assert proof.unasked == (CRL,)
    desk.answers = {CRL: b""}
    proof = desk.proof(signed(crl=(CRL,)))
    assert (proof.unasked, proof.warnings) == ((), ("'crl.acme.test' did not answer",))


def test_t58_nobody_is_asked_about_a_certificate_that_is_not_the_signers():
    proved = Desk().hear(signed(mail="mallory@acme.test", crl=(CRL,)))
    assert proved.wanted == ()
    assert "signed, but by mallory@acme.test" in proved.rejections[0].reason
