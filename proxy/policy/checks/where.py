"""One line of `where`: a fact's name and what it must be. Law: a fact that is not there, or is of another type, is no match."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal, Self

from proxy.errors import ConfigError
from proxy.policy.match import TextPattern

Kind = Literal["number", "text", "flag"]

_MOST = 64  # patterns in a list
_NUMBER = re.compile(r"(<=|>=|==|<|>)?\s*(-?[0-9]{1,15})")
_RANGE = re.compile(r"(-?[0-9]{1,15})\s*\.\.\s*(-?[0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Where:
    """`field` must be as `text` says. A fact that is a list is right where one of its items is; an empty one never.

    kind: number (`0`, `<=5`, `<5`, `>=1`, `>1`, `==5`, `1..5` with both ends), text (anchored patterns, one of which
    must match the whole) or flag (true, false).
    """

    field: str
    kind: Kind
    text: str
    _low: int | None = dataclasses.field(default=None, compare=False, repr=False)
    _high: int | None = dataclasses.field(default=None, compare=False, repr=False)
    _patterns: tuple[TextPattern, ...] = dataclasses.field(default=(), compare=False, repr=False)

    @classmethod
    def number(cls, field: str, written: Any) -> Self:
        """Raise ConfigError with a sentence where it is neither a number nor a comparison with one."""
        if isinstance(written, bool) or not isinstance(written, int | str):
            raise ConfigError(_NUMBERS)
        text = str(written).strip()
        low, high = _bounds(text)
        return cls(field, "number", text.replace(" ", ""), low, high)

    @classmethod
    def one_of(cls, field: str, written: Any) -> Self:
        """A pattern or a list of them, of which one must match. Raise ConfigError with a sentence."""
        texts = (written,) if isinstance(written, str) else tuple(written) if isinstance(written, list | tuple) else ()
        if not texts or not all(isinstance(text, str) for text in texts):
            raise ConfigError("it is a text: write a pattern, or a list of them; put numbers and dates in quotes")
        if len(texts) > _MOST:
            raise ConfigError(f"it lists more than {_MOST} patterns; use `condition`")
        patterns = tuple(TextPattern.glob(text) for text in texts)
        return cls(field, "text", " | ".join(texts), None, None, patterns)

    @classmethod
    def flag(cls, field: str, written: Any) -> Self:
        """Raise ConfigError with a sentence for what is neither true nor false."""
        if not isinstance(written, bool):
            raise ConfigError("write true or false")
        return cls(field, "flag", "true" if written else "false")

    def matches(self, value: Any) -> bool:
        """Whether the fact is as asked; None, and whatever is of another type, is not."""
        if isinstance(value, list | tuple | frozenset | set):
            return any(self._matches_one(each) for each in value)
        return self._matches_one(value)

    def plain(self) -> Any:
        """What the fingerprint of a rule is made of."""
        if self.kind == "text":
            return {self.field: [pattern.text for pattern in self._patterns]}
        return {self.field: self.text}

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"

    def _matches_one(self, value: Any) -> bool:
        if self.kind == "flag":
            return isinstance(value, bool) and value is (self.text == "true")
        if self.kind == "text":
            return isinstance(value, str) and any(pattern.matches(value) for pattern in self._patterns)
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return (self._low is None or self._low <= value) and (self._high is None or value <= self._high)


_NUMBERS = "it is a number: write 0, '<=5', '<5', '>=1', '>1' or '1..5'"


def _bounds(text: str) -> tuple[int | None, int | None]:
    """The least and the greatest number that is right, both included."""
    between = _RANGE.fullmatch(text)
    if between:
        low, high = int(between[1]), int(between[2])
        if low > high:
            raise ConfigError(f"{text!r} begins after its end, and no number is right; write {high}..{low}")
        return low, high
    found = _NUMBER.fullmatch(text)
    if not found:
        raise ConfigError(_NUMBERS)
    number = int(found[2])
    return {
        "<=": (None, number),
        "<": (None, number - 1),
        ">=": (number, None),
        ">": (number + 1, None),
    }.get(found[1] or "==", (number, number))
