"""One connection: each request goes over the express lane or, as it came, to aiohttp's own protocol.

Law: the lane answers only while aiohttp holds nothing of this connection: no request that it has not answered, and no byte
of a head. That is known from outside: it was given whole heads, and as many were answered. Whoever sends in any other way
(heads in parts, bodies, several requests in one piece) is aiohttp's alone from then on.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from aiohttp import web

from proxy.events import Client
from proxy.web.connections.framework import Framework, Port
from proxy.web.connections.lane import is_plain


class House(Protocol):
    """What a connection asks of the server that it belongs to."""

    port: Port

    def joined(self, connection: "Connection") -> None: ...

    def left(self, connection: "Connection") -> None: ...

    def framework(self, connection: "Connection") -> Framework: ...


class Connection(asyncio.Protocol):
    """What the transport talks to; aiohttp's protocol is made with the first request that needs it."""

    def __init__(self, house: House, client: Client) -> None:
        self._house = house
        self._lane = house.port.lane
        self._client = client
        self._transport: asyncio.Transport | None = None
        self._framework: Framework | None = None
        self._asked: deque[bytes] = deque()  # the heads that aiohttp holds; a client may be faster than our books
        self._is_strange = False
        self._is_choked = False  # we told the transport to read no further
        self._now: Callable[[], float] = asyncio.get_running_loop().time
        self.idle_since: float | None = self._now()
        self.head_since: float | None = None
        self.full_since: float | None = None  # the transport holds all that it will

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio's
        self._house.joined(self)

    def data_received(self, data: bytes) -> None:
        if not self._asked and not self._is_strange and self.full_since is None and self._lane is not None:
            began = time.perf_counter()
            ready = self._lane.find(self._client, data)
            if ready is not None:
                assert self._transport is not None
                self._transport.write(ready.wire or ready.made())
                self._lane.hit(ready, time.perf_counter() - began)
                self.idle_since = self._now()
                return
        self._forward(data)

    def _forward(self, data: bytes) -> None:
        if not self._is_strange and is_plain(data):
            self._asked.append(data)
        else:
            self.spoils()
        if self.idle_since is not None:
            self.idle_since = self._now()
            self.head_since = self.head_since or self.idle_since
        if self._framework is None:
            assert self._transport is not None
            self._framework = self._house.framework(self)
            self._framework.connection_made(self._transport)
            if self.full_since is not None:
                self._framework.pause_writing()
        self._framework.data_received(data)

    def begins(self) -> None:
        self.idle_since = self.head_since = None

    def answered(self, response: web.StreamResponse) -> None:
        self.idle_since = self._now()
        asked = self._asked.popleft() if self._asked else None
        if not response.keep_alive:
            self.spoils()
        elif asked is not None and self._lane is not None:
            self._lane.learn(self._client, asked, response)

    def spoils(self) -> None:
        self._is_strange = True
        self._asked.clear()

    def eof_received(self) -> None:
        if self._framework is not None:
            self._framework.eof_received()

    def pause_writing(self) -> None:
        self.full_since = self._now()
        if self._framework is not None:
            self._framework.pause_writing()
        if not self._asked and not self._is_strange:  # the lane's answers: read no request before they are taken
            assert self._transport is not None
            self._is_choked = True
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.full_since = None
        if self._is_choked:
            assert self._transport is not None
            self._is_choked = False
            self._transport.resume_reading()
        if self._framework is not None:
            self._framework.resume_writing()

    def connection_lost(self, reason: Exception | None) -> None:
        self._house.left(self)
        if self._framework is not None:
            self._framework.connection_lost(reason)

    def retire(self) -> None:
        """Close it if it waits for a request; the lane is closed to it either way."""
        is_waiting = self.idle_since is not None and not self._asked
        self._is_strange = True
        if is_waiting and self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """End it now. While TLS is still being agreed on, the time for that ends it."""
        if self._transport is not None:
            self._transport.abort()
