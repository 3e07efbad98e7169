"""Each field of the schema has a mistake here that is refused with its line and remedy (T27)."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.oci.descriptor import Platform
from proxy.policy.document import PolicyDocument, parse_policy
from tests.unit.policy.cases import IMAGE, NOW, OTHER, policy, problems, rule_text, signers

HEAD = "version: 1\nsigners:\n  team: { key: team.pub, log: none }\n  scan: { key: scan.pub, log: none }\n"
RULES = HEAD + "images:\n"
GOOD = RULES + "  - match: ghcr.io/acme/**\n    require: [{ signature: team }]\n"


def signer(fields):
    return f"signers:\n  team: {{ {fields} }}\nimages:\n{rule_text()}"


def rule(fields, require="[{ signature: team }]"):
    return f"{RULES}  - {{ match: ghcr.io/acme/app, require: {require}, {fields} }}\n"


def require(written):
    return f"{RULES}  - match: ghcr.io/acme/app\n    require: {written}\n"


def exception(**fields):
    whole = {
        "match": "ghcr.io/acme/app",
        "digest": f"'{IMAGE}'",
        "waive": "[signature]",
        "reason": "r",
        "by": "me",
        "until": "2026-11-20",
    }
    written = ", ".join(f"{name}: {value}" for name, value in (whole | fields).items() if value is not None)
    return f"{GOOD}exceptions:\n  - {{ {written} }}\n"


def revoked(written):
    return f"{GOOD}revoked:\n  - {written}\n"


# (model.field, a policy that gets it wrong, what the problem says)
MISTAKES = [
    ("PolicyDocument.version", GOOD.replace("version: 1", "version: 2"), "reads version 1, not 2"),
    ("PolicyDocument.version", GOOD.replace("version: 1", "version: true"), "whole number"),
    ("PolicyDocument.mode", "mode: audit\n" + GOOD, "write enforce or warn"),
    ("PolicyDocument.mode", "mode: off\n" + GOOD, "write enforce or warn"),
    ("PolicyDocument.signers", "signers: [team]\n", "write fields under it"),
    ("PolicyDocument.signers", "signers: {}\n", "it is empty"),
    ("PolicyDocument.signers", "signers: { 'a b': { key: k, log: none } }\n", "a name is letters"),
    ("PolicyDocument.images", "images: []\n", "it is empty"),
    ("PolicyDocument.images", "images: { match: a/b }\n", "write a list"),
    ("PolicyDocument.exceptions", "exceptions: []\n", "it is empty"),
    ("PolicyDocument.revoked", "revoked:\n", "it is empty"),
    ("SignerEntry.key", signer("log: none"), "it has no key"),
    ("SignerEntry.key", signer("key: 12, log: none"), "put it in quotes"),
    ("SignerEntry.key", signer("key: '-----BEGIN PUBLIC KEY-----', log: none"), "name the file that holds the key"),
    ("SignerEntry.preset", signer("preset: nvidia-ngc, key: k, log: none"), "a preset brings its own `key`"),
    (
        "SignerEntry.preset",
        signer("preset: nvidia-ngc, validUntil: 2027-01-01"),
        "a preset brings its own `validUntil`",
    ),
    ("SignerEntry.log", signer("key: k"), "say `log: none`"),
    ("SignerEntry.log", signer("key: k, log: required"), "`log: required` is not supported by this version"),
    ("SignerEntry.log", signer("key: k, log: maybe"), "write none"),
    ("SignerEntry.log", signer("key: k, log:"), "it is empty"),
    ("SignerEntry.hash", signer("key: k, log: none, hash: md5"), "write sha256, sha384 or sha512"),
    ("SignerEntry.validFrom", signer("key: k, log: none, validFrom: soon"), "'soon' is not a date"),
    (
        "SignerEntry.validFrom",
        signer("key: k, log: none, validFrom: 2027-02-01, validUntil: 2027-01-01"),
        "ends before it begins",
    ),
    ("SignerEntry.validUntil", signer("key: k, log: none, validUntil: 2027"), "write a date"),
    ("RuleEntry.match", f"{RULES}  - require: [{{ signature: team }}]\n", "`match` is required"),
    ("RuleEntry.match", rule("tags: [a]").replace("ghcr.io/acme/app", "ghcr.io/acme/"), "empty part"),
    (
        "RuleEntry.match",
        rule("tags: [a]").replace("ghcr.io/acme/app", "docker.io/busybox"),
        "docker.io/library/busybox",
    ),
    ("RuleEntry.match", rule("tags: [a]").replace("ghcr.io/acme/app", "docker.io/*"), "docker.io/library/*"),
    ("RuleEntry.match", rule("tags: [a]").replace("ghcr.io/acme/app", "index.docker.io/a/b"), "write docker.io/a/b"),
    ("RuleEntry.match", rule("tags: [a]").replace("ghcr.io/acme/app", "ghcr.io"), "write ghcr.io/**"),
    ("RuleEntry.mode", rule("mode: audit"), "write enforce or warn"),
    ("RuleEntry.tags", rule("tags: []"), "it is empty"),
    ("RuleEntry.tags", rule("tags:"), "it is empty"),
    ("RuleEntry.tags", rule("tags: [24.10]"), "put it in quotes"),
    ("RuleEntry.tags", rule("tags: ['**']"), "write *"),
    ("RuleEntry.pinning", rule("pinning: none"), "write first, follow or locked"),
    ("RuleEntry.ttl", rule("ttl: 5m"), "only `pinning: follow` asks again"),
    ("RuleEntry.ttl", rule("pinning: follow, ttl: 5"), "needs its unit"),
    ("RuleEntry.ttl", rule("pinning: follow, ttl: 0s"), "zero would ask"),
    ("RuleEntry.platforms", rule("platforms: []"), "it is empty"),
    ("RuleEntry.platforms", rule("platforms: [amd64]"), "write os/architecture"),
    ("RuleEntry.platforms", rule("platforms: [unknown/unknown]"), "never the image"),
    ("RuleEntry.require", f"{RULES}  - match: ghcr.io/acme/app\n", "`require` is missing"),
    ("RuleEntry.require", require("[]"), "it is empty"),
    ("RuleEntry.require", require("{ signature: team }"), "write a list"),
    ("RuleEntry.signedAs", rule("signedAs: []"), "it is empty"),
    ("RuleEntry.signedAs", rule("signedAs: ['ghcr.io/A']"), "lower-case"),
    ("RuleEntry.covers", rule("covers: platform"), "`covers: platform` is not supported by this version"),
    ("RuleEntry.covers", rule("covers: all"), "write index"),
    ("RuleEntry.rollback", rule("rollback: deny"), "`rollback: deny` is not supported by this version"),
    ("RuleEntry.rollback", rule("rollback: x"), "write allow"),
    ("RuleEntry.regression", rule("regression: warn"), "`regression: warn` is not supported by this version"),
    ("RuleEntry.regression", rule("regression: x"), "write allow"),
    ("RequirementEntry.signature", require("[{ signature: teem }]"), "did you mean 'team'?"),
    ("RequirementEntry.signature", require("[{ signature: nobody-at-all }]"), "add it under signers"),
    ("RequirementEntry.signature", require("[{ name: x }]"), "it asks for nothing"),
    ("RequirementEntry.claims", require("[{ signature: team, claims: {} }]"), "it is empty"),
    ("RequirementEntry.claims", require("[{ signature: team, claims: { build: 4711 } }]"), "put it in quotes"),
    (
        "RequirementEntry.claims",
        require(f"[{{ digest: ['{IMAGE}'], claims: {{ a: b }} }}]"),
        "`claims` belongs to `signature`",
    ),
    ("RequirementEntry.digest", require("[{ digest: [] }]"), "it is empty"),
    ("RequirementEntry.digest", require(f"[{{ digest: '{IMAGE}' }}]"), "write a list"),
    ("RequirementEntry.digest", require("[{ digest: ['sha256:00'] }]"), "64 lower-case hex digits"),
    ("RequirementEntry.digest", require(f"[{{ digest: ['{IMAGE}'], signature: team }}]"), "are two requirements"),
    ("RequirementEntry.atLeast", require("[{ atLeast: 0, of: [{ signature: team }] }]"), "asks for nothing"),
    ("RequirementEntry.atLeast", require("[{ atLeast: -1, of: [{ signature: team }] }]"), "asks for nothing"),
    ("RequirementEntry.atLeast", require("[{ atLeast: true, of: [{ signature: team }] }]"), "whole number"),
    ("RequirementEntry.atLeast", require("[{ atLeast: 2, of: [{ signature: team }] }]"), "2 of 1 can never pass"),
    ("RequirementEntry.of", require("[{ atLeast: 1 }]"), "needs `of`"),
    ("RequirementEntry.of", require("[{ atLeast: 1, of: [] }]"), "it is empty"),
    ("RequirementEntry.of", require("[{ signature: team, of: [{ signature: scan }] }]"), "`of` belongs to `atLeast`"),
    ("RequirementEntry.of", require("[{ atLeast: 1, of: [{ signature: team }, { signature: team }] }]"), "counts once"),
    (
        "RequirementEntry.of",
        require("[{ atLeast: 1, of: [{ atLeast: 1, of: [{ signature: team }] }] }]"),
        "inside another",
    ),
    ("RequirementEntry.name", require("[{ signature: team, name: 'a b' }]"), "a name is letters"),
    (
        "RequirementEntry.name",
        require("[{ signature: team, name: a }, { signature: scan, name: a }]"),
        "name of two requirements",
    ),
    ("ExceptionEntry.match", exception(match=None), "it must say `match` too"),
    ("ExceptionEntry.match", exception(match="quay.io/x"), "no rule is for these names"),
    ("ExceptionEntry.match", exception(match="docker.io/busybox"), "docker.io/library/busybox"),
    ("ExceptionEntry.digest", exception(digest=None), "it must say `digest` too"),
    ("ExceptionEntry.digest", exception(digest="latest"), "is not a digest"),
    ("ExceptionEntry.waive", exception(waive=None), "it must say `waive` too"),
    ("ExceptionEntry.waive", exception(waive="[]"), "it is empty"),
    ("ExceptionEntry.waive", exception(waive="[signatur]"), "did you mean 'signature'?"),
    ("ExceptionEntry.waive", exception(waive="[platforms]"), "only what `require` asks for can be waived"),
    ("ExceptionEntry.waive", exception(waive="[integrity]"), "the bytes' own digest"),
    ("ExceptionEntry.reason", exception(reason=None), "it must say `reason` too"),
    ("ExceptionEntry.reason", exception(reason='"a\\nb"'), "in one line"),
    ("ExceptionEntry.by", exception(by=None), "it must say `by` too"),
    ("ExceptionEntry.by", exception(by='"\\e[1m"'), "control characters"),
    ("ExceptionEntry.until", exception(until=None), "it must say `until` too"),
    ("ExceptionEntry.until", exception(until="2026-12-11"), "more than 30 days away; write 2026-12-10 or earlier"),
    ("ExceptionEntry.until", exception(until="never"), "'never' is not a date"),
    ("RevokedEntry.digest", revoked("{ reason: r }"), "write one of `digest` and `key`"),
    ("RevokedEntry.digest", revoked(f"{{ digest: '{IMAGE}', key: k, reason: r }}"), "write one of `digest` and `key`"),
    ("RevokedEntry.digest", revoked("{ digest: 'sha256:0bad', reason: r }"), "is not a digest"),
    (
        "RevokedEntry.digest",
        revoked(f"{{ digest: '{IMAGE}', reason: r }}\n  - {{ digest: '{IMAGE}', reason: s }}"),
        "revoked above already",
    ),
    ("RevokedEntry.key", revoked("{ key: [a], reason: r }"), "put it in quotes"),
    ("RevokedEntry.key", revoked("{ key: a.pub, reason: r }\n  - { key: a.pub, reason: s }"), "revoked above already"),
    ("RevokedEntry.reason", revoked("{ key: a.pub }"), "`reason` is missing"),
]


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
        (rule("zzz: 1"), "no such field; known here: covers, match"),
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
