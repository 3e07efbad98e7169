import pytest

from proxy.policy.match import TextPattern
from tests.unit.policy.cases import policy, problems, rule_text

ROOTS = f"trustRoots: {{ corp: {{ file: r.json, sha256: {'9f' * 32} }}, store: {{ certificates: ca.pem, timestamps: tsa.pem }} }}\n"


def text(fields):
    return f"{ROOTS}signers: {{ a: {{ {fields} }} }}\nimages:\n{rule_text('[{ signature: a }]')}"


def read(fields):
    return policy(text(fields)).signers["a"]


def test_a_key_says_what_must_stand_beside_its_signature():
    bare = read("key: a.pub, log: none")
    assert (bare.key, bare.log, bare.timestamp, bare.trust_root) == ("a.pub", "none", False, None)
    logged = read("key: a.pub, log: required, trustRoot: sigstore")
    assert (logged.log, logged.timestamp, logged.trust_root) == ("required", False, "sigstore")
    stamped = read("key: a.pub, log: none, timestamp: required, trustRoot: corp, hash: sha256")
    assert (stamped.log, stamped.timestamp, stamped.trust_root, stamped.hash) == ("none", True, "corp", "sha256")


def test_an_identity_stands_under_sigstore_unless_it_says_otherwise():
    found = read("issuer: 'https://ci.corp', subject: 'https://ci.corp/ml/*'")
    assert (found.issuer, found.subject, found.trust_root) == (
        "https://ci.corp",
        TextPattern.glob("https://ci.corp/ml/*"),
        "sigstore",
    )
    assert read("issuer: 'https://ci.corp', subject: a, trustRoot: corp").trust_root == "corp"
    regex = read("issuer: 'https://ci.corp', subjectRegex: 'https://ci\\.corp/ml/v[0-9]+'")
    assert regex.subject == TextPattern.regex(r"https://ci\.corp/ml/v[0-9]+")


def test_extensions_are_asked_by_fulcios_names():
    found = read(
        "issuer: i, subject: a, extensions: { sourceRepositoryUri: 'https://github.com/acme/*', buildTrigger: push }"
    )
    assert found.extensions == {
        "sourceRepositoryUri": TextPattern.glob("https://github.com/acme/*"),
        "buildTrigger": TextPattern.glob("push"),
    }


def test_t28_the_github_shorthand_means_one_workflow_of_one_repository():
    found = read("github: acme/ml, workflow: release.yml, ref: 'refs/tags/v*'")
    assert found.issuer == "https://token.actions.githubusercontent.com"
    assert found.subject.text == "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v*"
    assert found.trust_root == "sigstore"
    assert found.subject.matches("https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1")
    for other in (
        "https://github.com/acme/ml2/.github/workflows/release.yml@refs/tags/v1",
        "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1/x",
        "https://github.com/acme/ml/.github/workflows/release.yml@refs/heads/v1",
        "https://github.com/acme/ml/.github/workflows/releasexyml@refs/tags/v1",
        "https://evil.example/https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1",
    ):
        assert not found.subject.matches(other)


def test_the_github_shorthand_takes_any_ref_of_its_workflow_and_another_root():
    found = read(
        "github: acme/ml, workflow: release.yml, trustRoot: github, extensions: { runnerEnvironment: github-hosted }"
    )
    assert found.trust_root == "github"
    assert found.extensions == {"runnerEnvironment": TextPattern.glob("github-hosted")}
    assert found.subject.matches("https://github.com/acme/ml/.github/workflows/release.yml@refs/heads/release/1.2")
    assert not found.subject.matches("https://github.com/acme/ml/.github/workflows/release.yml@main")


def test_a_certificate_is_named_by_its_subject_its_san_or_both():
    found = read("x509: store, subject: 'O=Wabbit Networks,CN=SecureBuilder'")
    assert (found.x509, found.x509_subject) == ("store", (("O", "Wabbit Networks"), ("CN", "SecureBuilder")))
    assert (found.san, found.issuer, found.trust_root) == (None, None, None)
    both = read("x509: store, subject: CN=a, san: release@corp.example")
    assert both.san == TextPattern.glob("release@corp.example")


def test_a_certificate_counts_alone_or_with_a_log_and_a_timestamp():
    alone = read("x509: store, san: a@corp.example")
    assert (alone.log, alone.timestamp, alone.trust_root) == (None, False, None)
    logged = read("x509: store, san: a@corp.example, log: required, trustRoot: corp, timestamp: required")
    assert (logged.log, logged.timestamp, logged.trust_root) == ("required", True, "corp")
    assert read("x509: store, san: a@corp.example, log: none").log == "none"


def test_a_preset_may_have_parameters():
    found = read("preset: chainguard-custom, parameters: { imageSyncer: abc/def }")
    assert (found.preset, found.parameters) == ("chainguard-custom", {"imageSyncer": "abc/def"})


@pytest.mark.parametrize(
    "fields",
    [
        "key: a.pub, log: none",
        "preset: nvidia-ngc",
        "issuer: 'https://ci', subject: a",
        "github: acme/ml, workflow: r.yml",
        "x509: store, san: a",
    ],
)
def test_each_kind_stands_alone(fields):
    assert problems(text(fields)) == ()
    for other in ("key: b.pub", "preset: x", "issuer: i", "github: a/b", "x509: store"):
        if other.partition(":")[0] not in fields:
            assert any("are two signers" in problem for problem in problems(text(f"{fields}, {other}")))


def test_a_past_window_is_a_warning_only_where_it_is_held_against_now():
    past = "validUntil: 2026-01-01"
    assert any("past since" in each for each in policy(text(f"key: k, log: none, {past}")).warnings)
    logged = policy(text(f"key: k, log: required, trustRoot: sigstore, {past}"))
    assert not any("past since" in each for each in logged.warnings)
    stamped = policy(text(f"key: k, log: none, timestamp: required, trustRoot: corp, {past}"))
    assert not any("past since" in each for each in stamped.warnings)


def test_a_problem_of_a_signer_is_told_once():
    assert len(problems(text("issuer: 'https://ci', subject: 12"))) == 1
    assert len(problems(text("key: k"))) == 1
    assert len(problems(text("x509: store, subject: 'X=a'"))) == 1
    assert len(problems(text("github: acme, workflow: r.yml"))) == 1
