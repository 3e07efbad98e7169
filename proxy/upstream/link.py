"""The next page of a listing: `Link: <target>; rel="next"` (RFC 8288). Pure; a hint, checked by whoever follows it."""

import re
from collections.abc import Iterable

_LINK = re.compile(r"<([\x21-\x3b\x3d\x3f-\x7e]{1,4096})>((?:\s*;\s*[a-zA-Z*]+\s*=\s*(?:\"[^\"]*\"|[^\s\",;]+))*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next(?=\s*(?:;|$)))", re.IGNORECASE)


def next_page(headers: Iterable[str]) -> str | None:
    """Return the target of the first link whose relation is `next`."""
    for header in headers:
        for found in _LINK.finditer(header[:8192]):
            if _NEXT.search(found[2]):
                return found[1]
    return None
