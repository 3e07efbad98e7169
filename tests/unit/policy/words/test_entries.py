from datetime import timedelta

import pytest

from tests.unit.policy.cases import policy, problems, rule_text, signers, simple


def test_moves_of_a_tag_are_allowed_warned_of_or_denied():
    plain = simple().rules[0]
    assert (plain.rollback, plain.regression, plain.covers) == ("allow", "warn", "index")
    said = simple(more="regression: deny\ncovers: platform").rules[0]
    assert (said.regression, said.covers) == ("deny", "platform")


def test_a_followed_tag_may_wait_and_evidence_may_be_looked_for_again():
    rule = simple(more="pinning: follow\nttl: 10m\nafter: 72h\nrecheck: 24h").rules[0]
    assert (rule.ttl, rule.after, rule.recheck) == (timedelta(minutes=10), timedelta(hours=72), timedelta(hours=24))
    plain = simple().rules[0]
    assert (plain.ttl, plain.after, plain.recheck) == (timedelta(minutes=5), None, None)


@pytest.mark.parametrize(
    "place",
    [
        "registry.corp.example/approvals",
        "registry.corp.example:5000/site/approvals",
        "docker.io/acme/approvals",
        "api.github.com/repos/acme/ml",
        "api.github.com/orgs/acme",
        "api.github.com/users/octocat",
        "api.acme.ghe.com/repos/acme/ml",
    ],
)
def test_evidence_may_be_looked_for_elsewhere(place):
    assert simple(more=f"evidenceFrom: ['{place}']").rules[0].evidence_from == (place,)


@pytest.mark.parametrize(
    "place",
    [
        "api.github.com",
        "api.github.com/repos/acme",
        "api.github.com/orgs/acme/ml",
        "api.github.com/repos/acme/ml/attestations",
        "api.github.com/repos/../x",
        "https://registry.corp.example/approvals",
        "registry.corp.example/../x",
        "registry.corp.example/approvals:tag",
        "registry.corp.example/approvals@sha256:00",
        "registry.corp.example/",
        "/approvals",
    ],
)
def test_t39_a_place_that_is_no_repository_is_refused(place):
    found = problems(f"{signers('team')}images:\n{rule_text(more=f'evidenceFrom: [{place!r}]')}")
    assert len(found) == 1
    assert "images[0].evidenceFrom[0]: " in found[0]


def test_a_requirement_beside_a_base_is_not_called_base():
    text = f"{signers('team')}images:\n{rule_text('[{ signature: team, name: base }]', more='base: {{ rule: own }}')}"
    text = text.replace("{{", "{").replace("}}", "}")
    assert "images[0].require[0].name: 'base' is what the base image's own requirement is called" in problems(text)[0]
    assert problems(text.replace("    base: { rule: own }\n", "")) == ()


def test_a_base_that_is_asked_nothing_is_refused():
    text = f"{signers('team')}images:\n{rule_text(more='base: { require: [] }')}"
    assert any("it is empty" in problem for problem in problems(text))
    assert policy(text.replace("require: [] }", "rule: own }")).rules[0].base.is_own
