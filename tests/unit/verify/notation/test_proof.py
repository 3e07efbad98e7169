"""Who signed, when, and whether that was taken back: proved for each signer, or one Rejection with what to do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.digest import Digest
from proxy.policy.match import TextPattern
from proxy.verify import notation
from proxy.verify.certificates.certificate import spki_sha256
from proxy.verify.evidence import Evidence, Rejection
from proxy.verify.material import KeySigner, RevokedIdentity, TrustMaterial, X509Signer, X509Store
from tests.fakes import pki
from tests.fakes.notary import FORMS, TARGET, Court, Pen, company, found_of, stampers
from tests.fakes.pki import CODE, NOW

CRL = "http://crl.test/ca.crl"
both_forms = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module")
def holder():
    return company()


@pytest.fixture(scope="module")
def stamper():
    return stampers()[0]


@both_forms
def test_a_signature_is_proved_with_all_that_is_known_of_it(holder, form):
    court = Court.trusting(holder)

    (evidence,) = court.hear(Pen(holder, form).write()).evidence

    assert evidence.kind == "signature"
    assert evidence.signer == "vendor"
    assert evidence.identity == f"x509:{evidence.certificate.authority} CN=release,O=Acme,ST=WA,C=US"
    assert evidence.rests_on == (court.store.item(holder.chain[-1]),)
    assert (evidence.names, evidence.claims, evidence.proved_at) == (None, {}, None)
    assert evidence.valid_until == min(each.not_valid_after_utc for each in holder.chain)


@both_forms
def test_prove_gives_the_same_in_one_row(holder, form):
    court = Court.trusting(holder)
    asked = {"target": TARGET, "now": NOW, "revocation": {}}
    material = TrustMaterial({}, stores={"vendors": court.store})
    stranger = replace(court.signer, subject=(("O", "Other"),))

    good = notation.prove(found_of(Pen(holder, form).write()), signers=[court.signer], material=material, **asked)
    bad = notation.prove(found_of(Pen(holder, form).write()), signers=[stranger], material=material, **asked)

    assert [type(each) for each in good + bad] == [Evidence, Rejection]


# --- who


@pytest.mark.parametrize(
    "subject",
    [
        (("C", "US"), ("ST", "WA"), ("O", "Acme"), ("CN", "release")),
        (("O", "Acme"),),
        (("CN", "release"), ("C", "US")),
    ],
)
def test_an_identity_is_a_subset_of_the_subject(holder, subject):
    court = Court.trusting(holder)

    assert court.hear(Pen(holder).write(), replace(court.signer, subject=subject)).evidence


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param((("O", "Acm"),), id="a shorter value"),
        pytest.param((("O", "acme"),), id="another case"),
        pytest.param((("O", "Acme"), ("OU", "Team")), id="more than it has"),
        pytest.param((("CN", "Acme"),), id="a value under another name"),
        pytest.param((("O", "Acme"), ("CN", "*")), id="a star"),
    ],
)
@both_forms
def test_t28_another_subject_is_somebody_else(holder, form, subject):
    court = Court.trusting(holder)

    reason = court.reason(Pen(holder, form).write(), replace(court.signer, subject=subject))

    assert reason.startswith("signed, but by CN=release,O=Acme,ST=WA,C=US instead of vendor;")


@pytest.mark.parametrize("subject", ["O=Acme,O=Other,CN=release", "O=Acme,CN=release,CN=release"])
def test_t52_a_subject_that_could_be_read_in_two_ways_is_nobody(subject):
    holder = company(subject=subject)

    assert "says one attribute twice" in Court.trusting(holder).reason(Pen(holder).write())


def test_t27_a_signer_that_names_nothing_is_nobody(holder):
    court = Court.trusting(holder)

    assert "instead of vendor" in court.reason(Pen(holder).write(), replace(court.signer, subject=()))


def test_an_alternative_name_is_matched_where_it_is_asked_for():
    holder = company(sans=(pki.x509.RFC822Name("release@acme.test"),))
    court, raw = Court.trusting(holder), Pen(holder).write()
    right, wrong = TextPattern.exact("release@acme.test"), TextPattern.exact("other@acme.test")

    assert court.hear(raw, replace(court.signer, san=right)).evidence
    assert court.hear(raw, replace(court.signer, san=right, subject=())).evidence
    assert "instead of" in court.reason(raw, replace(court.signer, san=wrong))
    assert "instead of" in court.reason(raw, replace(court.signer, san=right, subject=(("O", "Other"),)))


def test_an_alternative_name_is_not_matched_by_its_absence(holder):
    court = Court.trusting(holder)

    why = court.reason(Pen(holder).write(), replace(court.signer, san=TextPattern.glob("**")))
    assert "alternative name" in why


def test_t30_one_name_under_two_roots_is_two_identities():
    twin = pki.root("C=US,O=Acme,CN=root", private=pki.key("p256", "twin"))
    other = twin.issue("C=US,ST=WA,O=Acme,CN=release", private=pki.key(), purposes=[CODE])

    identities = {Court.trusting(each).hear(Pen(each).write()).evidence[0].identity for each in (company(), other)}

    assert len(identities) == 2


def test_each_signer_who_proves_it_speaks(holder):
    court = Court.trusting(holder)
    wide = X509Signer("wide", "vendors", (("O", "Acme"),))
    stranger = X509Signer("stranger", "vendors", (("O", "Other"),))

    proved = court.hear(Pen(holder).write(), court.signer, stranger, wide)

    assert [each.signer for each in proved.evidence] == ["vendor", "wide"]
    assert not proved.rejections


def test_a_signer_of_another_kind_cannot_speak_by_notation(holder):
    key = pki.key("p256")
    signer = KeySigner("team", key.public_key(), "00")

    assert "no signer that was asked has an X.509 trust store" in Court.trusting(holder).reason(
        Pen(holder).write(), signer
    )


def test_a_trust_store_that_is_not_loaded_proves_nothing(holder):
    court = Court.trusting(holder)

    assert "not loaded" in court.reason(Pen(holder).write(), replace(court.signer, store="elsewhere"))


@both_forms
def test_a_chain_under_another_root_of_the_same_name_is_refused(holder, form):
    twin = pki.root("C=US,O=Acme,CN=root", private=pki.key("p256", "twin"))
    court = Court(X509Store("vendors", (twin.certificate,)))

    assert "has no certificate authority that issued" in court.reason(Pen(holder, form).write())


def test_an_empty_trust_store_proves_nothing(holder):
    assert "has no certificate authority" in Court(X509Store("vendors", ())).reason(Pen(holder).write())


def test_a_self_signed_certificate_may_be_the_anchor_itself():
    alone = pki.issue("O=Acme,CN=release", purposes=[CODE])

    (evidence,) = Court.trusting(alone).hear(Pen(alone).write()).evidence

    assert evidence.certificate.authority == evidence.certificate.sha256


def test_a_self_signed_certificate_that_is_no_anchor_is_refused(holder):
    alone = pki.issue("C=US,ST=WA,O=Acme,CN=release", purposes=[CODE])

    assert "has no certificate authority" in Court.trusting(holder).reason(Pen(alone).write())


def test_a_self_signed_authority_must_not_sign_images():
    alone = pki.issue("O=Acme,CN=release", is_ca=True, usages=("digital_signature",))

    assert "certificate authority's" in Court.trusting(alone).reason(Pen(alone).write())


@both_forms
def test_a_revoked_key_anywhere_in_the_chain_is_refused(holder, form):
    for each in holder.chain:
        court = Court.trusting(holder)
        court.material = {"revoked": {spki_sha256(each): "INC-1"}}

        assert court.reason(Pen(holder, form).write()).endswith("revoked: INC-1")


def test_a_revoked_identity_of_an_issuer_is_not_a_companys(holder):
    court = Court.trusting(holder)
    court.material = {"revoked_identities": (RevokedIdentity("https://issuer.test", TextPattern.glob("**"), "INC-2"),)}

    assert court.hear(Pen(holder).write()).evidence


# --- taken back


@pytest.fixture(scope="module")
def listed():
    return company(subject="O=Acme,CN=release", crl=(CRL,))


@both_forms
def test_t34_revocation_is_asked_before_anything_is_proved(listed, form):
    court = Court.trusting(listed, hosts=frozenset({"crl.test"}))

    proved = court.hear(Pen(listed, form).write())

    assert proved.wanted == (CRL,)
    assert not proved.evidence
    assert "was not asked yet" in proved.rejections[0].reason


@both_forms
def test_t34_a_certificate_that_is_on_no_list_is_good(listed, form):
    court = Court.trusting(listed, hosts=frozenset({"crl.test"}))
    court.answers = {CRL: pki.crl(listed.issuer)}

    proved = court.hear(Pen(listed, form).write())

    assert (len(proved.evidence), proved.wanted) == (1, ())


@pytest.mark.parametrize("mode", ["enforce", "log"])
@both_forms
def test_t34_a_revoked_certificate_is_refused(listed, form, mode):
    court = Court.trusting(listed, hosts=frozenset({"crl.test"}), revocation=mode)
    court.answers = {CRL: pki.crl(listed.issuer, listed.certificate.serial_number)}

    assert "revoked" in court.reason(Pen(listed, form).write())


def test_t34_skip_asks_nobody(listed):
    proved = Court.trusting(listed, revocation="skip").hear(Pen(listed).write())

    assert (len(proved.evidence), proved.wanted) == (1, ())


def test_t34_under_log_nobodys_answer_is_a_warning(listed):
    court = Court.trusting(listed, revocation="log", hosts=frozenset({"crl.test"}))
    court.answers = {CRL: b""}

    (evidence,) = court.hear(Pen(listed).write()).evidence

    assert len(evidence.warnings) == 1


def test_t58_no_list_is_wanted_from_a_host_that_the_operator_did_not_name(listed):
    proved = Court.trusting(listed).hear(Pen(listed).write())

    assert proved.wanted == ()
    assert "crl.test" in proved.rejections[0].reason


def test_t34_nobody_is_asked_about_a_strangers_certificate(listed):
    court = Court.trusting(listed, hosts=frozenset({"crl.test"}))
    proved = court.hear(Pen(listed).write(), replace(court.signer, subject=(("O", "Other"),)))

    assert (proved.evidence, proved.wanted) == ((), ())


@both_forms
def test_t34_a_revoked_timestamp_authority_is_refused(holder, form):
    stamper, issuer = stampers()
    court = Court.trusting(holder, stamper=stamper, crls=(pki.crl(issuer, stamper.chain[0].serial_number),))

    assert "revoked" in court.reason(Pen(holder, form, stamper=stamper).write())


# --- what came


def test_t04_a_layer_that_is_not_what_its_digest_says_is_refused(holder):
    raw = Pen(holder).write()

    assert "the bytes are" in Court.trusting(holder).reason(raw, blob=Digest.of(b"other"))


@pytest.mark.parametrize("kind", ["application/cose", "application/json"])
def test_a_layer_under_another_media_type_is_refused(holder, kind):
    assert Court.trusting(holder).reason(Pen(holder).write(), media_type=kind)


def test_a_media_type_with_parameters_is_the_same(holder):
    assert Court.trusting(holder).hear(Pen(holder).write(), media_type="application/JOSE+json; charset=utf-8").evidence


def test_t51_an_envelope_over_the_cap_is_not_read(holder):
    raw = Pen(holder, header={"com.acme.padding": "x" * 128 * 1024}).write()

    assert "over 128 KiB" in Court.trusting(holder).reason(raw)


def test_a_signature_of_an_attestations_manifest_is_not_read(holder):
    reason = Court.trusting(holder).reason(Pen(holder).write(), subject=Digest.of(b"an attestation's manifest"))

    assert "attestation's manifest" in reason


def test_t41_junk_of_the_right_type_is_no_evidence(holder):
    for raw in (b"{}", b"\xd2", b"", b"\xd2\x84\x40\xa0\x40\x40"):
        assert Court.trusting(holder).reason(raw)


@both_forms
@given(st.data())
def test_t55_a_signature_with_any_byte_changed_never_raises_and_proves_only_what_was_signed(holder, form, data):
    raw = bytearray(Pen(holder, form).write())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))

    proved = Court.trusting(holder).hear(
        bytes(raw), media_type=f"application/{'cose' if form == 'cose' else 'jose+json'}"
    )

    assert len(proved.evidence) + len(proved.rejections) == 1
    assert all(each.subject == TARGET.digest and each.claims == {} for each in proved.evidence)
