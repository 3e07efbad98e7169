from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.policy.evaluate import Child, Wanted, evaluate
from proxy.policy.requirements import AtLeast, DigestRequirement, SignatureRequirement
from tests.unit.policy.cases import (
    IMAGE,
    LINUX,
    NOW,
    OTHER,
    case,
    child_of,
    index,
    listed,
    proof,
    rejection,
    requiring,
    simple,
)

ARM = Platform("linux", "arm64")
UNKNOWN = Platform("unknown", "unknown")
AMD_CHILD, ARM_CHILD, NOTES = listed("amd"), listed("arm", ARM), listed("notes", UNKNOWN)
INDEX = index(manifests=(AMD_CHILD, ARM_CHILD, NOTES))


def signed(covers, signer="team", name="signature"):
    return SignatureRequirement(name, signer, {}, covers)


def judged(policy, *evidence, children=None, document=INDEX, **more):
    return evaluate(case(policy, *evidence, document=document, platform=None, children=children, **more))


def children(policy, proofs, *, above=()):
    """A Decision for each child of the Index, by the evidence in `proofs` by its descriptor."""
    return tuple(
        child_of(policy, each, *proofs.get(each.digest, ()), under=INDEX.digest, above=above)
        for each in INDEX.manifests
    )


def of(descriptor, signer="team", **more):
    return proof(signer, subject=descriptor.digest, **more)


def test_for_the_index_its_own_evidence_counts_and_no_childs():
    policy = requiring(signed("index"))
    assert judged(policy, proof()).is_allow
    assert judged(policy, of(AMD_CHILD)).verdict == "deny"
    good = children(policy, {}, above=[proof()])
    assert judged(policy, children=good).verdict == "deny"


def test_for_a_platform_a_childs_own_evidence_counts_and_never_the_index_es():
    policy = requiring(signed("platform"))
    assert judged(policy, proof(), gathered=False) == Wanted("children")
    assert judged(policy, proof(), children=children(policy, {}, above=[proof()])).verdict == "deny"
    admitted = judged(policy, children=children(policy, {ARM_CHILD.digest: [of(ARM_CHILD)]}))
    assert admitted.is_allow
    assert admitted.summary == "linux/arm64: signature by team"
    assert admitted.evidence == of(ARM_CHILD).sources
    assert admitted.identities == ("key:team",)


def test_for_any_its_own_or_a_childs_counts():
    policy = requiring(signed("any"))
    assert judged(policy, proof()).is_allow
    assert judged(policy, gathered=False) == Wanted("signatures")
    assert judged(policy) == Wanted("children")
    assert judged(policy, children=children(policy, {AMD_CHILD.digest: [of(AMD_CHILD)]})).is_allow
    assert judged(policy, children=children(policy, {})).verdict == "deny"


def child(policy, descriptor, *evidence, above=()):
    return child_of(policy, descriptor, *evidence, under=INDEX.digest, above=above).decision.verdict


def test_under_an_index_each_cover_hears_the_index_the_child_or_both():
    own, above = of(AMD_CHILD), proof()
    answers = {
        covers: (
            child(requiring(signed(covers)), AMD_CHILD, own),
            child(requiring(signed(covers)), AMD_CHILD, above=[above]),
        )
        for covers in ("index", "platform", "any")
    }
    assert answers == {"index": ("deny", "allow"), "platform": ("allow", "deny"), "any": ("allow", "allow")}


@pytest.mark.parametrize("covers", ["index", "platform", "any"])
def test_t10_a_siblings_evidence_admits_no_child(covers):
    policy = requiring(signed(covers))
    assert child(policy, AMD_CHILD, of(ARM_CHILD)) == "deny"
    assert child(policy, AMD_CHILD, above=[of(ARM_CHILD)]) == "deny"
    assert child(policy, AMD_CHILD, of(ARM_CHILD), above=[replace(proof(), subject=OTHER)]) == "deny"


@pytest.mark.parametrize("covers", ["index", "platform", "any"])
def test_an_image_under_no_index_is_judged_by_its_own(covers):
    policy = requiring(signed(covers))
    assert evaluate(case(policy, proof())).is_allow
    assert evaluate(case(policy, index_evidence=(proof(),))).verdict == "deny"
    assert evaluate(case(policy, proof(subject=OTHER))).verdict == "deny"


@pytest.mark.parametrize("covers", ["platform", "any"])
@pytest.mark.parametrize("document", [index(), index(manifests=(NOTES,)), index(manifests=(NOTES, NOTES))])
def test_t23_an_index_without_a_child_that_can_run_passes_nothing(covers, document):
    policy = requiring(signed(covers))
    everything = tuple(
        child_of(policy, each, of(each), under=IMAGE, above=[proof()]) for each in (AMD_CHILD, ARM_CHILD, NOTES)
    )
    for given in ((), everything):
        decision = judged(policy, children=given, document=document)
        assert decision.verdict == "deny"
        assert decision.summary.endswith("the index lists nothing that can run and that the rule permits")


def test_one_good_child_among_a_hundred_bad_ones_passes():
    descriptors = [listed(f"child {number}") for number in range(101)]
    policy = requiring(signed("platform"))
    document = index(manifests=descriptors)
    good = descriptors[57]
    judgements = tuple(
        child_of(policy, each, *([of(each)] if each is good else []), under=document.digest) for each in descriptors
    )
    assert judged(policy, children=judgements, document=document).is_allow
    assert judged(policy, children=judgements[:57] + judgements[58:], document=document).verdict == "deny"


def test_children_of_platforms_that_the_rule_does_not_permit_do_not_count():
    policy = requiring(signed("platform"), platforms=(LINUX,))
    good = children(policy, {ARM_CHILD.digest: [of(ARM_CHILD)]})
    assert judged(policy, children=good).verdict == "deny"
    assert judged(policy, children=children(policy, {AMD_CHILD.digest: [of(AMD_CHILD)]})).is_allow
    nameless = Descriptor(AMD_CHILD.media_type, AMD_CHILD.digest, 4)
    assert (
        judged(
            policy,
            children=children(policy, {AMD_CHILD.digest: [of(AMD_CHILD)]}),
            document=index(manifests=(nameless,)),
        ).verdict
        == "deny"
    )


def test_a_child_that_the_index_does_not_list_or_that_another_decision_is_about_does_not_count():
    policy = requiring(signed("platform"))
    stranger = listed("stranger")
    outside = child_of(policy, stranger, of(stranger), under=INDEX.digest)
    assert judged(policy, children=(outside,)).verdict == "deny"
    assert judged(policy, children=(Child(AMD_CHILD, outside.decision),)).verdict == "deny"
    of_the_index = evaluate(case(requiring(signed("index")), proof()))
    assert judged(policy, children=(Child(AMD_CHILD, of_the_index),)).verdict == "deny"


def test_what_warn_serves_is_no_child_that_passed():
    policy = requiring(signed("platform"), mode="warn")
    served = children(policy, {})
    assert served[0].decision.is_allow
    decision = judged(policy, children=served)
    assert decision.is_warned


def test_a_child_that_could_not_be_judged_leaves_the_index_open():
    policy = requiring(signed("platform"))
    silent = Child(AMD_CHILD, None, "the upstream is silent")
    refused = child_of(policy, ARM_CHILD, under=INDEX.digest)
    decision = judged(policy, children=(silent, refused))
    assert decision.verdict == "inconclusive"
    assert decision.summary == "no platform passes; linux/amd64: it could not be judged: the upstream is silent"
    unread = child_of(policy, AMD_CHILD, under=INDEX.digest, gaps=("out of reach",))
    assert judged(policy, children=(unread, refused)).verdict == "inconclusive"
    passes = child_of(policy, ARM_CHILD, of(ARM_CHILD), under=INDEX.digest)
    assert judged(policy, children=(silent, passes)).is_allow


def test_an_index_lasts_as_long_as_its_longest_child():
    policy = requiring(signed("platform"))
    hours = {AMD_CHILD.digest: 1, ARM_CHILD.digest: 2}
    evidence = {
        each.digest: [of(each, until=NOW + timedelta(hours=hours[each.digest]))] for each in (AMD_CHILD, ARM_CHILD)
    }
    for order in (children(policy, evidence), tuple(reversed(children(policy, evidence)))):
        assert judged(policy, children=order).expires_at == NOW + timedelta(hours=2)


def test_at_least_over_the_platforms_passes_by_a_child_that_passes_whole():
    two = AtLeast("two", 2, (signed("index", "a"), signed("platform", "b")))
    policy = requiring(two)
    assert judged(policy, proof("a"), proof("b")) == Wanted("children")
    above = [proof("a")]
    good = children(policy, {AMD_CHILD.digest: [of(AMD_CHILD, "b")]}, above=above)
    assert judged(policy, proof("a"), children=good).is_allow
    # The Index by one signer and the child by the same key: one identity (T30).
    same = children(policy, {AMD_CHILD.digest: [of(AMD_CHILD, "b", key="a")]}, above=above)
    assert judged(policy, proof("a"), children=same).verdict == "deny"


def test_at_least_over_the_index_alone_asks_no_child():
    policy = requiring(AtLeast("two", 2, (signed("index", "a"), signed("index", "b"))))
    assert judged(policy, proof("a")).verdict == "deny"
    either = requiring(AtLeast("one", 1, (signed("index", "a"), signed("any", "b"))))
    assert judged(either, proof("a")).is_allow
    assert judged(either, proof("b")).is_allow


def test_a_reviewed_index_covers_what_it_lists_and_a_reviewed_child_no_index():
    policy = requiring(DigestRequirement("digest", frozenset({INDEX.digest})))
    assert child(policy, AMD_CHILD) == "allow"
    assert evaluate(case(policy, digest=AMD_CHILD.digest)).verdict == "deny"
    reviewed = requiring(DigestRequirement("digest", frozenset({AMD_CHILD.digest})))
    assert judged(reviewed, children=children(reviewed, {})).verdict == "deny"


def test_an_exception_for_an_index_holds_for_the_children_that_it_lists():
    after = (
        "exceptions:\n"
        f"  - {{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [signature], reason: r, by: me, until: 2026-11-20 }}\n"
    )
    written = simple(after=after)
    policy = replace(
        written, rules=(replace(written.rules[0], require=requiring(signed("platform")).rules[0].require),)
    )
    assert child(policy, AMD_CHILD) == "allow"
    assert evaluate(case(policy, digest=AMD_CHILD.digest)).verdict == "deny"
    assert evaluate(case(policy, digest=AMD_CHILD.digest, index=OTHER)).verdict == "deny"


def test_a_disagreement_at_the_index_is_told_though_children_are_asked():
    policy = requiring(signed("any"))
    alarm = rejection("verifiers disagree", signer="team", is_alarm=True)
    decision = judged(policy, rejections=[alarm], children=children(policy, {}))
    assert decision.reason == "verifiers-disagree"
    assert judged(policy, rejections=[alarm], children=children(policy, {ARM_CHILD.digest: [of(ARM_CHILD)]})).is_allow


def test_the_name_of_a_child_without_platform_is_its_digest():
    bare = Descriptor(AMD_CHILD.media_type, Digest.of(b"bare"), 4)
    policy = requiring(signed("platform"))
    decision = judged(policy, children=(child_of(policy, bare, under=IMAGE),), document=index(manifests=(bare,)))
    assert str(bare.digest) in decision.summary
