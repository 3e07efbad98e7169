"""What a Check means, and what to do next, in words that a tired person can act on. Pure: a record in, sentences out."""

import re
from collections.abc import Mapping, Sequence
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

# The summary of a signature that is good, but was made for another name; it says the line that would admit it.
_OTHER_NAME = re.compile(r"signature by (?P<signer>\S+) names (?P<name>\S+), not this repository")


def meaning(check: Mapping[str, Any]) -> str:
    """What the Check's answer means; nothing where its summary says it all."""
    if _OTHER_NAME.search(check.get("summary", "")):
        return (
            "The signature is good, but it was made for another name. One key often signs all that a publisher makes."
        )
    return _MEANINGS.get((check["word"], answer(check)), "")


def next_steps(story: Mapping[str, Any]) -> tuple[str, str, str]:
    """Three things that can be done about a refusal's record, the likeliest first."""
    asked = story["asked"]
    decision = story["decision"] or {}
    if decision.get("verdict") == "allow":
        return _allowed(asked, decision)
    message = story.get("message", "")
    if story["reason"] == "not-allowed" and "is not an upstream here" in message:
        return _no_upstream(asked)
    if story["reason"] == "pin" and "pin was lost" in message:
        return _lost_pin(asked)
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
    other = _other_name(decision.get("checks", ()))
    if other:
        return _signed_as(asked, decision, other)
    exception = f'{{ match: {name}, digest: "{digest}", waive: [{waived}], reason: …, by: …, until: … }}'
    return (
        f"Ask whoever publishes it to sign {digest}; then see that it worked: pratique verify {asked}",
        f'Did somebody review this very image? In the policy, for {name}: require: [ {{ digest: ["{digest}"] }} ]',
        f"It cannot wait? In the policy, under exceptions, for at most 30 days: {exception}",
    )


def _other_name(checks: Sequence[Mapping[str, Any]]) -> str:
    """The name that a good signature speaks for instead; empty where there is none."""
    for check in checks:
        found = _OTHER_NAME.search(check.get("summary", ""))
        name = found["name"] if found and not check["passed"] else _other_name(check.get("checks", ()))
        if name:
            return name
    return ""


def _signed_as(asked: str, decision: Mapping[str, Any], other: str) -> tuple[str, str, str]:
    rule = decision.get("rule") or "its rule"
    return (
        f"Is {other} the same publisher's image, copied or named otherwise here? Compare it with where it came from.",
        f"It is? In the policy, rule {rule}: signedAs: [{other}]; run `pratique verify {asked}`, send the proxy SIGHUP.",
        f"It is not? Then leave it refused, and have the publisher sign it under its own name: {_name_of(asked)}",
    )


def _name_of(asked: str) -> str:
    """`asked` without its tag or digest."""
    name = asked.partition("@")[0]
    return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name


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


def _no_upstream(asked: str) -> tuple[str, str, str]:
    host = asked.partition("/")[0]
    return (
        "Is the name right? Images name their registry first: a host, such as docker.io.",
        f"Should it be permitted? Add {host} under upstreams in pratique.yaml, a rule to the policy, restart the proxy.",
        "Should it not? Use an image of a registry that is there, or have this one copied to one.",
    )


def _lost_pin(asked: str) -> tuple[str, str, str]:
    return (
        f"See what the upstream offers now, and how it is judged: pratique verify {asked}",
        f"It is what ran before? Say so: pratique pin confirm {asked}; or what did run: {asked}@sha256:…",
        "The upstreams can be trusted for every tag? pratique pin confirm --all: each first admitted digest is the pin.",
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
