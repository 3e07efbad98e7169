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


ASKED = "reg.test:5000/acme/app:1.0"
GOOD_ELSEWHERE = {
    "name": "signature",
    "word": "signature",
    "passed": False,
    "isWaived": False,
    "isOpen": False,
    "summary": 'signature by team names ghcr.io/acme/app, not this repository; add "signedAs: [ghcr.io/acme/app]"',
}


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_good_signature_under_another_name_is_offered_as_signed_as(is_nested):
    outer = {"name": "two", "word": "at-least", "passed": False, "summary": "1 of 2", "checks": [GOOD_ELSEWHERE]}
    decision = {**DECISION, "checks": [outer if is_nested else GOOD_ELSEWHERE]}
    compare, admit, leave = next_steps({"asked": ASKED, "reason": "unverified", "decision": decision})
    assert compare.startswith("Is ghcr.io/acme/app the same publisher's image")
    assert "Under rule reg.test/** in the policy" in admit
    assert admit.endswith("\nsignedAs: [ghcr.io/acme/app]")
    assert f"`pratique verify {ASKED}`" in admit
    assert leave.endswith("under its own name: reg.test:5000/acme/app")
    assert "waive" not in compare + admit + leave, "a good signature needs no exception"


def test_another_name_in_a_check_that_passed_is_not_offered():
    failed = {"name": "other", "word": "signature", "passed": False, "summary": "no signature by other (0 found)"}
    decision = {**DECISION, "checks": [{**GOOD_ELSEWHERE, "passed": True}, failed]}
    steps = next_steps({"asked": ASKED, "reason": "unverified", "decision": decision})
    assert "signedAs" not in "".join(steps)
    assert "waive: [other]" in steps[2]


@pytest.mark.parametrize("asked", ["reg.test:5000/acme/app", "reg.test:5000/acme/app@sha256:" + "a" * 64])
def test_a_port_is_not_taken_for_a_tag_where_the_own_name_is_said(asked):
    decision = {**DECISION, "checks": [GOOD_ELSEWHERE]}
    steps = next_steps({"asked": asked, "reason": "unverified", "decision": decision})
    assert steps[2].endswith(": reg.test:5000/acme/app")


def test_a_good_signature_under_another_name_is_not_called_missing():
    assert meaning(GOOD_ELSEWHERE).startswith("The signature is good, but it was made for another name.")


def test_a_host_that_is_no_upstream_is_added_there_and_needs_a_restart():
    message = "elsewhere.test/acme/app:1.0: 'elsewhere.test' is not an upstream here; add it under upstreams"
    story = {"asked": "elsewhere.test/acme/app:1.0", "reason": "not-allowed", "message": message, "decision": None}
    steps = next_steps(story)
    assert "Add elsewhere.test under upstreams in pratique.yaml" in steps[1]
    assert "restart the proxy" in steps[1]
    assert "SIGHUP" not in "".join(steps), "upstreams are read at the start only"


def test_a_lost_pin_is_looked_at_and_then_confirmed():
    message = f"{ASKED}: its pin was lost; look at it, then run `pratique pin confirm`"
    look, say, every = next_steps({"asked": ASKED, "reason": "pin", "message": message, "decision": None})
    assert look.endswith(f"pratique verify {ASKED}")
    assert f"pratique pin confirm {ASKED}; or what did run: {ASKED}@sha256:" in say
    assert "pratique pin confirm --all" in every
