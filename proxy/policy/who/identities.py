"""Whom a signer may be: patterns over identities. Law: anchored, and never so wide that whoever comes could be meant (T28)."""

from collections.abc import Mapping

from proxy.errors import ConfigError
from proxy.policy.match import TextPattern
from proxy.policy.who.distinguished import parse_subject
from proxy.policy.words.draft import Draft
from proxy.policy.words.wording import unknown
from proxy.verify.certificates.certificate import EXTENSIONS
from proxy.yamlfile import Path

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
# Issuers for everybody, and what the subjects of each begin with: then comes the owner, whom anybody can resemble.
_OF_ALL = {GITHUB_ISSUER: "https://github.com/", "https://gitlab.com": "https://gitlab.com/"}
# Whoever these match, the pattern asks for nobody.
_ANYBODY = (
    "https://anybody.invalid/any/thing",
    "https://github.com/anybody/any/.github/workflows/any.yml@refs/heads/any",
    "https://gitlab.com/anybody/any//.gitlab-ci.yml@refs/heads/any",
    "anybody@gmail.com",
    "anybody@anybody.invalid",
)


def require_issuer(draft: Draft, path: Path, issuer: str) -> None:
    """Blame what is no issuer: it is compared exactly."""
    if "*" in issuer or not issuer.isprintable() or any(mark.isspace() for mark in issuer):
        draft.blame((*path, "issuer"), f"{issuer[:80]!r} is not one issuer; write it whole, it is compared exactly")


def identity(draft: Draft, path: Path, *, issuer: str, subject: str, regex: str) -> TextPattern | None:
    """The pattern of a keyless signer's subject; blame what is missing, is written twice, or matches anybody."""
    if not (subject or regex):
        if draft.is_whole(path):
            draft.blame(path, "`subject` is missing: without it whoever the issuer knows could sign")
        return None
    here = (*path, "subjectRegex" if regex else "subject")
    pattern = _somebody(draft, here, subject_of(draft, path, subject, regex))
    if pattern is not None and pattern.kind == "glob" and issuer in _OF_ALL:
        _require_owner(draft, here, _OF_ALL[issuer], pattern.text)
    return pattern


def subject_of(draft: Draft, path: Path, subject: str, regex: str) -> TextPattern | None:
    """The pattern that one of the two gives; blame both at once."""
    if subject and regex:
        draft.blame((*path, "subjectRegex"), "`subject` says it already; remove one of them")
    if not regex:
        return pattern_of(draft, (*path, "subject"), subject) if subject else None
    try:
        return TextPattern.regex(regex)
    except ConfigError as error:
        draft.blame((*path, "subjectRegex"), error.message)
        return None


def alternative_name(draft: Draft, path: Path, text: str) -> TextPattern | None:
    """The pattern over a certificate's SAN; blame what matches anybody."""
    return _somebody(draft, path, pattern_of(draft, path, text)) if text else None


def distinguished_name(draft: Draft, path: Path, text: str) -> tuple[tuple[str, str], ...]:
    try:
        return parse_subject(text) if text else ()
    except ConfigError as error:
        draft.blame(path, error.message)
        return ()


def extensions_of(draft: Draft, path: Path, written: Mapping[str, str]) -> Mapping[str, TextPattern]:
    """Fulcio's extensions by its own names, from a closed table."""
    found: dict[str, TextPattern] = {}
    for name, text in written.items():
        here = (*path, name)
        if name not in EXTENSIONS:
            draft.blame(here, unknown(name, EXTENSIONS, "extension", f"there are {', '.join(sorted(EXTENSIONS))}"))
        pattern = pattern_of(draft, here, text)
        found |= {name: pattern} if pattern else {}
    return found


def pattern_of(draft: Draft, path: Path, text: str) -> TextPattern | None:
    try:
        return TextPattern.glob(text)
    except ConfigError as error:
        draft.blame(path, error.message)
        return None


def _require_owner(draft: Draft, path: Path, begin: str, text: str) -> None:
    owner, slash, _ = text.removeprefix(begin).partition("/")
    if not text.startswith(begin):
        draft.blame(path, f"this issuer's subjects begin with {begin}<owner>/; write that much whole")
    elif not slash or "*" in owner:
        draft.blame(
            path, f"{owner[:80]!r} is not one owner, and anybody can take a name like it; write the owner whole"
        )


def _somebody(draft: Draft, path: Path, pattern: TextPattern | None) -> TextPattern | None:
    if pattern is not None and any(pattern.matches(anybody) for anybody in _ANYBODY):
        draft.blame(path, f"{pattern.text[:80]!r} matches whoever comes; write whom you mean, at least the owner")
    return pattern
