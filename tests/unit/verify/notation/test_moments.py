"""A signature holds from when it was made, as far as something else than the signer's word proves that."""

import pytest

from tests.fakes import pki
from tests.fakes.notary import FORMS, LATER, NAME, Court, Pen, company, stampers
from tests.fakes.pki import CODE, DAY, NOW

SCHEME, TIME, AUTHENTIC, EXPIRY = (
    f"{NAME}{each}" for each in ("signingScheme", "signingTime", "authenticSigningTime", "expiry")
)
both_forms = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module")
def holder():
    return company()


@pytest.fixture(scope="module")
def stamper():
    return stampers()[0]


@both_forms
def test_t12_a_signature_is_over_when_it_says_so(holder, form):
    ends = NOW + DAY
    raw = Pen(holder, form, {EXPIRY: ends, "crit": [SCHEME, EXPIRY]}).write()
    court = Court.trusting(holder)

    assert court.hear(raw).evidence[0].valid_until == ends
    court.now = ends
    assert court.reason(raw) == f"the signature expired at {ends.isoformat()}; it needs a newer one"


def test_t12_an_expiry_counts_beside_a_timestamp_too(holder, stamper):
    ends = NOW + DAY
    raw = Pen(holder, "jws", {EXPIRY: ends, "crit": [SCHEME, EXPIRY]}, stamper=stamper).write()
    court = Court.trusting(holder, stamper=stamper)

    assert court.hear(raw).evidence[0].valid_until == ends
    court.now = ends
    assert "expired" in court.reason(raw)


@both_forms
def test_t21_without_a_timestamp_the_whole_chain_must_be_valid_now(holder, form):
    court = Court.trusting(holder)
    court.now = NOW + LATER

    assert "no timestamp that the store trusts" in court.reason(Pen(holder, form).write())


def test_t21_an_intermediate_that_has_ended_ends_the_chain():
    root = pki.root("O=Acme,CN=root", not_after=NOW + LATER)
    between = root.issue("O=Acme,CN=between", is_ca=True, not_after=NOW - DAY)
    outliving = between.issue("O=Acme,CN=release", purposes=[CODE], not_after=NOW + LATER)

    assert "an issuing certificate is valid from" in Court.trusting(outliving).reason(Pen(outliving).write())


@both_forms
def test_a_timestamp_keeps_a_signature_beyond_its_certificate(holder, stamper, form):
    court = Court.trusting(holder, stamper=stamper)
    court.now = NOW + LATER

    (evidence,) = court.hear(Pen(holder, form, stamper=stamper).write()).evidence

    assert evidence.proved_at == NOW - DAY
    assert evidence.valid_until is None
    assert evidence.rests_on == (court.store.item(holder.chain[-1]), court.store.item(stamper.chain[-1]))


def test_a_timestamp_counts_only_under_the_stores_own_anchors(holder, stamper):
    raw = Pen(holder, stamper=stamper).write()
    court = Court.trusting(holder)

    assert court.hear(raw).evidence[0].proved_at is None
    court.now = NOW + LATER
    assert "no timestamp that the store trusts" in court.reason(raw)


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        pytest.param({"stamps": b"another signature"}, "stamps something else", id="of another signature"),
        pytest.param({"stamped_at": NOW - 3 * DAY}, "before it was made", id="from before it was made"),
        pytest.param({"stamped_at": NOW + 99 * DAY}, "valid from", id="from after the certificate"),
        pytest.param({"header": {f"{NAME}timestampSignature": b"junk"}, "stamper": None}, "timestamp", id="of junk"),
    ],
)
@both_forms
def test_t33_a_timestamp_that_is_wrong_is_not_passed_over(stamper, form, knobs, why):
    holder = company(not_after=NOW + 50 * DAY)
    court = Court.trusting(holder, stamper=stamper)

    assert why in court.reason(Pen(holder, form, **({"stamper": stamper} | knobs)).write())


@pytest.mark.parametrize("stamping", [{"accuracy": {"seconds": 2}}, {"policy": "0.4.0.2023.1.1"}])
@pytest.mark.parametrize("edge", ["begins", "ends"])
def test_t33_the_chain_must_hold_wherever_in_its_accuracy_the_timestamp_is(stamper, stamping, edge):
    at = NOW - DAY
    exact = {"begins": {"not_before": at}, "ends": {"not_after": at}}[edge]
    holder = company(**exact)
    court = Court.trusting(holder, stamper=stamper)
    court.now = NOW + LATER
    pen = Pen(holder, stamper=stamper, stamped_at=at)

    assert court.hear(pen.write()).evidence[0].proved_at == at
    pen.stamping = stamping
    assert "the signing certificate is valid from" in court.reason(pen.write())


@both_forms
def test_t33_a_timestamp_by_a_stranger_is_refused(holder, stamper, form):
    stranger, _ = stampers("Stranger")
    court = Court.trusting(holder, stamper=stamper)

    assert "no certificate authority that issued" in court.reason(Pen(holder, form, stamper=stranger).write())


def authority(**more):
    said = {SCHEME: "notary.x509.signingAuthority", TIME: None, AUTHENTIC: NOW - DAY, "crit": [SCHEME, AUTHENTIC]}
    return said | more


@both_forms
def test_a_signing_authoritys_time_is_held_against_the_chain_and_proves_none(holder, form):
    (evidence,) = Court.trusting(holder).hear(Pen(holder, form, authority()).write()).evidence

    assert evidence.proved_at is None
    assert evidence.valid_until == min(each.not_valid_after_utc for each in holder.chain)


@both_forms
def test_t31_a_signer_cannot_put_himself_back_into_a_certificate_that_has_ended(holder, form):
    court = Court.trusting(holder)
    court.now = NOW + LATER

    assert "ended at" in court.reason(Pen(holder, form, authority()).write())


@pytest.mark.parametrize(
    ("time", "why"),
    [
        pytest.param(NOW + DAY, "yet to come", id="in the future"),
        pytest.param(NOW - 200 * DAY, "is valid from", id="before the certificate"),
    ],
)
@both_forms
def test_t31_a_signing_authoritys_time_must_be_within_its_certificate(holder, form, time, why):
    assert why in Court.trusting(holder).reason(Pen(holder, form, authority(**{AUTHENTIC: time})).write())


def test_a_signing_authoritys_timestamp_is_not_looked_at(holder, stamper):
    raw = Pen(holder, "jws", authority(), stamper=stamper, stamps=b"other").write()

    assert Court.trusting(holder, stamper=stamper).hear(raw).evidence
