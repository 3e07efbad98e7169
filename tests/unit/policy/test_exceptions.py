from datetime import timedelta

import pytest

from proxy.oci.reference import Repository
from proxy.policy.evaluate import evaluate, exceptions_in_force
from proxy.policy.exceptions import ExceptionGrant
from proxy.policy.match import Glob
from tests.unit.policy.cases import IMAGE, NOW, OTHER, REPOSITORY, case, proof, simple

UNTIL = "2026-11-20T00:00Z"
TWO = "[{ signature: team, name: team }, { signature: scan, name: scan }]"


def grants(*entries):
    return "exceptions:\n" + "".join(f"  - {{ {entry} }}\n" for entry in entries)


def entry(waive, *, digest=IMAGE, match="ghcr.io/acme/app", until=UNTIL, reason="INC-1"):
    return f"match: '{match}', digest: '{digest}', waive: [{waive}], reason: {reason}, by: j.doe, until: {until}"


def excepted(*entries, require=TWO):
    return simple(require, names=("team", "scan"), after=grants(*entries))


def test_t40_two_exceptions_never_add_up():
    policy = excepted(entry("team"), entry("scan", reason="INC-2"))
    decision = evaluate(case(policy))
    assert not decision.is_allow
    assert not any(check.is_waived for check in decision.checks)


def test_t40_an_exception_is_for_one_digest_alone():
    decision = evaluate(case(excepted(entry("team, scan")), digest=OTHER))
    assert not decision.is_allow


def test_t40_an_exception_is_for_its_names_alone():
    policy = excepted(entry("team, scan"))
    assert not evaluate(case(policy, repository=Repository("ghcr.io", "acme/other"))).is_allow


def test_an_exception_waives_what_it_names_and_says_so():
    decision = evaluate(case(excepted(entry("scan")), proof()))
    assert decision.is_allow
    assert decision.exceptions == ("INC-1 (by j.doe, until 2026-11-20T00:00Z)",)
    assert [check.name for check in decision.checks if check.is_waived] == ["scan"]
    assert decision.checks[-1].word == "exception"


def test_a_requirement_that_is_not_waived_must_pass_still():
    assert not evaluate(case(excepted(entry("scan")))).is_allow


def test_an_exception_that_is_not_needed_is_not_used():
    decision = evaluate(case(excepted(entry("scan")), proof(), proof("scan")))
    assert decision.is_allow
    assert decision.exceptions == ()
    assert decision.expires_at is None


def test_an_allow_ends_with_the_exception_it_used():
    decision = evaluate(case(excepted(entry("team, scan"))))
    assert decision.expires_at is not None
    assert f"{decision.expires_at:%Y-%m-%dT%H:%MZ}" == UNTIL
    assert not decision.holds(decision.expires_at)


def test_the_exception_that_lasts_longest_is_used_whatever_the_order():
    short, long = entry("team, scan", until="2026-11-12", reason="SHORT"), entry("team, scan", reason="LONG")
    for order in ((short, long), (long, short)):
        assert evaluate(case(excepted(*order))).exceptions[0].startswith("LONG")


def test_a_past_exception_is_ignored_with_a_warning():
    policy = excepted(entry("team, scan", until="2026-11-01"))
    assert any("past" in warning and "policy.yaml:" in warning for warning in policy.warnings)
    assert exceptions_in_force(policy, repository=REPOSITORY, digest=IMAGE, now=NOW) == ()
    assert not evaluate(case(policy)).is_allow


def test_an_exception_ends_while_the_policy_stands():
    policy = excepted(entry("team, scan"))
    assert evaluate(case(policy)).is_allow
    assert not evaluate(case(policy, now=NOW + timedelta(days=11))).is_allow


def test_an_exception_never_lifts_a_gate():
    text = f"{grants(entry('signature'))}revoked: [{{ digest: '{IMAGE}', reason: bad }}]\n"
    revoked = evaluate(case(simple(after=text)))
    assert (revoked.verdict, revoked.reason) == ("deny", "revoked")
    arm = simple(more="platforms: [linux/arm64]", after=grants(entry("signature")))
    assert evaluate(case(arm)).reason == "not-allowed"


def test_the_digest_requirement_can_be_waived_for_a_reviewed_exception():
    policy = simple(f"[{{ digest: ['{OTHER}'] }}]", names=(), after=grants(entry("digest")))
    assert evaluate(case(policy)).is_allow


def test_an_exception_is_usable_without_any_source_in_reach():
    decision = evaluate(case(excepted(entry("team, scan")), gaps=("the referrers could not be listed",)))
    assert decision.is_allow


@pytest.mark.parametrize(
    "change", [{"reason": "other"}, {"by": "x"}, {"waive": frozenset({"b"})}, {"until": NOW}, {"digest": OTHER}]
)
def test_a_grant_that_differs_has_another_fingerprint(change):
    fields = {
        "match": Glob.parse("a/**"),
        "digest": IMAGE,
        "waive": frozenset({"a"}),
        "reason": "r",
        "by": "b",
        "until": NOW + timedelta(1),
    }
    assert ExceptionGrant(**fields).fingerprint != ExceptionGrant(**(fields | change)).fingerprint


def test_t40_an_exception_for_an_index_is_one_for_what_it_lists_and_for_nothing_else():
    policy = excepted(entry("team, scan"))
    asked = {"repository": REPOSITORY, "digest": OTHER, "now": NOW}
    assert exceptions_in_force(policy, **asked) == ()
    assert exceptions_in_force(policy, **asked, index=OTHER) == ()
    assert exceptions_in_force(policy, **asked, index=IMAGE) == policy.exceptions
    assert evaluate(case(policy, digest=OTHER, index=IMAGE)).is_allow
    assert not evaluate(case(policy, digest=OTHER, index=OTHER)).is_allow
