"""Small bodies read whole, by counted bytes and within a deadline (T08); and what an upstream says when it says no."""

import asyncio
import time

from proxy.errors import ManifestInvalid, UpstreamError, UpstreamTimeout
from proxy.oci import errorbody
from proxy.upstream.exchange.answer import Answer
from proxy.upstream.exchange.answers import PATIENCE, THROTTLED, failure
from proxy.upstream.restraint.retry import seconds_asked
from proxy.upstream.restraint.throttle import throttled

_SAID_LIMIT = 64 * 1024
_SAID_SECONDS = 2.0
_THROTTLED_FOR = 60  # seconds, where a 429 does not say


async def read(answer: Answer, limit: int, *, what: str, seconds: float | None = None) -> bytes:
    """Return the whole body; raise ManifestInvalid beyond `limit` bytes, UpstreamTimeout, UpstreamUnavailable."""
    answer.require_identity()
    if (answer.length or 0) > limit:
        raise _too_large(answer, limit, what)
    parts = []
    try:
        async with asyncio.timeout(answer.patience if seconds is None else seconds):
            while chunk := await answer.some():
                parts.append(chunk)
                if answer.received > limit:
                    raise _too_large(answer, limit, what)
    except TimeoutError:
        raise UpstreamTimeout(f"{answer.upstream} did not send the {what} in time", retry_after=PATIENCE) from None
    return b"".join(parts)


def _too_large(answer: Answer, limit: int, what: str) -> ManifestInvalid:
    return ManifestInvalid(f"the {what} that {answer.upstream} sends is larger than {limit} bytes")


async def refusal(answer: Answer, *, has_credentials: bool) -> UpstreamError:
    """Return the error that an answer stands for: 429, 5xx, 401 and all that is neither a yes nor a 404."""
    wait = seconds_asked(
        answer.headers.get("Retry-After"),
        now=time.time(),
        default=_THROTTLED_FOR if answer.status == THROTTLED else PATIENCE,
    )
    if answer.status == THROTTLED:
        return throttled(answer.upstream, wait)
    return failure(
        upstream=answer.upstream,
        host=answer.url.host or "",
        status=answer.status,
        is_elsewhere=answer.is_elsewhere,
        has_credentials=has_credentials,
        wait=wait,
        said=await _said(answer),
    )


async def _said(answer: Answer) -> str:
    """What the upstream says was wrong, for the log; never waited for long, never a failure of its own."""
    try:
        return errorbody.parse(await read(answer, _SAID_LIMIT, what="error", seconds=_SAID_SECONDS))
    except (UpstreamError, ManifestInvalid):
        return ""
