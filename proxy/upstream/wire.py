"""One HTTP exchange with an upstream, and the redirects that follow. The only file that speaks through aiohttp's client.

Nothing is decoded, no cookie is kept, no environment is read. Redirects are followed here: at most five, each checked,
and what proves who we are stays with the upstream's own origin (T09).
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from proxy.errors import UpstreamRefused
from proxy.events import Event, UpstreamAsked
from proxy.upstream.faults import translated
from proxy.upstream.guard import Guard, GuardedResolver, Lookup, system_lookup
from proxy.upstream.settings import UpstreamSettings
from proxy.upstream.tls import Tls

HOPS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TARGET = re.compile(r"[\x21-\x7e]{1,8192}")
_BUFFER = 256 * 1024  # aiohttp pauses the socket at twice as much; measured best of 64 to 512 KiB on both loops
_HEADER = 16 * 1024  # signed URLs in Location are a few KiB
_HEADERS = 100
Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and counts for one upstream. `head` counts from the request to the answer's head, connecting included."""

    connect: float = 5.0
    head: float = 15.0
    document: float = 30.0  # a manifest or a listing, whole
    stall: float = 60.0  # between two reads of a body
    connections: int = 128
    blobs: int = 96  # transfers at once, so that a manifest always finds a connection


@dataclass(slots=True)
class Answer:
    """An answer's head, and its body as a stream. `is_elsewhere`: another origin than the upstream's own answered."""

    status: int
    headers: CIMultiDictProxy[str]
    url: URL
    is_elsewhere: bool
    content: aiohttp.StreamReader = field(repr=False)
    upstream: str
    patience: float  # seconds for the whole of a small body
    received: int = 0

    @property
    def length(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    async def some(self) -> bytes:
        """Return what has arrived, at least a byte; b"" at the end. Raise UpstreamUnavailable or UpstreamTimeout."""
        with translated(self.upstream, self.url):
            chunk = await self.content.readany()
        self.received += len(chunk)
        return chunk

    def require_identity(self) -> None:
        """Raise UpstreamRefused for a body that would have to be decoded (T54)."""
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise UpstreamRefused(
                f"{self.upstream} answered with Content-Encoding {encoding[:40]!r}, which was not asked for"
            )


class Wire:
    """The connections to one upstream, its token servers and where it redirects to."""

    def __init__(
        self,
        upstream: str,
        settings: UpstreamSettings,
        *,
        emit: Emit,
        limits: Limits,
        tls: Tls,
        lookup: Lookup = system_lookup,
    ) -> None:
        self.base = URL(settings.base_url(upstream))
        self._upstream = upstream
        self._proxy = URL(settings.proxy) if settings.proxy else None
        self._emit = emit
        self._limits = limits
        self._tls = tls
        self._lookup = lookup
        urls = [self.base, *map(URL, settings.all_realms(upstream)), *([self._proxy] if self._proxy else [])]
        named = [f"{_bracketed(url)}:{url.port}" for url in urls]
        self.guard = Guard(upstream, [*named, *settings.redirects], is_proxied=self._proxy is not None)
        self._opened: aiohttp.ClientSession | None = None

    def is_own(self, url: URL) -> bool:
        return url.origin() == self.base.origin()

    @asynccontextmanager
    async def ask(
        self,
        what: str,
        url: URL,
        *,
        method: str,
        headers: Mapping[str, str],
        authorization: str | None,
        follow: frozenset[int] = REDIRECTS,
    ) -> AsyncIterator[Answer]:
        """Yield the answer after at most five redirects of those that are to be followed; leaving closes it.

        Raise UpstreamRefused for a redirect that leads nowhere good, UpstreamTimeout, UpstreamUnavailable.
        """
        async with AsyncExitStack() as stack:
            for _ in range(HOPS + 1):
                if not self.is_own(url):
                    authorization = None  # and it does not come back, should a later hop lead home
                sent = {**headers, "Authorization": authorization} if authorization else headers
                answer = await stack.enter_async_context(self.exchange(what, method, url, sent))
                if answer.status not in follow:
                    yield answer
                    return
                url = self.target(answer, answer.headers.get("Location", ""))
                await stack.aclose()
            raise UpstreamRefused(f"{self._upstream} redirects more than {HOPS} times; ask its operator")

    def target(self, answer: Answer, text: str) -> URL:
        """Return where a Location or a Link leads, if that may be asked at all; raise UpstreamRefused."""
        if not _TARGET.fullmatch(text):
            raise UpstreamRefused(f"{self._upstream} answered {answer.status} and leads to no URL")
        with translated(self._upstream, answer.url):
            url = answer.url.join(URL(text, encoded=True))
            self.guard.require(url)
        if answer.url.scheme == "https" and url.scheme != "https":
            raise UpstreamRefused(f"{self._upstream} leads from https to {url.scheme}; that is not followed")
        return url

    @asynccontextmanager
    async def exchange(
        self,
        what: str,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        *,
        form: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> AsyncIterator[Answer]:
        """Yield the answer of one request, redirects not followed, and say what was asked when it is left."""
        self.guard.require(url)
        began = time.monotonic()
        answer: Answer | None = None
        response: aiohttp.ClientResponse | None = None
        try:
            with translated(self._upstream, url):
                async with asyncio.timeout(self._limits.head):
                    response = await self._session().request(
                        method,
                        url,
                        headers=headers,
                        data=form if raw is None else raw,
                        allow_redirects=False,
                        proxy=self._proxy,
                        ssl=self._tls.context(is_own=self.is_own(url)),
                    )
            answer = Answer(
                response.status,
                response.headers,
                url,
                is_elsewhere=not self.is_own(url),
                content=response.content,
                upstream=self._upstream,
                patience=self._limits.document,
            )
            yield answer
        finally:
            if response is not None:
                response.release()  # kept for the next request only if the body has arrived whole
            status, received = (answer.status, answer.received) if answer else (0, 0)
            self._emit(UpstreamAsked(self._upstream, what, status, received, time.monotonic() - began))

    def _session(self) -> aiohttp.ClientSession:
        # Late: a session belongs to a running loop, and the proxy starts with every upstream down.
        if self._opened is None or self._opened.closed:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._limits.connections, resolver=GuardedResolver(self.guard, self._lookup), ttl_dns_cache=10
                ),
                headers={"User-Agent": "pratique", "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._limits.connect, sock_read=self._limits.stall
                ),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=_BUFFER,
                max_line_size=_HEADER,
                max_field_size=_HEADER,
                max_headers=_HEADERS,
            )
        return self._opened

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()


def _bracketed(url: URL) -> str:
    host = url.host or ""
    return f"[{host}]" if ":" in host else host
