"""A statement without a signature is worth what the signature over the manifest that names it is worth, and no more."""

import base64
import dataclasses
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.digest import Digest
from proxy.oci.mediatype import IN_TOTO
from proxy.verify.evidence import Evidence, Found
from proxy.verify.formats.statement import SIGN
from proxy.verify.lookup import SIGNATURE
from tests.unit.verify.conftest import SIMPLE

CARRIER = Digest.of(b"an index, or an attestation manifest")


def carried(lab, statement: dict | bytes | None = None, **fields) -> Found:
    raw = statement if isinstance(statement, bytes) else json.dumps(statement or lab.statement()).encode()
    return lab.layer(raw, media_type=IN_TOTO, **{"carriers": (CARRIER,), "place": "index"} | fields)


def signature_of(lab, digest: Digest, *, by: str = "team") -> Found:
    """A simple-signing signature of the carrier."""
    lab.signer(by)
    payload = lab.payload()
    payload["critical"]["image"]["docker-manifest-digest"] = str(digest)
    raw = json.dumps(payload).encode()
    signature = base64.b64encode(lab.private[by].sign(raw, ec.ECDSA(hashes.SHA256()))).decode()
    return lab.layer(raw, media_type=SIMPLE, subject=digest, annotations={SIGNATURE: signature})


def attestations(proved) -> list[Evidence]:
    return [each for each in proved.evidence if each.kind == "attestation"]


def test_it_counts_as_said_by_who_signed_the_carrier(lab):
    found, voucher = carried(lab), signature_of(lab, CARRIER)
    proved = lab.prove(found, voucher)
    (said,) = attestations(proved)
    assert (said.signer, said.form, said.place, said.subject) == ("team", "carried", "index", lab.subject)
    assert (said.predicate_type, said.predicate, said.claims) == ("https://acme.test/scan/v1", {}, {})
    assert said.sources == (found.manifest, found.blob, voucher.manifest, voucher.blob)
    assert said.names == ("nvcr.io/nvidia/cuda",)
    assert proved.rejections == ()


def test_the_signature_of_the_carrier_is_evidence_of_the_carrier_and_not_of_the_image(lab):
    proved = lab.prove(carried(lab), signature_of(lab, CARRIER))
    assert [each.subject for each in proved.evidence if each.kind == "signature"] == [CARRIER]


def test_the_image_itself_may_be_the_carrier(lab):
    """BuildKit: a signature over the Index covers what the attestation manifests in it say of its children."""
    child = Digest.of(b"a child")
    statement = lab.statement(subject=[{"name": "pkg:docker/x", "digest": {"sha256": child.hex}}])
    found = carried(lab, statement, carriers=(lab.subject,), subject=child)
    (said,) = attestations(lab.prove(found, lab.found()))
    assert (said.subject, said.signer) == (child, "team")


def test_t24_nobody_having_signed_a_carrier_it_is_nothing(lab):
    proved = lab.prove(carried(lab))
    assert proved.evidence == ()
    assert [each.reason for each in proved.rejections] == [
        f"it is a statement without a signature, and nobody who is trusted signed {CARRIER}, which names it"
    ]


def test_t24_a_carrier_that_was_signed_by_a_stranger_carries_nothing(lab):
    assert attestations(lab.prove(carried(lab), signature_of(lab, CARRIER, by="stranger"))) == []


def test_t24_a_signature_of_another_manifest_carries_nothing(lab):
    other = Digest.of(b"another manifest")
    assert attestations(lab.prove(carried(lab), signature_of(lab, other))) == []
    assert attestations(lab.prove(carried(lab), lab.found())) == []


def test_t24_without_a_carrier_it_is_nothing(lab):
    proved = lab.prove(carried(lab, carriers=()), lab.found())
    assert attestations(proved) == []
    assert "no manifest that names it" in proved.rejections[0].reason


def test_t26_an_attestation_of_the_carrier_does_not_vouch_for_what_it_names(lab):
    statement = lab.statement(subject=[{"digest": {"sha256": CARRIER.hex}}])
    attestation = lab.shaped("bundle", lab.envelope(statement), subject=CARRIER)
    proved = lab.prove(carried(lab), attestation)
    assert [each.form for each in proved.evidence] == ["bundle"]


def test_t26_a_carried_statement_of_cosigns_own_predicate_signs_nothing(lab):
    proved = lab.prove(carried(lab, lab.statement(SIGN)), signature_of(lab, CARRIER))
    assert [each.subject for each in proved.evidence if each.kind == "signature"] == [CARRIER]
    assert [each.claims for each in attestations(proved)] == [{}]


def test_t26_a_carried_statement_carries_nothing_itself(lab):
    """Only what is signed vouches: a chain of unsigned statements has no beginning."""
    first = carried(
        lab, lab.statement(SIGN, subject=[{"digest": {"sha256": CARRIER.hex}}]), subject=CARRIER, carriers=()
    )
    assert lab.prove(first, carried(lab)).evidence == ()


def test_t37_a_carried_statement_of_another_digest_is_rejected(lab):
    other = lab.statement(subject=[{"digest": {"sha256": Digest.of(b"x").hex}}])
    proved = lab.prove(carried(lab, other), signature_of(lab, CARRIER))
    assert attestations(proved) == []
    assert "it speaks of sha256" in proved.rejections[0].reason


def test_t04_a_carried_statement_that_is_not_what_its_digest_names_is_rejected(lab):
    false = dataclasses.replace(carried(lab), payload=b"{}")
    assert attestations(lab.prove(false, signature_of(lab, CARRIER))) == []


def test_two_who_signed_the_carrier_say_it_twice(lab):
    signers = (lab.signer("one"), lab.signer("two"))
    founds = [signature_of(lab, CARRIER, by=name) for name in ("one", "two")]
    assert {each.signer for each in attestations(lab.prove(carried(lab), *founds, signers=signers))} == {"one", "two"}


def test_what_the_signature_lasts_the_statement_lasts(lab):
    end = lab.now.replace(year=2027)
    signers = (lab.signer(valid_until=end),)
    (said,) = attestations(lab.prove(carried(lab), signature_of(lab, CARRIER), signers=signers))
    assert said.valid_until == end


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"[" * 100_000])
def test_t22_a_malformed_carried_statement_is_rejected(lab, raw):
    assert attestations(lab.prove(carried(lab, raw), signature_of(lab, CARRIER))) == []


@given(st.binary(max_size=200))
def test_t55_any_bytes_are_carried_as_a_rejection(lab, raw):
    proved = lab.prove(carried(lab, raw), signature_of(lab, CARRIER))
    assert len(proved.rejections) == 1
