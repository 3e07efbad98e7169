"""What face.md's policy.yaml knows and this version does not: named one by one, never ignored (T27)."""

import pytest

from tests.unit.policy.cases import problems

# The example of the settled interface, whole.
EXAMPLE = """
version: 1
mode: enforce
trustRoots:
  corp: { file: corp-trusted-root.json, sha256: 9f2c }
  vendors: { certificates: vendor-ca.pem, timestamps: vendor-tsa.pem }
signers:
  nvidia:  { preset: nvidia-ngc }
  ml-ci:   { issuer: "https://token.actions.githubusercontent.com",
             subject: "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/*", trustRoot: sigstore }
  ml-any:  { issuer: "https://token.actions.githubusercontent.com", trustRoot: sigstore,
             subjectRegex: 'https://github\\.com/acme/.*',
             extensions: { sourceRepositoryUri: "https://github.com/acme/*", runnerEnvironment: github-hosted } }
  ml-ci2:  { github: acme/ml, workflow: release.yml, ref: "refs/tags/v*" }
  team:    { key: team.pub, log: none, validUntil: 2027-01-01 }
  scanner: { key: scanner.pub, log: none, timestamp: required, trustRoot: corp, hash: sha256 }
  vendor:  { x509: vendors, subject: "O=Wabbit Networks,CN=SecureBuilder" }
  company: { x509: vendors, san: release@corp.example }
images:
  - match: nvcr.io/nvidia/**
    tags: ["24.*-py3", "25.*-py3"]
    pinning: first
    platforms: [linux/amd64, linux/arm64]
    require:
      - signature: nvidia
    signedAs: [nvcr.io/nvidia/**]
  - match: ghcr.io/acme/ml/**
    recheck: 24h
    require:
      - { signature: ml-ci }
      - attestation: slsa-provenance
        by: ml-ci2
        where: { source: github.com/acme/ml, builder: "https://github.com/actions/runner/github-hosted" }
      - attestation: vuln
        by: scanner
        covers: platform
        maxAge: 7d
        grace: 2d
        where: { critical: 0, high: "<=5" }
      - attestation: sbom
        by: ml-any
        name: no-banned-package
        condition: '!components.exists(c, c.name == "banned-package")'
      - image: { maxAge: 30d, condition: 'config.user != "" && config.user != "root"' }
    base: { require: [ { signature: nvidia } ] }
    covers: index
    rollback: warn
    regression: warn
  - match: docker.io/library/*
    evidenceFrom: [registry.corp.example/approvals]
    require: [ { atLeast: 2, of: [ { signature: team }, { signature: company }, { signature: vendor } ] } ]
  - match: docker.io/library/busybox
    require: [ { digest: [ "sha256:ab3c" ] } ]
exceptions:
  - match: ghcr.io/acme/ml/trainer
    digest: sha256:77aa
    waive: [ vuln ]
    reason: INC-4711
    by: j.doe
    until: 2026-12-01T00:00Z
revoked:
  - { digest: "sha256:0bad", reason: "INC-4712" }
"""
LINES = {line: number for number, line in reversed(list(enumerate(EXAMPLE.splitlines(), start=1)))}


def line_of(part):
    return next(number for line, number in LINES.items() if part in line)


def test_the_settled_example_gives_one_sensible_problem_for_each_thing_that_is_not_there_yet():
    found = problems(EXAMPLE)
    unsupported = [problem for problem in found if "is not supported by this version" in problem]
    words = [problem.split("`")[1].replace(": ", ":") for problem in unsupported]
    told = (
        "trustRoots issuer subject trustRoot subjectRegex extensions github workflow ref timestamp x509 san recheck "
        "attestation image base rollback:warn regression:warn evidenceFrom"
    )
    assert set(words) == set(told.split())
    rest = [problem for problem in found if problem not in unsupported]
    assert [problem.split(": ")[1] for problem in rest] == [
        "images[3].require[0].digest[0]",
        "exceptions[0].digest",
        "revoked[0].digest",
    ]
    assert (
        f"policy.yaml:{line_of('recheck')}: images[1].recheck: `recheck` is not supported by this version; remove it"
        in found
    )
    assert any(
        problem.startswith(f"policy.yaml:{line_of('attestation: vuln')}: images[1].require[2].attestation")
        for problem in found
    )


HEAD = "signers: { team: { key: k, log: none } }\n"


@pytest.mark.parametrize(
    ("text", "path", "word"),
    [
        *[(f"signers: {{ a: {{ {word}: x }} }}\n", f"signers.a.{word}", word) for word in (
            "issuer", "subject", "subjectRegex", "trustRoot", "extensions", "github", "workflow", "ref", "x509", "san", "timestamp"
        )],
        *[(f"{HEAD}images: [{{ match: a.io/b, require: [{{ signature: team }}], {word}: x }}]\n", f"images[0].{word}", word) for word in (
            "recheck", "base", "evidenceFrom", "after"
        )],
        *[(f"{HEAD}images: [{{ match: a.io/b, require: [{{ signature: team, {word}: x }}] }}]\n", f"images[0].require[0].{word}", word) for word in (
            "by", "where", "covers", "maxAge", "grace", "condition"
        )],
        *[(f"{HEAD}images: [{{ match: a.io/b, require: [{{ {word}: x }}] }}]\n", f"images[0].require[0].{word}", word) for word in (
            "attestation", "image"
        )],
        (f"{HEAD}images: [{{ match: a.io/b, require: [{{ atLeast: 1, of: [{{ attestation: x }}] }}] }}]\n", "images[0].require[0].of[0].attestation", "attestation"),
        ("trustRoots: { a: b }\n", "trustRoots", "trustRoots"),
        ("revoked: [{ issuer: a, subject: b, reason: r }]\n", "revoked[0].issuer", "issuer"),
        ("revoked: [{ issuer: a, subject: b, reason: r }]\n", "revoked[0].subject", "subject"),
        ("signers: { a: { key: k, log: required } }\n", "signers.a.log", "log: required"),
    ],
)  # fmt: skip
def test_t27_an_unsupported_word_is_a_load_error_that_says_so(text, path, word):
    found = problems(text)
    assert any(f": {path}: `{word}` is not supported by this version; remove it" in problem for problem in found), found
    assert len([problem for problem in found if path in problem]) == 1


@pytest.mark.parametrize(
    "field",
    ["covers: any", "covers: platform", "rollback: warn", "rollback: deny", "regression: warn", "regression: deny"],
)
def test_t12_t27_a_value_that_is_not_acted_on_is_a_load_error(field):
    (problem,) = problems(f"{HEAD}images: [{{ match: a.io/b, require: [{{ signature: team }}], {field} }}]\n")
    assert f"`{field}` is not supported by this version; remove it, or write" in problem


def test_what_is_done_anyway_may_be_written():
    fields = "covers: index, rollback: allow, regression: allow"
    assert problems(f"{HEAD}images: [{{ match: a.io/b, require: [{{ signature: team }}], {fields} }}]\n") == ()


@pytest.mark.parametrize(
    "odd",
    [
        "signers: 1",
        "images: x",
        "images: [1, [2]]",
        "signers: { a: [b] }",
        "images: [{ require: x }]",
        "revoked: { a: b }",
    ],
)
def test_odd_shapes_are_problems_and_never_a_crash(odd):
    assert problems(odd + "\n")
