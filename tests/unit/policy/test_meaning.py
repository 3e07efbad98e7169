from datetime import timedelta

import pytest

from tests.unit.policy.cases import IMAGE, NOW, policy, problems, rule_text, signers, simple


def order(*matches):
    return problems(signers("team") + "images:\n" + "".join(rule_text(match=match) for match in matches))


def test_two_rules_of_equal_specificity_that_can_match_one_name_are_refused():
    (problem,) = order("ghcr.io/a*/b", "ghcr.io/*c/b")
    assert problem == (
        "policy.yaml:6: images[1].match: some name matches this and 'ghcr.io/a*/b' (line 4), and neither is more specific; "
        "change one so that they do not overlap"
    )


@pytest.mark.parametrize(
    "matches",
    [
        ("ghcr.io/a*/b", "ghcr.io/c*/b"),
        ("ghcr.io/a/**", "ghcr.io/b/**"),
        ("ghcr.io/**", "ghcr.io/a/**", "ghcr.io/a/*", "ghcr.io/a/b*", "ghcr.io/a/bc"),
        ("*.example/**", "ghcr.io/**"),
        ("**", "docker.io/**"),
    ],
)
def test_rules_that_share_no_name_or_differ_in_specificity_stand_together(matches):
    assert order(*matches) == ()


def test_a_duplicate_match_is_refused():
    assert "has a rule already, in line 4; make them one" in order("ghcr.io/a/**", "ghcr.io/a/**")[0]


@pytest.mark.parametrize("matches", [("*/**", "**/x"), ("**/x", "*/**"), ("h.io/*/**", "h.io/**/x")])
def test_a_rule_that_governs_nothing_is_refused(matches):
    (problem,) = order(*matches)
    assert "unreachable" in problem
    assert "remove one of them" in problem


def test_an_unused_signer_is_a_warning():
    assert simple(names=("team", "spare")).warnings == (
        "policy.yaml:4: signers.spare: no rule asks for this signer; remove it, or require its signature",
    )


def test_t31_a_window_that_is_past_is_a_warning():
    read = policy(f"signers: {{ team: {{ key: k, log: none, validUntil: 2026-01-01 }} }}\nimages:\n{rule_text()}")
    assert read.warnings == (
        "policy.yaml:1: signers.team.validUntil: past since 2026-01-01; this signer proves nothing",
    )


def test_a_match_that_names_no_host_is_a_warning():
    assert "does not look like a registry" in simple(match="nvidia/cuda").warnings[0]
    assert simple(match="localhost/cuda").warnings == ()


def test_t30_at_least_over_fewer_distinct_keys_can_never_pass_and_is_refused():
    text = (
        "signers: { a: { key: k, log: none }, b: { key: k, log: none } }\nimages:\n"
        "  - { match: ghcr.io/x, require: [{ atLeast: 2, of: [{ signature: a }, { signature: b }] }] }\n"
    )
    assert "these are 1 distinct keys, and one key counts once; 2 can never be reached" in problems(text)[0]
    assert problems(text.replace("b: { key: k,", "b: { key: l,")) == ()
    reviewed = text.replace("{ signature: b }", f"{{ digest: ['{IMAGE}'] }}")
    assert problems(reviewed) == ()


def excepted(waive, require, until="2026-11-20"):
    return problems(
        f"{signers('team', 'scan')}images:\n{rule_text(require)}exceptions:\n"
        f"  - {{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [{waive}], reason: r, by: me, until: {until} }}\n"
    )


def test_t40_a_waived_name_that_means_two_requirements_is_refused():
    both = "[{ signature: team }, { signature: scan }]"
    assert "'signature' is two requirements of one rule; give them a `name` each" in excepted("signature", both)[0]
    assert excepted("a", "[{ signature: team, name: a }, { signature: scan, name: b }]") == ()


def test_t40_a_requirement_inside_at_least_is_never_waived_alone():
    inside = "[{ atLeast: 2, of: [{ signature: team, name: a }, { signature: scan }] }]"
    assert "there is no requirement 'a'" in excepted("a", inside)[0]
    assert excepted("atLeast", inside) == ()
    assert excepted("at-least", inside) == ()


@pytest.mark.parametrize(("days", "is_refused"), [(30, False), (31, True)])
def test_an_exception_ends_within_thirty_days_of_the_load(days, is_refused):
    until = f"{NOW + timedelta(days=days):%Y-%m-%dT%H:%MZ}"
    assert bool(excepted("signature", "[{ signature: team }]", until)) is is_refused


def test_a_policy_with_an_exception_stays_loadable_once_it_is_past():
    text = f"{signers('team')}images:\n{rule_text()}exceptions:\n"
    text += f"  - {{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [signature], reason: r, by: me, until: 2026-11-20 }}\n"
    assert policy(text).warnings == ()
    assert "past; the exception is ignored" in policy(text, now=NOW + timedelta(days=60)).warnings[0]


def test_unsupported_parts_cause_no_second_problem():
    found = problems(
        "signers:\n  ci: { issuer: x }\nimages:\n  - match: ghcr.io/acme/app\n    require:\n      - attestation: vuln\n"
        f"exceptions:\n  - {{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [vuln], reason: r, by: me, until: 2026-11-20 }}\n"
    )
    assert [problem.split(": ")[0] for problem in found] == ["policy.yaml:2", "policy.yaml:6"]
    assert all("is not supported by this version" in problem for problem in found)
