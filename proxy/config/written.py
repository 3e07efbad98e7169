"""What must not stand in pratique.yaml as it is written, found before any field is understood. Pure.

Secrets are never values here: the file lives in Git and in tickets. Nothing is never meant: one reads an empty list as
"none" and another as "all".
"""

import re
from collections.abc import Iterator
from typing import Any

from proxy.yamlfile import Document, Path

_SECRET = re.compile(r"(password|passwd|passphrase|secret|token|apikey|api_key|identitytoken)", re.IGNORECASE)
_USER_IN_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s@]*:[^/\s@]*@")


def problems_as_written(document: Document) -> Iterator[tuple[Path, str]]:
    """Yield where it stands and one sentence, without the value."""
    for path, value in _walk(document.values, ()):
        if path and is_a_secrets_name(path[-1]) and isinstance(value, str | int):
            # The redaction of what is printed takes the first word after `password:`: it must be one to lose.
            yield path, "- secrets are never values here; name a file with passwordFile"
        elif isinstance(value, str) and _USER_IN_URL.search(value):
            yield path, "a URL with a password; secrets are never values here, use credentials with passwordFile"
        elif path and value in (None, "", []) and not _may_be_empty(path):
            yield path, "it is empty; give it a value or remove it"


def is_a_secrets_name(name: str | int) -> bool:
    """Whether a field of this name would hold a secret itself, not a file or variable that does."""
    return isinstance(name, str) and bool(_SECRET.fullmatch(name))


def _may_be_empty(path: Path) -> bool:
    """`mirrors: []` is how its default is written; `docker.io:` is an upstream with nothing but defaults."""
    return path == ("listen", "mirrors") or (len(path) == 2 and path[0] == "upstreams")


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield from _walk(child, (*path, key))
