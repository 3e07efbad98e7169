from datetime import timedelta

import pytest

from proxy.oci.reference import Repository
from proxy.policy.evaluate import Wanted, evaluate
from proxy.policy.requirements import All, canonical_name
from tests.unit.policy.cases import IMAGE, NOW, OTHER, REPOSITORY, case, proof, rejection, simple


def verdict(policy, *evidence, **more):
    return evaluate(case(policy, *evidence, **more)).verdict


def test_a_signature_by_the_signer_for_this_image_and_repository_passes():
    decision = evaluate(case(simple(), proof()))
    assert decision.is_allow
    assert decision.summary == "signature by team"
    assert decision.evidence == proof().sources
    assert decision.identities == ("key:team",)


def test_t23_no_evidence_at_all_never_passes():
    decision = evaluate(case(simple()))
    assert decision.verdict == "deny"
    assert decision.summary == "no signature by team (0 found)"


def test_t23_an_empty_requirement_tree_never_passes():
    policy = simple()
    rule = policy.rules[0]
    empty = type(rule)(rule.glob, "enforce", None, "first", rule.ttl, (), All(()))
    decision = evaluate(case(policy, proof(), rule=empty))
    assert decision.verdict == "deny"


@pytest.mark.parametrize(
    "other",
    [
        proof(kind="attestation"),
        proof("scan"),
        proof(subject=OTHER),
        proof(names=()),
        proof(names=("",)),
    ],
    ids=["another kind", "another signer", "another subject", "no names", "an empty name"],
)
def test_t22_t23_evidence_of_another_kind_signer_subject_or_no_name_counts_for_nothing(other):
    assert verdict(simple(names=("team",)), other) == "deny"


def test_t02_evidence_of_one_digest_never_admits_another():
    assert verdict(simple(), proof(subject=IMAGE), digest=OTHER) == "deny"


def test_t11_the_same_signer_with_another_product_is_denied_and_told_the_line_that_would_admit_it():
    decision = evaluate(case(simple(), proof(names=("ghcr.io/acme/other",))))
    assert decision.verdict == "deny"
    assert decision.summary == (
        'signature by team names ghcr.io/acme/other, not this repository; add "signedAs: [ghcr.io/acme/other]"'
    )


def test_t61_what_is_proved_for_one_repository_is_denied_for_another_under_the_same_rule():
    policy = simple()
    assert verdict(policy, proof()) == "allow"
    assert verdict(policy, proof(), repository=Repository("ghcr.io", "acme/b")) == "deny"


def test_signed_as_maps_other_names_and_the_repository_itself_is_always_one():
    policy = simple(more="signedAs: ['registry.corp.example/acme/*']")
    assert verdict(policy, proof(names=("registry.corp.example/acme/app",))) == "allow"
    assert verdict(policy, proof()) == "allow"
    assert verdict(policy, proof(names=("registry.corp.example/acme/x/app",))) == "deny"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("index.docker.io/library/busybox", "docker.io/library/busybox"),
        ("registry-1.docker.io/acme/app", "docker.io/acme/app"),
        ("busybox", "docker.io/library/busybox"),
        ("ghcr.io/acme/app:1.0", "ghcr.io/acme/app"),
        ("NOT A NAME", "NOT A NAME"),
    ],
)
def test_docker_hub_has_one_spelling_in_signed_names(written, name):
    assert canonical_name(written) == name


def test_signed_as_may_spell_docker_hub_as_signers_do():
    policy = simple(more="signedAs: [index.docker.io/acme/app]")
    assert verdict(policy, proof(names=("docker.io/acme/app",))) == "allow"


def test_claims_must_be_in_the_signed_payload():
    policy = simple('[{ signature: team, claims: { build: "4711" } }]')
    assert verdict(policy, proof(claims={"build": "4711", "more": "x"})) == "allow"
    assert evaluate(case(policy, proof(claims={"build": "4710"}))).summary.endswith("claims build=4710, not build=4711")
    assert evaluate(case(policy, proof())).summary == "signature by team does not claim build=4711"


def test_t31_a_bare_key_is_held_against_now():
    policy = simple()
    assert verdict(policy, proof(until=NOW)) == "deny"
    assert verdict(policy, proof(until=NOW + timedelta(seconds=1))) == "allow"


def test_an_allow_lives_as_long_as_the_longest_signature_that_it_could_use():
    soon, late = proof(until=NOW + timedelta(hours=1)), proof(until=NOW + timedelta(days=1), source="b")
    for order in ((soon, late), (late, soon)):
        decision = evaluate(case(simple(), *order))
        assert decision.expires_at == NOW + timedelta(days=1)
        assert decision.evidence == late.sources


def test_a_list_is_and():
    policy = simple("[{ signature: team }, { signature: scan }]", names=("team", "scan"))
    assert verdict(policy, proof()) == "deny"
    assert verdict(policy, proof(), proof("scan", until=NOW + timedelta(hours=2))) == "allow"
    both = evaluate(case(policy, proof(), proof("scan", until=NOW + timedelta(hours=2))))
    assert both.expires_at == NOW + timedelta(hours=2)
    assert evaluate(case(policy)).summary == "no signature by team (0 found) (and 1 more)"


def test_a_reviewed_digest_is_a_requirement_like_any_other():
    policy = simple(f"[{{ digest: ['{IMAGE}'] }}]", names=())
    assert verdict(policy, gathered=False) == "allow"
    denied = evaluate(case(policy, digest=OTHER, gathered=False))
    assert denied.verdict == "deny"
    assert denied.summary == f"sha256:{OTHER.hex[:12]} is not a reviewed digest"


def test_signatures_are_wanted_only_where_they_can_change_the_answer():
    both = simple(f"[{{ digest: ['{IMAGE}'] }}, {{ signature: team }}]")
    assert evaluate(case(both, gathered=False)) == Wanted("signatures")
    assert evaluate(case(both, gathered=False, digest=OTHER)).verdict == "deny"
    either = simple(f"[{{ atLeast: 1, of: [{{ digest: ['{IMAGE}'] }}, {{ signature: team }}] }}]")
    assert evaluate(case(either, gathered=False)).verdict == "allow"
    assert evaluate(case(either, gathered=False, digest=OTHER)) == Wanted("signatures")


TWO_OF_THREE = "[{ atLeast: 2, of: [{ signature: a }, { signature: b }, { signature: c }] }]"


def two_of_three():
    return simple(TWO_OF_THREE, names=("a", "b", "c"))


def test_at_least_counts_signers():
    policy = two_of_three()
    assert verdict(policy, proof("a"), proof("c")) == "allow"
    decision = evaluate(case(policy, proof("a")))
    assert decision.verdict == "deny"
    assert decision.summary.startswith("1 of the 2 distinct signers needed: no signature by b")


def test_t30_one_key_under_two_names_counts_once():
    policy = two_of_three()
    decision = evaluate(case(policy, proof("a", key="k"), proof("b", key="k")))
    assert decision.verdict == "deny"
    assert verdict(policy, proof("a", key="k"), proof("b", key="k"), proof("c")) == "allow"


def test_t30_one_signer_twice_counts_once():
    policy = two_of_three()
    assert verdict(policy, proof("a"), proof("a", source="second")) == "deny"


def test_t30_more_identities_of_one_signer_never_lower_the_count():
    policy = two_of_three()
    narrow = [proof("a", key="k2"), proof("b", key="k1")]
    assert verdict(policy, *narrow) == "allow"
    assert verdict(policy, *narrow, proof("a", key="k1", source="more")) == "allow"
    assert verdict(policy, *narrow, proof("a", key="k1"), proof("b", key="k2", source="x")) == "allow"


def test_at_least_rests_on_the_signers_that_last_longest():
    hours = {name: NOW + timedelta(hours=count) for name, count in (("a", 1), ("b", 2), ("c", 3))}
    decision = evaluate(case(two_of_three(), *(proof(name, until=until) for name, until in hours.items())))
    assert decision.expires_at == hours["b"]


def test_t12_at_least_rests_on_the_newest_of_those_that_last_alike():
    """What a tag must not go back behind is not lowered by an older signature beside the newest."""
    days = {name: NOW - timedelta(days=count) for name, count in (("a", 3), ("b", 1), ("c", 2))}
    one_of_three = simple(
        "[{ atLeast: 1, of: [{ signature: a }, { signature: b }, { signature: c }] }]", names=("a", "b", "c")
    )
    decision = evaluate(case(one_of_three, *(proof(name, proved_at=at) for name, at in days.items())))
    assert decision.proved_at == days["b"]


def test_t12_of_two_signatures_by_one_signer_the_newer_one_counts():
    signed = [proof("team", source=f"{days}", proved_at=NOW - timedelta(days=days)) for days in (5, 1, 3)]
    for evidence in (signed, signed[::-1]):
        assert evaluate(case(simple(), *evidence)).proved_at == NOW - timedelta(days=1)


def test_all_who_were_proved_are_told_and_their_evidence_is_kept_though_fewer_are_enough():
    """So that a tag that moves is held against all who signed what it had."""
    signed = [proof(name) for name in ("a", "b", "c")]
    decision = evaluate(case(two_of_three(), *signed))
    assert decision.identities == ("key:a", "key:b", "key:c")
    assert set(decision.evidence) == {digest for each in signed for digest in each.sources}


def test_at_least_is_open_only_while_it_can_still_be_reached():
    policy = simple(f"[{{ atLeast: 2, of: [{{ signature: a }}, {{ digest: ['{OTHER}'] }}] }}]", names=("a",))
    assert verdict(policy, gaps=("referrers are out of reach",)) == "deny"
    assert verdict(two_of_three(), proof("a"), gaps=("referrers are out of reach",)) == "inconclusive"


def test_foreign_evidence_is_shown_and_never_fatal():
    decision = evaluate(
        case(simple(), proof("stranger"), proof(), proof(names=("x.example/y",), source="z"), rejections=[rejection()])
    )
    assert decision.is_allow
    assert decision.rejections == (rejection(),)
    assert evaluate(case(simple(), rejections=[rejection()])).summary == "no signature by team (1 found)"


def test_gaps_make_a_failing_requirement_inconclusive_and_a_passing_one_pass():
    gap = "the referrers of ghcr.io/acme/app could not be read"
    assert verdict(simple(), proof(), gaps=(gap,)) == "allow"
    decision = evaluate(case(simple(), gaps=(gap,)))
    assert decision.verdict == "inconclusive"
    assert decision.summary == f"no signature by team (0 found), and not all could be read: {gap}"
    assert not decision.holds(NOW)


def test_what_fails_for_good_beside_what_is_open_is_a_deny():
    policy = simple(f"[{{ signature: team }}, {{ digest: ['{OTHER}'] }}]")
    decision = evaluate(case(policy, gaps=("out of reach",)))
    assert decision.verdict == "deny"
    assert "not a reviewed digest" in decision.summary
    assert decision.repository == REPOSITORY
