from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.policy.checks.proofs import Footing, soonest
from proxy.policy.evaluate import Wanted, evaluate
from proxy.policy.requirements import SignatureRequirement
from tests.unit.policy.cases import NOW, case, proof, rejection, requiring, statement

HOUR = timedelta(hours=1)
SIGNED = requiring(SignatureRequirement("signature", "team"))


def judged(*evidence, policy=SIGNED, **more):
    return evaluate(case(policy, *evidence, **more))


def test_footings_together_end_with_the_first_and_are_as_new_as_the_newest():
    one = Footing(NOW + HOUR, NOW, None, ("b",), ("x",), ("w",), grace_from=NOW + HOUR)
    two = Footing(None, NOW + HOUR, NOW, ("a", "b"), ("x", "y"), (), ("alarm",), grace_from=NOW)
    both = Footing.all_of([one, two])
    assert (both.until, both.signed_at, both.attested_at) == (NOW + HOUR, NOW + HOUR, NOW)
    assert (both.rests_on, both.opinions) == (("a", "b"), ("x", "y"))
    assert (both.warnings, both.alarms, both.grace_from) == (("w",), ("alarm",), NOW)
    assert Footing.all_of([two, one]) == both
    assert Footing.all_of([]) == Footing()
    assert soonest([None, NOW + HOUR, NOW]) == NOW


def test_a_form_without_a_place_for_a_name_passes_the_check_of_names():
    assert judged(proof(names=None)).is_allow


@pytest.mark.parametrize("names", [(), ("",), ("ghcr.io/acme/other",), ("ghcr.io/acme/app/x",)])
def test_t11_a_form_with_a_place_for_a_name_must_name_this_repository(names):
    assert judged(proof(names=names)).verdict == "deny"


def test_a_decision_tells_what_it_rests_on():
    evidence = proof(proved_at=NOW - HOUR, rests_on=("key:a", "log:b"), opinions=("pratique",), warnings=("no CRL",))
    decision = judged(evidence)
    assert decision.proved_at == NOW - HOUR
    assert (decision.rests_on, decision.opinions) == (("key:a", "log:b"), ("pratique",))
    assert decision.warnings == ("no CRL",)
    assert decision.checks[-1].details["provedAt"] == "2026-11-10T11:00:00+00:00"


def test_the_proved_time_is_the_signatures_and_an_attestations_only_where_none_signed():
    from tests.unit.policy.checks.test_attestation import wanted

    both = requiring(SignatureRequirement("signature", "team"), wanted("https://acme.example/v1"))
    attested = statement({}, of="https://acme.example/v1", at=NOW)
    assert judged(proof(proved_at=NOW - HOUR), attested, policy=both).proved_at == NOW - HOUR
    assert judged(attested, policy=requiring(wanted("https://acme.example/v1"))).proved_at == NOW


def test_a_refusal_rests_on_nothing():
    decision = judged(proof("other", rests_on=("key:a",), proved_at=NOW))
    assert (decision.proved_at, decision.rests_on, decision.bases) == (None, (), ())


def test_what_passes_though_nobody_was_asked_about_its_revocation_is_asked_first():
    """`revocation: log` forgives silence, and not that nobody was asked."""
    urls = ("http://crl.example/1",)
    assert judged(replace(proof(), unasked=urls)) == Wanted("revocation", urls)
    assert judged(replace(proof(), unasked=())).is_allow
    assert not judged(replace(proof(signer="other"), unasked=urls)).is_allow, "what is not used is not asked about"


def test_revocation_is_asked_only_where_the_requirement_fails_without_and_once():
    urls = ("http://crl.example/a", "ocsp:http://o.example#1")
    assert judged(proof(), wanted_urls=urls).is_allow
    assert judged(wanted_urls=urls) == Wanted("revocation", urls)
    assert judged(wanted_urls=urls, gaps=("a tag is out of reach",)) == Wanted("revocation", urls)
    assert judged().verdict == "deny"
    assert judged(wanted_urls=urls, gathered=False) == Wanted("signatures")


def test_verifiers_that_disagree_deny_with_a_word_of_their_own_and_an_alarm():
    alarm = rejection("verifiers disagree: report it", signer="team", is_alarm=True)
    decision = judged(rejections=[rejection(), alarm])
    assert (decision.verdict, decision.reason) == ("deny", "verifiers-disagree")
    assert decision.summary == alarm.reason
    assert decision.checks[-1].is_alarm
    assert decision.is_alarm


def test_what_verifiers_disagree_about_takes_nothing_from_other_evidence_or_other_signers():
    alarm = rejection("verifiers disagree", signer="team", is_alarm=True)
    passed = judged(proof(), rejections=[alarm])
    assert passed.is_allow
    assert passed.alarms == ("verifiers disagree",)
    assert judged(rejections=[replace(alarm, signer="stranger")]).reason == "unverified"
    assert judged(rejections=[alarm], gaps=("out of reach",)).verdict == "inconclusive"


def test_what_is_counted_as_found_is_of_the_kind_that_was_looked_for():
    policy = requiring(SignatureRequirement("signature", "team"))
    decision = judged(statement({}), proof("other"), rejections=[rejection()], policy=policy)
    assert decision.summary == "no signature by team (2 found)"
