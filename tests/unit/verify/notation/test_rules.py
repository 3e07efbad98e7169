"""Payload, algorithm and certificates: each thing that is bound has a twin in which it is wrong."""

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.verify.evidence import Target
from tests.fakes import pki
from tests.fakes.notary import FORMS, TARGET, Court, Pen, algorithm_of, company, hash_of, sign
from tests.fakes.pki import CODE

KINDS = ("p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096")


@pytest.fixture(scope="module")
def holder():
    return company()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_key_that_notation_signs_with_is_proved_by_its_own_algorithm(form, kind):
    holder = company(kind)

    (evidence,) = Court.trusting(holder).hear(Pen(holder, form).write()).evidence

    assert (evidence.form, evidence.subject) == (f"notation-{form}", TARGET.digest)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("kind", "said"), [("p256", "ES384"), ("p384", "ES256"), ("rsa2048", "PS512"), ("rsa3072", "ES384")]
)
def test_t36_an_algorithm_that_is_not_the_keys_own_is_refused(form, kind, said):
    holder = company(kind)

    reason = Court.trusting(holder).reason(Pen(holder, form, algorithm=said).write())

    assert reason == f"the signature says '{said}', but its certificate's key makes {algorithm_of(holder.private)}"


@pytest.mark.parametrize("said", ["none", "HS256", "RS256", "EdDSA", "es256"])
def test_t36_an_algorithm_that_notation_has_not_is_refused(holder, said):
    assert "key makes ES256" in Court.trusting(holder).reason(Pen(holder, algorithm=said).write())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["rsa2560", "ed25519"])
def test_a_key_outside_the_table_is_refused(form, kind):
    holder = company(kind)
    pen = Pen(holder, form, made=lambda message, private: b"x" * 64, private=pki.key("p256"))

    assert "not one that Notation signs with" in Court.trusting(holder).reason(pen.write())


@pytest.mark.parametrize("form", FORMS)
def test_a_signature_by_another_key_than_the_certificates_is_refused(holder, form):
    pen = Pen(holder, form, private=pki.key("p256", "a thief's"))

    assert "not made by the key of its certificate" in Court.trusting(holder).reason(pen.write())


@pytest.mark.parametrize("form", FORMS)
def test_a_signature_with_one_changed_bit_is_refused(holder, form):
    def flipped(message, private):
        right = sign(message, private)
        return right[:-1] + bytes([right[-1] ^ 1])

    assert "not made by the key" in Court.trusting(holder).reason(Pen(holder, form, made=flipped).write())


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda message, private: private.sign(message, ec.ECDSA(hashes.SHA256())), id="in DER"),
        pytest.param(lambda message, private: sign(message, private) + b"\0", id="too long"),
        pytest.param(lambda message, private: b"\0" * 64, id="all zero"),
        pytest.param(lambda message, private: b"\xff" * 64, id="all ones"),
        pytest.param(lambda message, private: b"x", id="one byte"),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_an_ec_signature_in_another_spelling_is_refused(holder, form, wrong):
    assert "not made by the key" in Court.trusting(holder).reason(Pen(holder, form, made=wrong).write())


@pytest.mark.parametrize(
    "scheme",
    [
        pytest.param(padding.PKCS1v15(), id="PKCS #1 v1.5"),
        pytest.param(padding.PSS(padding.MGF1(hashes.SHA256()), 20), id="a shorter salt"),
    ],
)
def test_an_rsa_signature_in_another_scheme_is_refused(scheme):
    holder = company("rsa2048")
    pen = Pen(holder, made=lambda message, private: private.sign(message, scheme, hash_of(private)))

    assert "not made by the key" in Court.trusting(holder).reason(pen.write())


@pytest.mark.parametrize("form", FORMS)
def test_t36_a_payload_that_says_the_same_in_other_bytes_is_refused(holder, form):
    pen = Pen(holder, form)
    other = json.dumps(json.loads(pen._payload()), separators=(",", ":")).encode()
    forged = Pen(holder, form, payload=other, made=lambda _, private: _signature_of(pen))

    assert "it was changed since" in Court.trusting(holder).reason(forged.write())


def _signature_of(pen):
    taken = []
    Pen(pen.by, pen.form, made=lambda message, private: taken.append(sign(message, private)) or taken[0]).write()
    return taken[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("artifact", "why"),
    [
        pytest.param({"digest": f"sha256:{'0' * 64}"}, "it is a signature of 'sha256:000", id="another digest"),
        pytest.param({"digest": None}, "it is a signature of", id="no digest"),
        pytest.param({"size": TARGET.size + 1}, "another size", id="another size"),
        pytest.param({"size": None}, "another size", id="no size"),
        pytest.param({"size": str(TARGET.size)}, "another size", id="a size in text"),
        pytest.param({"size": float(TARGET.size)}, "another size", id="a size that is not whole"),
        pytest.param({"mediaType": "application/vnd.oci.image.index.v1+json"}, "media type", id="another media type"),
        pytest.param({"mediaType": None}, "media type", id="no media type"),
        pytest.param({"Digest": "x"}, "spells", id="a digest in another case"),
        pytest.param({"annotations": []}, "not a JSON object", id="annotations in a list"),
        pytest.param({"annotations": {"build": 7}}, "not text", id="an annotation that is no text"),
    ],
)
def test_t04_a_signature_of_another_descriptor_is_refused(holder, form, artifact, why):
    assert why in Court.trusting(holder).reason(Pen(holder, form, artifact=artifact).write())


def test_t04_the_size_true_is_not_the_size_one(holder):
    court = Court.trusting(holder)
    court.target = Target(TARGET.repository, TARGET.digest, TARGET.media_type, 1)

    assert court.hear(Pen(holder, artifact={"size": 1}).write()).evidence
    assert "another size" in court.reason(Pen(holder, artifact={"size": True}).write())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("payload", "why"),
    [
        pytest.param(b"{}", "exactly its targetArtifact", id="nothing"),
        pytest.param(b'{"targetArtifact":{},"more":1}', "exactly its targetArtifact", id="more than it"),
        pytest.param(b'{"targetArtifact":[]}', "not a JSON object", id="a list"),
        pytest.param(b'{"targetArtifact":{"size":1,"size":2}}', "twice", id="t06 a size that is said twice"),
        pytest.param(b'{"targetArtifact":{}} ', "it is a signature of", id="an empty descriptor"),
        pytest.param(b"x", "not JSON", id="no JSON"),
    ],
)
def test_t22_a_payload_that_is_none_is_refused(holder, form, payload, why):
    assert why in Court.trusting(holder).reason(Pen(holder, form, payload=payload).write())


@pytest.mark.parametrize("form", FORMS)
def test_signed_annotations_are_claims_without_notations_own(holder, form):
    pen = Pen(holder, form, artifact={"annotations": {"build": "4711", "io.cncf.notary.x": "y"}})

    (evidence,) = Court.trusting(holder).hear(pen.write()).evidence

    assert evidence.claims == {"build": "4711"}
    assert evidence.names is None


@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        pytest.param({"usages": ()}, "no key usage", id="no key usage"),
        pytest.param({"usages": (), "extra": [pki.usage("digital_signature")]}, "not critical", id="one not critical"),
        pytest.param({"usages": ("content_commitment",)}, "does not permit", id="no digital signature"),
        pytest.param({"usages": ("digital_signature", "key_encipherment")}, "more than", id="key encipherment"),
        pytest.param({"usages": ("digital_signature", "data_encipherment")}, "more than", id="data encipherment"),
        pytest.param({"usages": ("digital_signature", "key_agreement")}, "more than", id="key agreement"),
        pytest.param({"usages": ("digital_signature", "key_cert_sign")}, "more than", id="certificate signing"),
        pytest.param({"usages": ("digital_signature", "crl_sign")}, "more than", id="CRL signing"),
        pytest.param({"ca_flag": True}, "certificate authority's", id="an authority"),
        pytest.param({"purposes": [CODE, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]}, "anyExtended", id="any purpose"),
        pytest.param({"purposes": [CODE, ExtendedKeyUsageOID.SERVER_AUTH]}, "serverAuth", id="a server"),
        pytest.param({"purposes": [CODE, ExtendedKeyUsageOID.CLIENT_AUTH]}, "clientAuth", id="a client"),
        pytest.param({"purposes": [CODE, ExtendedKeyUsageOID.EMAIL_PROTECTION]}, "emailProtection", id="mail"),
        pytest.param({"purposes": [CODE, ExtendedKeyUsageOID.TIME_STAMPING]}, "timeStamping", id="time stamping"),
        pytest.param({"purposes": [CODE, ExtendedKeyUsageOID.OCSP_SIGNING]}, "OCSPSigning", id="OCSP"),
        pytest.param(
            {"purposes": [x509.ObjectIdentifier("1.2.3.4")]},
            "does not permit codeSigning",
            id="some other purpose alone",
        ),
    ],
)
def test_a_certificate_that_is_not_for_signing_code_alone_is_refused(leaf, why):
    holder = company(**leaf)

    assert why in Court.trusting(holder).reason(Pen(holder).write())


@pytest.mark.parametrize("purposes", [None, [CODE], [CODE, x509.ObjectIdentifier("1.2.3.4")]])
def test_a_certificate_without_purposes_or_with_its_own_beside_code_signing_may_sign(purposes):
    holder = company(purposes=purposes)

    assert Court.trusting(holder).hear(Pen(holder).write()).evidence


def _ders(*certificates):
    return tuple(each.public_bytes(Encoding.DER) for each in certificates)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "order",
    [
        pytest.param((0, 1), id="without its root"),
        pytest.param((0, 2, 1), id="in another order"),
        pytest.param((0, 1, 1, 2), id="one twice"),
        pytest.param((0, 1, 2, 2), id="the root twice"),
    ],
)
def test_a_chain_that_is_not_whole_and_in_order_is_refused(holder, form, order):
    chain = _ders(*(holder.chain[place] for place in order))

    assert "whole chain in order" in Court.trusting(holder).reason(Pen(holder, form, chain=chain).write())


@pytest.mark.parametrize("form", FORMS)
def test_a_chain_without_its_intermediate_leads_nowhere(holder, form):
    chain = _ders(holder.chain[0], holder.chain[2])

    assert "has no certificate authority that issued" in Court.trusting(holder).reason(
        Pen(holder, form, chain=chain).write()
    )


def test_a_chain_with_a_strangers_certificate_behind_it_is_refused(holder):
    chain = _ders(*holder.chain, pki.root("O=Stranger,CN=root").certificate)

    assert "whole chain in order" in Court.trusting(holder).reason(Pen(holder, chain=chain).write())


def test_the_other_certificate_first_is_another_signer(holder):
    chain = _ders(holder.chain[1], holder.chain[0], holder.chain[2])

    assert "key usage" in Court.trusting(holder).reason(Pen(holder, chain=chain).write())


def test_a_certificate_that_does_not_parse_is_refused(holder):
    assert "cannot be read" in Court.trusting(holder).reason(Pen(holder, chain=(b"\x30\x00",)).write())
