"""A JWS envelope has one meaning, and what was signed is what came."""

import base64
import json

import pytest

from proxy.errors import ManifestInvalid
from proxy.verify.evidence import NotProved
from proxy.verify.notation import jws
from tests.fakes.notary import NAME, Pen, base64url, company


@pytest.fixture(scope="module")
def pen() -> Pen:
    return Pen(company())


def test_a_jws_is_read_whole(pen):
    envelope = jws.read(pen.write())
    parts = pen.parts()

    assert (envelope.form, envelope.algorithm) == ("notation-jws", "ES256")
    assert envelope.message.count(b".") == 1
    assert len(envelope.certificates) == 3
    assert len(envelope.message) == len(parts["protected"]) + 1 + len(parts["payload"])
    assert envelope.timestamp is None


def _with(**changes):
    return lambda parts: json.dumps(parts | changes)


def _protected(**changes):
    def change(parts):
        protected = json.loads(base64.urlsafe_b64decode(parts["protected"] + "=="))
        return json.dumps(parts | {"protected": base64url(json.dumps(protected | changes).encode())})

    return change


def _header(**changes):
    return lambda parts: json.dumps(parts | {"header": parts["header"] | changes})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(_with(signatures=[{}]), "exactly", id="t36 general form with several signatures"),
        pytest.param(lambda parts: json.dumps({**parts, "Payload": ""}), "spells", id="t06 a member in another case"),
        pytest.param(
            lambda parts: json.dumps({k: v for k, v in parts.items() if k != "header"}), "exactly", id="no header"
        ),
        pytest.param(
            lambda parts: json.dumps(parts)[:-1] + ',"payload":"e30"}',
            "twice",
            id="t06 a member that stands there twice",
        ),
        pytest.param(lambda parts: json.dumps(parts) + "{}", "not JSON", id="t06 a second document"),
        pytest.param(lambda parts: json.dumps([parts]), "not a JSON object", id="a list"),
        pytest.param(_with(payload=""), "base64url", id="an empty payload"),
        pytest.param(_with(payload="e30="), "base64url", id="padding"),
        pytest.param(_with(payload="e3 0"), "base64url", id="white space"),
        pytest.param(_with(payload="e31"), "mean nothing", id="t36 bits that are not decoded"),
        pytest.param(_with(payload="e3000"), "base64url", id="a length that base64 has not"),
        pytest.param(_with(payload=7), "base64url", id="a number"),
        pytest.param(_with(signature="a+b/"), "base64url", id="the other alphabet"),
        pytest.param(_with(protected=base64url(b'{"alg":"ES256","alg":"PS256"}')), "twice", id="t06 alg twice"),
        pytest.param(_with(protected=base64url(b"[]")), "not a JSON object", id="a protected list"),
        pytest.param(_protected(Alg="none"), "spells", id="t06 alg in another case"),
        pytest.param(_protected(b64=False), "b64", id="t36 b64:false"),
        pytest.param(_protected(b64=False, crit=[f"{NAME}signingScheme", "b64"]), "b64", id="t36 critical b64:false"),
        pytest.param(_protected(jwk={"kty": "EC"}), "jwk", id="a key that the signer brings"),
        pytest.param(_protected(x5u="https://evil.test"), "x5u", id="t58 a URL to a certificate"),
        pytest.param(_protected(x5c=["AA=="]), "x5c", id="a second chain"),
        pytest.param(_header(alg="ES256"), "outside what is signed", id="t36 alg in the unsigned header"),
        pytest.param(_header(crit=[]), "outside what is signed", id="crit in the unsigned header"),
        pytest.param(
            _header(**{f"{NAME}signingScheme": "notary.x509"}), "outside what is signed", id="the scheme twice"
        ),
        pytest.param(_header(X5C=[]), "spells", id="t06 x5c in another case"),
        pytest.param(_header(x5c=[]), "chain of 1 to 10", id="no certificate"),
        pytest.param(_header(x5c="AA=="), "chain of 1 to 10", id="a chain that is no list"),
        pytest.param(_header(x5c=["AA=="] * 11), "chain of 1 to 10", id="t53 eleven certificates"),
        pytest.param(_header(x5c=["!"]), "not base64", id="a certificate that is not base64"),
        pytest.param(_header(x5c=[7]), "not text", id="a certificate that is a number"),
        pytest.param(_header(**{f"{NAME}timestampSignature": "!"}), "not base64", id="a timestamp that is not base64"),
        pytest.param(_protected(**{f"{NAME}signingTime": "20261101T000000Z"}), "not a time", id="a time in basic form"),
        pytest.param(_protected(**{f"{NAME}signingTime": "2026-11-01"}), "not a time", id="a date"),
        pytest.param(_protected(**{f"{NAME}signingTime": "2026-11-01T00:00:00"}), "not a time", id="a local time"),
        pytest.param(_protected(**{f"{NAME}signingTime": "2026-13-01T00:00:00Z"}), "not a time", id="a 13th month"),
        pytest.param(
            _protected(**{f"{NAME}signingTime": "0001-01-01T00:00:00+23:59"}),
            "not a time",
            id="a time before all times",
        ),
        pytest.param(_protected(**{f"{NAME}signingTime": 1}), "not a time", id="a number for a time"),
        pytest.param(_protected(**{f"{NAME}signingTime": "١٩٧٠-01-01T00:00:00Z"}), "not a time", id="other digits"),
    ],
)
def test_a_jws_with_two_meanings_or_none_is_refused(pen, change, why):
    with pytest.raises((NotProved, ManifestInvalid)) as caught:
        jws.read(change(pen.parts()).encode())
    assert why in str(caught.value)


@pytest.mark.parametrize("text", ["2026-10-30T12:00:00Z", "2026-10-30T14:00:00+02:00", "2026-10-30T12:00:00.000Z"])
def test_one_moment_may_be_written_in_several_ways(pen, text):
    envelope = jws.read(_protected(**{f"{NAME}signingTime": text})(pen.parts()).encode())

    assert envelope.attributes.signed_at.isoformat() == "2026-10-30T12:00:00+00:00"
