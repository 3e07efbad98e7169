import dataclasses
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NotAllowed
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.policy.decision import Decision
from proxy.policy.evaluate import (
    DENY_LIFETIME,
    Wanted,
    decision_key,
    evaluate,
    permits_platform,
    permits_repository,
    permits_tag,
    revoked_reason,
)
from proxy.policy.requirements import AtLeast, AttestationRequirement
from tests.unit.policy.cases import (
    IMAGE,
    LINUX,
    NOW,
    OTHER,
    REPOSITORY,
    case,
    index,
    policy,
    proof,
    rejection,
    requiring,
    signers,
    simple,
    statement,
)


def test_nothing_that_matches_is_a_deny():
    with pytest.raises(NotAllowed, match=r"no rule matches docker\.io/library/busybox"):
        permits_repository(simple(), Repository("docker.io", "library/busybox"))


def test_the_empty_policy_denies_everything():
    with pytest.raises(NotAllowed):
        permits_repository(policy(""), REPOSITORY)


def test_the_most_specific_rule_governs():
    rules = ["ghcr.io/**", "ghcr.io/acme/**", "ghcr.io/acme/*", "ghcr.io/acme/a*", "ghcr.io/acme/app", "**"]
    text = (
        signers("team")
        + "images:\n"
        + "".join(f"  - {{ match: '{each}', require: [{{ signature: team }}] }}\n" for each in rules)
    )
    found = {
        name: permits_repository(policy(text), Repository("ghcr.io", name)).match
        for name in ("acme/app", "acme/axe", "acme/b", "acme/b/c", "other")
    }
    assert found == {
        "acme/app": "ghcr.io/acme/app",
        "acme/axe": "ghcr.io/acme/a*",
        "acme/b": "ghcr.io/acme/*",
        "acme/b/c": "ghcr.io/acme/**",
        "other": "ghcr.io/**",
    }
    assert permits_repository(policy(text), Repository("quay.io", "x")).match == "**"


def test_other_tags_cannot_be_pulled():
    rule = simple(more='tags: ["24.*-py3", "v1"]').rules[0]
    permits_tag(rule, Tag("24.10-py3"))
    permits_tag(rule, Tag("v1"))
    with pytest.raises(NotAllowed, match="tag latest is not permitted"):
        permits_tag(rule, Tag("latest"))


def test_a_rule_without_tags_permits_each():
    permits_tag(simple().rules[0], Tag("anything"))
    assert simple().rules[0].tags is None


@pytest.mark.parametrize(
    ("platform", "is_child", "passed"),
    [
        (Platform("linux", "amd64"), False, True),
        (Platform("linux", "x86_64"), False, True),
        (Platform("linux", "arm64"), False, False),
        (Platform("linux", "arm64"), True, False),
        (None, False, False),
        (None, True, False),
        (Platform("unknown", "unknown"), True, True),
        (Platform("unknown", "unknown"), False, False),
    ],
)
def test_only_named_platforms_are_served(platform, is_child, passed):
    rule = simple(more="platforms: [linux/amd64]").rules[0]
    assert permits_platform(rule, platform, is_child=is_child).passed is passed


def test_attestations_are_children_and_never_the_image_even_without_platforms():
    rule = simple().rules[0]
    assert not permits_platform(rule, Platform("unknown", "unknown")).passed
    assert permits_platform(rule, Platform("unknown", "unknown"), is_child=True).passed
    assert permits_platform(rule, None).passed


def test_a_bare_manifest_is_held_against_the_platforms_by_its_config_and_an_index_is_not():
    rules = simple(more="platforms: [linux/arm64]")
    denied = evaluate(case(rules, proof(), platform=LINUX))
    assert (denied.verdict, denied.reason) == ("deny", "not-allowed")
    assert denied.summary == "platform linux/amd64 is not permitted; the rule permits linux/arm64"
    assert evaluate(case(rules, proof(), document=index(), platform=None)).is_allow


def test_warn_relaxes_require_alone():
    warned = evaluate(case(simple(more="mode: warn")))
    assert warned.is_allow
    assert warned.is_warned
    assert warned.mode == "warn"
    assert "no signature by team" in warned.summary
    assert warned.expires_at == NOW + DENY_LIFETIME
    assert any(not check.passed for check in warned.checks)


def test_warn_relaxes_no_platform_no_revocation_no_tag_and_no_match():
    arm = simple(more="mode: warn\nplatforms: [linux/arm64]\ntags: [v1]")
    assert evaluate(case(arm, proof())).verdict == "deny"
    revoked = simple(more="mode: warn", after=f"revoked: [{{ digest: '{IMAGE}', reason: bad }}]\n")
    assert evaluate(case(revoked, proof())).reason == "revoked"
    with pytest.raises(NotAllowed):
        permits_tag(arm.rules[0], Tag("v2"))
    with pytest.raises(NotAllowed):
        permits_repository(arm, Repository("quay.io", "x"))


def test_warn_never_serves_what_could_not_be_judged():
    assert evaluate(case(simple(more="mode: warn"), gaps=("out of reach",))).verdict == "inconclusive"


def test_under_warn_what_passes_is_an_ordinary_allow():
    decision = evaluate(case(simple(more="mode: warn"), proof()))
    assert decision.is_allow
    assert not decision.is_warned


def test_the_policy_mode_holds_where_the_rule_says_none():
    text = f"mode: warn\n{signers('team')}images:\n"
    rules = policy(
        text
        + "  - { match: ghcr.io/acme/app, require: [{ signature: team }] }\n"
        + "  - { match: ghcr.io/acme/b, mode: enforce, require: [{ signature: team }] }\n"
    ).rules
    assert {rule.match: rule.mode for rule in rules} == {"ghcr.io/acme/app": "warn", "ghcr.io/acme/b": "enforce"}


def test_revoked_wins_over_rule_evidence_and_is_told_with_its_reason():
    rules = simple(after=f"revoked: [{{ digest: '{IMAGE}', reason: INC-4712 }}]\n")
    decision = evaluate(case(rules, proof()))
    assert (decision.verdict, decision.reason, decision.summary) == ("deny", "revoked", "revoked: INC-4712")
    assert revoked_reason(rules, IMAGE) == "INC-4712"
    assert revoked_reason(rules, OTHER) is None


def test_a_rule_is_never_used_for_a_name_that_it_does_not_match():
    rules = simple()
    strange = case(rules, proof(names=("quay.io/x",)), repository=Repository("quay.io", "x"), rule=rules.rules[0])
    assert evaluate(strange).verdict == "deny"


def test_a_deny_is_gathered_again_after_a_minute():
    decision = evaluate(case(simple()))
    assert decision.holds(NOW + timedelta(seconds=59))
    assert not decision.holds(NOW + timedelta(seconds=60))


def test_an_allow_without_a_window_holds_until_something_changes():
    decision = evaluate(case(simple(), proof()))
    assert decision.expires_at is None
    assert decision.holds(NOW + timedelta(days=3650))


def test_an_inconclusive_answer_is_never_kept():
    assert not evaluate(case(simple(), gaps=("out of reach",))).holds(NOW)


def test_every_decision_tells_every_check():
    decision = evaluate(case(simple(), proof()))
    assert [check.word for check in decision.checks] == ["revoked", "rule", "platform", "signature"]


@pytest.mark.parametrize("evidence", [(), (proof(),)])
def test_a_decision_survives_its_record(evidence):
    decision = evaluate(case(simple(), *evidence, rejections=[rejection()]))
    assert Decision.from_record(json.loads(json.dumps(decision.to_record()))) == decision


def key(rule=None, **changes):
    rules = simple(
        after=f"exceptions: [{{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [signature], reason: r, by: b, until: 2026-11-20 }}]\n"
    )
    parts = {
        "repository": REPOSITORY,
        "digest": IMAGE,
        "rule": rule or rules.rules[0],
        "exceptions": (),
        "trust_fingerprint": "t",
    }
    return decision_key(**(parts | changes))


def test_t02_t61_a_decision_is_bound_to_all_that_it_rests_on():
    grant = simple(
        after=f"exceptions: [{{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [signature], reason: r, by: b, until: 2026-11-20 }}]\n"
    ).exceptions
    keys = [
        key(),
        key(repository=Repository("quay.io", "acme/app")),
        key(repository=Repository("ghcr.io", "acme/b")),
        key(digest=OTHER),
        key(trust_fingerprint="u"),
        key(exceptions=grant),
        key(rule=simple(more="mode: warn").rules[0]),
        key(rule=simple(match="ghcr.io/acme/*").rules[0]),
        key(rule=simple(more="platforms: [linux/amd64]").rules[0]),
        key(rule=simple(more="signedAs: [ghcr.io/x]").rules[0]),
        key(rule=simple('[{ signature: team, claims: { a: "1" } }]').rules[0]),
        key(rule=simple("[{ signature: scan }]", names=("scan",)).rules[0]),
        key(index=IMAGE),
        key(index=OTHER),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == key()


def test_tags_and_pins_are_asked_at_every_resolve_and_bind_no_decision():
    assert key() == key(rule=simple(more='tags: ["v*"]\npinning: follow\nttl: 1h').rules[0])


# Evidence for three signers, some good, some foreign in one way each.
NAMES = ("a", "b", "c")
GOOD = st.builds(proof, st.sampled_from(NAMES), key=st.sampled_from(["1", "2", "3"]), source=st.sampled_from("pqr"))
FOREIGN = st.one_of(
    st.builds(proof, st.sampled_from(["x", "y"]), source=st.sampled_from("pqr")),
    st.builds(proof, st.sampled_from(NAMES), kind=st.just("attestation")),
    st.builds(proof, st.sampled_from(NAMES), subject=st.just(OTHER)),
    st.builds(proof, st.sampled_from(NAMES), names=st.just(("ghcr.io/acme/evil",))),
    st.builds(proof, st.sampled_from(NAMES), until=st.just(NOW - timedelta(1))),
)
REQUIRES = [
    "[{ signature: a }]",
    "[{ signature: a }, { signature: b }]",
    "[{ atLeast: 2, of: [{ signature: a }, { signature: b }, { signature: c }] }]",
    f"[{{ atLeast: 1, of: [{{ signature: a }}, {{ digest: ['{OTHER}'] }}] }}]",
]
POLICIES = {
    (require, mode): simple(require, names=NAMES, more=f"mode: {mode}")
    for require in REQUIRES
    for mode in ("enforce", "warn")
}
ENFORCED = st.sampled_from([POLICIES[require, "enforce"] for require in REQUIRES])
GAPS = st.sampled_from([(), ("out of reach",)])


AGED = AttestationRequirement(
    "vuln", "https://acme.example/v1", ("https://acme.example/v1",), "a", max_age=timedelta(7)
)
ASKED = replace(AGED, name="ask", max_age=None, condition="predicate.ok == true")
STATEMENTS = st.builds(
    statement,
    st.fixed_dictionaries({"ok": st.booleans()}),
    st.sampled_from(NAMES),
    of=st.sampled_from([AGED.kind, "https://acme.example/v2"]),
    at=st.sampled_from([None, NOW, NOW - timedelta(1), NOW - timedelta(9)]),
    key=st.sampled_from(["1", "2"]),
)


@given(evidence=st.lists(STATEMENTS, max_size=6), seed=st.randoms(use_true_random=False), admitted=st.booleans())
def test_the_order_of_attestations_never_changes_the_decision(evidence, seed, admitted):
    rules = requiring(replace(AGED, condition="predicate.ok == true", grace=timedelta(5)), AtLeast("two", 1, (ASKED,)))
    shuffled = list(evidence)
    seed.shuffle(shuffled)
    one, two = (evaluate(case(rules, *each, was_admitted=admitted)) for each in (evidence, shuffled))
    assert one == two
    newest = max((each.proved_at for each in evidence if each.proved_at and each.signer == "a"), default=None)
    assert newest is not None or not one.is_allow


def answer(rules, evidence, gaps):
    decision = evaluate(case(rules, *evidence, gaps=gaps))
    assert isinstance(decision, Decision)
    return decision


@given(rules=ENFORCED, evidence=st.lists(FOREIGN, max_size=6), gaps=GAPS, gathered=st.booleans())
def test_t23_nothing_is_allowed_where_no_evidence_passes(rules, evidence, gaps, gathered):
    decision = evaluate(case(rules, *evidence, gaps=gaps, gathered=gathered))
    assert isinstance(decision, Wanted) or not decision.is_allow


@given(
    rules=st.sampled_from(sorted(POLICIES.values(), key=str)),
    evidence=st.lists(st.one_of(GOOD, FOREIGN), max_size=6),
    gaps=GAPS,
    seed=st.randoms(use_true_random=False),
)
def test_the_order_of_evidence_never_changes_the_decision(rules, evidence, gaps, seed):
    shuffled = list(evidence)
    seed.shuffle(shuffled)
    assert answer(rules, evidence, gaps) == answer(rules, shuffled, gaps)


@given(
    rules=st.sampled_from(sorted(POLICIES.values(), key=str)),
    evidence=st.lists(GOOD, max_size=4),
    foreign=st.lists(FOREIGN, min_size=1, max_size=4),
    gaps=GAPS,
)
def test_more_foreign_evidence_never_changes_the_decision(rules, evidence, foreign, gaps):
    alone, flooded = answer(rules, evidence, gaps), answer(rules, [*foreign, *evidence], gaps)
    same = ("verdict", "reason", "identities", "expires_at", "is_warned", "key")
    assert [getattr(alone, name) for name in same] == [getattr(flooded, name) for name in same]
    assert alone.evidence == flooded.evidence or not alone.is_allow, "a denial lists all that was proved"
    assert [check.passed for check in alone.checks] == [check.passed for check in flooded.checks]


@given(rules=ENFORCED, evidence=st.lists(GOOD, max_size=4), more=GOOD, gaps=GAPS)
def test_more_good_evidence_never_turns_an_allow(rules, evidence, more, gaps):
    if answer(rules, evidence, gaps).is_allow:
        assert answer(rules, [*evidence, more], gaps).is_allow


@given(rules=ENFORCED, evidence=st.lists(st.one_of(GOOD, FOREIGN), max_size=5))
def test_an_allow_rests_on_evidence_that_was_handed_in(rules, evidence):
    decision = answer(rules, evidence, ())
    handed: set[Digest] = {digest for each in evidence for digest in each.sources}
    assert set(decision.evidence) <= handed
    if decision.is_allow:
        assert decision.evidence


def test_a_case_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        case(simple()).gathered = False


def test_a_denial_lists_what_was_proved_for_the_rule_so_that_nothing_older_admits_again():
    rules = simple("[{ signature: a }, { signature: b }]", names=("a", "b", "c"))
    mine = proof("a")
    decision = answer(rules, [mine, proof("c"), proof("a", subject=OTHER), proof("a", kind="attestation")], ())
    assert not decision.is_allow
    assert set(decision.evidence) == set(mine.sources)
