"""Which bytes of a blob a request gets. Ranges come from proved blobs only: a range reader never hashes the whole.

RFC 9110 14; face.md, "Ranges of a blob that is not proved yet". `bytes=0-` of a growing blob is the growing blob;
`bytes=N-` waits for the proof, then gets everything from zero; what is bounded waits as long, then is told to come again.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxy.content.store import Body
from proxy.errors import StorageError, UpstreamUnavailable
from proxy.oci import byterange
from proxy.web.outlet import Part

PROOF_SECONDS = 25.0  # below the 30 s in which containerd wants its headers (clients.md 1.7)
OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Portion:
    """What is sent: a status, the headers that describe it, parts of the file, and the line that ends a multi-range."""

    status: int
    headers: Mapping[str, str] = field(hash=False)
    parts: tuple[Part, ...]
    end: bytes = b""


def etag(body: Body) -> str:
    return f'"{body.digest}"'


async def choose(
    body: Body, *, wanted: str | None, if_range: str | None, proof_seconds: float = PROOF_SECONDS
) -> Portion:
    """Answer the Range header `wanted`. Raises RequestError, RangeInvalid, UpstreamUnavailable, or why the proof failed."""
    ranges = byterange.parse(wanted)
    if not body.size:
        await body.more(0)  # an empty body is complete with its headers: those wait for the proof
    # A validator that is not ours, dates included, speaks of something else: then Range is ignored (RFC 9110 13.1.5).
    if ranges is None or (if_range is not None and if_range.strip() != etag(body)):
        return _whole(body)
    if ranges.is_whole_open and not body.is_stored:
        return _whole(body)
    pairs = ranges.resolve(body.size)
    if not body.is_kept:
        return _of_unkept(body, is_open=ranges.is_open)
    if await _is_proved(body, within=proof_seconds):
        return _single(body, *pairs[0]) if len(pairs) == 1 else _several(body, pairs)
    if ranges.is_open:
        return _whole(body)
    raise UpstreamUnavailable("the blob is still being fetched, and a part of it waits for the whole; try again")


def _of_unkept(body: Body, *, is_open: bool) -> Portion:
    """The disk cannot take it: it streams by whole or not at all."""
    if is_open:
        return _whole(body)
    raise StorageError(
        "the blob cannot be stored now, and no part of it can be proved alone; try again", retry_after=30
    )


async def _is_proved(body: Body, *, within: float) -> bool:
    """Wait for the last byte to be released, which nothing but a proof of the whole does."""
    try:
        async with asyncio.timeout(within):
            return await body.more(body.size - 1) >= body.size
    except TimeoutError:
        return False


def _whole(body: Body) -> Portion:
    return Portion(200, {"Content-Type": OCTETS, "Content-Length": str(body.size)}, (Part(0, body.size),))


def _single(body: Body, start: int, stop: int) -> Portion:
    headers = {"Content-Type": OCTETS, "Content-Length": str(stop - start), "Content-Range": _within(body, start, stop)}
    return Portion(206, headers, (Part(start, stop),))


def _several(body: Body, pairs: Sequence[tuple[int, int]]) -> Portion:
    """multipart/byteranges (RFC 9110 14.6)."""
    boundary = secrets.token_hex(16)
    parts = tuple(Part(start, stop, _head(body, boundary, start, stop)) for start, stop in pairs)
    end = f"\r\n--{boundary}--\r\n".encode()
    length = sum(len(part.head) + part.stop - part.start for part in parts) + len(end)
    headers = {"Content-Type": f"multipart/byteranges; boundary={boundary}", "Content-Length": str(length)}
    return Portion(206, headers, parts, end)


def _head(body: Body, boundary: str, start: int, stop: int) -> bytes:
    where = _within(body, start, stop)
    return f"\r\n--{boundary}\r\nContent-Type: {OCTETS}\r\nContent-Range: {where}\r\n\r\n".encode()


def _within(body: Body, start: int, stop: int) -> str:
    return f"bytes {start}-{stop - 1}/{body.size}"
