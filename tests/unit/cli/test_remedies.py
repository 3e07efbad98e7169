"""Every sentence with which a proof may end has a remedy of its kind: read from the sources, so that none is forgotten."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import proxy
from proxy.cli.remedies import is_known, remedy_of

SOURCES = Path(proxy.__file__).parent
RAISED = {"NotProved", "Silence", "Rejection", "reject", "Revoked"}
# What only stands before or after another sentence, or says nothing but that its form is broken.
BROKEN = (
    "is not base64",
    "is not text",
    "is not JSON",
    "is not a list",
    "is not a map",
    "not a JSON object",
    "is empty",
    "byte string",
    "PEM certificates alone",
    "does not hold exactly",
    "must hold exactly one",
    "its end",
    "ends before",
    "CBOR",
    "COSE_Sign1",
    "longer than it must",
    "neither a number nor text",
    "UTF-8",
    "RFC 3339",
    "bits that mean nothing",
    "must not stand outside",
    "critical",
    "payload or its signature",
    "critical.type",
    "payloadType",
    "predicateType",
    "DSSE envelope",
    "could not be read",
    "holds no evidence",
    "text that is empty",
    "it is by X, but",
    "it carries X",
    "must carry",
    "annotation is not text",
    "held against a X hash",
    "under trust root X: X",
)


def sentences(*folders: str) -> Iterator[tuple[str, str]]:
    """(file, sentence) of all that is raised or said there, with an X for each thing that is put in."""
    for folder in folders:
        for path in sorted((SOURCES / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _name(node.func) in RAISED:
                    yield from ((path.name, text) for each in node.args for text in _texts(each))


def _name(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant | ast.JoinedStr):
        text = _text(node)
        if len(text.split()) > 3:
            yield text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(each) if isinstance(each, ast.Constant) else "X" for each in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


SAID = sorted(set(sentences("verify", "policy", "pipeline/gathering", "config")))


def test_the_sources_say_many_things():
    """T23: a list that is empty would prove nothing."""
    assert len(SAID) > 180


@pytest.mark.parametrize(("file", "sentence"), SAID, ids=lambda text: text[:60])
def test_every_reason_has_a_remedy_or_says_that_it_is_broken(file, sentence):
    known = is_known(sentence.replace("X", "7"))
    assert known or any(words in sentence for words in BROKEN), (file, sentence)
    remedy = remedy_of(sentence)
    assert remedy.means
    assert remedy.act


REAL = {
    "signed, but by mallory@x.test (issuer https://x.test) instead of ci; add a signer for this identity": "other-signer",
    "signed by a@b.c (issuer x), but its certificate says no runnerEnvironment, which ci does not allow": "other-signer",
    "it was made by another key than team, or its payload was changed": "other-key",
    "it speaks of sha256:aa, not of sha256:bb": "other-image",
    "it is not proved under trust root sigstore: it carries no log entry, and trust root sigstore requires one": "not-logged",
    "it is not proved under trust root x: it carries no timestamp, and trust root x requires one": "no-time",
    "it is not proved under trust root x: its log entry is of log 07, which the trust root does not list": "other-record",
    "it is not proved under trust root x: the signing certificate is valid from 1 to 2, and the time is 3": "expired",
    "it is not proved under trust root x: its log entry records another signature": "bad-record",
    "it is not proved under trust root x: its timestamp is not proved: the timestamp holds no time": "bad-time",
    "it is not proved under trust root x: trust root x must not be used: it is of 2020": "old-trust",
    "it is by team, but its key was valid until 2026; it needs a newer one": "key-time",
    "it is by team, whose key is revoked: lost": "revoked",
    "it is not proved under trust store x: whether it is revoked is unknown: no answer": "revocation-unknown",
    "it is not proved under trust store x: revoked: the certificate with serial 7 was revoked by its authority": "revoked",
    "verifiers disagree: pratique proved it, sigstore-python says no; report it": "verifiers-disagree",
    "it is a statement without a signature, and nobody who is trusted signed sha256:aa": "unsigned-statement",
    "its mediaType is 'x', not a Sigstore bundle v0.1 to v0.3": "not-read",
    "a layer of type 'text/plain' is no evidence that is read here": "not-read",
    "60 of 70 referrers were not read: more than the limit": "too-much",
    "the bundle is not JSON: Expecting value at byte 0": "broken",
    "the signature expired at 2026-01-01; it needs a newer one": "expired",
    "signed, but by CN=x instead of vendor; add a signer for it, or ask the publisher": "other-signer",
}


@pytest.mark.parametrize(("reason", "word"), REAL.items())
def test_what_is_really_said_is_of_the_kind_that_a_person_would_name(reason, word):
    assert remedy_of(reason).word == word


TERMS = ("Rekor", "Fulcio", "SCT", "DSSE", "SPKI", "RFC", "TSA", "CBOR", "PKCS", "X.509", "in-toto", "inclusion")


@pytest.mark.parametrize("reason", REAL)
def test_what_it_means_is_said_without_a_term_that_one_would_have_to_look_up(reason):
    remedy = remedy_of(reason)
    assert not any(term in remedy.means + remedy.act for term in TERMS)
