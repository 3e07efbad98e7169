"""What a Check means, and what to do next, in words that a tired person can act on. Pure: a record in, sentences out."""

from collections.abc import Mapping
from typing import Any

from proxy.cli.tree import answer

_MEANINGS = {
    ("signature", "failed"): "No signature that the policy trusts speaks for this digest under this name.",
    ("signature", "open"): "Whether it is signed could not be found out. That is not a no: it is asked again.",
    ("digest", "failed"): "Somebody reviewed certain digests of this image, and this is none of them.",
    ("at-least", "failed"): "Too few different signers: one key under two names counts once.",
    ("at-least", "open"): "Enough signers may have signed, but not all sources could be read.",
    ("platform", "failed"): "The image is for a platform that the rule does not name.",
    ("revoked", "failed"): "It was revoked: that wins over every pin, rule and exception.",
    ("rule", "failed"): "The rule that was applied is one for other names.",
    ("signature", "waived"): "An exception lets this pass for now. It has not been proved.",
    ("digest", "waived"): "An exception lets this pass for now. It has not been reviewed.",
    ("at-least", "waived"): "An exception lets this pass for now. It has not been proved.",
}


def meaning(check: Mapping[str, Any]) -> str:
    """What the Check's answer means; nothing where its summary says it all."""
    return _MEANINGS.get((check["word"], answer(check)), "")


def next_steps(story: Mapping[str, Any]) -> tuple[str, str, str]:
    """Three things that can be done about a refusal's record, the likeliest first."""
    asked = story["asked"]
    decision = story["decision"] or {}
    if decision.get("verdict") == "allow":
        return _allowed(asked, decision)
    steps = {
        "not-allowed": _not_allowed,
        "unverified": _unverified,
        "pin": _pin,
        "revoked": _revoked,
        "inconclusive": _inconclusive,
    }.get(story["reason"], _unverified)
    return steps(asked, decision)


def _unverified(asked: str, decision: Mapping[str, Any]) -> tuple[str, str, str]:
    digest = decision.get("digest", "sha256:…")
    waived = ", ".join(check["name"] for check in decision.get("checks", ()) if not check["passed"]) or "signature"
    name = f"{decision['upstream']}/{decision['repository']}" if decision else asked
    exception = f'{{ match: {name}, digest: "{digest}", waive: [{waived}], reason: …, by: …, until: … }}'
    return (
        f"Ask whoever publishes it to sign {digest}; then see that it worked: pratique verify {asked}",
        f'Did somebody review this very image? In the policy, for {name}: require: [ {{ digest: ["{digest}"] }} ]',
        f"It cannot wait? In the policy, under exceptions, for at most 30 days: {exception}",
    )


def _not_allowed(asked: str, decision: Mapping[str, Any]) -> tuple[str, str, str]:
    where = f"the rule {decision['rule']}" if decision.get("rule") else "a rule under images"
    return (
        "Is the name right? Compare registry, repository, tag and platform with what the message above says.",
        f"Should it be permitted? Let {where} say so, see that `pratique verify {asked}` allows it, send the proxy SIGHUP.",
        "Should it not? Use an image that is permitted, or have this one copied to a repository that is.",
    )


def _pin(asked: str, _decision: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        "See what the tag was pinned to and what the upstream offers: pratique pin ls",
        f"The new digest is right? Say so: pratique pin confirm {asked}@sha256:… (--dry-run shows what would change)",
        "Nobody knows? Leave it refused, and pull by the digest that was running before: NAME@sha256:…",
    )


def _revoked(asked: str, _decision: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        "Use another version: what was revoked is refused for everyone, at once, and no exception helps.",
        f"Find where it still runs: search your cluster for {asked} and for its digest, and stop it there.",
        "Revoked by mistake? Remove its entry under revoked in the policy, and send the proxy SIGHUP.",
    )


def _inconclusive(asked: str, _decision: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        "Wait a minute: clients ask again by themselves, and nothing of this is remembered.",
        f"Still so? See what is out of reach from here: pratique verify {asked}",
        "Look at the upstream's status page, at its credentials, and at the way out of this network.",
    )


def _allowed(asked: str, decision: Mapping[str, Any]) -> tuple[str, str, str]:
    name = f"{decision['upstream']}/{decision['repository']}"
    return (
        f"Nothing needs to be done. For exactly these bytes, name the digest: {name}@{decision['digest']}",
        f"Would it be allowed today as well? It is judged afresh, without the proxy, by: pratique verify {asked}",
        f'It must never run again? In the policy, under revoked: {{ digest: "{decision["digest"]}", reason: … }}',
    )
