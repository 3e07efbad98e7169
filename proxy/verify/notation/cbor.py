"""The part of CBOR that COSE_Sign1 needs, with one spelling for each value; whatever else there is, is refused (T06).

Integers, byte and text strings, arrays, maps, booleans, null, and the tags that the caller names (RFC 8949). Lengths are
definite and in their shortest form, keys are integers or text and come once, nothing stands after the value. Strings are
cut out of what is there: a length that is not there allocates nothing.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from proxy.verify.encoding import shown
from proxy.verify.evidence import NotProved

MAX_DEPTH = 8  # a COSE_Sign1 of Notation has 4
# Major types (RFC 8949 3.1).
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLE_VALUES = {20: False, 21: True, 22: None}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under a tag (RFC 8949 3.4)."""

    tag: int
    value: Any


def decode(raw: bytes, *, what: str, tags: AbstractSet[int] = frozenset()) -> Any:
    """Return the one value in `raw`; `tags` may stand in it, as Tagged. Raise NotProved with a sentence on `what`."""
    reader = _Reader(raw, what=what, tags=tags)
    value = reader.value(depth=0)
    if reader.at != len(raw):
        raise NotProved(f"the {what} has bytes after its end")
    return value


def head(major: int, number: int) -> bytes:
    """The first bytes of an item in their shortest form (RFC 8949 3)."""
    if number < 24:
        return bytes([major << 5 | number])
    width = next(power for power in range(4) if number < 1 << (8 << power))
    return bytes([major << 5 | 24 + width]) + number.to_bytes(1 << width, "big")


class _Reader:
    def __init__(self, raw: bytes, *, what: str, tags: AbstractSet[int]) -> None:
        self._raw, self._what, self._tags = raw, what, tags
        self.at = 0

    def value(self, *, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise NotProved(f"the {self._what} is nested deeper than {MAX_DEPTH} levels")
        major, number = self._head()
        if major in (_UNSIGNED, _NEGATIVE):
            return number if major == _UNSIGNED else -1 - number
        if major in (_BYTES, _TEXT):
            return self._take(number) if major == _BYTES else self._text(number)
        if major in (_ARRAY, _MAP):
            self._require(number)
            return self._array(number, depth) if major == _ARRAY else self._map(number, depth)
        return self._other(major, number, depth)

    def _head(self) -> tuple[int, int]:
        major, short = divmod(self._take(1)[0], 32)
        if short < 24:
            return major, short
        if short > 27 or major == _SIMPLE:
            raise NotProved(f"the {self._what} holds CBOR of indefinite length, or a number that is not whole")
        number = int.from_bytes(self._take(1 << (short - 24)), "big")
        if len(head(0, number)) != 1 + (1 << (short - 24)):
            raise NotProved(f"the {self._what} writes a number longer than it must; parsers would disagree about it")
        return major, number

    def _other(self, major: int, number: int, depth: int) -> Any:
        if major == _TAG and number in self._tags:
            return Tagged(number, self.value(depth=depth + 1))
        if major == _SIMPLE and number in _SIMPLE_VALUES:
            return _SIMPLE_VALUES[number]
        raise NotProved(f"the {self._what} holds CBOR that no Notation signature has (type {major}, {number})")

    def _array(self, size: int, depth: int) -> list[Any]:
        return [self.value(depth=depth + 1) for _ in range(size)]

    def _map(self, pairs: int, depth: int) -> dict[int | str, Any]:
        found: dict[int | str, Any] = {}
        for _ in range(pairs):
            key = self.value(depth=depth + 1)
            if isinstance(key, bool) or not isinstance(key, int | str):
                raise NotProved(f"the {self._what} has a key that is neither a number nor text")
            if key in found:
                raise NotProved(f"the {self._what} says {shown(str(key))} twice; parsers would disagree about it")
            found[key] = self.value(depth=depth + 1)
        return found

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError:
            raise NotProved(f"the {self._what} holds text that is not UTF-8") from None

    def _take(self, size: int) -> bytes:
        self._require(size)
        self.at += size
        return self._raw[self.at - size : self.at]

    def _require(self, size: int) -> None:
        # Each item of an array or map takes a byte at least, so this bounds them too.
        if size > len(self._raw) - self.at:
            raise NotProved(f"the {self._what} ends before it is complete")
