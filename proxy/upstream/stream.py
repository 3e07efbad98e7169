"""A blob on its way: chunks of a size that hashing and writing like, and ranges that are what was asked for."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from proxy.errors import UpstreamRefused
from proxy.upstream.wire import Answer

_LEAST = 256 * 1024  # bytes in a chunk, where they come fast enough
_LINGER = 0.005  # seconds a small chunk waits for more; a follower's first byte must not wait for a full one
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_STRONG = re.compile(r'"[\x21\x23-\x7e]{1,256}"')


@dataclass(frozen=True, slots=True)
class BlobStream:
    """`start`: the offset of the first byte, 0 where the range was ignored; `size`: of the whole blob, where it is told.

    `validator` is a strong ETag for a later `If-Range`. `chunks` may be read once, raises UpstreamUnavailable for a
    body that breaks off and UpstreamTimeout for one that stalls; nothing about the bytes is believed.
    """

    start: int
    size: int | None
    validator: str | None
    chunks: AsyncIterator[bytes] = field(repr=False)


def opened(answer: Answer, *, start: int) -> BlobStream:
    """Return the stream of a 200 or 206; raise UpstreamRefused for what is no answer to a request from `start`."""
    answer.require_identity()
    validator = strong(answer.headers.get("ETag"))
    if answer.status == 200:
        return BlobStream(0, answer.length, validator, chunks(answer))
    said = answer.headers.getall("Content-Range", [])
    found = _CONTENT_RANGE.fullmatch(said[0]) if len(said) == 1 else None
    if answer.status != 206 or not start or found is None or int(found[1]) != start:
        raise UpstreamRefused(f"{answer.upstream} answered with another part of the blob than was asked for")
    return BlobStream(start, None if found[3] == "*" else int(found[3]), validator, chunks(answer))


def strong(etag: str | None) -> str | None:
    """Return an ETag that may stand in If-Range (RFC 9110 13.1.5)."""
    return etag if etag and _STRONG.fullmatch(etag) else None


async def chunks(answer: Answer) -> AsyncIterator[bytes]:
    """Yield what arrives, joined to at least 256 KiB where more follows at once."""
    while chunk := await answer.some():
        yield chunk if len(chunk) >= _LEAST else await _joined(answer, chunk)


async def _joined(answer: Answer, first: bytes) -> bytes:
    parts, count = [first], len(first)
    try:
        async with asyncio.timeout(_LINGER):
            while count < _LEAST and (more := await answer.some()):
                parts.append(more)
                count += len(more)
    except TimeoutError:
        pass
    return b"".join(parts)
