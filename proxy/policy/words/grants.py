"""Entries of `exceptions`. Law: each is for one digest, by somebody, ends soon, and waives what is asked (T40)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.errors import ConfigError
from proxy.policy.exceptions import LONGEST, ExceptionGrant
from proxy.policy.match import Glob
from proxy.policy.rules import Rule
from proxy.policy.words.draft import Draft
from proxy.policy.words.entries import parse_match
from proxy.policy.words.revocations import one_line, read_digest
from proxy.policy.words.wording import unknown
from proxy.policy.words.written import ExceptionEntry
from proxy.yamlfile import Path

_FIELDS = ("match", "digest", "waive", "reason", "by", "until")
_WAIVABLE = (
    "only what `require` asks for can be waived: never tags, platforms, pins, a revocation or the bytes' own digest"
)


@dataclass(frozen=True, slots=True)
class GrantReader:
    draft: Draft
    now: datetime
    rules: Mapping[int, Rule]

    def grant(self, path: Path, entry: ExceptionEntry) -> ExceptionGrant | None:
        """The exception, or None where it names no image or no end; what is wrong goes into the draft."""
        missing = [
            f"`{word}`" for word in _FIELDS if word not in entry.model_fields_set and self.draft.is_whole((*path, word))
        ]
        if missing:
            self.draft.blame(
                path, f"it must say {', '.join(missing)} too: an exception is for one digest, by somebody, and ends"
            )
        glob, digest = (
            self._match((*path, "match"), entry.match),
            read_digest(self.draft, (*path, "digest"), entry.digest),
        )
        for word, text in (("reason", entry.reason), ("by", entry.by)):
            one_line(self.draft, (*path, word), text)
        self._end((*path, "until"), entry.until)
        if glob is None or digest is None or entry.until is None:
            return None
        self._waivable(path, glob, entry.waive)
        waive = frozenset(_named(word) for word in entry.waive)
        return ExceptionGrant(glob, digest, waive, entry.reason, entry.by, entry.until)

    def _end(self, path: Path, until: datetime | None) -> None:
        latest = self.now + LONGEST
        if until is not None and until > latest:
            text = f"{until:%Y-%m-%d} is more than {LONGEST.days} days away; write {latest:%Y-%m-%d} or earlier"
            self.draft.blame(path, text)
        elif until is not None and until <= self.now:
            self.draft.warn(path, "past; the exception is ignored, and can be removed")

    def _waivable(self, path: Path, glob: Glob, waive: Sequence[str]) -> None:
        if not self.draft.is_whole(("images",)):
            return
        governing = [rule for rule in self.rules.values() if rule.glob.meets(glob)]
        if not governing:
            self.draft.blame(
                (*path, "match"), "no rule is for these names; an exception widens a rule, it never replaces one"
            )
            return
        known = {each for rule in governing for each in rule.waivable}
        for index, word in enumerate(waive):
            name = _named(word)
            if name not in known:
                text = unknown(word, known, "requirement", f"there are {', '.join(sorted(known))}")
                self.draft.blame((*path, "waive", index), f"{text} ({_WAIVABLE})")
            elif any(rule.waivable.count(name) > 1 for rule in governing):
                self.draft.blame(
                    (*path, "waive", index), f"{word!r} is two requirements of one rule; give them a `name` each"
                )

    def _match(self, path: Path, text: str) -> Glob | None:
        try:
            return parse_match(text) if text else None
        except ConfigError as error:
            self.draft.blame(path, error.message)
            return None


def _named(word: str) -> str:
    """A requirement's name; `atLeast` may be written as it stands in the file."""
    return "at-least" if word == "atLeast" else word
