"""What an upstream says is left of a quota, in whichever headers it says it. Pure; a hint, good for sparing requests.

Docker Hub: `RateLimit-Limit: 100;w=21600` and `RateLimit-Remaining` on manifests, which GETs use up and HEADs show.
GitHub: `X-RateLimit-Limit`, `-Remaining`, and `-Reset` in epoch seconds. Others, Quay among them, say 429 and nothing before.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

_COUNT = re.compile(r"\s*(\d{1,9})(?:\s*;.*)?", re.DOTALL)
_RESET = re.compile(r"\s*(\d{1,12})\s*")
_FORMS = ("RateLimit", "X-RateLimit")
_EPOCH = 1_000_000_000  # a smaller number is seconds from now, as the IETF's draft has it


@dataclass(frozen=True, slots=True)
class Quota:
    """`limit` questions in a window of the upstream's own, and how many `remaining`; `reset`: seconds until it is filled."""

    limit: int
    remaining: int
    reset: int | None = None


def quota(headers: Mapping[str, str], *, now: float) -> Quota | None:
    """Read an answer's headers, whose names are compared without regard to case; None where they do not say.

    `now` is epoch seconds.
    """
    for form in _FORMS:
        limit = _COUNT.fullmatch(headers.get(f"{form}-Limit", ""))
        remaining = _COUNT.fullmatch(headers.get(f"{form}-Remaining", ""))
        if limit and remaining:
            return Quota(int(limit[1]), int(remaining[1]), _seconds(headers.get(f"{form}-Reset", ""), now))
    return None


def _seconds(text: str, now: float) -> int | None:
    found = _RESET.fullmatch(text)
    if found is None:
        return None
    said = int(found[1])
    return max(0, math.ceil(said - now)) if said >= _EPOCH else said
