"""What real tools signed and is committed here proves what it must, on a machine that has neither tools nor vectors."""

import hashlib
import re
from dataclasses import replace

import pytest

from proxy.oci.digest import Digest
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer
from proxy.verify.formats.annotations import SIGNATURE
from tests.fakes.assets import ASSETS, BASES, asset_cases, asset_named, strangers
from tests.fakes.vectors import expected, scene_of

every = pytest.mark.parametrize("case", asset_cases(), ids=lambda case: case["name"])


@every
def test_a_committed_image_is_proved_as_it_requires(case):
    scene = scene_of(case)
    proved = scene.prove()
    assert expected(case, proved) == []
    assert {each.subject for each in proved.evidence} >= {scene.target.digest}


@every
def test_t28_a_committed_image_is_not_proved_for_somebody_else(case):
    others = list(strangers(case))
    assert others
    for twin in others:
        assert expected(twin.case, scene_of(twin.case).prove()) != [], twin.name


@every
def test_t11_a_committed_image_proves_nothing_of_another(case):
    scene = scene_of(case)
    target = replace(scene.target, digest=Digest.of(b"another image"))
    assert [each for each in scene.prove(target=target).evidence if each.subject == target.digest] == []
    assert [each for each in scene.prove(target=target).evidence if each.kind == "attestation"] == []


@every
def test_t55_a_committed_image_with_one_bit_changed_proves_nothing_more(case):
    scene = scene_of(case)
    honest = {(each.kind, each.identity, each.predicate_type) for each in scene.prove().evidence}
    for number, found in enumerate(scene.founds):
        raw = bytearray(found.payload)
        raw[len(raw) // 3] ^= 1
        changed = replace(found, payload=bytes(raw), blob=Digest.of(bytes(raw)))
        founds = [*scene.founds[:number], changed, *scene.founds[number + 1 :]]
        said = {(each.kind, each.identity, each.predicate_type) for each in scene.prove(*founds).evidence}
        assert said <= honest


def test_every_form_of_evidence_is_committed():
    """So that a machine without the vectors shows something of each."""
    forms = {each.form for case in asset_cases() for each in scene_of(case).prove().evidence}
    assert forms >= {"simple-signing", "dsse", "bundle", "notation-jws", "notation-cose"}
    kinds = {each.log.kind for case in asset_cases() for each in scene_of(case).prove().evidence if each.log}
    assert kinds >= {"hashedrekord 0.0.1", "hashedrekord 0.0.2", "dsse 0.0.1"}


def test_ngcs_annotation_is_folded():
    (found,) = scene_of(asset_named("ngc")).founds
    assert found.annotations[SIGNATURE].count("\n") == 2


def test_cert_managers_hash_is_the_signers_word_and_nothing_else():
    """Without it the same signature proves nothing: RSA is verified over SHA-256 by default."""
    scene = scene_of(asset_named("cert-manager"))
    file = ASSETS / "styles" / "trust" / "cert-manager.pub"
    assert scene.prove(signers=(load_signer(KeySource("plain", file=file)),)).evidence == ()
    assert scene.prove(signers=(load_signer(KeySource("said", file=file, hash="sha512")),)).evidence


def test_t24_a_bare_statement_is_proved_by_who_signed_its_manifest():
    """As Docker Hardened Images attach provenance: take the signature of the statement's manifest away, and it is nothing."""
    scene = scene_of(asset_named("hardened"))
    (carriers,) = {each.carriers for each in scene.founds if each.carriers}
    without = [each for each in scene.founds if each.subject not in carriers]
    assert len(without) < len(scene.founds)
    assert {each.kind for each in scene.prove().evidence if each.subject == scene.target.digest} == {
        "signature",
        "attestation",
    }
    assert {each.kind for each in scene.prove(*without).evidence} == {"signature"}


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.name)
def test_the_readme_says_the_hash_of_every_image(base):
    """What is committed is what was made: nobody changed a file since."""
    readme = (base / "README.md").read_text()
    for folder in sorted((base / "layouts").iterdir()):
        assert f"| `{folder.name}` |" in readme
        assert hash_of(folder) in readme, f"{folder.name} is {hash_of(folder)}"
    assert len(re.findall(r"[0-9a-f]{64}", readme)) == len(list((base / "layouts").iterdir()))


def hash_of(folder) -> str:
    """SHA-256 over the sorted names of its blobs (each is its own hash) and the bytes of index.json."""
    names = sorted(each.name for each in (folder / "blobs" / "sha256").iterdir())
    return hashlib.sha256("\n".join(names).encode() + (folder / "index.json").read_bytes()).hexdigest()
