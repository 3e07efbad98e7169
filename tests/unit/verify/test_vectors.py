"""The verifier agrees with the world: what real tools made and accept is proved here, and nothing near it is.

The vectors are read in place, through PRATIQUE_VECTORS or from `../shared/vectors` beside the project's root.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.digest import Digest
from proxy.trust.presets import PRESETS, preset
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer
from proxy.verify.evidence import Evidence
from proxy.verify.material import KeylessSigner, KeySigner, Signer
from tests.fakes import readme, scenes
from tests.fakes.layouts import LAB, ROOT, VECTORS, needs_vectors
from tests.fakes.vectors import Scene, cases, expected, material_of, scene_of, wanted

pytestmark = needs_vectors
SLSA = "https://slsa.dev/provenance/v0.2"
SIGN = "https://sigstore.dev/cosign/sign/v1"
every_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])

# What is proved of each scene: kinds with predicate types, log entries' kinds, and whether a time is proved.
SCENES = {
    "slsa-v1.4.0": (lambda: scenes.slsa("v1.4.0"), {("attestation", SLSA)}, {"intoto 0.0.1"}, True),
    "slsa-v2.1.0": (lambda: scenes.slsa("v2.1.0"), {("attestation", SLSA)}, {"dsse 0.0.1"}, True),
    "private-sigstore": (
        scenes.private_sigstore,
        {("signature", ""), ("attestation", SLSA)},
        {"hashedrekord 0.0.1", "dsse 0.0.1"},
        True,
    ),
    "connaisseur": (scenes.connaisseur_keyless, {("signature", "")}, {"hashedrekord 0.0.1"}, True),
    "cluster-api": (scenes.cluster_api, {("signature", "")}, {"hashedrekord 0.0.1"}, True),
    "kubewarden": (scenes.kubewarden, {("signature", SIGN)}, {"dsse 0.0.1"}, True),
    "notation-connaisseur": (scenes.notation_connaisseur, {("signature", "")}, set(), False),
    "notation-alpine-jws": (lambda: scenes.notation_alpine("jws"), {("signature", "")}, set(), False),
    "notation-alpine-cose": (lambda: scenes.notation_alpine("cose"), {("signature", "")}, set(), False),
}
every_scene = pytest.mark.parametrize("name", SCENES)


def other_key() -> Signer:
    return load_signer(KeySource("other", file=LAB / "trust" / "keys" / "other.pub"))


def test_enough_cases_were_found_to_mean_something():
    """T23: an empty list of cases would pass everything."""
    assert len(cases()) == 80
    assert all(wanted(case) for case in cases())


@every_case
def test_every_lab_case_is_proved_as_it_requires(case):
    scene = scene_of(case)
    proved = scene.prove()
    assert expected(case, proved) == []
    assert {each.subject for each in proved.evidence} == {scene.target.digest}
    assert all(each.rests_on and set(each.rests_on) <= scene.material.items for each in proved.evidence)


@every_case
def test_t11_nothing_is_proved_of_another_subject(case):
    scene = scene_of(case)
    target = replace(scene.target, digest=Digest.of(b"another image"))
    proved = scene.prove(target=target)
    assert proved.evidence == ()
    assert proved.rejections


@every_case
def test_t24_a_key_that_did_not_sign_proves_nothing(case):
    other = replace(other_key(), name="other")
    evidence = scene_of(case, signers=(other,)).prove().evidence
    # Some images carry a second signature, by that very key.
    assert {each.signer for each in evidence} <= {"other"}
    assert bool(evidence) == (case["name"] in SIGNED_BY_OTHER)


# Cases that `other.pub` signed too, beside the key that the case requires.
SIGNED_BY_OTHER = {"v2-multi-signer", "v2-multi-signer-both-required", "v2-oci11-two-signers", "v3-two-signers"}


@every_case
def test_t28_an_identity_near_the_required_one_proves_nothing(case):
    scene = scene_of(case)
    others = tuple(
        replace(signer, issuer=signer.issuer + "/", name="near")
        for signer in scene.signers
        if isinstance(signer, KeylessSigner)
    )
    proved = scene.prove(signers=others, material=material_of(*others))
    assert proved.evidence == ()
    if others:
        assert any("signed, but by " in each.reason and "instead of near" in each.reason for each in proved.rejections)


@every_case
def test_t50_the_order_of_a_listing_decides_nothing(case):
    scene = scene_of(case)
    assert scene.prove(*reversed(scene.founds)) == scene.prove()


@every_scene
def test_every_other_vector_is_proved_as_its_readme_says(name):
    make, kinds, logs, has_time = SCENES[name]
    scene: Scene = make()
    proved = scene.prove()
    assert proved.rejections == ()
    assert {(each.kind, each.predicate_type) for each in proved.evidence} == kinds
    assert {each.log.kind for each in proved.evidence if each.log} == logs
    assert all((each.proved_at is not None) == has_time for each in proved.evidence)
    assert all(each.certificate is not None and each.signer == "publisher" for each in proved.evidence)


@every_scene
def test_t11_no_other_vector_proves_another_subject(name):
    scene: Scene = SCENES[name][0]()
    target = replace(scene.target, digest=Digest.of(b"another image"))
    assert scene.prove(target=target).evidence == ()


def _mutated(scene: Scene, at: int, byte: int) -> list[Evidence]:
    """What is proved after one byte was changed in each piece of evidence."""
    founds = []
    for found in scene.founds:
        raw = bytearray(found.payload)
        raw[at % len(raw)] = byte
        founds.append(replace(found, payload=bytes(raw), blob=Digest.of(bytes(raw))))
    return list(scene.prove(*founds).evidence)


@every_scene
@given(at=st.integers(0, 1 << 20), byte=st.integers(0, 255))
def test_t55_a_changed_byte_never_makes_other_evidence(name, at, byte):
    scene = _SCENES.setdefault(name, SCENES[name][0]())
    honest = {_what(each) for each in scene.prove().evidence}
    assert {_what(each) for each in _mutated(scene, at, byte)} <= honest


_SCENES: dict[str, Scene] = {}


def _what(evidence: Evidence) -> tuple[object, ...]:
    predicate = repr(evidence.predicate)
    return evidence.kind, evidence.identity, evidence.subject, evidence.proved_at, evidence.predicate_type, predicate


CONNAISSEUR = VECTORS / "cosign-connaisseur"


@pytest.mark.parametrize(
    ("subject", "signed_by"),
    [
        ("sha256:071bf7a986f1ca9cb2a1f0bc8392822a7777f90d58f2d2c6f271913e08de7c81", {"alice"}),
        ("sha256:bfec161fecb0a887df7cb85e4da327c65986ccda7060cf3cd92171c6c90d7533", {"alice", "bob", "charlie"}),
    ],
    ids=["alice", "alice+bob+charlie"],
)
def test_the_signatures_that_connaisseur_is_tested_with_are_proved(subject, signed_by):
    names = ("alice", "bob", "charlie", "default")
    signers = [load_signer(KeySource(name, file=CONNAISSEUR / f"{name}.pub")) for name in names]
    evidence = scenes.connaisseur(subject, *signers).prove().evidence
    assert {each.signer for each in evidence} == signed_by
    assert {each.names for each in evidence} == {("docker.io/securesystemsengineering/testimage",)}
    assert scenes.connaisseur(subject, other_key()).prove().evidence == ()


def test_a_keyless_signature_is_rejected_by_a_bare_key_and_says_why():
    alice = load_signer(KeySource("alice", file=CONNAISSEUR / "alice.pub"))
    proved = scenes.connaisseur_keyless().prove(signers=(alice,))
    assert proved.evidence == ()
    assert [each.reason for each in proved.rejections] == ["it is signed by a certificate's key, not by alice"]


def test_t31_a_real_signature_needs_no_certificate_that_is_valid_today():
    """It is proved at its own time, whatever now is."""
    scene = scenes.cluster_api()
    assert scene.prove(now=datetime(2040, 1, 1, tzinfo=UTC)).evidence == scene.prove().evidence


def test_the_keys_of_a_case_are_asked_by_their_own_rules():
    """Else `require` would not reach the engine."""
    asked = [signer for case in cases() for signer in scene_of(case).signers if isinstance(signer, KeySigner)]
    assert any(signer.needs_log for signer in asked)
    assert any(signer.needs_timestamp for signer in asked)
    assert any(signer.hash for signer in asked)


def test_every_folder_of_the_readme_is_shown():
    folders = readme.folders_of_the_readme()
    assert len(folders) >= 10
    assert folders <= readme.SHOWN.keys()
    assert {each.name for each in VECTORS.iterdir()} == {*folders, "README.md"}


def test_every_file_of_the_vectors_is_run_or_left_out_with_a_reason():
    entries = {file: readme.entry_of(file) for file in readme.files()}
    assert [file for file, entry in entries.items() if entry is None] == []
    assert {*readme.SHOWN, *readme.LEFT_OUT} <= set(entries.values()), "an entry that speaks for no file"
    assert all(len(reason) > 10 for reason in (*readme.LEFT_OUT.values(), *readme.NOT_PULLED.values()))


def test_every_vector_is_pulled_through_the_proxy_or_listed_as_one_that_cannot_be():
    pulled = {folder for folder, tests in readme.SHOWN.items() if any("tests/integration/" in test for test in tests)}
    assert readme.SHOWN.keys() - pulled == readme.NOT_PULLED.keys()


@pytest.mark.parametrize("test", sorted({test for tests in readme.SHOWN.values() for test in tests}))
def test_each_test_that_shows_a_vector_exists(test):
    file, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text()


def test_every_lab_layout_is_a_case():
    assert {each["folder"] for each in cases()} == {f"layouts/{each.name}" for each in (LAB / "layouts").iterdir()}


def test_the_published_keys_are_those_of_the_presets():
    """NGC's, Docker Hardened Images' and the one that distroless retired; DHI's first key is nobody's any more."""
    spki = {file.stem: load_signer(KeySource(file.stem, file=file)).spki for file in (VECTORS / "keys").glob("*.pub")}
    assert spki["nvidia-ngc-containers"] == preset("nvidia-ngc").spki
    assert spki["dhi-2"] == spki["dhi-latest"] == preset("docker-hardened-images").spki
    assert spki["distroless-eol-2023"] == preset("distroless-key").spki
    assert spki["dhi-1"] not in {each.spki for each in PRESETS.values()}
