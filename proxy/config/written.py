"""What must not stand in pratique.yaml as it is written, found before any field is understood. Pure.

Secrets are never values here: the file lives in Git and in tickets. Empty lists are never meant: one reads them as
"none" and another as "all".
"""

import re
from collections.abc import Iterator
from typing import Any

from proxy.yamlfile import Document, Path

_SECRET = re.compile(r"(password|passwd|passphrase|secret|token|apikey|api_key|identitytoken)", re.IGNORECASE)
_USER_IN_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s@]*:[^/\s@]*@")
_KEPT_EMPTY: frozenset[Path] = frozenset({("listen", "mirrors")})  # face.md writes its default so


def problems_as_written(document: Document) -> Iterator[str]:
    """Yield one sentence for each, with file and line, and never with the value."""
    for path, value in _walk(document.values, ()):
        at = f"{document.where(path)}: {'.'.join(map(str, path))}"
        if path and is_a_secrets_name(path[-1]) and isinstance(value, str | int):
            yield f"{at}: secrets are never values here; write {path[-1]}File with a file's path"
        elif isinstance(value, str) and _USER_IN_URL.search(value):
            yield f"{at}: a URL with a password; secrets are never values here, use credentials with passwordFile"
        elif value == [] and path not in _KEPT_EMPTY:
            yield f"{at}: an empty list says nothing; remove it or fill it"


def is_a_secrets_name(name: str | int) -> bool:
    """Whether a field of this name would hold a secret itself, not a file or variable that does."""
    return isinstance(name, str) and bool(_SECRET.fullmatch(name))


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield from _walk(child, (*path, key))
