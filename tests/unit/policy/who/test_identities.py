import pytest

from tests.unit.policy.cases import problems, rule_text


def told(fields):
    return problems(
        f"signers: {{ a: {{ issuer: 'https://ci', {fields} }} }}\nimages:\n{rule_text('[{ signature: a }]')}"
    )


@pytest.mark.parametrize(
    "subject",
    [
        "*",
        "**",
        "*@*",
        "*@gmail.com",
        "https://**",
        "https://*/**",
        "https://github.com/**",
        "https://gitlab.com/**",
        "*/**",
    ],
)
def test_t28_a_subject_that_whoever_comes_has_is_refused(subject):
    assert any("matches whoever comes" in problem for problem in told(f"subject: '{subject}'"))


@pytest.mark.parametrize(
    "regex", [".*", "(?s).*", ".+@gmail\\.com", "https://.*", "https://github\\.com/.*", "|.*", "[^x]*"]
)
def test_t28_an_expression_that_whoever_comes_matches_is_refused(regex):
    assert any("matches whoever comes" in problem for problem in told(f"subjectRegex: '{regex}'"))


@pytest.mark.parametrize(
    "subject",
    [
        "me@gmail.com",
        "*@corp.example",
        "https://github.com/acme/**",
        "https://gitlab.com/acme/*//.gitlab-ci.yml@refs/tags/*",
    ],
)
def test_a_subject_that_names_an_owner_is_read(subject):
    assert told(f"subject: '{subject}'") == ()


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        ("https://token.actions.githubusercontent.com", "https://github.com/acme*/**"),
        (
            "https://token.actions.githubusercontent.com",
            "https://github.com/*/ml/.github/workflows/release.yml@refs/tags/*",
        ),
        ("https://token.actions.githubusercontent.com", "https://github.com/acme**"),
        ("https://gitlab.com", "https://gitlab.com/acm*/ml//.gitlab-ci.yml@refs/tags/*"),
    ],
)
def test_t28_an_owner_among_everybody_is_written_whole(issuer, subject):
    written = (
        f"signers: {{ a: {{ issuer: '{issuer}', subject: '{subject}' }} }}\nimages:\n{rule_text('[{ signature: a }]')}"
    )
    assert any("is not one owner" in problem for problem in problems(written))
    assert problems(written.replace(issuer, "https://ci.corp")) == ()


@pytest.mark.parametrize("subject", ["**/acme/ml/**", "https://*/acme/**", "http://github.com/acme/**", "acme/ml"])
def test_t28_a_subject_among_everybody_begins_with_its_host(subject):
    issuer = "https://token.actions.githubusercontent.com"
    written = (
        f"signers: {{ a: {{ issuer: '{issuer}', subject: '{subject}' }} }}\nimages:\n{rule_text('[{ signature: a }]')}"
    )
    assert any("begin with https://github.com/<owner>/" in problem for problem in problems(written))


def test_an_extension_is_known_by_fulcios_name_alone():
    assert told("subject: a, extensions: { sourceRepositoryUri: b }") == ()
    for name in ("SourceRepositoryUri", "source_repository_uri", "1.3.6.1.4.1.57264.1.12", "issuer"):
        assert any("there is no extension" in each for each in told(f"subject: a, extensions: {{ '{name}': b }}"))


def test_t28_an_issuer_is_compared_exactly_and_is_no_pattern():
    for issuer in ("https://*", "https://a b", "https://a\\nb", " https://a"):
        text = f'signers: {{ a: {{ issuer: "{issuer}", subject: b }} }}\nimages:\n{rule_text("[{ signature: a }]")}'
        assert any("is not one issuer" in problem for problem in problems(text))
