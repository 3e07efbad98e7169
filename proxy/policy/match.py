"""Which rule governs a name. Law: patterns are anchored and linear-time, `*` never crosses `/`, and no tie is left to chance.

A pattern is read segment by segment. `**` stands alone between slashes and is one or more segments; `*` is any run of
characters within one segment. Whether two patterns can match one name is decided on the patterns, before any name is asked.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import re2

from proxy.errors import ConfigError

_LIMIT = 512  # longer than any repository name (255) with its host
_HOST = re.compile(r"\*\*|[A-Za-z0-9.*-]+(?::[0-9*]+)?|\[[0-9a-fA-F:.]+\](?::[0-9]+)?")
_PART = re.compile(r"\*\*|[a-z0-9._*-]+")
_TAG = re.compile(r"[A-Za-z0-9_.*-]+")
_PATTERN = 1024  # characters; the longest identities are a few hundred
# What a glob's marks stand for within any text; a control character is none of them.
_WILD = {"*": r"[^/\x00-\x1f\x7f]*", "**": r"[^\x00-\x1f\x7f]*"}
_END = 4  # after the last segment: a pattern that goes on is the more specific one


@dataclass(frozen=True, slots=True)
class Glob:
    """One anchored pattern. Two are equal where their text is."""

    text: str
    segments: tuple[str, ...] = field(compare=False)
    _regex: Any = field(compare=False, repr=False)
    prefix: str = field(compare=False, repr=False)  # what every name that it matches begins with

    @classmethod
    def parse(cls, text: str) -> Self:
        """A pattern over `host/name`; raise ConfigError with a sentence for what no name can match."""
        segments = tuple(text.split("/"))
        if len(text) > _LIMIT:
            raise ConfigError(f"the pattern is longer than {_LIMIT} characters; no name is")
        if "" in segments:
            raise ConfigError(f"{text!r} has an empty part; write host/name, without a slash at either end")
        for part, grammar in zip(segments, (_HOST, *[_PART] * len(segments)), strict=False):
            if "**" in part and part != "**":
                raise ConfigError(f"{text!r}: ** stands alone between slashes; within a part write *")
            if not grammar.fullmatch(part):
                raise ConfigError(_unreadable(text, part))
        return cls(text, segments, _compile(segments), text.partition("*")[0])

    @classmethod
    def parse_tag(cls, text: str) -> Self:
        """A pattern over a tag: no slash, so `*` is all it knows."""
        if "**" in text:
            raise ConfigError(f"{text!r}: a tag has no slashes to cross; write *")
        if len(text) > _LIMIT or not _TAG.fullmatch(text):
            raise ConfigError(
                f"{text[:80]!r} matches no tag; tags are letters, digits, _ . and -, and a pattern knows *"
            )
        return cls(text, (text,), _compile((text,)), text.partition("*")[0])

    def matches(self, name: str) -> bool:
        """Whether the whole of `name` is matched."""
        return name.startswith(self.prefix) and self._regex.fullmatch(name) is not None

    @property
    def specificity(self) -> tuple[int, ...]:
        """Smaller is more specific: from the left, a literal, a pattern with `*`, `*`, `**`."""
        return (*(_rank(part) for part in self.segments), _END)

    def is_apart_from(self, other: "Glob") -> bool:
        """Whether their beginnings alone show that no name matches both."""
        return not (self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix))

    def meets(self, other: "Glob") -> bool:
        """Whether some name could match both: a walk through both patterns at once."""
        if self.is_apart_from(other):
            return False
        todo, seen = [(0, 0)], set[tuple[int, int]]()
        while todo:
            here = todo.pop()
            if here in seen:
                continue
            seen.add(here)
            mine, theirs = here
            if mine == len(self.segments) or theirs == len(other.segments):
                if here == (len(self.segments), len(other.segments)):
                    return True
                continue
            if _parts_meet(self.segments[mine], other.segments[theirs]):
                todo.extend((one, two) for one in _after(self.segments, mine) for two in _after(other.segments, theirs))
        return False

    def contains(self, other: "Glob") -> bool:
        """Whether each name that `other` matches is matched here. False where that could not be shown."""
        todo, seen = [(0, frozenset({0}))], set[tuple[int, frozenset[int]]]()
        while todo:
            here = todo.pop()
            if here in seen:
                continue
            seen.add(here)
            theirs, mine = here
            if theirs == len(other.segments):
                if len(self.segments) not in mine:
                    return False
                continue
            part = other.segments[theirs]
            reached = frozenset(step for at in mine if self._covers(at, part) for step in _after(self.segments, at))
            todo.extend((step, reached) for step in _after(other.segments, theirs))
        return True

    def _covers(self, at: int, part: str) -> bool:
        if at == len(self.segments):
            return False
        mine = self.segments[at]
        if mine in ("*", "**") or mine == part:
            return True
        return "*" in mine and "*" not in part and _parts_meet(mine, part)


@dataclass(frozen=True, slots=True)
class TextPattern:
    """What a whole text must be: an identity, a certificate's field, a fact. Never a part of it (T28).

    A glob's `*` is any run of characters but `/`, and `**` any run at all; no control character is ever matched by one.
    """

    kind: Literal["exact", "glob", "regex"]
    text: str
    _regex: Any = field(compare=False, repr=False)

    @classmethod
    def exact(cls, text: str) -> Self:
        return cls("exact", text, None)

    @classmethod
    def glob(cls, text: str) -> Self:
        """Raise ConfigError with a sentence for what nobody can have meant."""
        _require_text(text)
        if "***" in text:
            raise ConfigError(f"{text[:80]!r}: write * for a part without slashes, ** for anything")
        parts = re.split(r"(\*\*|\*)", text)
        return cls("glob", text, _compiled("".join(_WILD.get(part) or re2.escape(part) for part in parts)))

    @classmethod
    def regex(cls, text: str) -> Self:
        """RE2 over the whole text. Raise ConfigError with a sentence where it is not an expression of RE2."""
        _require_text(text)
        try:
            return cls("regex", text, _compiled(text))
        except re2.error as error:
            told = error.args[0] if error.args else ""
            told = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
            raise ConfigError(f"{text[:80]!r} is not an RE2 expression: {told}") from None

    def matches(self, name: str) -> bool:
        """Whether the whole of `name` is matched, character by character: no case, escape or form is like another."""
        if self.kind == "exact":
            return name == self.text
        try:
            return self._regex.fullmatch(name) is not None
        except UnicodeEncodeError:  # half a surrogate pair, which no expression can name
            return False


def _require_text(text: str) -> None:
    if not text or len(text) > _PATTERN:
        raise ConfigError(f"a pattern has between 1 and {_PATTERN} characters")
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise ConfigError("it holds half a surrogate pair, which is no character; remove it")


def _after(segments: tuple[str, ...], at: int) -> tuple[int, ...]:
    """Where one may stand after one more part of a name: `**` may stay, or end."""
    return (at, at + 1) if segments[at] == "**" else (at + 1,)


def _unreadable(text: str, part: str) -> str:
    if part != part.lower() and _PART.fullmatch(part.lower()):
        return f"{text!r}: repository names are lower-case; write {part.lower()!r}"
    return f"{text!r}: {part!r} is not part of a repository's name; a pattern knows * and **, and nothing else"


def _compile(segments: Iterable[str]) -> Any:
    return _compiled("/".join(_expression(part) for part in segments))


def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(expression, options)


def _expression(part: str) -> str:
    if part == "**":
        return "[^/]+(?:/[^/]+)*"
    if part == "*":
        return "[^/]+"
    return "[^/]*".join(re2.escape(piece) for piece in part.split("*"))


def _rank(part: str) -> int:
    if part in ("*", "**"):
        return 1 + len(part)
    return 1 if "*" in part else 0


def _parts_meet(one: str, two: str) -> bool:
    """Whether some run of characters without `/` matches both parts."""
    todo, seen = [(0, 0)], set[tuple[int, int]]()
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        left, right = here
        first, second = one[left : left + 1], two[right : right + 1]
        if not first and not second:
            return True
        if first == "*":
            todo.append((left + 1, right))
            todo.extend([(left, right + 1)] if second else [])
        if second == "*":
            todo.append((left, right + 1))
            todo.extend([(left + 1, right)] if first else [])
        if first == second and first not in ("", "*"):
            todo.append((left + 1, right + 1))
    return False
