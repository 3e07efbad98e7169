import pytest

from proxy.policy.requirements import (
    AtLeast,
    AttestationRequirement,
    DigestRequirement,
    ImageRequirement,
    SignatureRequirement,
)
from tests.unit.policy.cases import IMAGE, problems, simple


def asked(require, more=""):
    return simple(require, more=more, names=("team", "scan")).rules[0].require.of


def test_each_kind_is_read_as_its_own_requirement():
    kinds = [
        type(each)
        for each in asked(
            f"[{{ signature: team }}, {{ attestation: vuln, by: scan }}, {{ digest: ['{IMAGE}'] }}, "
            "{ image: { maxAge: 30d } }, { atLeast: 1, of: [{ signature: team }, { signature: scan }] }]"
        )
    ]
    assert kinds == [SignatureRequirement, AttestationRequirement, DigestRequirement, ImageRequirement, AtLeast]


def test_covers_is_the_rules_unless_a_requirement_says_its_own():
    require = "[{ signature: team }, { attestation: vuln, by: scan, covers: platform }]"
    assert [each.covers for each in asked(require)] == ["index", "platform"]
    assert [each.covers for each in asked(require, "covers: any")] == ["any", "platform"]
    inside = asked(
        "[{ atLeast: 1, of: [{ signature: team }, { signature: scan, covers: index }] }]", "covers: platform"
    )
    assert [leaf.covers for leaf in inside[0].of] == ["platform", "index"]


def test_signatures_attestations_and_digests_may_be_counted():
    (found,) = asked(
        f"[{{ atLeast: 2, of: [{{ signature: team }}, {{ attestation: sbom, by: scan }}, {{ digest: ['{IMAGE}'] }}] }}]"
    )
    assert found.count == 2
    assert [type(leaf) for leaf in found.of] == [SignatureRequirement, AttestationRequirement, DigestRequirement]


@pytest.mark.parametrize(
    "inside",
    ["{ image: { maxAge: 30d } }", "{ atLeast: 1, of: [{ signature: team }] }"],
)
def test_what_has_no_identity_is_not_counted(inside):
    (problem,) = problems(
        "signers: { team: { key: k, log: none } }\nimages:\n"
        f"  - {{ match: ghcr.io/x, require: [{{ atLeast: 1, of: [{{ signature: team }}, {inside}] }}] }}\n"
    )
    assert "does not stand inside atLeast; write it as an entry of `require`" in problem


def test_everybody_whose_word_counts_is_a_signer_of_the_rule():
    rule = simple(
        "[{ attestation: vuln, by: scan, vex: vendor }, { atLeast: 1, of: [{ attestation: sbom, by: team }] }]",
        names=("team", "scan", "vendor"),
    ).rules[0]
    assert rule.signer_names == {"team", "scan", "vendor"}


@pytest.mark.parametrize(
    ("require", "name"),
    [
        ("[{ signature: team }]", "signature"),
        ("[{ attestation: slsa-provenance, by: team }]", "slsa-provenance"),
        ("[{ attestation: 'https://slsa.dev/provenance/v1', by: team }]", "slsa-provenance"),
        ("[{ attestation: 'https://acme.test/scan/v1', by: team }]", "attestation"),
        ("[{ attestation: vuln, by: team, name: cves }]", "cves"),
        ("[{ image: { maxAge: 30d } }]", "image"),
        ("[{ atLeast: 1, of: [{ signature: team }] }]", "at-least"),
    ],
)
def test_a_requirement_is_called_by_its_word_unless_it_has_a_name(require, name):
    assert [each.name for each in asked(require)] == [name]
