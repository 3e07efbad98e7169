"""One HTTP exchange with an upstream, and the redirects that follow. The only file that speaks through aiohttp's client.

What is large is read by threads instead (`carriage`), under the same rules.

Nothing is decoded, no cookie is kept, no environment is read. Redirects are followed here: at most five, each checked,
and what proves who we are stays with the upstream's own origin (T09).
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TypeAlias

import aiohttp
from yarl import URL

from proxy.errors import UpstreamRefused
from proxy.events import Event, UpstreamAsked
from proxy.upstream.exchange.answer import Answer, Reply
from proxy.upstream.exchange.carriage import Carriage
from proxy.upstream.exchange.carrier import Unsuited
from proxy.upstream.exchange.circuit import Circuit
from proxy.upstream.exchange.faults import translated
from proxy.upstream.exchange.guard import Guard, GuardedResolver, Lookup, system_lookup
from proxy.upstream.exchange.tls import Tls
from proxy.upstream.restraint.pace import Pace
from proxy.upstream.settings import UpstreamSettings

HOPS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TARGET = re.compile(r"[\x21-\x7e]{1,8192}")
_BUFFER = 256 * 1024  # aiohttp pauses the socket at twice as much; measured best of 64 to 512 KiB on both loops
_HEADER = 16 * 1024  # signed URLs in Location are a few KiB
_HEADERS = 100
Emit = Callable[[Event], None]
Form: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and counts for one upstream. `head` counts from the request to the answer's head, connecting included."""

    connect: float = 5.0
    head: float = 15.0
    answer: float = 20.0  # to an answer's head with log-ins, redirects and tries: clients wait 30 (clients.md 1.7)
    document: float = 30.0  # a manifest or a listing, whole
    stall: float = 60.0  # between two reads of a body; and how long it may trickle (`restraint.pace`)
    connections: int = 128
    blobs: int = 96  # transfers at once, so that a manifest always finds a connection


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base = URL(settings.base_url(upstream))
        self._upstream = upstream
        self._proxy = URL(settings.proxy) if settings.proxy else None
        self._emit = emit
        self._limits = limits
        self._tls = tls
        self._circuit = Circuit(upstream, emit=emit, clock=clock)
        urls = [self.base, *map(URL, settings.all_realms(upstream)), *([self._proxy] if self._proxy else [])]
        named = [f"{_bracketed(url)}:{url.port}" for url in urls]
        self.guard = Guard(upstream, [*named, *settings.redirects], is_proxied=self._proxy is not None)
        self._resolver = GuardedResolver(self.guard, lookup)
        self._carriage = Carriage(
            resolver=self._resolver, tls=tls, threads=limits.blobs, connect=limits.connect, stall=limits.stall
        )
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
        is_large: bool = False,
    ) -> AsyncIterator[Answer]:
        """Yield the answer after at most five redirects of those that are to be followed; leaving closes it.

        Raise UpstreamRefused for a redirect that leads nowhere good, UpstreamTimeout, UpstreamUnavailable.
        """
        async with AsyncExitStack() as stack:
            for _ in range(HOPS + 1):
                if not self.is_own(url):
                    authorization = None  # and it does not come back, should a later hop lead home
                sent = {**headers, "Authorization": authorization} if authorization else headers
                answer = await stack.enter_async_context(self.exchange(what, method, url, sent, is_large=is_large))
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
        is_large: bool = False,
    ) -> AsyncIterator[Answer]:
        """Yield the answer of one request, redirects not followed, and say what was asked when it is left.

        `is_large`: a GET of so many bytes that a connection of its own is worth it.
        """
        self.guard.require(url)
        # Where a redirect leads says nothing of the upstream: its storage is another host, and often another company's.
        circuit = self._circuit if what == "token" or self.is_own(url) else None
        if circuit:
            circuit.require(what)
        began = time.monotonic()
        answer: Answer | None = None
        reply: Reply | None = None
        try:
            with circuit.hearing() if circuit else _unheard() as told, translated(self._upstream, url):
                async with asyncio.timeout(self._limits.head):
                    reply = await self._reply(method, url, headers, form or raw, is_large=is_large)
                told(reply.status)
            if what == "blob":
                self._carriage.learn(url, reply.status, has_length="Content-Length" in reply.headers)
            answer = Answer(
                reply,
                url,
                is_elsewhere=not self.is_own(url),
                upstream=self._upstream,
                patience=self._limits.document,
                pace=Pace(self._limits.stall),
            )
            yield answer
        finally:
            if reply is not None:
                reply.end()
            self._say(what, answer, time.monotonic() - began)

    async def _reply(
        self, method: str, url: URL, headers: Mapping[str, str], body: Form | bytes | None, *, is_large: bool
    ) -> Reply:
        """By threads what is large and suits them, by the client library everything else. A body without a length is its."""
        is_own = self.is_own(url)
        if is_large and self._proxy is None and self._carriage.suits(url, is_own=is_own):
            with suppress(Unsuited):
                carrier = await self._carriage.begin(url, headers, is_own=is_own)
                return Reply(carrier.status, carrier.headers, carrier, carrier.close)
        response = await self._session().request(
            method,
            url,
            headers=headers,
            data=body,
            allow_redirects=False,
            proxy=self._proxy,
            ssl=self._tls.context(is_own=is_own),
        )
        # Kept for the next request only if the body has arrived whole.
        return Reply(response.status, response.headers, response.content, response.release)

    def _say(self, what: str, answer: Answer | None, seconds: float) -> None:
        status, received, left = (answer.status, answer.received, answer.quota) if answer else (0, 0, None)
        limit, remaining = (left.limit, left.remaining) if left else (None, None)
        self._emit(UpstreamAsked(self._upstream, what, status, received, seconds, limit, remaining))

    def _session(self) -> aiohttp.ClientSession:
        # Late: a session belongs to a running loop, and the proxy starts with every upstream down.
        if self._opened is None or self._opened.closed:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._limits.connections, resolver=self._resolver, ttl_dns_cache=10
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
        self._carriage.close()
        if self._opened is not None:
            await self._opened.close()


def _unheard() -> AbstractContextManager[Callable[[int], object]]:
    return nullcontext(lambda _status: None)


def _bracketed(url: URL) -> str:
    host = url.host or ""
    return f"[{host}]" if ":" in host else host
