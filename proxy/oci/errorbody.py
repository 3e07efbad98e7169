"""The error document of the distribution-spec ("Error Codes"): ours to clients, and what upstreams say in theirs."""

import json

from proxy.errors import ManifestInvalid
from proxy.oci.strictjson import parse as parse_json

_READ_LIMIT = 64 * 1024
_MESSAGE_LIMIT = 200


def render(code: str, message: str, detail: str | None = None) -> bytes:
    """Return `{"errors": [{code, message, detail}]}` in ASCII."""
    entry = {"code": code, "message": message}
    if detail is not None:
        entry["detail"] = detail
    return json.dumps({"errors": [entry]}, separators=(",", ":")).encode()


def parse(raw: bytes) -> str:
    """Return what an upstream says was wrong, for the log: printable, at most 200 characters, empty where unclear."""
    try:
        document = parse_json(raw[:_READ_LIMIT], what="error")
    except ManifestInvalid:
        return ""
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else document
    if not isinstance(first, dict):
        return ""
    words = [first.get(name) for name in ("code", "message")]
    text = ": ".join(word for word in words if isinstance(word, str) and word)
    return "".join(character if character.isprintable() else " " for character in text)[:_MESSAGE_LIMIT].strip()
