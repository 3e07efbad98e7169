"""One meaning or none: a document that two parsers could read differently is refused (T06).

UTF-8 without BOM, no duplicate keys, no NaN or infinity, no lone surrogate, nothing after the value, bounded depth.
Go's encoding/json, which most clients use, also takes `URLS` for `urls`: `as_object` refuses such spellings.
"""

import json
import math
import re
from collections.abc import Set as AbstractSet
from typing import Any

from proxy.errors import ManifestInvalid

# A string is skipped whole; one without an end runs to the end, so that the scan stays linear.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\[\x00-\xff])*+"?|[\[\]{}]')
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BOM = b"\xef\xbb\xbf"


def parse(raw: bytes, *, what: str = "document", limit_depth: int = 64) -> Any:
    """Return the JSON value in `raw`, or raise ManifestInvalid with a sentence that begins with `what`."""
    if raw.startswith(_BOM):
        raise ManifestInvalid(f"the {what} begins with a byte order mark; it must be plain UTF-8 JSON")
    if _depth(raw, limit_depth) > limit_depth:
        raise ManifestInvalid(f"the {what} is nested deeper than {limit_depth} levels")
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
        if _SURROGATE.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
    except _Ambiguous as error:
        raise ManifestInvalid(f"the {what} {error}") from None
    except UnicodeError:
        raise ManifestInvalid(f"the {what} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ManifestInvalid(f"the {what} is not JSON: {error.msg} at byte {error.pos}") from None
    except ValueError:
        # Python refuses to convert integers of more than 4300 digits.
        raise ManifestInvalid(f"the {what} holds a number too long to be meant") from None
    return value


def as_object(value: Any, *, what: str, names: AbstractSet[str] = frozenset()) -> dict[str, Any]:
    """Return `value` if it is an object and spells none of `names` in another case; else raise ManifestInvalid."""
    if not isinstance(value, dict):
        raise ManifestInvalid(f"the {what} is not a JSON object")
    folded = {name.casefold(): name for name in names}
    for key in value:
        meant = folded.get(key.casefold())
        if meant is not None and meant != key:
            raise ManifestInvalid(f"the {what} spells {meant!r} as {key[:40]!r}; clients would disagree about it")
    return value


class _Ambiguous(ValueError):
    """Valid for some parsers, with more than one meaning."""


def _depth(raw: bytes, limit: int) -> int:
    # Up to the first syntax error these tokens are json's own, so json never goes deeper than what is counted here.
    depth = deepest = 0
    for token in _TOKEN.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > limit:
                break
        elif first in b"]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Ambiguous(f"says {name[:40]!r} twice; parsers would disagree about it")
        found[name] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise _Ambiguous(f"holds {name}, which is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Ambiguous("holds a number too large to be meant")
    return number
