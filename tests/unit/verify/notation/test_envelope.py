"""Attributes that must be understood are understood, or nothing is proved: the same in both envelopes."""

import pytest

from proxy.verify.evidence import NotProved
from proxy.verify.notation import cose, jws
from tests.fakes.notary import FORMS, NAME, Pen, company
from tests.fakes.pki import DAY, NOW

READ = {"jws": jws.read, "cose": cose.read}
SCHEME, TIME, AUTHENTIC = f"{NAME}signingScheme", f"{NAME}signingTime", f"{NAME}authenticSigningTime"
EXPIRY, PLUGIN = f"{NAME}expiry", f"{NAME}verificationPlugin"
AUTHORITY = {SCHEME: "notary.x509.signingAuthority", TIME: None, AUTHENTIC: NOW - DAY, "crit": [SCHEME, AUTHENTIC]}


@pytest.fixture(scope="module")
def holder():
    return company()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("protected", "why"),
    [
        pytest.param({"cty": None}, "content of type", id="no content type"),
        pytest.param({"cty": "application/vnd.in-toto+json"}, "content of type", id="t22 another content type"),
        pytest.param({"crit": None}, "does not list its critical headers", id="no crit"),
        pytest.param({"crit": []}, "is not marked critical", id="an empty crit"),
        pytest.param({"crit": SCHEME}, "does not list its critical headers", id="a crit that is no list"),
        pytest.param({"crit": [[SCHEME]]}, "does not list its critical headers", id="a crit of lists"),
        pytest.param({"crit": [SCHEME, SCHEME]}, "twice", id="a critical header twice"),
        pytest.param({"crit": [SCHEME, TIME]}, "not understood here", id="a header critical that must not be"),
        pytest.param({"crit": [SCHEME, EXPIRY]}, "not understood here", id="a critical header that is not there"),
        pytest.param(
            {"crit": [SCHEME, "com.acme.level"], "com.acme.level": "9"},
            "not understood here",
            id="an unknown condition",
        ),
        pytest.param({EXPIRY: NOW + DAY}, "expiry is not marked critical", id="an expiry that may be passed over"),
        pytest.param({PLUGIN: "com.acme", "crit": [SCHEME, PLUGIN]}, "plugin", id="a critical plugin"),
        pytest.param({PLUGIN: "com.acme"}, "plugin", id="a plugin that is not marked critical"),
        pytest.param({f"{PLUGIN}MinVersion": "1.0.0"}, "plugin", id="a plugin's version"),
        pytest.param({PLUGIN.swapcase(): "com.acme"}, "plugin", id="a plugin in another case"),
        pytest.param({"bare": 1}, "'bare' is none of Notation's", id="a header that only an envelope may define"),
        pytest.param({SCHEME: None}, "signing scheme", id="no scheme"),
        pytest.param({SCHEME: "notary.x509.other"}, "signing scheme", id="an unknown scheme"),
        pytest.param({SCHEME: 7}, "signing scheme", id="a scheme that is no text"),
        pytest.param({TIME: None}, "must carry", id="no signing time"),
        pytest.param({AUTHENTIC: NOW}, "must not carry", id="both times"),
        pytest.param(AUTHORITY | {TIME: NOW}, "must not carry", id="both times under an authority"),
        pytest.param(AUTHORITY | {AUTHENTIC: None}, "must carry", id="an authority without a time"),
        pytest.param(AUTHORITY | {"crit": [SCHEME]}, "is not marked critical", id="an authority's time passed over"),
        pytest.param(
            {EXPIRY: NOW - 2 * DAY, "crit": [SCHEME, EXPIRY]}, "expires before it was made", id="it ends as it begins"
        ),
    ],
)
def test_t36_a_header_that_is_not_understood_proves_nothing(holder, form, protected, why):
    with pytest.raises(NotProved, match=why):
        READ[form](Pen(holder, form, protected).write())


@pytest.mark.parametrize("form", FORMS)
def test_somebodys_own_attribute_that_is_not_critical_is_passed_over(holder, form):
    envelope = READ[form](Pen(holder, form, {"com.acme.build": "7"}).write())

    assert envelope.attributes.scheme == "notary.x509"


@pytest.mark.parametrize("form", FORMS)
def test_the_signed_attributes_are_those_that_were_written(holder, form):
    protected = AUTHORITY | {EXPIRY: NOW + DAY, "crit": [EXPIRY, AUTHENTIC, SCHEME]}

    attributes = READ[form](Pen(holder, form, protected).write()).attributes

    assert attributes.scheme == "notary.x509.signingAuthority"
    assert (attributes.signed_at, attributes.expires_at) == (NOW - DAY, NOW + DAY)
