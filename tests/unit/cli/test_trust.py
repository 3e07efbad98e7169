"""`pratique trust`: what an operator reads, and what a script gets; refreshes themselves are tests of test_trust beside."""

import os
from datetime import timedelta

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.trust.shipped import SHIPPED
from tests.fakes import pki
from tests.fakes.signing import Sigstore
from tests.fakes.tufs import TARGET, FakeTuf

KEYLESS = {"issuer": "https://issuer.test", "subject": "dev@acme.test"}


@pytest.fixture
def corp(desk):
    """A signer under a root that is refreshed from a port where nobody listens."""
    (desk.folder / "root.json").write_bytes(FakeTuf({TARGET: Sigstore().logged}).root)
    desk.policy["trustRoots"] = {"corp": {"tuf": "http://127.0.0.1:9", "root": "root.json"}}
    desk.policy["signers"]["ci"] = KEYLESS | {"trustRoot": "corp"}
    desk.policy["images"][0]["require"].append({"signature": "ci"})
    desk.write()
    return desk


def test_what_is_shipped_is_shown_with_its_date_hash_and_end(desk):
    said = desk("trust", "show")
    assert said.code == 0
    assert "sigstore: trust root, shipped with the program, of 2026-08-21" in said.out
    assert f"sha256 {SHIPPED['github'].sha256}" in said.out
    assert "no signer of the policy needs it" in said.out
    assert "without a network new signatures can be verified until 2031-10-05" in said.out
    assert "(certificate authority https://fulcio.sigstore.dev ends first)" in said.out
    assert "rekor.sigstore.dev" in said.out


def test_one_can_be_asked_for(desk):
    said = desk("trust", "show", "github")
    assert said.code == 0
    assert "sigstore" not in said.out
    assert desk("trust", "show", "corp").code == 64


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_a_script_gets_the_same_as_a_document(desk, output):
    said = desk("trust", "show", "-o", output)
    document = yaml.safe_load(said.out)
    assert document["schemaVersion"] == 1
    assert [each["name"] for each in document["roots"]] == ["github", "sigstore"]
    assert document["roots"][1]["sha256"] == SHIPPED["sigstore"].sha256


def test_a_root_that_a_signer_needs_and_cannot_use_is_a_finding(corp):
    said = corp("trust", "show")
    assert said.code == 1
    assert "corp: trust root, by TUF from http://127.0.0.1:9, never fetched" in said.out
    assert "cannot be used now: trust root corp was never fetched; run `pratique trust refresh corp`" in said.out
    assert "used by ci" in said.out
    assert corp("trust", "show", "sigstore").code == 0


def test_how_often_a_root_is_refreshed_and_when_it_goes_out_of_use_is_said(corp):
    corp.policy["trustRoots"]["corp"] |= {"refresh": "12h", "maxAge": "30d"}
    corp.write()
    assert "refreshed every 12h from http://127.0.0.1:9, out of use 30d after the last" in corp("trust", "show").out


def test_a_policy_that_cannot_be_loaded_is_said_as_everywhere(desk):
    desk.policy["signers"]["ci"] = KEYLESS | {"trustRoot": "corp"}
    desk.write()
    said = desk("trust", "show")
    assert said.code == 64
    assert "trustRoot" in said.err


# Refreshes that come to nothing.


def test_a_repository_out_of_reach_takes_nothing_away_and_exits_69(corp):
    said = corp("trust", "refresh")
    assert said.code == 69
    assert "corp: 127.0.0.1" in said.err
    assert "failed" in said.out
    assert not list((corp.folder / "data").rglob("*.root"))


def test_a_dry_run_of_it_says_the_same(corp):
    said = corp("trust", "refresh", "corp", "--dry-run", "-o", "json")
    assert said.code == 69
    assert said.document["dryRun"] is True
    (root,) = said.document["roots"]
    assert (root["root"], root["outcome"], root["sha256"]) == ("corp", "failed", None)
    assert "cannot be reached" in root["message"]
    assert not (corp.folder / "data").exists()


def test_where_nothing_is_refreshed_it_is_said(desk):
    said = desk("trust", "refresh")
    assert said.code == 64
    assert "no signer of the policy needs a root that is refreshed; name one: sigstore or github" in said.err


def test_what_is_no_root_of_tuf_is_said_with_those_that_are(corp):
    said = corp("trust", "refresh", "absent")
    assert said.code == 64
    assert "'absent' is no root that TUF refreshes; those are corp, github, sigstore" in said.err


def test_another_users_data_directory_is_left_alone(corp, monkeypatch):
    (corp.folder / "data").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    said = corp("trust", "refresh")
    assert said.code == 64
    assert "run this as that user, so that the proxy can read what it keeps" in said.err


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(days=2), "2d"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(seconds=61), "61s"),
    ],
)
def test_spans_are_said_as_the_policy_writes_them(span, said):
    from proxy.cli.trust import _span

    assert _span(int(span.total_seconds())) == said


@pytest.mark.parametrize("revocation", ["enforce", "skip"])
def test_a_store_that_asks_about_revocation_says_that_this_takes_a_network(desk, revocation):
    (desk.folder / "ca.pem").write_bytes(pki.root().certificate.public_bytes(Encoding.PEM))
    desk.policy["trustRoots"] = {"zz": {"certificates": "ca.pem", "revocation": revocation}}
    desk.policy["signers"]["corp"] = {"x509": "zz", "san": "dev@corp.test"}
    desk.policy["images"][0]["require"].append({"signature": "corp"})
    desk.write()
    said = desk("trust", "show")
    assert said.out.startswith("zz: X.509 store, from ca.pem\n"), "what the policy rests on comes first"
    assert ("for those give `crls`" in said.out) is (revocation == "enforce")
