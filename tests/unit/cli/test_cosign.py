"""The cosign line asks what the rule asks."""

from datetime import UTC, datetime
from pathlib import Path

import yaml

from proxy.cli.cosign import cosign_lines
from proxy.config.both import load_both
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository

A = Digest.of(b"a")


def lines(desk, requirements: list, **signers: dict) -> list[str]:
    """For the first rule of the policy, with these requirements and signers."""
    desk.policy["signers"] = signers
    desk.policy["images"][0]["require"] = requirements
    desk.write()
    config, loaded = load_both(Path("pratique.yaml"), env={}, now=datetime.now(UTC))
    return cosign_lines(
        config,
        loaded.policy,
        next(rule for rule in loaded.policy.rules if rule.match.endswith("**")),
        repository=Repository("reg.test", "acme/app"),
        digest=A,
    )


def test_a_line_for_each_signer_with_hash_and_claims(desk, tmp_path):
    found = lines(
        desk,
        [{"atLeast": 1, "of": [{"signature": "team", "claims": {"build": "4 711"}}, {"signature": "nvidia"}]}],
        team={"key": "team.pub", "log": "none", "hash": "sha256"},
        nvidia={"preset": "nvidia-ngc"},
    )
    assert found[0] == (
        f"cosign verify --key {tmp_path / 'team.pub'} --insecure-ignore-tlog=true --allow-http-registry "
        f"--signature-digest-algorithm sha256 -a 'build=4 711' 127.0.0.1:9/acme/app@{A}"
    )
    assert "/keys/nvidia-ngc.pub " in found[1]


def test_an_upstream_under_its_own_name_is_asked_by_that_name(desk, tmp_path):
    desk.settings["upstreams"] = {"reg.test": {}}
    (found,) = lines(desk, [{"signature": "team"}], team={"key": "team.pub", "log": "none"})
    assert found.endswith(f"--insecure-ignore-tlog=true reg.test/acme/app@{A}")
    assert yaml.safe_load((tmp_path / "pratique.yaml").read_text())["upstreams"] == {"reg.test": {}}


def test_a_rule_that_asks_for_no_signature_gives_no_line(desk):
    team = {"key": "team.pub", "log": "none"}
    desk.policy["images"].append({"match": "reg.test/other", "require": [{"signature": "team"}]})
    assert lines(desk, [{"digest": [str(A)]}], team=team) == []
