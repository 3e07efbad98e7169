"""What changes a Decision changes the rule's fingerprint (promise 5), and what is asked at every resolve does not."""

import itertools

import pytest

from tests.unit.policy.cases import IMAGE, OTHER, policy

HEAD = """
trustRoots: { store: { certificates: ca.pem } }
signers:
  team: { key: team.pub, log: none }
  ci: { issuer: 'https://ci.corp', subject: 'https://ci.corp/ml' }
images:
"""


def rule(require="signature: team", more=""):
    return policy(f"{HEAD}  - {{ match: ghcr.io/x, require: [{{ {require} }}]{more} }}\n").rules[0]


VULN = "attestation: vuln, by: ci"
SLSA = "attestation: slsa-provenance, by: ci, where: { level: 3 }, levels: { "
REQUIREMENTS = [
    "signature: team",
    "signature: ci",
    "signature: team, claims: { a: b }",
    "signature: team, claims: { a: c }",
    "signature: team, covers: platform",
    "signature: team, name: x",
    f"digest: ['{IMAGE}']",
    f"digest: ['{OTHER}']",
    VULN,
    "attestation: vuln, by: team",
    "attestation: sbom, by: ci",
    "attestation: 'https://acme.test/x', by: ci",
    f"{VULN}, where: {{ critical: 0 }}",
    f"{VULN}, where: {{ critical: 1 }}",
    f"{VULN}, where: {{ high: 0 }}",
    f"{VULN}, where: {{ scanner: a }}",
    f"{VULN}, where: {{ scanner: [a, b] }}",
    f"{VULN}, condition: 'critical == 0'",
    f"{VULN}, maxAge: 7d",
    f"{VULN}, maxAge: 7d, grace: 2d",
    f"{VULN}, covers: any",
    f"{VULN}, vex: team",
    f"{VULN}, name: x",
    f"{SLSA}a: 3 }}",
    f"{SLSA}a: 2 }}",
    f"{SLSA}b: 3 }}",
    f"{SLSA}a: 3, b: 3 }}",
    f"{SLSA}b: 3, a: 3 }}",
    "image: { maxAge: 30d }",
    "image: { maxAge: 31d }",
    "image: { where: { isRoot: false } }",
    "image: { where: { isRoot: true } }",
    "image: { condition: 'size < 5' }",
    "atLeast: 1, of: [{ signature: team }, { signature: ci }]",
    "atLeast: 2, of: [{ signature: team }, { signature: ci }]",
    f"atLeast: 1, of: [{{ signature: team }}, {{ {VULN} }}]",
]


def test_promise_5_whatever_a_requirement_asks_changes_the_fingerprint():
    prints = [rule(require).fingerprint for require in REQUIREMENTS]
    same = [
        (REQUIREMENTS[one], REQUIREMENTS[two])
        for one, two in itertools.combinations(range(len(prints)), 2)
        if prints[one] == prints[two]
    ]
    assert same == []
    assert prints == [rule(require).fingerprint for require in REQUIREMENTS]


@pytest.mark.parametrize(
    "more",
    [
        "mode: warn",
        "platforms: [linux/amd64]",
        "signedAs: [ghcr.io/y]",
        "covers: platform",
        "evidenceFrom: [reg.corp/a]",
        "base: { rule: own }",
        "base: { require: [{ signature: team }] }",
    ],
)
def test_promise_5_whatever_changes_a_decision_changes_the_fingerprint(more):
    assert rule(more=f", {more}").fingerprint != rule().fingerprint


@pytest.mark.parametrize(
    "more",
    [
        "tags: [a]",
        "pinning: locked",
        "pinning: follow, ttl: 1m, after: 72h",
        "recheck: 24h",
        "regression: deny",
        "regression: allow",
    ],
)
def test_what_is_asked_at_every_resolve_changes_no_decision(more):
    assert rule(more=f", {more}").fingerprint == rule().fingerprint


def test_bases_differ_by_what_they_ask():
    bases = ["{ rule: own }", "{ require: [{ signature: team }] }", "{ require: [{ signature: ci }] }"]
    assert len({rule(more=f", base: {base}").fingerprint for base in bases}) == 3
