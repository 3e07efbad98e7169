"""Signatures by somebody else, and certificates that lie about who it is (T21, T24, T28, T29, T30, T34, T52, T53)."""

import atexit
import base64
import functools
import json
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes import pki
from tests.fakes.hostile.forge import (
    AT,
    FORMS,
    OIDC,
    OIDC_CI,
    Forge,
    citizen,
    company,
    employee,
    fulcio,
    holder,
    private,
    workflow,
)
from tests.fakes.hostile.twins import (
    CERTIFIED,
    ENVELOPED,
    KEYLESS,
    NOTATION,
    SIMPLE,
    STAMPED,
    each_asked,
    hostile,
)
from tests.fakes.layouts import LAB
from tests.fakes.pki import Holder

_CI = "https://git.acme.test/acme/images/.github/workflows/release.yml@refs/tags/v1.0.0"
_NOT_MADE = dict.fromkeys(FORMS, "not made by the key") | dict.fromkeys(
    ("sig", "oci11", "bundle-key"), "made by another key"
)
_NEAR_SAYS = {
    "with a line behind it": "is not a plain",
    "of another type": {"att": "signed, but by", "sig-keyless": "is not a plain", "bundle": "is not a plain"},
}
_TOO_LONG = {
    "sig-keyless": "holds over 9 certificates",
    "att": "holds over 9 certificates",
    "bundle": "not a list of at most 10",
    "own-pki": "holds over 9 certificates",
    "jws": "a chain of 1 to 10 certificates",
    "cose": "a chain of 1 to 10 certificates",
}
_ISSUED = "an issuing certificate is valid from"
_GARBAGE = b"\x30\x06\x02\x01\x01\x02\x01\x01"


def _person(forge: Forge, **knobs: Any) -> Holder:
    """Whoever the case asks for, certified anew with these knobs."""
    if forge.form in (*NOTATION, "own-pki"):
        return employee(**knobs)
    return workflow(**knobs) if forge.form == "att" else citizen(**knobs)


# Chains.


@functools.cache
def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="hostile-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _short(issuer: Holder, **knobs: Any) -> Holder:
    """An authority that ended before anything was signed; what it issued did not."""
    ended = {"not_before": AT - timedelta(hours=2), "not_after": AT - timedelta(hours=1)}
    return issuer.issue(
        "C=US,ST=WA,O=acme.test,CN=short-lived",
        is_ca=True,
        private=ec.generate_private_key(ec.SECP256R1()),
        purposes=[pki.CODE],
        **ended | knobs,
    )


@functools.cache
def _ended() -> tuple[Holder, Path]:
    """Fulcio's own intermediate, ended before anything was signed; and the lab's trusted root, which lists it."""
    root = fulcio().issuer
    assert root is not None
    short = _short(root)
    document = json.loads((LAB / "trust" / "roots" / "rekor1.json").read_text())
    (authority,) = document["certificateAuthorities"]
    authority["certChain"]["certificates"][0]["rawBytes"] = base64.b64encode(short.der).decode()
    file = _folder() / "ended.json"
    file.write_text(json.dumps(document))
    return short, file


@hostile("T21", *KEYLESS, says=_ISSUED, ask=each_asked(lambda asked: asked.update(trusted_root=str(_ended()[1]))))
def a_leaf_that_outlives_the_roots_intermediate(forge: Forge):
    return [forge.make(by=_person(forge, issuer=_ended()[0]))]


@hostile("T21", "own-pki", *NOTATION, says=_ISSUED)
def a_leaf_that_outlives_its_intermediate(forge: Forge):
    root = company().issuer
    assert root is not None
    return [forge.make(by=_person(forge, issuer=_short(root)))]


# Signatures.


@hostile("T24", *SIMPLE, says="it is not signed")
def a_layer_without_a_signature(forge: Forge):
    return [forge.make(signature=b"")]


@hostile("T24", *ENVELOPED, says="has no signature")
def an_envelope_without_a_signature(forge: Forge):
    return [forge.make(signatures=0)]


@hostile("T24", says=_NOT_MADE)
def a_garbage_signature(forge: Forge):
    return [forge.make(made=lambda *_: b"x" * 64) if forge.form in NOTATION else forge.make(signature=_GARBAGE)]


@hostile("T24", "sig", "oci11", "bundle-key", says=_NOT_MADE)
def a_signature_by_an_unknown_key(forge: Forge):
    return [forge.make(by=private("k_other"))]


@hostile("T24", *CERTIFIED, says=_NOT_MADE)
def a_signature_by_another_key_than_the_certificates(forge: Forge):
    if forge.form in NOTATION:
        return [forge.make(private=private("n_p256_dev"))]
    right = _person(forge)
    return [forge.make(by=Holder(right.certificate, private("k_other"), right.issuer))]


@hostile("T24", *CERTIFIED, says="no certificate authority that issued")
def a_certificate_of_an_authority_that_nobody_trusts(forge: Forge):
    root = pki.root(
        "C=US,ST=WA,O=acme.test,CN=lab-sigstore", not_before=AT - timedelta(days=9), not_after=AT + timedelta(days=9)
    )
    between = root.issue("C=US,ST=WA,O=acme.test,CN=lab-sigstore-intermediate", is_ca=True, purposes=[pki.CODE])
    return [forge.make(by=_person(forge, issuer=between))]


# Names that are nearly the right one.


def _near(kind: str) -> dict[str, x509.GeneralName]:
    if kind == "uri":
        make, right = x509.UniformResourceIdentifier, _CI
        other: x509.GeneralName = x509.RFC822Name("release@acme.test")
        prefix = "https://evil.test/"
    else:
        make, right = x509.RFC822Name, "builder@acme.test"
        other = x509.UniformResourceIdentifier("builder@acme.test")
        prefix = "evil-"
    return {
        "with something before it": make(prefix + right),
        "with something behind it": make(right + ".evil.test"),
        "with a line behind it": make(right + "\nx"),
        "in other case": make(right.replace("acme", "Acme")),
        "with an escape": make(right.replace("e", "%65", 1)),
        "of another type": other,
    }


for _name in _near("email"):

    @hostile("T28", *KEYLESS, says=_NEAR_SAYS.get(_name, "signed, but by"), name=f"a name {_name}")
    def a_name_that_is_nearly_right(forge: Forge, name: str = _name):
        kind = "uri" if forge.form == "att" else "email"
        return [
            forge.make(by=_person(forge, sans=(_near(kind)[name],)) if kind == "uri" else citizen(_near(kind)[name]))
        ]


@hostile("T28", *KEYLESS, says="instead of")
def another_issuer_of_the_same_name(forge: Forge):
    oidc = OIDC if forge.form == "att" else OIDC_CI
    return [forge.make(by=_person(forge, oidc=oidc))]


for _wrong in ("evil-signer@acme.test", "signer@acme.test.evil.test", "signer@ACME.test"):

    @hostile("T28", "own-pki", says="instead of", name=f"the address {_wrong}")
    def an_address_that_is_nearly_right(forge: Forge, wrong: str = _wrong):
        return [forge.make(by=employee(sans=(x509.RFC822Name(wrong),)))]


for _wrong in (
    "O=acme.test,CN=release-signer2",
    "O=acme.test.evil.test,CN=release-signer",
    "O=Acme.test,CN=release-signer",
):

    @hostile("T28", *NOTATION, says="signed, but by", name=f"the subject {_wrong}")
    def a_subject_that_is_nearly_right(forge: Forge, wrong: str = _wrong):
        return [forge.make(by=employee(subject=f"C=US,ST=WA,{wrong}"))]


@hostile("T29", *KEYLESS, "own-pki", says="alternative names; an identity has exactly one")
def a_certificate_with_two_names(forge: Forge):
    right = {"att": x509.UniformResourceIdentifier(_CI), "own-pki": x509.RFC822Name("signer@acme.test")}
    names = (right.get(forge.form, x509.RFC822Name("builder@acme.test")), x509.RFC822Name("mallory@acme.test"))
    return [forge.make(by=citizen(*names) if forge.form in ("sig-keyless", "bundle") else _person(forge, sans=names))]


@hostile("T29", *KEYLESS, says="two different issuers")
def a_certificate_with_two_issuers(forge: Forge):
    right = OIDC_CI if forge.form == "att" else OIDC
    extra = [pki.fulcio(1, b"https://accounts.google.com"), pki.fulcio(8, pki.utf8(right))]
    return [forge.make(by=_person(forge, extra=extra))]


@hostile("T29", *KEYLESS, says="two different issuers")
def a_certificate_whose_new_issuer_is_another(forge: Forge):
    right = OIDC_CI if forge.form == "att" else OIDC
    extra = [pki.fulcio(1, right.encode()), pki.fulcio(8, pki.utf8("https://accounts.google.com"))]
    return [forge.make(by=_person(forge, extra=extra))]


# Two are asked for.


def _and_another(one: dict[str, Any]) -> None:
    (asked,) = one.pop("any_of")
    other = dict(asked)
    if "keyless" in asked:
        other["keyless"] = asked["keyless"] | {"identity": "reviewer@acme.test"}
    elif "notation" in asked:
        other["notation"] = asked["notation"] | {
            "trusted_identity": "x509.subject: C=US, ST=WA, O=acme.test, CN=dev-signer"
        }
    else:
        other["own_pki"] = {"identity": "reviewer@acme.test"}
    one["all_of"] = [asked, other]


@hostile("T30", *CERTIFIED, says="no ", level="policy", ask=_and_another)
def the_same_person_twice_where_two_are_asked_for(forge: Forge):
    """With two certificates, as a person gets one for each signing."""
    return [forge.make(by=_person(forge)), forge.make(by=_person(forge))]


# Revoked.


@functools.cache
def _revoked(which: str) -> tuple[Holder, Path]:
    """A certificate and the CRL, as a file, by which its authority took it back."""
    if which == "stamper":
        authority = holder("tsa_a.chain.pem", "tsa_a_leaf", "tsa_a_int")
        person, issuer = authority, authority.issuer
    else:
        person = employee()
        issuer = person.issuer
    assert issuer is not None
    raw = pki.crl(
        issuer,
        person.certificate.serial_number,
        begins=AT - timedelta(days=1),
        ends=AT + timedelta(days=3000),
        hash_with=hashes.SHA256(),
    )
    file = _folder() / f"{which}.crl"
    file.write_bytes(raw)
    return person, file


def _with_crl(which: str):
    return each_asked(lambda asked: asked.update(crls=[str(_revoked(which)[1])]))


@hostile("T34", "own-pki", *NOTATION, says="revoked", ask=_with_crl("person"))
def a_certificate_that_its_authority_took_back(forge: Forge):
    return [forge.make(by=_revoked("person")[0])]


@hostile("T34", *NOTATION, says="revoked", case=STAMPED, ask=_with_crl("stamper"))
def a_timestamp_authority_that_was_taken_back(forge: Forge):
    return [forge.make()]


# Names and chains beyond all measure.


@hostile("T52", *NOTATION, says="at most 64 are read")
def a_subject_of_two_thousand_parts(forge: Forge):
    return [forge.make(by=employee(subject="C=US,ST=WA,O=acme.test,CN=release-signer," + "OU=x," * 2000))]


@hostile("T52", *NOTATION, says="says one attribute twice")
def a_subject_that_says_two_common_names(forge: Forge):
    return [forge.make(by=employee(subject="C=US,ST=WA,O=acme.test,CN=mallory,CN=release-signer"))]


@hostile("T52", *NOTATION, says="signed, but by")
def a_subject_whose_value_looks_like_syntax(forge: Forge):
    return [forge.make(by=employee(subject="C=US,ST=WA,O=acme.test,CN=#0402" + "41" * 20))]


@hostile("T53", *CERTIFIED, says=_TOO_LONG)
def more_intermediates_than_any_chain_has(forge: Forge):
    by = _person(forge)
    ders = [by.der, *[each.public_bytes(Encoding.DER) for each in by.chain[1:]] * 10]
    return [forge.make(by=by, chain=tuple(ders)) if forge.form in NOTATION else forge.make(by=by, certificates=ders)]
