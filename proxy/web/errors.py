"""The only place where an error becomes HTTP. Everyone below knows who is at fault; here that gets a status and a line.

The reason phrase is the one text that every containerd prints (clients.md 1.5), so it says what, why and the id; the
JSON body says the whole message. Nothing here tells a stack trace, and nothing here is ever a 401 or a redirect.
"""

import re
from collections.abc import Mapping

from aiohttp import web

from proxy.errors import (
    ContentMismatch,
    Inconclusive,
    PolicyError,
    PratiqueError,
    RangeInvalid,
    RequestError,
    StorageError,
    UpstreamError,
)
from proxy.observe.redaction import redact
from proxy.oci import errorbody

REASON_LIMIT = 100
_DIGEST = re.compile(r"\b(sha(?:256|512):[0-9a-f]{12})[0-9a-f]{52,}")
_LONG_NAME = re.compile(r"^\S{6,}(\S{37}):(?= )")  # what was asked for, at the head of a refusal's message
_RETRY_AFTER = 5  # seconds, where an error that passes does not say how long it takes

_OUTCOMES: tuple[tuple[type[PratiqueError], str], ...] = (
    (PolicyError, "denied"),
    (Inconclusive, "inconclusive"),
    (UpstreamError, "upstream"),
    (ContentMismatch, "upstream"),
    (StorageError, "storage"),
)


def outcome_of(error: PratiqueError) -> str:
    """Return the bounded word for metrics and log."""
    for kind, word in _OUTCOMES:
        if isinstance(error, kind):
            return word
    if isinstance(error, RequestError):
        return "absent" if error.status == 404 else "client"
    return "other"


def refusal_of(error: PratiqueError) -> str | None:
    return error.refusal if isinstance(error, PolicyError | Inconclusive) else None


def respond(error: PratiqueError, *, headers: Mapping[str, str]) -> web.Response:
    """Return the whole answer; `headers` are those that every answer of the port carries."""
    refusal = refusal_of(error)
    message = _one_line(error.message)
    # An upstream's words may hold what we sent it; of our own disk no client need know the layout.
    detail = None if isinstance(error, StorageError) else error.detail and redact(error.detail)
    return web.Response(
        status=error.status,
        reason=reason_phrase(error.code, message, refusal),
        body=errorbody.render(error.code, f"{message} [{refusal}]" if refusal else message, detail),
        headers={**headers, "Content-Type": "application/json", **_telling(error)},
    )


def bare(error: PratiqueError) -> bytes:
    """The whole answer as it goes over the wire, for a connection that gets no more than that."""
    response = respond(error, headers={"Server": "pratique", "Connection": "close"})
    assert isinstance(response.body, bytes)
    fields = {**response.headers, "Content-Length": str(len(response.body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {response.status} {response.reason}\r\n{head}\r\n".encode("latin-1") + response.body


def reason_phrase(code: str, message: str, refusal: str | None) -> str:
    """At most 100 printable ASCII characters. What is cut is what the client knows, then the message, never the id.

    A digest of 71 characters would leave no room for why: its first 12 tell it apart, and the body has it whole.
    """
    mark = f" [{refusal}]" if refusal else ""
    room = REASON_LIMIT - len(mark)
    line = _DIGEST.sub(r"\1", _one_line(message).encode("ascii", "replace").decode())
    if len(code) + 1 + len(line) > room:
        line = _LONG_NAME.sub(r"...\1:", line)
    text = f"{code} {line}".rstrip()
    return (text if len(text) <= room else f"{text[: room - 3].rstrip()}...") + mark


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _telling(error: PratiqueError) -> dict[str, str]:
    """Headers that the status asks for (RFC 9110 10.2.1, 10.2.3, 14.4)."""
    headers: dict[str, str] = {}
    if error.status in (503, 504) or error.retry_after is not None:
        headers["Retry-After"] = str(_RETRY_AFTER if error.retry_after is None else error.retry_after)
    if isinstance(error, RangeInvalid):
        headers["Content-Range"] = f"bytes */{error.size}"
    if error.status == 405:
        headers["Allow"] = "GET, HEAD"
    return headers
