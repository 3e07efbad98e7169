"""The lines for cosign and notation ask what the rule asks. That the tools take them: integration/test_verify_command."""

import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from proxy.cli.cosign import Equivalents, equivalents
from proxy.config.both import load_both
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.decision import Check, Decision, Verdict
from tests.fakes.layouts import LAB, needs_vectors

A, CHILD = Digest.of(b"a"), Digest.of(b"child")
TEAM = {"key": "team.pub", "log": "none"}
CI = {"issuer": "https://ci.test", "subject": "https://git.test/acme/*/release.yml@refs/tags/**"}


def decided(*checks: Check) -> Decision:
    return Decision(
        key="k",
        verdict=Verdict.ALLOW,
        repository=Repository("reg.test", "acme/app"),
        digest=A,
        rule="reg.test/acme/**",
        mode="enforce",
        summary="",
        reason="allowed",
        checks=checks,
        rejections=(),
        evidence=(),
        identities=(),
        made_at=datetime.now(UTC),
        expires_at=None,
    )


def same(desk, requirements: list, *checks: Check, roots: dict | None = None, **signers: dict) -> Equivalents:
    """For the first rule of the policy, with these requirements and signers, and what was proved."""
    desk.policy |= {"signers": signers, "trustRoots": roots or {}}
    desk.policy = {name: value for name, value in desk.policy.items() if value}
    desk.policy["images"][0]["require"] = requirements
    desk.write()
    config, loaded = load_both(Path("pratique.yaml"), env={}, now=datetime.now(UTC))
    return equivalents(config, loaded, loaded.policy.rules[0], decided(*checks))


def proved(name: str = "signature", word: str = "signature", **details: str) -> Check:
    return Check(name, word, passed=True, summary="", details={"signer": "team", "subject": str(A)} | details)


def test_a_line_for_each_signer_with_hash_and_claims(desk, tmp_path):
    found = same(
        desk,
        [{"atLeast": 1, "of": [{"signature": "team", "claims": {"build": "4 711"}}, {"signature": "nvidia"}]}],
        team={"key": "team.pub", "log": "none", "hash": "sha384"},
        nvidia={"preset": "nvidia-ngc"},
    )
    assert found.cosign[0] == (
        f"cosign verify --key {tmp_path / 'team.pub'} --insecure-ignore-tlog=true --signature-digest-algorithm sha384 "
        f"-a 'build=4 711' --allow-http-registry 127.0.0.1:9/acme/app@{A}"
    )
    assert "/keys/nvidia-ngc.pub " in found.cosign[1]
    assert "1 must succeed" in " ".join(found.hints)


def test_an_upstream_under_its_own_name_is_asked_by_that_name(desk):
    desk.settings["upstreams"] = {"reg.test": {}}
    (found,) = same(desk, [{"signature": "team"}], team=TEAM).cosign
    assert found.endswith(f"--insecure-ignore-tlog=true reg.test/acme/app@{A}")


def test_a_rule_that_asks_for_no_signature_gives_no_line(desk):
    desk.policy["images"].append({"match": "reg.test/other", "require": [{"signature": "team"}]})
    assert same(desk, [{"digest": [str(A)]}], team=TEAM) == Equivalents()


def test_an_identity_is_asked_for_whole_and_a_pattern_is_anchored(desk):
    """cosign's expressions match any part: unanchored, its yes would be worth less than ours."""
    (found,) = same(desk, [{"signature": "ci"}], ci=CI | {"trustRoot": "sigstore"}).cosign
    words = shlex.split(found)
    assert words[:2] == ["cosign", "verify"]
    at = words.index("--certificate-identity-regexp")
    assert words[at + 1] == r"^https://git\.test/acme/[^/]*/release\.yml@refs/tags/.*$"
    assert words[words.index("--certificate-oidc-issuer") + 1] == "https://ci.test"
    assert "--trusted-root" not in words, "cosign keeps the public root itself"
    exact = CI | {"subject": "https://git.test/a.yml@refs/tags/v1"}
    assert (
        "--certificate-identity https://git.test/a.yml@refs/tags/v1 "
        in same(desk, [{"signature": "ci"}], ci=exact).cosign[0]
    )
    expression = {"issuer": "https://ci.test", "subjectRegex": "a|b"}
    assert "'^(?:a|b)$'" in same(desk, [{"signature": "ci"}], ci=expression).cosign[0]


def test_what_was_proved_about_a_child_is_asked_of_the_child(desk):
    check = proved(subject=str(CHILD), form="simple-signing", place="x.sig")
    assert same(desk, [{"signature": "team"}], check, team=TEAM).cosign[0].endswith(f"acme/app@{CHILD}")


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"form": "bundle", "place": "referrers"}, "/roots/sigstore.json "),
        ({"form": "simple-signing", "place": "referrers"}, " --experimental-oci11 "),
        ({"form": "simple-signing", "place": "fallback"}, " --experimental-oci11 "),
        (
            {"form": "simple-signing", "place": "x.sig in evidenceFrom reg.test/approvals"},
            "COSIGN_REPOSITORY=reg.test/approvals cosign verify",
        ),
    ],
)
def test_the_form_and_the_place_of_what_was_proved_are_said(desk, details, words):
    (found,) = same(desk, [{"signature": "team"}], proved(**details), team=TEAM).cosign
    assert words in found


def test_a_legacy_signature_by_its_tag_needs_nothing_more(desk):
    (found,) = same(desk, [{"signature": "team"}], proved(form="simple-signing", place="x.sig"), team=TEAM).cosign
    assert "--experimental-oci11" not in found
    assert "COSIGN_REPOSITORY" not in found


def test_an_attestation_is_asked_for_by_its_type_and_what_is_not_asked_is_said(desk):
    requirement = {"attestation": "vuln", "by": "team", "where": {"critical": 0}, "condition": "high < 5"}
    found = same(desk, [requirement], team=TEAM)
    assert found.cosign[0].startswith(
        "cosign verify-attestation --type https://cosign.sigstore.dev/attestation/vuln/v1 "
    )
    assert any("where and condition" in hint for hint in found.hints)
    check = proved("vuln", "attestation", predicateType="https://in-toto.io/attestation/vulns/v0.2", form="dsse")
    assert "--type https://in-toto.io/attestation/vulns/v0.2 " in same(desk, [requirement], check, team=TEAM).cosign[0]


def test_a_statement_that_is_carried_has_no_line_and_says_why(desk):
    check = proved("sbom", "attestation", form="carried")
    found = same(desk, [{"attestation": "sbom", "by": "team"}], check, team=TEAM)
    assert found.cosign == ()
    assert "BuildKit's statement is not signed itself" in found.hints[0]


def test_an_extension_that_cosign_cannot_ask_for_is_said(desk):
    extensions = {"githubWorkflowName": "release", "runnerEnvironment": "github-hosted"}
    found = same(desk, [{"signature": "ci"}], ci=CI | {"extensions": extensions})
    assert "--certificate-github-workflow-name release" in found.cosign[0]
    assert any("runnerEnvironment" in hint for hint in found.hints)


def test_a_revoked_key_has_no_line_and_that_is_said(desk):
    desk.policy["revoked"] = [{"key": "team.pub", "reason": "lost"}]
    found = same(desk, [{"signature": "team"}], team=TEAM)
    assert found.cosign == ()
    assert "is revoked" in found.hints[0]


def test_a_window_and_a_name_that_cosign_does_not_compare_are_said(desk):
    failed = replace(
        proved(),
        passed=False,
        summary='signature by team names x.test/y, not this repository; add "signedAs: [x.test/y]"',
    )
    hints = " ".join(same(desk, [{"signature": "team"}], failed, team=TEAM | {"validUntil": "2030-01-01"}).hints)
    assert "does not compare the name" in hints
    assert "no time in which team's key may be used" in hints


@needs_vectors
def test_notation_gets_a_store_and_a_policy_that_trust_exactly_this_signer(desk):
    roots = {"vendors": {"certificates": str(LAB / "trust/x509/n_p256.root.pem"), "revocation": "log"}}
    vendor = {"x509": "vendors", "subject": "O=acme.test,CN=a\\,b"}
    found = same(desk, [{"signature": "vendor", "claims": {"build": "1"}}], roots=roots, vendor=vendor)
    assert found.cosign == ()
    add, policy, verify = found.notation
    assert add.startswith("notation cert add --type ca --store vendors ")
    statement = json.loads(shlex.split(policy.removesuffix(")").partition("<(")[2])[1])["trustPolicies"][0]
    assert statement["trustedIdentities"] == ["x509.subject: O=acme.test, CN=a\\,b"]
    assert statement["signatureVerification"] == {"level": "strict", "override": {"revocation": "log"}}
    assert statement["registryScopes"] == ["127.0.0.1:9/acme/app"]
    assert verify == f"notation verify --user-metadata build=1 --insecure-registry 127.0.0.1:9/acme/app@{A}"


def test_the_files_are_read_as_they_were_written(desk, tmp_path):
    same(desk, [{"signature": "team"}], team=TEAM)
    assert yaml.safe_load((tmp_path / "policy.yaml").read_text())["signers"] == {"team": TEAM}
