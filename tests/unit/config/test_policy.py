"""policy.yaml with its keys and the lock file: whole, or every problem at once and nothing loaded."""

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization

from proxy.config.policy import load_policy
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from tests.unit.config.conftest import MINIMAL, NOW, make_key

SIGNED = """\
version: 1
signers:
  team: { key: team.pub, log: none }
images:
  - match: nvcr.io/nvidia/**
    require: [ { signature: team } ]
"""
HEX = "0" * 64


@pytest.fixture
def team(site):
    private, pem = make_key()
    site.write("team.pub", pem)
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def test_a_signers_word_meets_its_key(site, team):
    _, loaded = site.load_both(policy=SIGNED)

    assert loaded.material.signers["team"].spki == team
    assert [rule.match for rule in loaded.policy.rules] == ["nvcr.io/nvidia/**"]
    assert loaded.warnings == ()


def test_key_files_are_relative_to_the_policy_and_not_to_the_configuration(site, team):
    (site.folder / "git").mkdir()
    (site.folder / "team.pub").rename(site.folder / "git/team.pub")
    site.write("git/policy.yaml", SIGNED)

    _, loaded = site.load_both("policy: git/policy.yaml\nupstreams: { nvcr.io: {} }\n", policy="unused")

    assert loaded.material.signers["team"].spki == team


def test_a_preset_brings_its_own_key(site):
    _, loaded = site.load_both(policy=SIGNED.replace("{ key: team.pub, log: none }", "{ preset: nvidia-ngc }"))

    assert loaded.material.signers["team"].spki.startswith("bc37f80d")


def test_an_unknown_preset_is_refused_with_its_line_and_the_known_names(site):
    (problem,) = site.problems_of_both(policy=SIGNED.replace("{ key: team.pub, log: none }", "{ preset: nvidia }"))

    assert problem.startswith("policy.yaml:3: signers.team.preset: preset 'nvidia' is not known; write one of ")
    assert "nvidia-ngc" in problem


def test_a_key_that_is_missing_or_none_is_refused_with_its_line_and_file(site):
    missing = site.problems_of_both(policy=SIGNED)
    site.write("team.pub", "not a key")
    wrong = site.problems_of_both(policy=SIGNED)

    assert missing[0].startswith("policy.yaml:3: signers.team.key: the key file team.pub cannot be read: No such file")
    assert wrong[0].startswith("policy.yaml:3: signer team (team.pub): ")


def test_everything_wrong_in_all_files_is_said_at_once(site):
    site.write("pins.lock.yaml", "version: 1\npins:\n  nvcr.io/x: { a: latest }\n")
    config = "policy: policy.yaml\nupstreams:\n  nvcr.io: { ca: absent.pem }\ndata: 7\n"
    policy = SIGNED + "    tagz: [a]\nrevoked:\n  - { key: absent.pub, reason: lost }\n"

    problems = site.problems_of_both(config, policy=policy)

    places = [problem.split(": ")[0] for problem in problems]
    assert places == [
        "pins.lock.yaml:3",
        *("policy.yaml:3", "policy.yaml:7", "policy.yaml:9"),
        *("pratique.yaml:3", "pratique.yaml:4"),
    ]


@pytest.mark.parametrize("mistake", ["", "    tagz: [a]\n"], ids=["a right policy", "a policy with a mistake"])
def test_every_file_of_a_trust_root_that_is_missing_is_told_at_its_own_line(site, team, mistake):
    roots = (
        "trustRoots:\n  corp:\n    certificates: ca.pem\n    timestamps: tsa.pem\n    crls: [here.crl, gone.crl]\n"
        f"  own: {{ file: root.json, sha256: '{HEX}' }}\n  far: {{ tuf: 'https://tuf.test', root: root-1.json }}\n"
    )
    site.write("here.crl", b"-")

    problems = site.problems_of_both(policy=SIGNED + mistake + roots)

    first = 7 + bool(mistake)
    assert [problem.partition(" cannot be read")[0] for problem in problems if "cannot be read" in problem] == [
        f"policy.yaml:{first + 2}: trustRoots.corp.certificates: the certificate file ca.pem",
        f"policy.yaml:{first + 3}: trustRoots.corp.timestamps: the certificate file tsa.pem",
        f"policy.yaml:{first + 4}: trustRoots.corp.crls[1]: the CRL gone.crl",
        f"policy.yaml:{first + 5}: trustRoots.own.file: the trusted root root.json",
        f"policy.yaml:{first + 6}: trustRoots.far.root: the root of trust root-1.json",
    ]
    assert len(problems) == 5 + bool(mistake)


def test_a_policy_that_is_not_there_is_said_with_its_path(site):
    problems = site.problems_of_both("policy: absent.yaml\nupstreams: { nvcr.io: {} }\n", policy="unused")

    assert problems == ["absent.yaml: cannot be read: No such file or directory; correct the path or its permissions"]


def test_a_configuration_without_a_policy_still_says_what_is_wrong_in_it(site):
    assert site.problems_of_both("upstreams: { nvcr.io: {} }\n", policy="unused") == [
        "pratique.yaml:1: policy: this field is required"
    ]
    assert site.problems_of_both("a: [", policy="unused")[0].startswith("pratique.yaml:1: this is not YAML")


def test_the_lock_file_is_read_and_need_not_be_there(site, team):
    _, without = site.load_both(policy=SIGNED)
    site.write("pins.lock.yaml", f'version: 1\npins:\n  nvcr.io/nvidia/x: {{ "24.10": "sha256:{HEX}" }}\n')
    _, locked = site.load_both(policy=SIGNED)

    assert without.lock == {}
    assert locked.lock == {(Repository("nvcr.io", "nvidia/x"), "24.10"): Digest("sha256", HEX)}


def test_a_lock_file_that_points_nowhere_is_not_taken_for_an_absent_one(site, team):
    (site.folder / "pins.lock.yaml").symlink_to(site.folder / "gone")

    assert site.problems_of_both(policy=SIGNED)[0].startswith("pins.lock.yaml: cannot be read")


def test_t27_a_revoked_key_by_file_leaves_its_signer_out_and_says_so(site, team):
    _, loaded = site.load_both(policy=SIGNED + "revoked: [ { key: team.pub, reason: lost } ]\n")

    assert loaded.material.signers == {}
    assert loaded.material.revoked == {team: "lost"}
    assert site.plain(loaded.warnings) == ["policy.yaml:3: signers.team: its key is revoked; it proves nothing"]


def test_a_revoked_key_by_its_spki_is_the_same(site, team):
    _, loaded = site.load_both(policy=SIGNED + f'revoked: [ {{ key: "{team}", reason: lost }} ]\n')

    assert loaded.material.revoked == {team: "lost"}


def test_a_revoked_key_file_that_is_missing_is_refused_with_its_line(site, team):
    policy = SIGNED + "revoked:\n  - { key: team.pub, reason: lost }\n  - { key: gone.pub, reason: lost }\n"

    (problem,) = site.problems_of_both(policy=policy)

    assert problem.startswith("policy.yaml:9: revoked key gone.pub:")


def test_the_empty_policy_refuses_everything_and_says_so(site):
    _, loaded = site.load_both(policy="version: 1\n")

    assert loaded.policy.is_empty
    (warning,) = loaded.warnings
    assert "every pull is refused" in warning


def test_a_rule_for_a_registry_that_is_no_upstream_is_a_warning(site, team):
    _, loaded = site.load_both(policy=SIGNED.replace("nvcr.io", "quay.io"))

    assert site.plain(loaded.warnings) == [
        "policy.yaml:5: images[0].match: quay.io is not under upstreams, so nothing can be pulled from it"
    ]


def test_a_locked_rule_without_a_lock_file_is_a_warning(site, team):
    _, loaded = site.load_both(policy=SIGNED + "    pinning: locked\n")

    assert site.plain(loaded.warnings) == [
        "policy.yaml:1: a rule serves only what the lock file names, and pins.lock.yaml is not there"
    ]


def test_the_configurations_own_warnings_stay_its_own(site, team):
    config, loaded = site.load_both(MINIMAL + "clients: { open: [0.0.0.0/0] }\n", policy=SIGNED)

    assert len(config.warnings) == 1
    assert loaded.warnings == ()


def test_a_reload_reads_every_file_afresh(site, team):
    config, before = site.load_both(policy=SIGNED)
    _, pem = make_key()
    site.write("team.pub", pem)

    after = load_policy(config, now=NOW)

    assert after.material.signers["team"].spki != before.material.signers["team"].spki
    assert after.policy.rules == before.policy.rules


def test_an_exception_is_held_against_the_moment_that_is_handed_in(site, team):
    policy = SIGNED + (
        "exceptions:\n"
        f"  - {{ match: nvcr.io/nvidia/x, digest: 'sha256:{HEX}', waive: [signature], reason: r, by: b, until: 2026-12-20 }}\n"
    )

    (problem,) = site.problems_of_both(policy=policy)

    assert problem.startswith("policy.yaml:8: exceptions[0].until:")
