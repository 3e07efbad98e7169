"""One meaning or none: a document that two parsers could read differently is refused (T06).

UTF-8 without BOM, no duplicate keys, no NaN or infinity, no lone surrogate, nothing after the value, bounded depth.
Go's encoding/json, which most clients use, also takes `URLS` for `urls`: `as_object` refuses such spellings.

jiter reads: an SBOM of megabytes must not hold up the loop. What it refuses is refused; the standard library's parser,
which is slower and can tell more, is asked only for the reason.
"""

import json
import math
import re
from collections.abc import Set as AbstractSet
from typing import Any

import jiter

from proxy.errors import ManifestInvalid

# A string is skipped whole; one without an end runs to the end, so that the scan stays linear.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\[\x00-\xff])*+"?|[\[\]{}]')
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BOM = b"\xef\xbb\xbf"
_EXPLAINED = 4 * 1024 * 1024  # as large as a manifest; what is larger and broken is not worth a second reading
# Of a document with more values than these the depth is told from the brackets, in a tenth of the time; a number that
# became infinite stays one there. The first by its commas, the second while they are walked.
_WALKED = 25_000
_MOST = 100_000
_INKLESS = bytes(set(range(256)) - set(b'"{}[]'))
_ROUND = bytes.maketrans(b"{}[]", b"()()")
_TOO_LARGE = "holds a number too large to be meant"


def parse(raw: bytes, *, what: str = "document", limit_depth: int = 64, limit_parts: int | None = None) -> Any:
    """Return the JSON value in `raw`, or raise ManifestInvalid with a sentence that begins with `what`.

    `limit_depth` counts levels of lists and objects; jiter itself ends at 200, so more cannot be asked for.
    `limit_parts` bounds the commas and colons, before anything is made of them: a value takes one of them at least, and
    four megabytes of `[],` would hold up whoever waits for seconds (T08).
    """
    if raw.startswith(_BOM):
        raise ManifestInvalid(f"the {what} begins with a byte order mark; it must be plain UTF-8 JSON")
    if limit_parts is not None and raw.count(b",") + raw.count(b":") > limit_parts:
        raise ManifestInvalid(f"the {what} has more parts than any real one")
    try:
        value = jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False, cache_mode="keys")
        if _looks_large(raw) or not _require_bounded(value, limit_depth):
            _require_shallow(raw, limit_depth)
    except _Ambiguous as error:
        raise ManifestInvalid(f"the {what} {error}") from None
    except ValueError as error:
        told = _reason(raw, limit_depth) if len(raw) <= _EXPLAINED else None
        raise ManifestInvalid(f"the {what} {told or f'is not JSON: {ascii(str(error)[:120])[1:-1]}'}") from None
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


def _looks_large(raw: bytes) -> bool:
    """Whether so many values are in it that nobody need begin to walk them; of an SBOM the first megabyte tells."""
    return len(raw) > _WALKED and raw.count(b",", 0, 1024 * 1024) > _WALKED


def _require_bounded(value: Any, limit: int) -> bool:
    """Raise _Ambiguous for more than `limit` levels and for a number so large that it became infinite.

    Level by level, since a recursion could be driven to its end. False: it holds too many values to be walked.
    """
    level = [value]
    seen = 0
    for _ in range(limit + 1):
        below: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                below.extend(each.values())
                below.append(None)  # an empty object is a level too
            elif kind is list:
                below.extend(each)
                below.append(None)
            elif kind is float and not math.isfinite(each):
                raise _Ambiguous(_TOO_LARGE)
        if not below:
            return True
        seen += len(below)
        if seen > _MOST:
            return False
        level = below
    raise _Ambiguous(f"is nested deeper than {limit} levels")


def _require_shallow(raw: bytes, limit: int) -> None:
    """Raise _Ambiguous for more than `limit` levels of a document that was parsed: only its brackets are looked at.

    Two quotes side by side may go without changing what stands inside of strings and what outside.
    """
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = raw.translate(_ROUND, _INKLESS).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2])
    for _ in range(limit):
        brackets = brackets.replace(b"()", b"")  # one level, the innermost everywhere
    if brackets:
        raise _Ambiguous(f"is nested deeper than {limit} levels")


def _reason(raw: bytes, limit: int) -> str | None:
    """Why the standard library refuses it, too; None where it does not."""
    if _depth(raw, limit) > limit:
        return f"is nested deeper than {limit} levels"
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
        if _SURROGATE.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
    except _Ambiguous as error:
        return str(error)
    except UnicodeError:
        return "is not UTF-8"
    except json.JSONDecodeError as error:
        return f"is not JSON: {error.msg} at byte {error.pos}"
    except ValueError:
        # Python refuses to convert integers of more than 4300 digits.
        return "holds a number too long to be meant"
    return None


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
        raise _Ambiguous(_TOO_LARGE)
    return number
