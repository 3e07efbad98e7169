"""Three things to do, whatever was refused."""

import pytest

from proxy.cli.advice import meaning, next_steps

DECISION = {
    "upstream": "reg.test",
    "repository": "acme/app",
    "digest": "sha256:" + "a" * 64,
    "rule": "reg.test/**",
    "verdict": "deny",
    "checks": [{"name": "signature", "word": "signature", "passed": False}],
}


@pytest.mark.parametrize("reason", ["not-allowed", "unverified", "pin", "revoked", "inconclusive", "condition", "new"])
@pytest.mark.parametrize("decision", [None, DECISION])
def test_every_reason_has_three_steps_with_or_without_a_decision(reason, decision):
    steps = next_steps({"asked": "reg.test/acme/app:1.0", "reason": reason, "decision": decision})
    assert len({*steps}) == 3
    assert all(step[0].isupper() for step in steps)


def test_an_exception_is_offered_for_the_requirements_that_failed():
    decision = {**DECISION, "checks": [{"name": "rule", "passed": True}, {"name": "two-of-three", "passed": False}]}
    steps = next_steps({"asked": "reg.test/acme/app:1.0", "reason": "unverified", "decision": decision})
    assert "waive: [two-of-three]" in steps[2]


def test_revocation_is_not_to_be_talked_out_of():
    steps = next_steps({"asked": "x:1", "reason": "revoked", "decision": None})
    assert "no exception helps" in steps[0]


def test_a_check_that_passed_needs_no_more_words():
    assert meaning({"word": "signature", "passed": True, "isWaived": False, "isOpen": False}) == ""
    assert "not a no" in meaning({"word": "signature", "passed": False, "isWaived": False, "isOpen": True})
