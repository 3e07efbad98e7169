"""An answer: its head, and its body as it comes. Nothing of it is decoded, and nothing believed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from multidict import CIMultiDictProxy
from yarl import URL

from proxy.errors import UpstreamRefused, UpstreamTimeout
from proxy.upstream.exchange.answers import PATIENCE
from proxy.upstream.exchange.carrier import Carrier
from proxy.upstream.exchange.faults import translated
from proxy.upstream.restraint.pace import Pace
from proxy.upstream.restraint.quota import Quota, quota


class Bytes(Protocol):
    """A body: the client library's, or a thread's."""

    async def readany(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What came over the wire. `end` closes it, whatever is left of it."""

    status: int
    headers: CIMultiDictProxy[str]
    body: Bytes
    end: Callable[[], object]


@dataclass(slots=True)
class Answer:
    """An answer's head, and its body as a stream. `is_elsewhere`: another origin than the upstream's own answered."""

    reply: Reply = field(repr=False)
    url: URL
    is_elsewhere: bool
    upstream: str
    patience: float  # seconds for the whole of a small body
    pace: Pace
    received: int = 0

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        return self.reply.headers

    @property
    def length(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    @property
    def quota(self) -> Quota | None:
        return quota(self.headers, now=time.time())

    async def some(self) -> bytes:
        """Return what has arrived, at least a byte; b"" at the end.

        Raise UpstreamUnavailable, or UpstreamTimeout for silence and for a trickle.
        """
        began = time.monotonic()
        with translated(self.upstream, self.url):
            chunk = await self.reply.body.readany()
        if chunk:
            self._count(len(chunk), began)
        return chunk

    @property
    def is_pourable(self) -> bool:
        """Whether a thread reads the body, so that `pour` is there beside `some`."""
        return isinstance(self.reply.body, Carrier)

    async def pour(self, take: Callable[[memoryview], None]) -> None:
        """Read to the end. `take` gets each piece in a thread, and may read it until its next call returns.

        Raise as `some` does, and whatever `take` raises. The thread has ended when this does.
        """
        assert isinstance(self.reply.body, Carrier), "is_pourable says so"
        began = time.monotonic()

        def counted(piece: memoryview) -> None:
            nonlocal began
            self._count(len(piece), began)
            take(piece)
            began = time.monotonic()

        with translated(self.upstream, self.url):
            await self.reply.body.pour(counted)

    def _count(self, came: int, began: float) -> None:
        self.received += came
        if not self.pace.is_kept(waited=time.monotonic() - began, came=came):
            raise UpstreamTimeout(f"{self.upstream} sends less than a KiB a second", retry_after=PATIENCE)

    def require_identity(self) -> None:
        """Raise UpstreamRefused for a body that would have to be decoded (T54)."""
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise UpstreamRefused(
                f"{self.upstream} answered with Content-Encoding {encoding[:40]!r}, which was not asked for"
            )
