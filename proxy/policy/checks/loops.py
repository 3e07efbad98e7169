"""The loops of a CEL condition that stand on their own. Law: what is found here may be run apart without changing the answer.

A loop is `list.exists(x, …)`, `all`, `filter` or `map` over a fact or a part of one (`predicate.runs`). It is found only
outside of every other loop, so that its names are the facts' own; CEL has no effects, so when it runs does not matter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MACROS = frozenset({"exists", "all", "filter", "map"})
_BUILDERS = frozenset({"filter", "map"})
_OTHER = frozenset({"exists_one", "existsOne"})

# CEL's lexis (cel-spec, langdef.md "Syntax"): texts, bytes and comments are skipped whole.
_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*)
      | (?P<raw>[bB]?[rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*'))
      | (?P<text>[bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9][0-9A-Za-z_.]*)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Loop:
    """`path`.`macro`(…) from `start` to `end` of the text; the rest of it, from the dot on, is `call`."""

    path: tuple[str, ...]
    macro: str
    start: int
    end: int
    call: str

    @property
    def is_builder(self) -> bool:
        """Whether it makes a list, item by item."""
        return self.macro in _BUILDERS

    @property
    def body(self) -> str:
        return self.call.partition("(")[2]

    @property
    def fields(self) -> frozenset[str] | None:
        """Of an item, what the loop looks at: `c.name` alone. None where it may take the item as a whole."""
        if self.macro == "filter":
            return None
        tokens = _tokens(self.body)
        variable, found = tokens[0].text, set()
        for at, token in enumerate(tokens[1:], start=1):
            if token.text == variable and token.kind == "name" and tokens[at - 1].text != ".":
                after = [*tokens[at + 1 : at + 4], _NONE, _NONE, _NONE]
                if after[0].text != "." or after[1].kind != "name" or after[2].text == "(":
                    return None
                found.add(after[1].text)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


_NONE = _Token("", "", 0, 0)


def first_loop(text: str, *, start: int = 0) -> Loop | None:
    """The first loop from `start` on that can be run apart, or None. `text` has been compiled: its brackets match."""
    tokens = _tokens(text)
    at = 0
    while at < len(tokens):
        path, after = _path(tokens, at)
        if path and tokens[at].start >= start and _calls(tokens, after, MACROS):
            end = _closing(tokens, after + 2)
            macro = tokens[after + 1]
            return Loop(
                path, macro.text, tokens[at].start, tokens[end].end, text[tokens[after].start : tokens[end].end]
            )
        if _calls(tokens, at, MACROS | _OTHER):
            at = _closing(tokens, at + 2)  # a loop over something else: its names are its own
        at = after if path else at + 1
    return None


def builds_lists(text: str) -> bool:
    """Whether some loop in it makes a list, item by item."""
    tokens = _tokens(text)
    return any(_calls(tokens, at, _BUILDERS) for at in range(len(tokens)))


def names_in(text: str) -> frozenset[str]:
    """Every name in it: of facts, of what stands in them, and of functions."""
    return frozenset(token.text for token in _tokens(text) if token.kind == "name")


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(found.lastgroup or "", found[0], found.start(), found.end())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "skip"
    ]


def _path(tokens: Sequence[_Token], at: int) -> tuple[tuple[str, ...], int]:
    """The names `a.b.c` that begin here, without a last one that is called; and where they end."""
    begins = tokens[at].kind == "name" and not (at and tokens[at - 1].text == ".")
    if not begins or (at + 1 < len(tokens) and tokens[at + 1].text == "("):
        return (), at
    names, here = [tokens[at].text], at + 1
    while here + 1 < len(tokens) and tokens[here].text == "." and tokens[here + 1].kind == "name":
        if here + 2 < len(tokens) and tokens[here + 2].text == "(":
            break
        names.append(tokens[here + 1].text)
        here += 2
    return tuple(names), here


def _calls(tokens: Sequence[_Token], at: int, names: frozenset[str]) -> bool:
    """Whether `.name(` stands here, with one of these names."""
    here = tokens[at : at + 3]
    return len(here) == 3 and here[0].text == "." and here[1].text in names and here[2].text == "("


def _closing(tokens: Sequence[_Token], opening: int) -> int:
    depth = 0
    for at in range(opening, len(tokens)):
        if tokens[at].kind == "mark":
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(tokens[at].text, 0)
        if depth == 0:
            return at
    return len(tokens) - 1
