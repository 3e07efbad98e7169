"""What one answer of an authority tells of one certificate: that it was not taken back, until when, or nothing, and why.

RFC 5280 5.1.2.5, RFC 6960 4.2.2.1: an answer holds from thisUpdate to nextUpdate. One without an end is never used, since
whoever keeps it could show it for ever.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

SKEW = timedelta(minutes=5)  # by which an authority's clock may be ahead of ours


@dataclass(frozen=True, slots=True)
class Told:
    """`doubt` is why it proves nothing, "" where it proves; `until` (aware UTC) is how long it does."""

    doubt: str = ""
    until: datetime | None = None

    @property
    def is_good(self) -> bool:
        return not self.doubt


def why_stale(what: str, begins: datetime, ends: datetime | None, now: datetime) -> str:
    """Empty if an answer that holds from `begins` to `ends` may be used now; one without an end may not."""
    if ends is not None and begins <= now + SKEW and now <= ends:
        return ""
    return f"the {what} is stale: it holds from {begins.isoformat()} to {ends.isoformat() if ends else '(no end)'}"
