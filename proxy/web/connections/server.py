"""The connections of one listener, and the requests that run on them. aiohttp's server, with connections of ours before it."""

import asyncio
from typing import Any

from aiohttp import web

from proxy.events import Client
from proxy.web.connections.connection import Connection
from proxy.web.connections.crowd import Crowd
from proxy.web.connections.framework import Framework, Port

_PIECE = 64 * 1024  # of a body in memory, at once: a client that takes its time holds no more than that back


class Server(web.Server):
    """`stall_seconds`: how long a client may take nothing of an answer."""

    def __init__(self, port: Port, *, stall_seconds: float, crowd: Crowd) -> None:
        self.port = port
        self.stall_seconds = stall_seconds
        self.crowd = crowd
        self.open: set[Connection] = set()
        self.running: set[asyncio.Task[Any]] = set()
        self.is_closing = False
        super().__init__(self._tracked)

    def connection(self, client: Client) -> Connection | None:
        """Return None where there is no place for one more."""
        made = Connection(self, client)
        now = asyncio.get_running_loop().time()
        return made if self.crowd.joins(made, client, now=now) else None

    def joined(self, connection: Connection) -> None:
        """Its transport is there."""
        self.open.add(connection)
        if self.is_closing:
            connection.retire()

    def left(self, connection: Connection) -> None:
        """It is over, or never began. Safe to call twice."""
        self.open.discard(connection)
        self.crowd.leaves(connection)

    def framework(self, connection: Connection) -> Framework:
        return Framework(self, self.port, connection)

    def close_idle(self) -> None:
        """Close what waits for a request; aiohttp knows only the connections that came to it."""
        self.is_closing = True
        for connection in tuple(self.open):
            connection.retire()

    def cut(self) -> None:
        """End all that is left: who takes nothing of an answer, too."""
        for connection in tuple(self.open):
            connection.cut()

    async def _tracked(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        framework = request.protocol
        assert isinstance(framework, Framework)
        framework.connection.begins()
        response = await self.port.answer(request)
        if _is_unusual(request):
            response.force_close()
        try:
            # Written here, so that the connection knows when it is done; aiohttp, asked again, does nothing.
            await _write(request, response)
        except ConnectionError:  # the client left; aiohttp sees that too
            framework.connection.spoils()
        else:
            framework.connection.answered(response)
        return response


def _is_unusual(request: web.BaseRequest) -> bool:
    """What follows a body, a tunnel or another protocol could be read in two ways: it is read in none."""
    return request.method not in ("GET", "HEAD") or request.can_read_body or "Upgrade" in request.headers


async def _write(request: web.BaseRequest, response: web.StreamResponse) -> None:
    await response.prepare(request)
    body = response.body if isinstance(response, web.Response) and request.method != "HEAD" else None
    if isinstance(response, web.Response) and isinstance(body, bytes) and len(body) > _PIECE:
        for start in range(0, len(body), _PIECE):
            await response.write(body[start : start + _PIECE])
        response.body = None
    await response.write_eof()
