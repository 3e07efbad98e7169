"""What to do next about a refusal, in words that a tired person can act on. Pure: a record in, sentences out.

Three things, the likeliest first; where a command or a line of the policy belongs to one, it stands behind a line break.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from proxy.cli.meanings import Meaning, meaning_of, of_summary
from proxy.cli.remedies import remedy_of

Steps: TypeAlias = tuple[str, str, str]

# The summary of a signature that is good, but was made for another name; it says the line that would admit it.
_OTHER_NAME = re.compile(r"(signature|\S+) by (?P<signer>\S+) names (?P<name>\S+), not this repository")
_NO_PLATFORM = re.compile(r"^no platform passes; [^:]*: ")
_BASE = re.compile(r"^base (\S+): ")
_SIGNED_BY = re.compile(r"^signed, but by (?P<subject>\S.*) \(issuer (?P<issuer>\S+)\) instead of (?P<named>[^;]*);")
_TRUST_ROOT = re.compile(r"trust root (?P<name>[\w.-]+)")
# Where what was found, and is not what is asked for, tells more than that something is missing.
_LIKELY = frozenset({"other-signer", "other-key", "key-time", "revoked", "expired", "no-time", "not-logged"})
_LOOK_AT_FOUND = frozenset({"unsigned", "other-signature", "unattested", "other-attestation"})
# What was proved, and is not as the rule asks: the image may be wrong, or the rule.
_OF_FACTS = frozenset(
    {"too-old", "no-age", "condition-unanswered", "condition-false", "unreadable", "lists-nothing", "image-too-old"}
    | {"not-told", "facts", "findings", "built-otherwise", "image-otherwise", "no-date"}
)
_OF_BASES = frozenset({"base-unnamed", "base-other", "base-out-of-reach", "base-refused"})


def meaning(check: Mapping[str, Any]) -> str:
    """What the Check's answer means; nothing where it passed."""
    found = meaning_of(check)
    return found.means if found else ""


def next_steps(story: Mapping[str, Any]) -> Steps:
    """Three things that can be done about a refusal's record, the likeliest first."""
    asked = story["asked"]
    decision = story["decision"] or {}
    if decision.get("verdict") == "allow":
        return _allowed(asked, decision)
    special = _of_message(asked, story["reason"], story.get("message", ""))
    if special is not None:
        return special
    steps = {
        "not-allowed": _not_allowed,
        "pin": _pin,
        "revoked": _revoked,
        "verifiers-disagree": _disagree,
        "inconclusive": _inconclusive,
    }.get(story["reason"], _unverified)
    return steps(asked, decision)


def _of_message(asked: str, reason: str, message: str) -> Steps | None:
    """Where the sentence tells more than its bounded word."""
    if reason == "not-allowed" and "is not an upstream here" in message:
        return _no_upstream(asked)
    if reason == "not-allowed" and "may not ask here" in message:
        return _no_client()
    if reason == "pin" and "lock file names" in message:
        return _not_locked(asked)
    if reason == "pin" and ("pin was lost" in message or "cannot be read" in message):
        return _lost_pin(asked)
    root = _TRUST_ROOT.search(message) if reason == "inconclusive" else None
    return _old_trust(asked, root["name"]) if root else None


def _unverified(asked: str, decision: Mapping[str, Any]) -> Steps:
    checks, rejections = decision.get("checks", ()), decision.get("rejections", ())
    other = _other_name(checks)
    if other:
        return _signed_as(asked, decision, other)
    check, meant = _leading(checks)
    rule, digest = decision.get("rule") or "its rule", decision.get("digest", "sha256:…")
    name = f"{decision['upstream']}/{decision['repository']}" if decision else _name_of(asked)
    base = _BASE.search(check.get("summary", ""))
    places = {"asked": asked, "name": name, "digest": digest, "rule": rule, "check": check.get("name", "it")}
    places["base"] = base[1] if base else "BASE"
    waived = ", ".join(each["name"] for each in checks if not each["passed"]) or "signature"
    exception = f'{{ match: {name}, digest: "{digest}", waive: [{waived}], reason: …, by: …, until: … }}'
    wait = f"It cannot wait? In the policy, under exceptions, for at most 30 days:\n{exception}"
    found = rejections if meant and meant.word in _LOOK_AT_FOUND else ()
    stranger = next(_strangers(found), None)
    if stranger is not None:
        return *_by_stranger(asked, rule, stranger), wait
    return _first(meant, found).format(**places), _or_else(meant).format(**places), wait


def _strangers(rejections: Sequence[Mapping[str, Any]]) -> Iterator[re.Match[str]]:
    for rejection in rejections:
        found = _SIGNED_BY.search(rejection["reason"])
        if found:
            yield found


def _by_stranger(asked: str, rule: str, stranger: re.Match[str]) -> tuple[str, str]:
    """Signed, but by somebody else: whoever reads this decides whether that is a friend."""
    entry = f"NAME: {{ issuer: {json.dumps(stranger['issuer'])}, subject: {json.dumps(stranger['subject'])} }}"
    named = stranger["named"]
    add = f"In the policy, under signers, with the trustRoot of {named}; name it in rule {rule}"
    return (
        f"Is that who should sign it? {add}, and try `pratique verify {asked}`:\n{entry}",
        f"Is it somebody else? Leave it refused, and ask the publisher to have it signed by {named}.",
    )


def _first(meant: Meaning | None, found: Sequence[Mapping[str, Any]]) -> str:
    remedy = next(_remedies(found), None)
    if remedy is not None:
        return _literal(f"{remedy} Then see that it worked:\n") + "pratique verify {asked}"
    sign = "Ask whoever publishes it to sign {digest}; then see that it worked:\npratique verify {asked}"
    return meant.act if meant and meant.act else sign


def _remedies(rejections: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What can be done about what was found: first where somebody did sign, and only in another way."""
    remedies = [remedy_of(each["reason"]) for each in rejections]
    likely = [each for each in remedies if each.word in _LIKELY]
    yield from dict.fromkeys(each.act for each in (*likely, *remedies))


def _or_else(meant: Meaning | None) -> str:
    word = meant.word if meant else ""
    if word in _OF_BASES:
        return (
            "Is the base right as it is? Let `base` of rule {rule} ask for what that base has, try it, and send the proxy "
            "SIGHUP:\npratique verify {asked}"
        )
    if word in _OF_FACTS:
        return (
            "Is the rule too strict for this image? Change {check} in rule {rule}, try it, and send the proxy SIGHUP:\n"
            "pratique verify {asked}"
        )
    return 'Did somebody review this very image? In the policy, for {name}:\nrequire: [ {{ digest: ["{digest}"] }} ]'


def _leading(checks: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], Meaning | None]:
    """The Check that the summary speaks of, down to the first that says what is missing; and what it means."""
    failed = [each for each in checks if not each["passed"]]
    if not failed:
        return {}, None
    check = min(failed, key=lambda each: bool(each.get("isOpen")))
    below, meant = _leading(check.get("checks", ()))
    if meant is not None:
        return {**below, "name": check["name"]}, meant
    told = _NO_PLATFORM.sub("", check.get("summary", ""))
    of_first = of_summary(told) if told != check.get("summary", "") else None
    # What the first platform lacks; where that is a signature of its own, the list's may be there all the same.
    return check, of_first if of_first and of_first.word not in _LOOK_AT_FOUND else _meant(check)


def _meant(check: Mapping[str, Any]) -> Meaning | None:
    return meaning_of({"word": "", "isWaived": False, "isOpen": False, **check})


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _other_name(checks: Sequence[Mapping[str, Any]]) -> str:
    """The name that a good signature speaks for instead; empty where there is none."""
    for check in checks:
        found = _OTHER_NAME.search(check.get("summary", ""))
        name = found["name"] if found and not check["passed"] else _other_name(check.get("checks", ()))
        if name:
            return name
    return ""


def _signed_as(asked: str, decision: Mapping[str, Any], other: str) -> Steps:
    rule = decision.get("rule") or "its rule"
    return (
        f"Is {other} the same publisher's image, copied or named otherwise here? Compare it with where it came from.",
        f"It is? Under rule {rule} in the policy; then `pratique verify {asked}`, send the proxy SIGHUP:\nsignedAs: [{other}]",
        f"It is not? Then leave it refused, and have the publisher sign it under its own name: {_name_of(asked)}",
    )


def _name_of(asked: str) -> str:
    """`asked` without its tag or digest."""
    name = asked.partition("@")[0]
    return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name


def _not_allowed(asked: str, decision: Mapping[str, Any]) -> Steps:
    where = f"the rule {decision['rule']}" if decision.get("rule") else "a rule under images"
    return (
        "Is the name right? Compare registry, repository, tag and platform with what the message above says.",
        f"Should it be permitted? Let {where} say so, see that `pratique verify {asked}` allows it, send the proxy SIGHUP.",
        "Should it not? Use an image that is permitted, or have this one copied to a repository that is.",
    )


def _pin(asked: str, _decision: Mapping[str, Any]) -> Steps:
    return (
        "See what the tag was pinned to and what the upstream offers: pratique pin ls",
        f"The new digest is right? Say so: pratique pin confirm {asked}@sha256:… (--dry-run shows what would change)",
        "Nobody knows? Leave it refused, and pull by the digest that was running before: NAME@sha256:…",
    )


def _disagree(asked: str, decision: Mapping[str, Any]) -> Steps:
    digest = decision.get("digest", "sha256:…")
    name = f"{decision['upstream']}/{decision['repository']}" if decision else _name_of(asked)
    return (
        f"Make no exception for it. Report it with its case file:\npratique verify --record {name}@{digest}",
        f"Is it what the publisher made? Compare it with the digest that they show: {digest}",
        f"Until it is known which program is wrong, use a version that both agree about:\npratique verify {_name_of(asked)}:TAG",
    )


def _not_locked(asked: str) -> Steps:
    return (
        f"See what the tag leads to now, and how that is judged:\npratique verify {asked}",
        "It is what should run? Write the tag with that digest into the lock file, have it reviewed, send the proxy SIGHUP.",
        "It need not be reviewed each time? Then the rule's pinning is `first` or `follow`, and not `locked`.",
    )


def _no_client() -> Steps:
    return (
        "Is it a node of yours? Add its network to clients.open in pratique.yaml, or give it a certificate.",
        "Is it none? Then somebody else asks here: see who that is, and whether the port should be open to them.",
        "Restart the proxy after a change: pratique.yaml is read when it starts.",
    )


def _old_trust(asked: str, root: str) -> Steps:
    return (
        f"Have the list of whom to trust fetched anew:\npratique trust refresh {root}",
        f"No way out of this network? Bring a newer one, and name it under trustRoots as {root}: {{ file: …, sha256: … }}",
        f"See whether it works again, and until when what is held may be used:\npratique verify {asked}",
    )


def _no_upstream(asked: str) -> Steps:
    host = asked.partition("/")[0]
    return (
        "Is the name right? Images name their registry first: a host, such as docker.io.",
        f"Should it be permitted? Add {host} under upstreams in pratique.yaml, a rule to the policy, restart the proxy.",
        "Should it not? Use an image of a registry that is there, or have this one copied to one.",
    )


def _lost_pin(asked: str) -> Steps:
    return (
        f"See what the upstream offers now, and how it is judged: pratique verify {asked}",
        f"It is what ran before? Say so: pratique pin confirm {asked}; or what did run: {asked}@sha256:…",
        "The upstreams can be trusted for every tag? pratique pin confirm --all: each first admitted digest is the pin.",
    )


def _revoked(asked: str, _decision: Mapping[str, Any]) -> Steps:
    return (
        "Use another version: what was revoked is refused for everyone, at once, and no exception helps.",
        f"Find where it still runs: search your cluster for {asked} and for its digest, and stop it there.",
        "Revoked by mistake? Remove its entry under revoked in the policy, and send the proxy SIGHUP.",
    )


def _inconclusive(asked: str, _decision: Mapping[str, Any]) -> Steps:
    return (
        "Wait a minute: clients ask again by themselves, and nothing of this is remembered.",
        f"Still so? See what is out of reach from here: pratique verify {asked}",
        "Look at the upstream's status page, at its credentials, and at the way out of this network.",
    )


def _allowed(asked: str, decision: Mapping[str, Any]) -> Steps:
    name = f"{decision['upstream']}/{decision['repository']}"
    return (
        f"Nothing needs to be done. For exactly these bytes, name the digest: {name}@{decision['digest']}",
        f"Would it be allowed today as well? It is judged afresh, without the proxy, by: pratique verify {asked}",
        f'It must never run again? In the policy, under revoked: {{ digest: "{decision["digest"]}", reason: … }}',
    )
