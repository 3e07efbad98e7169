"""Signatures that cosign itself wrote and that no public vector holds: Ed25519ph, and NGC's folded annotation."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import Manifest, parse_manifest
from proxy.oci.reference import Repository
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer
from proxy.verify.evidence import Evidence, Found, Rejection, Target
from proxy.verify.formats.simplesigning import read_signature
from proxy.verify.lookup import SIGNATURE, signature_layers
from proxy.verify.material import TrustMaterial
from proxy.verify.prove import prove_all

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "cosign"
NAMES = {"ed25519ph": "127.0.0.1:5973/lab/ed25519ph", "ngc-style": "nvcr.io/nvidia/cuda"}


def subject_of(name: str) -> Digest:
    return Digest.parse((ASSETS / f"{name}.subject").read_text().strip())


def found_in(name: str) -> Found:
    raw = (ASSETS / f"{name}.sig.json").read_bytes()
    manifest = parse_manifest(raw, digest=Digest.of(raw), content_type="application/vnd.oci.image.manifest.v1+json")
    assert isinstance(manifest, Manifest)
    (layer,) = signature_layers(manifest).layers
    payload = (ASSETS / f"{name}.payload.json").read_bytes()
    return Found(
        f"{subject_of(name).dashed}.sig", manifest.digest, layer.digest, layer.media_type, layer.annotations, payload
    )


def only(found: Found, name: str, *, key: str) -> Evidence | Rejection:
    proved = prove_all(
        [found],
        target=Target(Repository("nvcr.io", "nvidia/cuda"), subject_of(name), mediatype.OCI_MANIFEST, 400),
        signers=[load_signer(KeySource("lab", file=ASSETS / f"{key}.pub"))],
        material=TrustMaterial(signers={}),
        now=datetime(2026, 11, 1, tzinfo=UTC),
    )
    (proof,) = (*proved.evidence, *proved.rejections)
    return proof


@pytest.mark.parametrize("name", NAMES)
def test_what_cosign_signed_is_proved_with_its_name_and_claims(name):
    proof = only(found_in(name), name, key=name)
    assert isinstance(proof, Evidence)
    assert proof.names == (NAMES[name],)
    assert proof.claims == {"build": "4711"}


@pytest.mark.parametrize("name", NAMES)
def test_the_other_key_proves_nothing(name):
    (other,) = set(NAMES) - {name}
    assert isinstance(only(found_in(name), name, key=other), Rejection)


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_byte_of_the_payload_is_rejected(name):
    found = found_in(name)
    raw = found.payload.replace(b"4711", b"4712")
    proof = only(replace(found, payload=raw, blob=Digest.of(raw)), name, key=name)
    assert isinstance(proof, Rejection)
    assert "payload was changed" in proof.reason


def test_cosigns_ed25519_signature_is_prehashed_and_not_pure():
    """Else the asset would prove nothing of our own verifier."""
    found = found_in("ed25519ph")
    key = load_signer(KeySource("lab", file=ASSETS / "ed25519ph.pub")).key
    assert isinstance(key, Ed25519PublicKey)
    with pytest.raises(InvalidSignature):
        key.verify(read_signature(found.annotations), found.payload)


def test_the_annotation_of_the_ngc_style_signature_holds_newlines():
    assert found_in("ngc-style").annotations[SIGNATURE].count("\n") == 2
