"""One envelope in three shapes: cosign's `.att`, an in-toto referrer, a bundle. Each lie is told in each of them."""

import base64
import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.digest import Digest
from proxy.verify.evidence import Evidence, Rejection
from proxy.verify.formats.statement import SIGN
from tests.unit.verify.conftest import SHAPES

FORMS = {"att": "dsse", "referrer": "dsse", "bundle": "bundle"}
every_shape = pytest.mark.parametrize("shape", SHAPES)


def only(lab, shape, envelope, *signers, **fields) -> Evidence | Rejection:
    (proof,) = lab.proofs(lab.shaped(shape, envelope, **fields), *signers or (lab.signer(),))
    return proof


def reason(lab, shape, envelope, *signers, **fields) -> str:
    proof = only(lab, shape, envelope, *signers, **fields)
    assert isinstance(proof, Rejection)
    return proof.reason


@every_shape
def test_t26_an_attestation_is_evidence_of_what_it_says_and_is_no_signature(lab, shape):
    envelope = lab.envelope(lab.statement(predicate={"high": 0}))
    found = lab.shaped(shape, envelope)
    assert only(lab, shape, envelope) == Evidence(
        kind="attestation",
        signer="team",
        identity=f"key:{lab.signer().spki}",
        subject=lab.subject,
        names=None,
        claims={},
        sources=(found.manifest, found.blob),
        place=found.place,
        predicate_type="https://acme.test/scan/v1",
        form=FORMS[shape],
        rests_on=(lab.signer().item,),
    )
    assert only(lab, shape, envelope).predicate == {"high": 0}


@every_shape
@pytest.mark.parametrize(
    "predicate_type",
    [
        "https://sigstore.dev/cosign/sign/v1/",
        "https://sigstore.dev/cosign/sign",
        "https://SIGSTORE.dev/cosign/sign/v1",
        "https://slsa.dev/provenance/v1",
        "https://cosign.sigstore.dev/attestation/v1",
    ],
)
def test_t26_no_other_predicate_signs(lab, shape, predicate_type):
    assert only(lab, shape, lab.envelope(lab.statement(predicate_type))).kind == "attestation"


@every_shape
def test_cosigns_own_predicate_signs_and_claims_its_annotations(lab, shape):
    subject = {"digest": {"sha256": lab.subject.hex}, "annotations": {"build": "4711"}}
    proof = only(lab, shape, lab.envelope(lab.statement(SIGN, subject=[subject])))
    assert (proof.kind, proof.names, proof.claims) == ("signature", None, {"build": "4711"})
    assert proof.predicate_type == SIGN


@every_shape
@pytest.mark.parametrize("signatures", [[], None, {}, [{}], [{"sig": ""}], [{"keyid": "x"}], ["x"]])
def test_t24_an_envelope_without_a_signature_is_not_evidence(lab, shape, signatures):
    assert "DSSE envelope" in reason(lab, shape, lab.envelope(signatures=signatures))


@every_shape
@pytest.mark.parametrize("sig", [base64.b64encode(b"garbage").decode(), "AAAA", base64.b64encode(b"0" * 70).decode()])
def test_t24_an_envelope_with_a_garbage_signature_is_not_evidence(lab, shape, sig):
    envelope = lab.envelope(signatures=[{"sig": sig}])
    assert reason(lab, shape, envelope) == "it was made by another key than team, or its payload was changed"


@every_shape
def test_t24_an_envelope_by_an_unknown_key_is_not_evidence(lab, shape):
    envelope = lab.envelope(by="stranger")
    assert "by another key than one, two" in reason(lab, shape, envelope, lab.signer("one"), lab.signer("two"))


@every_shape
def test_t24_a_signature_over_the_bare_payload_is_not_evidence(lab, shape):
    """PAE binds the type; a signature of something else with the same bytes must not count."""
    raw = json.dumps(lab.statement()).encode()
    simple = lab.found(raw)
    signature = next(iter(simple.annotations.values()))
    assert "another key" in reason(lab, shape, lab.envelope(raw, signatures=[{"sig": signature}]))


@every_shape
def test_t22_a_payload_of_another_type_is_not_a_statement_though_it_is_signed(lab, shape):
    envelope = lab.envelope(signed_type="application/json")
    assert "holds 'application/json', not application/vnd.in-toto+json" in reason(lab, shape, envelope)
    assert "another key" in reason(lab, shape, envelope | {"payloadType": "application/vnd.in-toto+json"})


@every_shape
@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b"not json", b"{} {}", b"\xff", b'{"_type": 1}', b"[" * 100_000]
)
def test_t22_a_malformed_statement_is_rejected_though_it_is_signed(lab, shape, raw):
    assert "statement" in reason(lab, shape, lab.envelope(raw))


@every_shape
def test_t37_a_statement_of_another_digest_is_rejected_though_it_is_signed(lab, shape):
    other = Digest.of(b"another image of the same publisher")
    envelope = lab.envelope(lab.statement(subject=[{"digest": {"sha256": other.hex}}]))
    assert reason(lab, shape, envelope) == f"it speaks of sha256 '{other.hex}', not of {lab.subject}"


@every_shape
def test_t36_a_statement_that_was_written_anew_with_the_same_meaning_is_rejected(lab, shape):
    envelope = lab.envelope()
    pretty = json.dumps(json.loads(base64.b64decode(envelope["payload"])), indent=1).encode()
    anew = envelope | {"payload": base64.b64encode(pretty).decode()}
    assert "payload was changed" in reason(lab, shape, anew)


@every_shape
def test_t04_a_layer_that_is_not_what_its_digest_names_is_rejected(lab, shape):
    assert "the bytes are sha256:" in reason(lab, shape, lab.envelope(), blob=Digest.of(b"other"))


@every_shape
def test_t51_a_hundred_thousand_subjects_are_rejected(lab, shape):
    many = [{"digest": {"sha256": lab.subject.hex}}] * 100_000
    assert "names 100000 subjects" in reason(lab, shape, lab.envelope(lab.statement(subject=many)))


@every_shape
def test_t11_a_statement_about_a_carrier_is_evidence_of_the_carrier_alone(lab, shape):
    carrier = Digest.of(b"an attestation manifest")
    envelope = lab.envelope(lab.statement(SIGN, subject=[{"digest": {"sha256": carrier.hex}}]))
    assert "it speaks of" in reason(lab, shape, envelope)
    assert only(lab, shape, envelope, subject=carrier).subject == carrier


@every_shape
def test_what_stands_beside_a_bare_keys_envelope_is_not_read(lab, shape):
    junk = {f"dev.sigstore.cosign/{name}": "{junk" for name in ("certificate", "chain", "bundle", "rfc3161timestamp")}
    assert isinstance(only(lab, shape, lab.envelope(), annotations=junk), Evidence)


@pytest.mark.parametrize("shape", ["att", "referrer"])
def test_several_signers_may_sign_one_envelope(lab, shape):
    statement = lab.statement()
    one, two = lab.envelope(statement, by="one"), lab.envelope(statement, by="two")
    junk = {"keyid": "junk", "sig": "AAAA"}
    both = one | {"signatures": [junk, *one["signatures"], *two["signatures"]]}
    proofs = lab.proofs(lab.shaped(shape, both), lab.signer("one"), lab.signer("two"), lab.signer("three"))
    assert {proof.signer for proof in proofs} == {"one", "two"}


@pytest.mark.parametrize("shape", ["att", "referrer"])
def test_t30_a_signer_who_signs_one_envelope_twice_says_it_once(lab, shape):
    statement = lab.statement()
    first, second = lab.envelope(statement), lab.envelope(statement)
    twice = first | {"signatures": [*first["signatures"], *second["signatures"]]}
    assert first["signatures"] != second["signatures"]
    assert only(lab, shape, twice).signer == "team"


def test_a_bundle_holds_exactly_one_signature(lab):
    envelope = lab.envelope()
    twice = envelope | {"signatures": envelope["signatures"] * 2}
    assert "one is allowed in a bundle" in reason(lab, "bundle", twice)


@pytest.mark.parametrize("shape", ["att", "referrer"])
def test_t51_an_envelope_of_a_thousand_signatures_is_rejected_untried(lab, shape):
    envelope = lab.envelope()
    assert "at most 8" in reason(lab, shape, envelope | {"signatures": envelope["signatures"] * 1000})


@every_shape
def test_the_same_statement_in_two_places_counts_once(lab, shape):
    found = lab.shaped(shape, lab.envelope())
    again = dataclasses.replace(found, place="fallback", manifest=Digest.of(b"elsewhere"))
    assert len(lab.prove(found, again).evidence) == 1


@every_shape
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_t55_a_changed_byte_never_makes_other_evidence(lab, shape, at, byte):
    envelope = lab.envelope(lab.statement(predicate={"high": 0}))
    honest = lab.shaped(shape, envelope)
    raw = bytearray(honest.payload)
    raw[at % len(raw)] = byte
    found = dataclasses.replace(honest, payload=bytes(raw), blob=Digest.of(bytes(raw)))
    for proof in lab.proofs(found, lab.signer()):
        if isinstance(proof, Evidence):
            assert (proof.predicate, proof.predicate_type) == ({"high": 0}, "https://acme.test/scan/v1")
            assert (proof.subject, proof.identity) == (lab.subject, f"key:{lab.signer().spki}")
