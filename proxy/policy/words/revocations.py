"""Entries of `revoked`: what never again, by digest, key or identity. Law: each says one thing, and why."""

import re
from dataclasses import dataclass, field

from proxy.errors import RequestError
from proxy.oci.digest import Digest
from proxy.policy.match import TextPattern
from proxy.policy.who.identities import require_issuer, subject_of
from proxy.policy.words.draft import Draft
from proxy.policy.words.wording import not_a_digest
from proxy.policy.words.written import RevokedEntry
from proxy.yamlfile import Path

_SPKI = re.compile(r"[0-9a-fA-F]{64}")
_KINDS = ("digest", "key", "issuer")


@dataclass(slots=True)
class Revocations:
    """What the list revokes, each with its reason; what is wrong goes into the draft."""

    draft: Draft
    digests: dict[Digest, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    identities: list[tuple[str, TextPattern, str]] = field(default_factory=list)

    def add(self, path: Path, entry: RevokedEntry) -> None:
        named = [kind for kind in _KINDS if kind in entry.model_fields_set]
        if len(named) != 1 and self.draft.is_whole(path):
            self.draft.blame(path, "write one of `digest`, `key`, and `issuer` with `subject`, with the `reason`")
        if not entry.reason and self.draft.is_whole((*path, "reason")):
            self.draft.blame(path, "`reason` is missing; who is refused is told it")
        one_line(self.draft, (*path, "reason"), entry.reason)
        self._digest(path, entry)
        self._key(path, entry)
        self._identity(path, entry)

    def _digest(self, path: Path, entry: RevokedEntry) -> None:
        digest = read_digest(self.draft, (*path, "digest"), entry.digest)
        if digest is not None:
            self._once(path, is_known=digest in self.digests)
            self.digests[digest] = entry.reason

    def _key(self, path: Path, entry: RevokedEntry) -> None:
        key = entry.key.lower() if _SPKI.fullmatch(entry.key) else entry.key
        if "-----BEGIN" in key:
            self.draft.blame((*path, "key"), "name the file that holds the key, not the key itself")
        elif key:
            self._once(path, is_known=key in self.keys)
            self.keys[key] = entry.reason

    def _identity(self, path: Path, entry: RevokedEntry) -> None:
        asked = entry.model_fields_set & {"subject", "subject_regex"}
        if "issuer" not in entry.model_fields_set:
            if asked and self.draft.is_whole((*path, "issuer")):
                self.draft.blame(path, "`issuer` is missing: whose subject it is")
            return
        require_issuer(self.draft, path, entry.issuer)
        if not asked and self.draft.is_whole(path):
            self.draft.blame(path, "`subject` is missing; write `subject: '**'` for all whom the issuer knows")
        subject = subject_of(self.draft, path, entry.subject, entry.subject_regex)
        if subject is not None:
            known = any((issuer, each) == (entry.issuer, subject) for issuer, each, _ in self.identities)
            self._once(path, is_known=known)
            self.identities.append((entry.issuer, subject, entry.reason))

    def _once(self, path: Path, *, is_known: bool) -> None:
        if is_known:
            self.draft.blame(path, "it is revoked above already; remove one of them")


def read_digest(draft: Draft, path: Path, text: str) -> Digest | None:
    """The digest, or None where nothing is written or it is none, which is told."""
    try:
        return Digest.parse(text) if text else None
    except RequestError:
        draft.blame(path, not_a_digest(text))
        return None


def one_line(draft: Draft, path: Path, text: str) -> None:
    if text and not text.isprintable():
        draft.blame(path, "write it in one line, without control characters; clients are shown it")
