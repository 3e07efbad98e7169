"""What a Check's answer means, and what to do first, for a person who knows neither logs nor certificates. Pure.

Law: every sentence with which a Check may fail is of exactly one kind here: the first whose words stand in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.cli.tree import answer


@dataclass(frozen=True, slots=True)
class Meaning:
    """`word` tells kinds apart; `means` is one or two sentences. `act` is what to do first: a line break sets a command apart.

    In `act` stand {asked}, {name} (the repository), {digest}, {rule}, {check} and {base} (the base image).
    """

    word: str
    means: str
    act: str = ""


def meaning_of(check: Mapping[str, Any]) -> Meaning | None:
    """Of a Check's record; None for one that passed by itself, and needs no more words."""
    word = answer(check)
    if word == "passed":
        return None
    if word == "waived":
        return _WAIVED
    by_word = _WORDS.get(check["word"])
    found = by_word or of_summary(check.get("summary", ""))
    if word == "open":
        return found if found and found.word in _OPEN_TOO else _OPEN
    return found


def of_summary(summary: str) -> Meaning | None:
    """Of the sentence with which a Check failed."""
    return next((meaning for words, meaning in _KINDS if words.search(summary)), None)


def _kind(word: str, words: str, means: str, act: str = "") -> tuple[re.Pattern[str], Meaning]:
    return re.compile(words), Meaning(word, means, act)


_VERIFY = "then see that it worked:\npratique verify {asked}"
_WAIVED = Meaning("waived", "An exception lets this pass for now. It has not been proved.")
_OPEN = Meaning(
    "open",
    "Whether it is so could not be found out, since some source did not answer. That is not a no: it is asked again.",
    "Wait a minute: clients ask again by themselves, and nothing of this is remembered. Still so?\npratique verify {asked}",
)
_OPEN_TOO = frozenset({"base-out-of-reach", "too-few"})

_WORDS = {
    "revoked": Meaning("revoked", "It was revoked: that wins over every pin, rule and exception."),
    "rule": Meaning("rule", "The rule that was applied is one for other names."),
    "platform": Meaning("platform", "The image is for a platform that the rule does not name."),
    "digest": Meaning(
        "not-reviewed",
        "Somebody reviewed certain digests of this image, and this is none of them.",
        "Have this one reviewed as well, and add it to the rule's digests:\n{digest}",
    ),
}

# The first that fits: what a person can decide before what only a tool can mend.
_KINDS = (
    _kind(
        "no-platform",
        r"^no platform passes",
        "It is a list of images, one for each platform; the rule asks for proof of such an image itself, and none has it.",
        "Have each platform's own image proved as well, not only the list (cosign sign --recursive does both); "
        + _VERIFY,
    ),
    _kind(
        "nothing-runs",
        r"lists nothing that can run",
        "It is a list of images, and none in it can run on a platform that the rule permits.",
        "Have it published for a platform that the rule names, or let the rule name one that is there.",
    ),
    _kind(
        "too-few",
        r"of the \d+ distinct signers needed",
        "Too few different signers: one key under two names counts once. Below stands what each of them lacks.",
        "Ask those who have not signed yet to sign {digest}; " + _VERIFY,
    ),
    _kind(
        "verifiers-disagree",
        r"verifiers disagree",
        "Two independent programs checked the same proof; one says it is right, the other that it is wrong.",
        "Make no exception for it. Report it with its case file:\npratique verify --record {name}@{digest}",
    ),
    _kind(
        "other-name",
        r"not this repository; add",
        "The signature is good, but it was made for another name. One key often signs all that a publisher makes.",
    ),
    _kind(
        "no-name",
        r"names no repository; it may be of any",
        "The signature is good, and does not say for which name it was made. It may be another image's.",
        "Ask whoever publishes it to sign it under its full name, {name}; " + _VERIFY,
    ),
    _kind(
        "run-out",
        r" was valid until ",
        "It was proved, and says itself how long it may be used, or its key may: that is over.",
        "Ask whoever publishes it for a newer signature; " + _VERIFY,
    ),
    _kind(
        "claims",
        r" does not claim | claims \S+=",
        "The right one signed it, without the note that the rule asks for under `claims`, or with another one.",
        "Is it the build that is meant? The note is written when it is signed: cosign sign -a NAME=VALUE",
    ),
    _kind(
        "unsigned",
        r"^no signature by \S+ \(0 found\)",
        "Nobody has signed this image where it is published; all places were read.",
        "Ask whoever publishes it to sign {digest}; " + _VERIFY,
    ),
    _kind(
        "other-signature",
        r"^no signature by ",
        "Something lies beside the image, and none of it is a good signature by whom the policy names.",
        "Ask whoever publishes it to sign {digest}; " + _VERIFY,
    ),
    _kind(
        "too-old",
        r", older than ",
        "The newest one is older than the rule permits: lately nobody looked at this image.",
        "Have it made again, since a job of yours or of the publisher's has not run; " + _VERIFY,
    ),
    _kind(
        "no-age",
        r"^nothing proves when ",
        "It is there, and nothing proves how old it is: whoever made it could have written any date.",
        "Have it made with a timestamp, or entered in the public record; or let the rule do without maxAge.",
    ),
    _kind(
        "condition-unanswered",
        r"has no answer|takes more steps than a condition may|meets a list of more than",
        "The rule's condition could not be worked out on what was proved, so that it is not met.",
        "Correct the condition of {check} in rule {rule}: ask whether a thing is there, with has(…), before asking what it is.",
    ),
    _kind(
        "image-otherwise",
        r"is not met by the image|^the image's .*; the rule asks for ",
        "The image itself is otherwise than the rule asks: how it is run, how large it is, what it carries.",
        "Have it built as the rule asks (a Dockerfile's USER, ENV, LABEL and the like); " + _VERIFY,
    ),
    _kind(
        "condition-false",
        r"condition .* is not met",
        "What was proved is there, and is not as the rule's condition asks.",
        "Read what was proved, by a command that this prints too; mend the image, or the condition of {check}:\n"
        "pratique verify {asked}",
    ),
    _kind(
        "unreadable",
        r" cannot be read: |cannot be judged: ",
        "It is there and truly signed, but it is of a version or shape that is not read, so that it says nothing here.",
        "Have it made by a tool that writes the form which the sentence names; " + _VERIFY,
    ),
    _kind(
        "lists-nothing",
        r"lists no \S+, so that it tells nothing of them",
        "The list that the rule's condition looks through is empty: nothing bad is in it, and perhaps nobody looked.",
        "Have it made again, of the finished image. Is an empty list right here? Let {check} in rule {rule} ask for what "
        "the sentence names; " + _VERIFY,
    ),
    _kind(
        "image-too-old",
        r"days old; the rule asks for",
        "The image was built longer ago than the rule permits; what was mended since is not in it.",
        "Take a newer version, or have it built again.",
    ),
    _kind(
        "not-told",
        r" is not told; the rule asks for",
        "What was proved says nothing of this at all. What is not said counts as not so.",
        "Have it made by a tool that says it, or take the field out of `where` in {check}.",
    ),
    _kind(
        "findings",
        r"^vuln by \S+: .*; the rule asks for ",
        "It was scanned, and the scan found more than the rule lets through.",
        "Update what has the findings, build and scan it again; or have whoever the rule names under `vex` say which of "
        "them do not matter here. Then see that it worked:\npratique verify {asked}",
    ),
    _kind(
        "built-otherwise",
        r"^slsa-provenance by \S+: .*; the rule asks for ",
        "It is proved how it was built: otherwise, elsewhere or from other sources than the rule asks.",
        "Compare what stands there with the rule, and have it built as the rule asks; " + _VERIFY,
    ),
    _kind(
        "facts",
        r"; the rule asks for ",
        "What was proved is there, and says something else than the rule asks.",
        "Compare what stands there with the rule: mend the one that is wrong, have it attested again, and " + _VERIFY,
    ),
    _kind(
        "no-date",
        r"does not tell when it was made",
        "The image carries no date, as builds do that are meant to come out the same each time.",
        "Ask its publisher to set one, or ask for the age of an attestation: nobody proves an image's own date anyway.",
    ),
    _kind(
        "unattested",
        r"^no .+ by \S+ \(0 found\)",
        "Nothing of this kind lies beside the image; all places were read.",
        "Ask whoever should attest it to do so for {digest}; " + _VERIFY,
    ),
    _kind(
        "other-attestation",
        r"^no .+ by \S+ \(\d+ found\)",
        "Something lies beside the image, and nothing of it is of this kind and by whom the policy names.",
        "Ask whoever should attest it to do so for {digest}; " + _VERIFY,
    ),
    _kind(
        "base-unnamed",
        r"name a base image by its digest|no base image is named|a tag proves nothing",
        "The rule asks what the image was built on, and nothing tells by digest what that is.",
        "Have it built with provenance (docker buildx build --provenance=true), which names the base; " + _VERIFY,
    ),
    _kind(
        "base-other",
        r"layers are not the first of|config lists no layers|an index in an index|without a child for this platform",
        "What is named as its base is not what it was built on: the layers differ.",
        "Have it built again on the base that it names; " + _VERIFY,
    ),
    _kind(
        "base-out-of-reach",
        r"^base .* could not be looked at|it was not judged",
        "What it was built on could not be fetched from here, so that nobody knows whether that is good.",
        "Name the base's registry under upstreams and let a rule permit it, or name another base.",
    ),
    _kind(
        "base-refused",
        r"^base \S+: ",
        "What it was built on is refused itself: behind the colon stands why.",
        "See what is wrong with the base, and have it mended there or build on another:\npratique verify {base}",
    ),
    _kind(
        "no-requirement",
        r"the rule requires nothing",
        "A rule that asks for nothing proves nothing.",
        "Let rule {rule} ask for something.",
    ),
)
