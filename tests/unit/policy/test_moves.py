"""T12: what a rule has against a tag that moves to another admitted digest."""

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.oci.digest import Digest
from proxy.policy.decision import Verdict
from proxy.policy.moves import doubts, too_young
from tests.unit.policy.cases import simple
from tests.unit.policy.test_decision import NOW, decision

DAY = timedelta(days=1)
WORKFLOW = "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/"


def rule(**changes):
    return replace(simple().rules[0], **{"rollback": "allow", "regression": "allow", **changes})


def signed(at=NOW, *identities, verdict=Verdict.ALLOW):
    made = replace(decision(verdict), digest=Digest.of(str(at).encode()), identities=identities or ("key:a",))
    return replace(made, proved_at=at)


@pytest.mark.parametrize(
    ("pinned", "offered", "says"),
    [
        (NOW, NOW - DAY, "before the pinned one"),
        (NOW, NOW - timedelta(seconds=1), "before the pinned one"),
        (NOW, NOW, None),
        (NOW, NOW + DAY, None),
        (NOW, None, "nothing proves when the new digest was signed"),
        (None, NOW, None),
        (None, None, None),
    ],
)
@pytest.mark.parametrize("strictness", ["allow", "warn", "deny"])
def test_t12_a_tag_goes_back_in_time_only_as_the_rule_says(strictness, pinned, offered, says):
    found = doubts(rule(rollback=strictness), pinned=signed(pinned), offered=signed(offered))
    if says is None or strictness == "allow":
        assert found == ()
        return
    (doubt,) = found
    assert (doubt.kind, doubt.is_denied) == ("rollback", strictness == "deny")
    assert says in doubt.summary


@pytest.mark.parametrize("kind", ["rollback", "regression"])
def test_t12_a_pinned_digest_that_cannot_be_judged_any_more_lets_nothing_pass(kind):
    (doubt,) = doubts(rule(**{kind: "deny"}), pinned=None, offered=signed(NOW))
    assert (doubt.kind, doubt.is_denied) == (kind, True)
    assert "cannot be judged any more" in doubt.summary


def test_t12_a_pinned_digest_that_is_denied_without_a_time_proves_nothing_for_the_new_one():
    denied = signed(None, verdict=Verdict.DENY)
    (doubt,) = doubts(rule(rollback="deny"), pinned=denied, offered=signed(NOW))
    assert doubt.is_denied
    timed = signed(NOW, verdict=Verdict.DENY)
    assert doubts(rule(rollback="deny"), pinned=timed, offered=signed(NOW + DAY)) == ()
    (doubt,) = doubts(rule(rollback="deny"), pinned=timed, offered=signed(NOW - DAY))
    assert doubt.is_denied


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (("key:a", "key:b"), ("key:a",), "key:b"),
        (("key:a",), ("key:b",), "key:a"),
        (("key:a", "key:b"), ("key:c",), "key:a (and 1 more)"),
        (("key:a",), ("key:a", "key:b"), None),
        ((f"{WORKFLOW}v1",), (f"{WORKFLOW}v2",), None),
        ((f"{WORKFLOW}v1",), (f"{WORKFLOW}v2".replace("acme", "evil"),), "release.yml@refs/tags/"),
        ((f"{WORKFLOW}v1",), (f"{WORKFLOW}v1".replace("refs/tags", "refs/heads"),), "release.yml@refs/tags/"),
    ],
)
@pytest.mark.parametrize("strictness", ["allow", "warn", "deny"])
def test_who_signed_before_must_sign_still_and_a_workflow_is_one_voice_at_every_release(
    strictness, before, after, gone
):
    found = doubts(rule(regression=strictness), pinned=signed(NOW, *before), offered=signed(NOW, *after))
    if gone is None or strictness == "allow":
        assert found == ()
        return
    (doubt,) = found
    assert (doubt.kind, doubt.is_denied) == ("regression", strictness == "deny")
    assert gone in doubt.summary


def test_what_denies_is_told_first():
    strict = rule(rollback="warn", regression="deny")
    found = doubts(strict, pinned=signed(NOW, "key:a"), offered=signed(NOW - DAY, "key:b"))
    assert [(each.kind, each.is_denied) for each in found] == [("regression", True), ("rollback", False)]


@pytest.mark.parametrize(
    ("first_seen", "proved", "says"),
    [
        (NOW, None, "0m old, and is followed after 3d"),
        (NOW - 2 * DAY, None, "2d old"),
        (NOW - 3 * DAY, None, None),
        (NOW, NOW - 3 * DAY, None),
        (NOW, NOW - DAY - timedelta(hours=6), "30h old"),
        (NOW - 4 * DAY, NOW, None),
        (NOW + DAY, None, "0m old"),
    ],
)
def test_after_counts_from_the_proved_time_or_from_our_own_first_sight_whichever_is_older(first_seen, proved, says):
    doubt = too_young(rule(after=3 * DAY), offered=signed(proved), first_seen=first_seen, now=NOW)
    if says is None:
        assert doubt is None
    else:
        assert doubt is not None
        assert (doubt.kind, doubt.is_denied) == ("young", True)
        assert says in doubt.summary


def test_without_after_nothing_is_too_young():
    assert too_young(rule(), offered=signed(NOW), first_seen=NOW, now=NOW) is None
