from datetime import timedelta

import pytest

from tests.unit.policy.cases import IMAGE, NOW, policy, problems, rule_text, signers


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


def test_t40_the_base_image_is_waived_by_its_own_name_where_a_rule_has_one():
    more = "base: { require: [{ signature: scan }] }"
    text = f"{signers('team', 'scan')}images:\n{rule_text(more=more)}exceptions:\n"
    text += (
        f"  - {{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [base], reason: r, by: me, until: 2026-11-20 }}\n"
    )
    assert policy(text).exceptions[0].waive == {"base"}
    (problem,) = problems(text.replace(f"    {more}\n", ""))
    assert "there is no requirement 'base'" in problem


def test_t40_what_is_inside_the_base_is_never_waived_alone():
    more = "base: { require: [{ signature: scan, name: os }] }"
    text = f"{signers('team', 'scan')}images:\n{rule_text(more=more)}exceptions:\n"
    text += f"  - {{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [os], reason: r, by: me, until: 2026-11-20 }}\n"
    assert "there is no requirement 'os'" in problems(text)[0]


def test_an_attestation_is_waived_by_its_alias_or_its_name():
    assert excepted("vuln", "[{ attestation: vuln, by: scan }, { signature: team }]") == ()
    assert excepted("image", "[{ image: { where: { isRoot: false } } }, { signature: team }]") == ()
    assert excepted("attestation", "[{ attestation: 'https://acme.test/x', by: scan }]") == ()
    assert "there is no requirement 'vuln'" in excepted("vuln", "[{ attestation: vuln, by: scan, name: cves }]")[0]
