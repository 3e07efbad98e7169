"""A blob on its way: chunks of a size that hashing and writing like, and ranges that are what was asked for."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from proxy.errors import UpstreamError, UpstreamRefused
from proxy.upstream.exchange.answer import Answer

_LEAST = 256 * 1024  # bytes in a chunk, where they come fast enough
_LINGER = 0.005  # seconds a small chunk waits for more; a follower's first byte must not wait for a full one
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_STRONG = re.compile(r'"[\x21\x23-\x7e]{1,256}"')


@dataclass(frozen=True, slots=True)
class BlobStream:
    """`start`: the offset of the first byte, 0 where the range was ignored; `size`: of the whole blob, where it is told.

    `validator` is a strong ETag for a later `If-Range`. `chunks` may be read once, raises UpstreamUnavailable for a
    body that breaks off and UpstreamTimeout for one that stalls; nothing about the bytes is believed. `pour`, where it
    is there, may be used in their place: it hands each piece over in a thread, and returns when all are handed over.
    """

    start: int
    size: int | None
    validator: str | None
    chunks: AsyncIterator[bytes] = field(repr=False)
    pour: Callable[[Callable[[memoryview], None]], Awaitable[None]] | None = field(repr=False, default=None)


def opened(answer: Answer, *, start: int) -> BlobStream:
    """Return the stream of a 200 or 206; raise UpstreamRefused for what is no answer to a request from `start`."""
    answer.require_identity()
    validator = strong(answer.headers.get("ETag"))
    pour = answer.pour if answer.is_pourable else None
    if answer.status == 200:
        return BlobStream(0, answer.length, validator, chunks(answer), pour)
    found = _content_range(answer)
    if answer.status != 206 or not start or found is None or int(found[1]) != start:
        raise UpstreamRefused(f"{answer.upstream} answered with another part of the blob than was asked for")
    return BlobStream(start, None if found[3] == "*" else int(found[3]), validator, chunks(answer), pour)


def is_useless(answer: Answer, *, start: int, validator: str | None) -> bool:
    """Whether an answer to a request from `start` > 0 is no part to go on with, so that the whole must be asked for.

    The blob is shorter there (416), is another one by now, or another part came than was asked for.
    """
    if answer.status != 206:
        return answer.status == 416
    found = _content_range(answer)
    is_changed = validator is not None and strong(answer.headers.get("ETag")) != validator
    return is_changed or found is None or int(found[1]) != start


def _content_range(answer: Answer) -> re.Match[str] | None:
    said = answer.headers.getall("Content-Range", [])
    return _CONTENT_RANGE.fullmatch(said[0]) if len(said) == 1 else None


def strong(etag: str | None) -> str | None:
    """Return an ETag that may stand in If-Range (RFC 9110 13.1.5)."""
    return etag if etag and _STRONG.fullmatch(etag) else None


async def chunks(answer: Answer) -> AsyncIterator[bytes]:
    """Yield what arrives, joined to at least 256 KiB where more follows at once; all of it, before a body's failure."""
    while chunk := await answer.some():
        parts = [chunk]
        is_small = len(chunk) < _LEAST and not answer.is_pourable  # a thread has joined what there was
        failure = await _join(answer, parts) if is_small else None
        yield b"".join(parts) if len(parts) > 1 else chunk
        if failure is not None:
            raise failure


async def _join(answer: Answer, parts: list[bytes]) -> UpstreamError | None:
    count = len(parts[0])
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            try:
                while count < _LEAST and (more := await answer.some()):
                    parts.append(more)
                    count += len(more)
            except UpstreamError as error:
                return error
    return None
