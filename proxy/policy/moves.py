"""What a tag may become: `rollback`, `regression` and `after`. Law: asked at every move, never of a digest by itself (T12).

A move that may be made is still one to an admitted digest: here nothing is admitted, and only more is asked.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.policy.decision import Decision
from proxy.policy.rules import Rule, Strictness

_RELEASE = re.compile(r"@refs/tags/\S+$")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something is odd about a move. `kind`: rollback | regression | young. `is_denied`: the tag stays where it is."""

    kind: str
    is_denied: bool
    summary: str


def doubts(rule: Rule, *, pinned: Decision | None, offered: Decision) -> tuple[Doubt, ...]:
    """What the rule has against a tag that moves to another admitted digest; those that deny come first.

    `pinned` is the Decision about the digest that the tag has, None where there is none: it is revoked, or out of reach.
    """
    found = (*_rollback(rule.rollback, pinned, offered), *_regression(rule.regression, pinned, offered))
    return tuple(sorted(found, key=lambda doubt: not doubt.is_denied))


def too_young(rule: Rule, *, offered: Decision, first_seen: datetime, now: datetime) -> Doubt | None:
    """Under `after`: why the tag does not follow yet. A digest's age counts from its proved time, or from our first sight."""
    if rule.after is None:
        return None
    since = min(first_seen, offered.proved_at) if offered.proved_at else first_seen
    age = now - since
    if age >= rule.after:
        return None
    return Doubt("young", True, f"the new digest is {_span(age)} old, and is followed after {_span(rule.after)}")


def _rollback(strictness: Strictness, pinned: Decision | None, offered: Decision) -> Iterable[Doubt]:
    if strictness == "allow":
        return
    is_denied = strictness == "deny"
    if pinned is None or (not pinned.is_allow and pinned.proved_at is None):
        told = "the pinned digest cannot be judged any more, so that nothing tells whether the new one is older"
        yield Doubt("rollback", is_denied, f"{told}; look at it, then `pratique pin confirm`")
    elif pinned.proved_at is None:
        return  # nothing proves when the pinned one was signed: there is nothing to be older than
    elif offered.proved_at is None:
        yield Doubt("rollback", is_denied, "nothing proves when the new digest was signed")
    elif offered.proved_at < pinned.proved_at:
        times = f"{offered.proved_at:%Y-%m-%d %H:%M}, before the pinned one ({pinned.proved_at:%Y-%m-%d %H:%M})"
        yield Doubt("rollback", is_denied, f"the new digest was signed {times}")


def _regression(strictness: Strictness, pinned: Decision | None, offered: Decision) -> Iterable[Doubt]:
    if strictness == "allow":
        return
    if pinned is None:
        told = (
            "the pinned digest cannot be judged any more, so that nobody tells whether the new one has all its signers"
        )
        yield Doubt("regression", strictness == "deny", told)
        return
    gone = sorted(_voices(pinned) - _voices(offered))
    if gone:
        more = f" (and {len(gone) - 1} more)" if len(gone) > 1 else ""
        told = f"the new digest is not signed by {gone[0]}{more}, as the pinned one is"
        yield Doubt("regression", strictness == "deny", told)


def _voices(decision: Decision) -> set[str]:
    """Who spoke. A workflow of a forge is one voice at every release, though its name ends with the tag."""
    return {_RELEASE.sub("@refs/tags/…", identity) for identity in decision.identities}


def _span(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    hours = minutes // 60
    return f"{hours // 24}d" if hours >= 48 else f"{hours}h" if hours else f"{minutes}m"
