"""Each field of the schema has a mistake here that is refused with its line and remedy (T27)."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.oci.descriptor import Platform
from proxy.policy.words.document import PolicyDocument, parse_policy
from tests.unit.policy.cases import IMAGE, NOW, OTHER, policy, problems, rule_text, signers
from tests.unit.policy.mistakes import GOOD, MISTAKES, RULES, exception, require, revoked, rule, signer


@pytest.mark.parametrize(
    ("field", "text", "says"), MISTAKES, ids=[f"{field}-{index}" for index, (field, _, _) in enumerate(MISTAKES)]
)
def test_t27_a_mistake_in_a_field_is_refused_with_line_and_remedy(field, text, says):
    found = problems(text)
    assert any(says in problem for problem in found), found
    assert all(problem.startswith("policy.yaml:") for problem in found)


def test_t27_every_field_of_the_schema_has_a_mistake_above():
    schema = PolicyDocument.model_json_schema(by_alias=True)
    owners = {"PolicyDocument": schema} | schema["$defs"]
    fields = {f"{owner}.{field}" for owner, model in owners.items() for field in model["properties"]}
    assert fields == {field for field, _, _ in MISTAKES}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mod: warn\n", "mod: no such field; did you mean 'mode'?"),
        (rule("signed_as: [a/b]"), "images[0].signed_as: no such field; did you mean 'signedAs'?"),
        (rule("Tags: [a]"), "images[0].Tags: no such field; did you mean 'tags'?"),
        (require("[{ signatures: team }]"), "did you mean 'signature'?"),
        (signer("kye: k, log: none"), "signers.team.kye: no such field; did you mean 'key'?"),
        (exception(untill="2026-11-12"), "did you mean 'until'?"),
        (revoked("{ digset: x, reason: r }"), "did you mean 'digest'?"),
        (rule("zzz: 1"), "no such field; known here: after, base, covers"),
        (
            require("[{ atLeast: 1, of: [{ sgnature: team }] }]"),
            "of[0].sgnature: no such field; did you mean 'signature'?",
        ),
    ],
)
def test_t27_an_unknown_field_is_refused_and_told_what_was_meant(text, says):
    assert any(says in problem for problem in problems(text)), problems(text)


@pytest.mark.parametrize("place", ["tags", "platforms", "signedAs", "require"])
@pytest.mark.parametrize("nothing", ["", "[]", "~", "''", "{}"])
def test_t23_what_is_written_and_empty_is_never_read_as_any(place, nothing):
    found = problems(f"{RULES}  - match: ghcr.io/acme/app\n    {place}: {nothing}\n")
    assert any(f"images[0].{place}: it is empty" in problem for problem in found)


def test_every_problem_is_told_at_once_in_the_order_of_the_lines():
    found = problems(
        "version: 1\nmode: x\nsigners:\n  a: { key: k }\nimages:\n"
        "  - { match: GHCR/x, require: [{ signature: b }] }\n"
        "  - { match: ghcr.io/*, tags: [1], platforms: [x], require: [] }\nrevoked: [{ key: k }]\n"
    )
    lines = [int(problem.split(":")[1]) for problem in found]
    assert lines == sorted(lines)
    assert set(lines) == {2, 4, 6, 7, 8}
    assert len(found) == 7


def test_the_error_itself_is_one_sentence_that_counts_the_rest():
    with pytest.raises(ConfigError, match=r"^policy\.yaml:1: mod: no such field.* \(and 1 more\)$"):
        policy("mod: warn\nsignerz: 1\n")


def test_a_problem_is_told_once_and_not_by_its_consequences():
    assert len(problems(require("[{ signature: 12 }]"))) == 1
    assert len(problems(signer("key: , log: none"))) == 1
    assert len(problems(rule("tags: [1]"))) == 1
    assert len(problems(exception(match="ghcr.io/A"))) == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: 1\n", "{}"])
def test_the_empty_policy_is_read_denies_everything_and_says_so(text):
    empty = policy(text)
    assert empty.is_empty
    assert empty.warnings == ("policy.yaml:1: the file: there are no rules under images: every pull is refused",)


@pytest.mark.parametrize("text", ["[]", "just text", "12", "- a\n- b\n", "[1, 2]"])
def test_a_file_that_is_no_mapping_is_refused(text):
    assert len(problems(text)) == 1


def test_what_is_not_yaml_is_refused_with_its_line():
    assert problems("version: 1\nimages: [\n")[0].startswith("policy.yaml:3: this is not YAML")


def test_duplicate_keys_are_refused_before_anything_is_read():
    assert problems("version: 1\nmode: warn\nmode: enforce\n") == (
        "policy.yaml:3: 'mode' stands twice; keep one of them",
    )


def test_a_whole_policy_means_what_it_says():
    read = policy(
        f"""
version: 1
signers:
  nvidia: {{ preset: nvidia-ngc }}
  team: {{ key: team.pub, log: none, hash: sha384, validFrom: 2026-01-01, validUntil: 2027-01-01T12:00+02:00 }}
images:
  - match: nvcr.io/**
    require: [{{ signature: team, claims: {{ build: "4711" }}, name: built }}]
  - match: nvcr.io/nvidia/**
    mode: warn
    tags: ["24.*-py3", "25.*-py3"]
    pinning: follow
    ttl: 10m
    platforms: [linux/amd64, linux/aarch64]
    require:
      - signature: nvidia
      - {{ atLeast: 1, of: [{{ signature: team }}, {{ digest: ["{OTHER}"] }}] }}
    signedAs: [nvcr.io/nvidia/**]
    covers: index
    rollback: allow
    regression: allow
exceptions:
  - {{ match: "nvcr.io/nvidia/*", digest: "{IMAGE}", waive: [signature, atLeast], reason: INC-1, by: j.doe, until: 2026-12-01T00:00Z }}
revoked:
  - {{ digest: "{OTHER}", reason: INC-2 }}
  - {{ key: {"AB" * 32}, reason: stolen }}
  - {{ key: old.pub, reason: rotated }}
"""
    )
    special, general = read.rules
    assert (special.match, general.match) == ("nvcr.io/nvidia/**", "nvcr.io/**")
    assert (special.mode, general.mode) == ("warn", "enforce")
    assert special.ttl == timedelta(minutes=10)
    assert (special.pinning, general.pinning) == ("follow", "first")
    assert special.platforms == (Platform("linux", "amd64"), Platform("linux", "arm64"))
    assert special.signer_names == {"nvidia", "team"}
    assert general.require.of[0].claims == {"build": "4711"}
    assert read.signers["nvidia"].preset == "nvidia-ngc"
    assert read.signers["team"].hash == "sha384"
    assert f"{read.signers['team'].valid_until:%Y-%m-%dT%H:%M%z}" == "2027-01-01T10:00+0000"
    assert read.exceptions[0].waive == {"signature", "at-least"}
    assert read.revoked_digests == {OTHER: "INC-2"}
    assert read.revoked_keys == (("ab" * 32, "stolen"), ("old.pub", "rotated"))
    assert len(read.warnings) == 1
    assert "which is revoked" in read.warnings[0]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "version",
                        "mode",
                        "signers",
                        "images",
                        "match",
                        "require",
                        "signature",
                        "of",
                        "atLeast",
                        "exceptions",
                        "revoked",
                        "digest",
                        "issuer",
                        "subject",
                        "key",
                        "log",
                        "x509",
                        "github",
                        "extensions",
                        "trustRoots",
                        "certificates",
                        "tuf",
                        "attestation",
                        "by",
                        "where",
                        "condition",
                        "maxAge",
                        "levels",
                        "image",
                        "base",
                        "evidenceFrom",
                        "rollback",
                        "x",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
@settings(deadline=None)
def test_any_document_is_a_policy_or_a_configuration_error(document):
    import json

    text = json.dumps(document)
    try:
        read = parse_policy(text, file="policy.yaml", now=NOW)
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - the other branch is as good
    else:
        assert all(each.require.of for each in read.rules)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_is_a_policy_or_a_configuration_error(text):
    try:
        assert parse_policy(text, file="policy.yaml", now=NOW).is_empty
    except ConfigError as error:
        assert all("policy.yaml:" in problem for problem in error.problems)  # noqa: PT017 - the other branch is as good


def test_signers_helper_reads():
    assert policy(signers("a") + f"images:\n{rule_text('[{ signature: a }]')}").signers["a"].key == "a.pub"


def test_a_loader_never_opens_a_file(tmp_path):
    assert not Path("team.pub").exists()
    assert policy(GOOD).signers["team"].key == "team.pub"


FACE = """
version: 1
mode: enforce
trustRoots:
  corp: { file: corp-trusted-root.json, sha256: HEX }
  vendors: { certificates: vendor-ca.pem, timestamps: vendor-tsa.pem }
signers:
  nvidia:  { preset: nvidia-ngc }
  ml-ci:   { issuer: "https://token.actions.githubusercontent.com",
             subject: "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/*", trustRoot: sigstore }
  ml-any:  { issuer: "https://token.actions.githubusercontent.com", trustRoot: sigstore,
             subjectRegex: 'https://github\\.com/acme/[^/]+/\\.github/workflows/release\\.yml@refs/tags/v.*',
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
    require: [ { digest: [ "sha256:HEX" ] } ]
exceptions:
  - match: ghcr.io/acme/ml/trainer
    digest: sha256:HEX
    waive: [ vuln ]
    reason: INC-4711
    by: j.doe
    until: 2026-12-01T00:00Z
revoked:
  - { digest: "sha256:0BAD", reason: "INC-4712" }
  - { issuer: "https://gitlab.corp.example", subject: "https://gitlab.corp.example/left/**", reason: "INC-4713" }
""".replace("HEX", "9f" * 32).replace("0BAD", "0b" * 32)


def test_the_settled_example_is_read_whole_without_a_word_that_is_not_understood():
    read = policy(FACE, timeless={"nvidia-ngc"})
    assert read.warnings == ()
    assert set(read.trust_roots) == {"corp", "vendors"}
    ml = next(rule for rule in read.rules if rule.match == "ghcr.io/acme/ml/**")
    assert [each.name for each in ml.require.of] == [
        "signature",
        "slsa-provenance",
        "vuln",
        "no-banned-package",
        "image",
    ]
    assert ml.signer_names == {"ml-ci", "ml-ci2", "scanner", "ml-any", "nvidia"}
    assert ml.recheck == timedelta(hours=24)
    assert (ml.rollback, ml.regression, ml.covers) == ("warn", "warn", "index")
    assert read.signers["ml-ci2"].subject.matches(
        "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1.0.0"
    )
    assert read.revoked_identities[0][0] == "https://gitlab.corp.example"
