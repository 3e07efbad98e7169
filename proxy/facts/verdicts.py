"""What others judged: verification summaries, test results; and cosign's signatures and custom predicates.

Law: a verdict is one of the words that its specification has. A verdict that contradicts itself is Unreadable.
https://slsa.dev/spec/v1.0/verification_summary, https://slsa.dev/verification_summary/v0.2, in-toto's test-result.md.
"""

from datetime import datetime
from typing import Any

from proxy.errors import ManifestInvalid
from proxy.facts.kinds import Unreadable
from proxy.facts.shapes import (
    moment_of,
    object_of,
    optional_list,
    optional_object,
    required_text,
    shown,
    stamp,
    text_of,
    texts_of,
)
from proxy.oci.strictjson import parse


def read_vsa_v02(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """SLSA VSA v0.2 as facts, and when it was verified; raise Unreadable."""
    document = object_of(predicate, what="verification summary")
    verified_level = text_of(document.get("policy_level"), what="summary's policy_level")
    return _summary(
        document,
        time=document.get("time_verified"),
        resource=document.get("resource_uri"),
        verdict=document.get("verification_result"),
        levels=[verified_level] if verified_level else [],
        dependencies=document.get("dependency_levels"),
    )


def read_vsa_v1(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """SLSA VSA v1 as facts, and when it was verified; raise Unreadable."""
    document = object_of(predicate, what="verification summary")
    return _summary(
        document,
        time=document.get("timeVerified"),
        resource=document.get("resourceUri"),
        verdict=document.get("verificationResult"),
        levels=texts_of(document.get("verifiedLevels"), what="summary's verifiedLevels"),
        dependencies=document.get("dependencyLevels"),
    )


def read_test(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """in-toto's test result v0.1 as facts; it has no time of its own. Raise Unreadable."""
    document = object_of(predicate, what="test result")
    told = {name: texts_of(document.get(name), what=f"test result's {name}") for name in _TESTS}
    verdict = _word(document.get("result"), ("PASSED", "WARNED", "FAILED"), what="test result")
    if verdict != "FAILED" and told["failedTests"]:
        raise Unreadable(f"the test result says {verdict} and lists failed tests")
    configuration = optional_list(document.get("configuration"), what="test result's configuration")
    values = {
        "result": verdict,
        "passed": verdict == "PASSED",
        "url": text_of(document.get("url"), what="test result's url"),
        "configuration": [object_of(each, what="test result's configuration entry") for each in configuration],
        **told,
    }
    return values, None


def read_sign(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """Cosign's own signature statement says nothing but its subject; before 3.0.5 it had no predicate at all."""
    optional_object(predicate, what="predicate of the signature")
    return {}, None


def read_custom(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """Cosign's custom predicate: a text, which is parsed where it is a JSON object; raise Unreadable."""
    document = object_of(predicate, what="custom predicate")
    content = document.get("Data")
    moment = moment_of(document.get("Timestamp"), what="custom predicate's Timestamp")
    text = content if isinstance(content, str) else None
    values = {
        "text": text,
        "data": content if isinstance(content, dict) else _parsed(text),
        "timestamp": stamp(moment),
    }
    return values, moment


_TESTS = ("passedTests", "warnedTests", "failedTests")


def _summary(
    document: dict[str, Any], *, time: Any, resource: Any, verdict: Any, levels: list[str], dependencies: Any
) -> tuple[dict[str, Any], datetime | None]:
    verifier = object_of(document.get("verifier"), what="summary's verifier")
    policy = optional_object(document.get("policy"), what="summary's policy")
    moment = moment_of(time, what="summary's time of verification")
    word = _word(verdict, ("PASSED", "FAILED"), what="summary's verification result")
    if word == "PASSED" and "FAILED" in levels:
        raise Unreadable("the verification summary says PASSED and gives the level FAILED")
    values = {
        "verifier": required_text(verifier.get("id"), what="summary's verifier.id"),
        "resource": required_text(resource, what="summary's resource URI"),
        "policy": text_of(policy.get("uri"), what="summary's policy.uri"),
        "result": word,
        "passed": word == "PASSED",
        "levels": levels,
        "dependencyLevels": _counts(dependencies),
        "timeVerified": stamp(moment),
    }
    return values, moment


def _counts(value: Any) -> dict[str, int]:
    counts = optional_object(value, what="summary's levels of dependencies")
    for name, count in counts.items():
        # JSON protobuf writes 64-bit numbers as texts; nobody was seen to do so here.
        if type(count) is not int or count < 0:
            raise Unreadable(f"the summary's number of dependencies at {shown(name)} is not a count")
    return counts


def _word(value: Any, words: tuple[str, ...], *, what: str) -> str:
    text = required_text(value, what=what)
    if text not in words:
        raise Unreadable(f"the {what} is {shown(text)}, which is none of {', '.join(words)}")
    return text


def _parsed(text: str | None) -> dict[str, Any] | None:
    """The object that a text holds; None for any other text, which stays a text."""
    if text is None or not text.lstrip().startswith("{"):
        return None
    try:
        value = parse(text.encode(), what="custom predicate")
    except (ManifestInvalid, UnicodeError):
        return None
    return value if isinstance(value, dict) else None
