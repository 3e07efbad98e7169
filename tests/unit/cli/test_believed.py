"""Each root and store as plain values: where it is from, what it lists, whom it serves, and how long it lasts."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.cli.believed import believed
from proxy.config.both import load_both
from proxy.config.signers import plan_of
from proxy.policy.rules import TrustRootSpec
from proxy.trust.held import HeldRoots
from proxy.trust.reading import Reader
from proxy.trust.shipped import SHIPPED
from tests.fakes import pki
from tests.fakes.signing import Sigstore
from tests.fakes.tufs import TARGET, FakeTuf

NOW = pki.NOW
LAB = Sigstore("lab")
IDENTITY = {"issuer": "https://issuer.test", "subject": "dev@acme.test"}


class Belief:
    """A policy with a root of each kind, and what is believed under it at `now`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tuf = FakeTuf({TARGET: LAB.logged})
        anchor = pki.root("O=Acme,CN=root")
        self.files = {
            "lab.json": LAB.logged,
            "root.json": self.tuf.root,
            "ca.pem": anchor.certificate.public_bytes(Encoding.PEM),
            "ca.crl": pki.crl(anchor, ends=NOW + timedelta(days=6)),
        }
        for name, raw in self.files.items():
            (folder / name).write_bytes(raw)
        self.roots: dict[str, Any] = {
            "lab": {"file": "lab.json", "sha256": hashlib.sha256(LAB.logged).hexdigest()},
            "corp": {"tuf": "https://tuf.corp.example", "root": "root.json", "maxAge": "30d"},
            "vendors": {"certificates": "ca.pem", "crls": ["ca.crl"], "hosts": ["crl.corp"]},
        }
        self.signers: dict[str, Any] = {
            "ci": IDENTITY | {"trustRoot": "lab"},
            "release": IDENTITY | {"trustRoot": "corp"},
            "nightly": IDENTITY | {"trustRoot": "corp"},
            "vendor": {"x509": "vendors", "subject": "O=Acme"},
        }

    def hold(self, raw: bytes, *, at: datetime) -> None:
        spec = TrustRootSpec("corp", tuf="https://tuf.corp.example", root="root.json")
        plan = plan_of("corp", spec, Reader(self.folder))
        assert plan is not None
        HeldRoots(self.folder / "data" / "trust").write(plan.source, raw, at=at)

    def at(self, now: datetime = NOW) -> dict[str, dict[str, Any]]:
        policy = {"version": 1, "trustRoots": self.roots, "signers": self.signers}
        (self.folder / "policy.yaml").write_text(yaml.safe_dump(policy))
        (self.folder / "pratique.yaml").write_text("policy: policy.yaml\nupstreams: { reg.test: {} }\n")
        config, loaded = load_both(self.folder / "pratique.yaml", env={}, now=now)
        return {each["name"]: each for each in believed(config, loaded, now=now)}


@pytest.fixture
def belief(tmp_path: Path) -> Belief:
    return Belief(tmp_path)


def test_every_root_of_the_policy_every_store_and_what_is_shipped_is_there_by_name(belief: Belief):
    assert list(belief.at()) == ["corp", "github", "lab", "sigstore", "vendors"]


def test_a_root_from_a_file_has_its_hash_and_no_date(belief: Belief):
    found = belief.at()["lab"]
    assert (found["kind"], found["origin"], found["date"]) == ("root", "file", None)
    assert (found["file"], found["sha256"]) == ("lab.json", hashlib.sha256(LAB.logged).hexdigest())
    assert (found["usedBy"], found["isUsable"], found["tuf"]) == (["ci"], True, None)
    assert [item["kind"] for item in found["items"]] == ["certificate authority", "log", "CT log"]
    assert all(item["isGoodNow"] for item in found["items"])
    assert found["until"] == (NOW + 100 * pki.DAY).isoformat()
    assert found["endsWith"] == "certificate authority https://fulcio.lab.test"


def test_a_shipped_root_that_nothing_needs_is_shown_with_its_day(belief: Belief):
    found = belief.at()["sigstore"]
    assert (found["origin"], found["date"], found["sha256"]) == ("shipped", "2026-08-21", SHIPPED["sigstore"].sha256)
    assert (found["usedBy"], found["refreshSeconds"]) == ([], None)
    assert found["tuf"] == "https://tuf-repo-cdn.sigstore.dev"


def test_a_shipped_root_that_a_signer_needs_is_refreshed_daily(belief: Belief):
    belief.signers = {"k8s": {"preset": "kubernetes"}}
    found = belief.at()["sigstore"]
    assert (found["usedBy"], found["refreshSeconds"], found["maxAgeSeconds"]) == (["k8s"], 86400, None)


def test_a_root_that_was_never_fetched_cannot_be_used(belief: Belief):
    found = belief.at()["corp"]
    assert (found["origin"], found["date"], found["sha256"], found["items"]) == ("tuf", None, None, [])
    assert (found["isUsable"], found["usedBy"]) == (False, ["nightly", "release"])
    assert "was never fetched" in found["why"]
    assert found["until"] == NOW.isoformat()


def test_a_refreshed_root_says_when_and_what(belief: Belief):
    belief.hold(LAB.stamped, at=NOW - timedelta(days=2))
    found = belief.at()["corp"]
    assert (found["origin"], found["date"]) == ("tuf", (NOW - timedelta(days=2)).isoformat())
    assert found["sha256"] == hashlib.sha256(LAB.stamped).hexdigest()
    assert (found["isUsable"], found["why"], found["maxAgeSeconds"]) == (True, None, 30 * 86400)
    assert [item["kind"] for item in found["items"]] == ["certificate authority", "timestamp authority"]


def test_a_root_past_its_max_age_says_why_and_what_it_lists(belief: Belief):
    belief.hold(LAB.logged, at=NOW - timedelta(days=31))
    found = belief.at()["corp"]
    assert not found["isUsable"]
    assert "was refreshed 31 days ago, longer than its maxAge" in found["why"]
    assert len(found["items"]) == 3


def test_a_store_says_its_anchors_its_lists_and_how_revocation_is_asked(belief: Belief):
    found = belief.at()["vendors"]
    assert (found["kind"], found["origin"], found["file"]) == ("store", "file", "ca.pem")
    assert found["sha256"] == hashlib.sha256(belief.files["ca.pem"]).hexdigest()
    assert (found["revocation"], found["hosts"], found["usedBy"]) == ("enforce", ["crl.corp"], ["vendor"])
    assert [(item["kind"], item["name"]) for item in found["items"]] == [("anchor", "root"), ("CRL", "root")]
    assert (found["until"], found["endsWith"]) == ((NOW + timedelta(days=6)).isoformat(), "CRL root")


def test_what_ended_is_not_good_now(belief: Belief):
    found = belief.at(NOW + timedelta(days=500))
    assert {item["isGoodNow"] for item in found["lab"]["items"]} == {True, False}
    assert datetime.fromisoformat(found["lab"]["until"]) < NOW + timedelta(days=500)
    assert datetime.fromisoformat(found["vendors"]["until"]).tzinfo is UTC or found["vendors"]["until"].endswith(
        "+00:00"
    )
