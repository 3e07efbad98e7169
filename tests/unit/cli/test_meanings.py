"""Every sentence with which a Check may fail has a meaning: read from the sources of the judge, so that none is forgotten."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import proxy
from proxy.cli.advice import next_steps
from proxy.cli.meanings import meaning_of, of_summary
from proxy.errors import PolicyError

POLICY = Path(proxy.__file__).parent / "policy"
FILES = [POLICY / "requirements.py", POLICY / "evaluate.py", *sorted((POLICY / "checks").glob("*.py"))]
# Who parses conditions and patterns speaks to who writes the policy, at load.
LOADERS = {"conditions.py", "loops.py", "pieces.py", "where.py"}
# Sentences that pass, ask for more, or stand inside of others; those of a Check that is told by its word.
OTHERWISE = (
    "signature by X",
    "the rule permits every platform",
    "a reviewed digest",
    "X by X",
    "by grace alone",
    "must attest again before",
    "not permitted",
    "no platform is named",
    "no rule matches",
    "an attestation, served only",
    "distinct signers needed",
    "served though",
    "is of other names",
    "(and X more)",
    "and X more",
    "X X X=X",
    "X, and not all could be read: X",
    "the same key stands under several names",
    "only those with a proved time decide",
    "it is admitted",
    "rootfs of the image config",
    "it could not be judged: X",
    "the image's X",
    "was not read yet",
    "were not looked for yet",
    "was not looked at yet",
    "were not judged yet",
    "tuple[",
    "_Passed | str",
    "claims X=X, not",
    "does not claim",
    "| None",
)


def sentences() -> Iterator[tuple[str, str]]:
    for path in FILES:
        tree = ast.parse(path.read_text())
        silent = _docstrings(tree) | _of_errors(tree)
        for node in ast.walk(tree):
            text = _text(node)
            if path.name not in LOADERS and id(node) not in silent and len(text.split()) > 2:
                yield path.name, text


def _docstrings(tree: ast.Module) -> set[int]:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, holders)]
    parts = {id(each) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for each in node.values}
    return parts | {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}


def _of_errors(tree: ast.Module) -> set[int]:
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return {id(each) for call in raised for each in call.args}


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(each) if isinstance(each, ast.Constant) else "X" for each in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def said_as(text: str) -> str:
    """With what stands for the things that are put in, as they are written."""
    text = (
        text.replace("(X found)", "(0 found)")
        .replace("older than X", "older than 7d")
        .replace("of the X ", "of the 2 ")
    )
    return text.replace("is X days", "is 7 days").replace("no X (", "no sbom by team (")


SAID = sorted(set(sentences()))


def test_the_judge_says_many_things():
    """T23: a list that is empty would prove nothing."""
    assert len(SAID) > 50


@pytest.mark.parametrize(("file", "sentence"), SAID, ids=lambda text: text[:60])
def test_every_sentence_of_the_judge_has_a_meaning_or_needs_none(file, sentence):
    meant = of_summary(said_as(sentence))
    assert meant is not None or any(words in sentence for words in OTHERWISE), (file, sentence)
    if meant is not None:
        assert meant.means.endswith((".", "!"))


REAL = {
    "no signature by team (0 found)": "unsigned",
    "no signature by team (2 found)": "other-signature",
    "no sbom by scanner (0 found)": "unattested",
    "no https://acme.test/review/v1 by scanner (3 found)": "other-attestation",
    'signature by team names ghcr.io/a/b, not this repository; add "signedAs: [ghcr.io/a/b]"': "other-name",
    "sbom by scanner names no repository; it may be of any": "no-name",
    "signature by team was valid until 2026-01-01": "run-out",
    "signature by team does not claim build=1": "claims",
    "signature by team claims build=2, not build=1": "claims",
    "vuln by scanner is of 2026-08-13T12:00Z, older than 7d": "too-old",
    "nothing proves when scanner attested vuln, so that maxAge cannot be asked": "no-age",
    "vuln by scanner: critical is 1; the rule asks for 0": "findings",
    "vuln by scanner: critical is not told; the rule asks for 0": "not-told",
    "slsa-provenance by ci: source is 'x'; the rule asks for y": "built-otherwise",
    "test by ci: passed is false; the rule asks for true": "facts",
    "sbom by scanner: condition 'x' is not met": "condition-false",
    "sbom by scanner: condition 'x' has no answer: no such key": "condition-unanswered",
    "sbom by scanner cannot be read: the SBOM is SPDX 3": "unreadable",
    "sbom by scanner lists no components, so that it tells nothing of them; if that is right, ask for `count` too": "lists-nothing",
    "the image is 90 days old; the rule asks for 30 at most": "image-too-old",
    "the image's isRoot is true; the rule asks for false": "image-otherwise",
    "condition 'x' is not met by the image": "image-otherwise",
    "the image does not tell when it was made, so that maxAge cannot be asked": "no-date",
    "the image cannot be judged: Index error": "unreadable",
    "neither proved provenance nor annotations name a base image by its digest": "base-unnamed",
    "base a/b@sha256:0 is none: its layers are not the first of the image's own": "base-other",
    "base a/b@sha256:0 could not be looked at: a is not an upstream here": "base-out-of-reach",
    "base a/b@sha256:0: no signature by other (0 found)": "base-refused",
    "no platform passes; linux/amd64: no signature by team (0 found)": "no-platform",
    "the index lists nothing that can run and that the rule permits": "nothing-runs",
    "1 of the 2 distinct signers needed: no signature by b (0 found)": "too-few",
    "verifiers disagree: pratique proved it, sigstore-python says no": "verifiers-disagree",
    "the rule requires nothing, and nothing is proved by that": "no-requirement",
}


@pytest.mark.parametrize(("summary", "word"), REAL.items())
def test_what_is_really_said_is_of_the_kind_that_a_person_would_name(summary, word):
    found = of_summary(summary)
    assert found is not None
    assert found.word == word


@pytest.mark.parametrize("summary", REAL)
@pytest.mark.parametrize("reason", [error.reason for error in PolicyError.__subclasses__()] + ["inconclusive"])
def test_every_sentence_under_every_reason_has_three_steps_that_are_whole(summary, reason):
    check = {"name": "x", "word": "attestation", "passed": False, "isWaived": False, "isOpen": False}
    decision = {
        "verdict": "deny",
        "upstream": "reg.test",
        "repository": "acme/{app}",
        "digest": "sha256:" + "a" * 64,
        "rule": "reg.test/{a,b}",
        "checks": [check | {"summary": summary, "checks": []}],
        "rejections": [{"place": "x", "source": None, "reason": "it {speaks} of {0}", "signer": None}],
    }
    steps = next_steps({"asked": "reg.test/acme/app:1.0", "reason": reason, "message": summary, "decision": decision})
    assert len(set(steps)) == 3
    for step in steps:
        assert not any(place in step for place in ("{asked}", "{name}", "{digest}", "{rule}", "{check}", "{base}"))


def test_what_is_open_waived_or_passed_says_so_and_no_more():
    check = {"word": "signature", "summary": "no signature by team (0 found)", "isWaived": False, "isOpen": False}
    assert meaning_of(check | {"passed": True}) is None
    waived = meaning_of(check | {"passed": True, "isWaived": True})
    assert waived is not None
    assert "has not been proved" in waived.means
    is_open = meaning_of(check | {"passed": False, "isOpen": True})
    assert is_open is not None
    assert "not a no" in is_open.means


@pytest.mark.parametrize("word", ["revoked", "rule", "platform", "digest"])
def test_a_gate_is_told_by_its_word_whatever_it_says(word):
    found = meaning_of({"word": word, "summary": "?", "passed": False, "isWaived": False, "isOpen": False})
    assert found is not None
