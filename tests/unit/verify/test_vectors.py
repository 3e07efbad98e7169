"""The verifier agrees with the world: signatures that others made, and that the real tools accept, are proved here.

The vectors are read in place, through PRATIQUE_VECTORS or from `../shared/vectors` beside the project's root.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest, parse_manifest
from proxy.oci.reference import EvidenceTag, Repository
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer
from proxy.verify.evidence import Evidence, Found
from proxy.verify.lookup import likely_first, signature_layers
from proxy.verify.prove import prove_all

ROOT = Path(__file__).resolve().parents[3]
VECTORS = Path(os.environ.get("PRATIQUE_VECTORS") or ROOT.parent / "shared" / "vectors")
LAB = VECTORS / "lab"
CONNAISSEUR = VECTORS / "cosign-connaisseur"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
REASON = "the vectors are not here; name their folder in PRATIQUE_VECTORS"
pytestmark = pytest.mark.skipif(not LAB.is_dir(), reason=REASON)

# Cases that `other.pub` signed too, beside the key that the case requires.
SIGNED_BY_OTHER = {"v2-multi-signer", "v2-multi-signer-both-required", "v2-oci11-two-signers"}


def bare_keys(case: dict) -> list[dict]:
    """The case's signature requirements, if each is a bare key with neither log nor timestamp."""
    wanted = case["require"].get("signature", {})
    asked = wanted.get("any_of", []) + wanted.get("all_of", [])
    is_bare = all("key" in each and each.get("log") == "none" and "timestamp" not in each for each in asked)
    return asked if is_bare else []


def lab_cases() -> list[dict]:
    if not LAB.is_dir():
        return []
    cases = json.loads((LAB / "cases.json").read_text())
    return [case for case in cases if case["name"].startswith(("v2-", "mixed-")) and bare_keys(case)]


def founds_in_layout(folder: Path, subject: Digest) -> list[Found]:
    """What a registry that holds this layout would give of the subject: the `.sig` tag, referrers and fallback tag."""
    entries = json.loads((folder / "index.json").read_text())["manifests"]
    tags = {each["annotations"]["org.opencontainers.image.ref.name"]: each for each in entries if "annotations" in each}
    founds: list[Found] = []
    for place, entry in (
        (f"{subject.dashed}.sig", tags.get(EvidenceTag(subject, ".sig").tag.name)),
        ("fallback", tags.get(EvidenceTag(subject, "").tag.name)),
        *(("referrers", each) for each in entries if "annotations" not in each),
    ):
        if entry is not None:
            founds += founds_in(folder, place, read_document(folder, Digest.parse(entry["digest"])), subject)
    return founds


def read_document(folder: Path, digest: Digest) -> Manifest | Index:
    raw = (folder / "blobs" / digest.algorithm / digest.hex).read_bytes()
    assert Digest.of(raw) == digest
    return parse_manifest(raw, digest=digest, content_type="")


def founds_in(folder: Path, place: str, document: Manifest | Index, subject: Digest) -> list[Found]:
    if isinstance(document, Index):
        children = [read_document(folder, child.digest) for child in likely_first(document.manifests)]
        return [found for child in children for found in founds_in(folder, place, child, subject)]
    if document.subject is not None and document.subject.digest != subject:
        return []
    layers, skipped = signature_layers(document)
    assert skipped == 0
    return [
        Found(
            place,
            document.digest,
            layer.digest,
            layer.media_type,
            layer.annotations,
            (folder / "blobs" / layer.digest.algorithm / layer.digest.hex).read_bytes(),
        )
        for layer in layers
    ]


def proved(founds: list[Found], subject: Digest, repository: Repository, *sources: KeySource) -> tuple[Evidence, ...]:
    signers = [load_signer(source) for source in sources]
    return prove_all(founds, subject=subject, repository=repository, signers=signers, now=NOW)[0]


@pytest.mark.parametrize("case", lab_cases(), ids=lambda case: case["name"])
def test_every_bare_key_that_a_case_requires_is_proved(case):
    subject, folder = Digest.parse(case["digest"]), LAB / case["folder"]
    keys = bare_keys(case)
    sources = [KeySource(each["key"], file=LAB / each["key"], hash=each.get("hash")) for each in keys]
    evidence = proved(founds_in_layout(folder, subject), subject, Repository("127.0.0.1:5001", case["repo"]), *sources)
    assert {each.signer for each in evidence} == {source.name for source in sources}
    assert all(each.names[0].endswith(case["repo"]) and each.subject == subject for each in evidence)
    for each in keys:
        wanted = each.get("annotations", {})
        assert any(wanted.items() <= found.claims.items() for found in evidence if found.signer == each["key"])


@pytest.mark.parametrize("case", lab_cases(), ids=lambda case: case["name"])
def test_a_key_that_did_not_sign_proves_nothing(case):
    subject, folder = Digest.parse(case["digest"]), LAB / case["folder"]
    other = KeySource("other", file=LAB / "trust" / "keys" / "other.pub")
    evidence = proved(founds_in_layout(folder, subject), subject, Repository("127.0.0.1:5001", case["repo"]), other)
    assert bool(evidence) == (case["name"] in SIGNED_BY_OTHER)


@pytest.mark.parametrize("case", lab_cases(), ids=lambda case: case["name"])
def test_t11_a_signature_proves_nothing_of_another_subject(case):
    folder, another = LAB / case["folder"], Digest.of(b"another image")
    founds = founds_in_layout(folder, Digest.parse(case["digest"]))
    sources = [KeySource(each["key"], file=LAB / each["key"]) for each in bare_keys(case)]
    assert founds
    assert proved(founds, another, Repository("127.0.0.1:5001", case["repo"]), *sources) == ()


def test_enough_cases_were_found_to_mean_something():
    """T23: an empty list of cases would pass everything."""
    assert len(lab_cases()) >= 15


def connaisseur(subject: str) -> list[Found]:
    raw = (CONNAISSEUR / "testimage" / "manifests" / f"{subject.replace(':', '-')}.sig.json").read_bytes()
    manifest = parse_manifest(raw, digest=Digest.of(raw), content_type="application/vnd.oci.image.manifest.v1+json")
    assert isinstance(manifest, Manifest)
    return [
        Found(
            f"{subject.replace(':', '-')}.sig",
            manifest.digest,
            layer.digest,
            layer.media_type,
            layer.annotations,
            (CONNAISSEUR / "testimage" / "blobs" / f"{layer.digest}.json").read_bytes().rstrip(b"\n"),
        )
        for layer in signature_layers(manifest).layers
    ]


@pytest.mark.parametrize(
    ("subject", "signed_by"),
    [
        ("sha256:071bf7a986f1ca9cb2a1f0bc8392822a7777f90d58f2d2c6f271913e08de7c81", {"alice"}),
        ("sha256:bfec161fecb0a887df7cb85e4da327c65986ccda7060cf3cd92171c6c90d7533", {"alice", "bob", "charlie"}),
    ],
    ids=["alice", "alice+bob+charlie"],
)
def test_the_signatures_that_connaisseur_is_tested_with_are_proved(subject, signed_by):
    sources = [KeySource(name, file=CONNAISSEUR / f"{name}.pub") for name in ("alice", "bob", "charlie", "default")]
    evidence = proved(
        connaisseur(subject),
        Digest.parse(subject),
        Repository("docker.io", "securesystemsengineering/testimage"),
        *sources,
    )
    assert {each.signer for each in evidence} == signed_by
    assert {each.names for each in evidence} == {("docker.io/securesystemsengineering/testimage",)}
    other = KeySource("other", file=LAB / "trust" / "keys" / "other.pub")
    assert (
        proved(
            connaisseur(subject),
            Digest.parse(subject),
            Repository("docker.io", "securesystemsengineering/testimage"),
            other,
        )
        == ()
    )


def test_a_keyless_signature_is_rejected_by_a_bare_key_and_says_why():
    subject = Digest.parse("sha256:31dc72a13a0c34b40eb95419d2b2fd67320c856baf3b72da518023ee8d370aee")
    alice = load_signer(KeySource("alice", file=CONNAISSEUR / "alice.pub"))
    evidence, rejections = prove_all(
        connaisseur(str(subject)),
        subject=subject,
        repository=Repository("docker.io", "phbelitz/rekor-test"),
        signers=[alice],
        now=NOW,
    )
    assert evidence == ()
    assert [each.reason for each in rejections] == ["it is signed by a certificate's key, not by alice"]
