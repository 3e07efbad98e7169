"""What several readers of the policy file say alike: what a name is, and what a misspelt one may have meant."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_HELP = "a name is letters, digits, . _ and -, at most 64 of them"


def not_a_digest(text: str) -> str:
    return f"{text[:24]!r} is not a digest; write sha256: and 64 lower-case hex digits, whole"


def unknown(name: str, known: Iterable[str], what: str, remedy: str) -> str:
    """There is no such thing; what was meant, where that can be guessed."""
    near = get_close_matches(name, sorted(known), n=1)
    return f"there is no {what} {name[:80]!r}; " + (f"did you mean {near[0]!r}?" if near else remedy)


def listed(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
