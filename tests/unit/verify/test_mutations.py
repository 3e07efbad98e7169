"""T20, T22, T24, T36: whatever one changes in a good proof, nothing else than what was said is ever proved by it.

Every field of a case of each format is changed through all its encodings, under the digests that it then has, so that
no digest saves us. A change that proves something still must prove the same: the same words, of the same subject, by
the same signer, at a time that was proved before. What of a token, an envelope or a bundle is not signed may be anything.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cbor2
import pytest

from proxy.oci.digest import Digest
from proxy.verify.evidence import Evidence, Found
from tests.fakes.layouts import needs_vectors
from tests.fakes.mutants import flips, mutants
from tests.fakes.scenes import kubewarden, notation_alpine, notation_connaisseur, private_sigstore, slsa
from tests.fakes.vectors import Scene, case_named, scene_of

pytestmark = needs_vectors
LAB = (
    "v2-key-p256",
    "v2-key-tsa",
    "v2-keyless-email",
    "v2-own-pki",
    "v2-oci11-referrer",
    "v2-att-slsa1",
    "v2-att-keyless-rekor1",
    "v2-att-keyless-tsa",
    "v3-key-rekor2-ref",
    "v3-keyless-rekor1-ref",
    "v3-keyless-rekor2-ref",
    "v3-keyless-tsaonly-ref",
    "v3-keyless-ci-index-ref",
    "notation-timestamp-jws",
    "notation-timestamp-cose",
)
OTHERS = {
    "slsa intoto 0.0.1": lambda: slsa("v1.4.0"),
    "slsa dsse 0.0.1": lambda: slsa("v2.1.0"),
    "private sigstore": private_sigstore,
    "kubewarden": kubewarden,
    "notation connaisseur": notation_connaisseur,
    "notation alpine jws": lambda: notation_alpine("jws"),
    "notation alpine cose": lambda: notation_alpine("cose"),
}


def scene_named(name: str) -> Scene:
    return OTHERS[name]() if name in OTHERS else scene_of(case_named(name))


def said(scene: Scene, found: Found) -> list[Evidence]:
    return list(scene.prove(found).evidence)


def meaning(each: Evidence) -> tuple[Any, ...]:
    """All that a policy could rest on, but the time."""
    who = each.signer, each.identity, each.certificate and each.certificate.sha256
    what = each.kind, each.subject, each.names, tuple(sorted(each.claims.items())), each.predicate_type, each.form
    return *who, *what, json.dumps(each.predicate, sort_keys=True)


def changed(found: Found) -> Iterator[tuple[str, Found]]:
    """The same evidence with one thing changed: in its bytes, in its fields, or in what stands beside it."""
    for name, raw in flips(found.payload, "payload", count=120):
        yield name, _with(found, raw)
    if found.payload[:1] == b"{" and "simplesigning" not in found.media_type:
        for name, document in mutants(json.loads(found.payload)):
            yield name, _with(found, json.dumps(document, separators=(",", ":")).encode())
    for name, annotations in mutants(dict(found.annotations), "annotations"):
        yield name, replace(found, annotations={key: text for key, text in annotations.items() if text is not None})


def _with(found: Found, raw: bytes) -> Found:
    return replace(found, payload=raw, blob=Digest.of(raw))


def times(scene: Scene, found: Found) -> set[Any]:
    """Those that are proved of what was left whole: with everything, and with one proof of time taken away."""
    proved = {each.proved_at for each in said(scene, found)}
    if found.media_type == "application/cose":
        sealed, header, *rest = cbor2.loads(found.payload).value
        left = {name: held for name, held in header.items() if name != "io.cncf.notary.timestampSignature"}
        unstamped = cbor2.dumps(cbor2.CBORTag(18, [sealed, left, *rest]))
        proved |= {each.proved_at for each in said(scene, _with(found, unstamped))}
    for name, twin in changed(found):
        if name.endswith((" gone", " null")):
            proved |= {each.proved_at for each in said(scene, twin)}
    return proved


@pytest.mark.parametrize("name", [*LAB, *OTHERS])
def test_t20_t24_t36_no_change_of_a_proof_proves_anything_else(name):
    scene = scene_named(name)
    founds = [found for found in scene.founds if said(scene, found)]
    assert founds
    refused = kept = 0
    for found in founds[:2]:
        right = {meaning(each) for each in said(scene, found)}
        allowed = times(scene, found)
        for what, twin in changed(found):
            proved = said(scene, twin)
            assert {meaning(each) for each in proved} <= right, what
            assert {each.proved_at for each in proved} <= allowed, what
            kept += bool(proved)
            refused += not proved
    assert refused > 4 * kept, f"{refused} refused, {kept} kept: most of a proof is signed"
    assert refused > 100


def test_the_changes_reach_through_every_encoding():
    """T23: a list of changes that is empty would pass everything."""
    (found,) = [each for each in scene_named("v3-keyless-rekor1-ref").founds if each.payload[:1] == b"{"][:1]
    names = [name for name, _ in mutants(json.loads(found.payload))]
    for part in (
        ".dsseEnvelope.payload.subject[0].digest.sha256",
        ".dsseEnvelope.payload.predicateType",
        ".dsseEnvelope.signatures[0].sig byte 0",
        ".verificationMaterial.certificate.rawBytes byte 0",
        ".verificationMaterial.tlogEntries[0].canonicalizedBody.spec",
        ".verificationMaterial.tlogEntries[0].inclusionPromise.signedEntryTimestamp byte",
        ".verificationMaterial.tlogEntries[0].inclusionProof.checkpoint.envelope",
        ".verificationMaterial.tlogEntries[0].integratedTime",
    ):
        assert any(name.startswith(part) for name in names), part
