"""Words of the policy file that this version does not act on yet. Law: such a word is an error that says so (T27)."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.policy.draft import Draft
from proxy.yamlfile import Path

_TOP = ("trustRoots",)
_KEYLESS = ("issuer", "subject", "subjectRegex", "trustRoot", "extensions", "github", "workflow", "ref", "x509", "san")
_SIGNER = (*_KEYLESS, "timestamp")
_RULE = ("recheck", "base", "evidenceFrom", "after")
_KINDS = ("attestation", "image")  # the whole requirement is of that kind
_REQUIREMENT = ("by", "where", "covers", "maxAge", "grace", "condition")
_REVOKED = ("issuer", "subject")
# Values of fields whose other value is what this version does.
_SIGNER_VALUES = {"log": ("required",)}
_RULE_VALUES = {"covers": ("platform", "any"), "rollback": ("warn", "deny"), "regression": ("warn", "deny")}
_REMEDIES = {
    **dict.fromkeys(_KEYLESS, "remove it, and name a `key` or a `preset`"),
    **dict.fromkeys(_KINDS, "remove it, and what goes with it"),
    "log": "remove it, and write `log: none`",
    "covers": "remove it, or write `index`",
    "rollback": "remove it, or write `allow`",
    "regression": "remove it, or write `allow`",
}


def prune_unsupported(draft: Draft) -> None:
    """Tell each unsupported word with its line, and take it out of the draft."""
    for path, word, whole in list(_unsupported(draft.document.values)):
        remedy = _REMEDIES.get(word.partition(":")[0], "remove it")
        draft.problem(path, f"`{word}` is not supported by this version; {remedy}")
        draft.prune(whole)


def _unsupported(policy: Any) -> Iterator[tuple[Path, str, Path]]:
    """(where, the word, what goes with it)."""
    yield from _words(policy, (), _TOP)
    for path, signer in _entries(policy, "signers"):
        yield from _words(signer, path, _SIGNER, _SIGNER_VALUES)
    for path, rule in _entries(policy, "images"):
        yield from _words(rule, path, _RULE, _RULE_VALUES)
        yield from _requirements(rule, (*path, "require"))
    for path, revoked in _entries(policy, "revoked"):
        for each, word, _ in _words(revoked, path, _REVOKED):
            yield each, word, path


def _requirements(owner: Any, path: Path) -> Iterator[tuple[Path, str, Path]]:
    listed = owner.get(path[-1]) if isinstance(owner, dict) else None
    for index, entry in enumerate(listed if isinstance(listed, list) else ()):
        here = (*path, index)
        kinds = list(_words(entry, here, _KINDS))
        for each, word, _ in kinds:
            yield each, word, here
        if not kinds:
            yield from _words(entry, here, _REQUIREMENT)
            yield from _requirements(entry, (*here, "of"))


def _words(
    entry: Any, path: Path, words: tuple[str, ...], values: Mapping[str, tuple[str, ...]] | None = None
) -> Iterator[tuple[Path, str, Path]]:
    if not isinstance(entry, dict):
        return
    for word in words:
        if word in entry:
            yield (*path, word), word, (*path, word)
    for word, unread in (values or {}).items():
        if entry.get(word) in unread:
            yield (*path, word), f"{word}: {entry[word]}", (*path, word)


def _entries(policy: Any, name: str) -> Iterator[tuple[Path, Any]]:
    listed = policy.get(name) if isinstance(policy, dict) else None
    if isinstance(listed, dict):
        yield from (((name, key), entry) for key, entry in listed.items())
    if isinstance(listed, list):
        yield from (((name, index), entry) for index, entry in enumerate(listed))
