"""Takes connections in. Who has no place is told so before anything is made of it, TLS included; want ends no listener.

The loops' own listeners count nobody until TLS is agreed on, and want of descriptors is a traceback of theirs.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from typing import Any

from proxy.errors import Inconclusive
from proxy.web import errors
from proxy.web.clients import client_at
from proxy.web.connections.connection import Connection
from proxy.web.connections.server import Server
from proxy.web.settings import Address

_BACKLOG = 1024
_AT_ONCE = 64  # connections taken in before the loop has its turn
_PAUSE = 0.25  # seconds until it is tried again where descriptors or memory are out
_HANDSHAKE_SECONDS = 10.0  # of TLS: a place is held for no longer by who does not finish
_WANT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_CROWDED = Inconclusive("too many connections; ask again, or raise limits.connections", retry_after=5)


def listening(address: Address, *, is_shared: bool) -> socket.socket:
    """Raise OSError. `is_shared`: other processes of ours listen there too (SO_REUSEPORT)."""
    found = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if found.family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.setblocking(False)
        found.bind((address.host, address.port))
        found.listen(_BACKLOG)
    except BaseException:
        found.close()
        raise
    return found


class Acceptor:
    """Begins at once, on a socket that listens, which is its own from then on."""

    def __init__(self, listens: socket.socket, server: Server, *, tls: ssl.SSLContext | None) -> None:
        self._socket = listens
        self._server = server
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None
        self._refusal = errors.bare(_CROWDED)
        self._loop.add_reader(listens.fileno(), self._ready)

    async def close(self) -> None:
        """Take in nobody more. What was taken in already becomes a connection, unless TLS is not agreed on yet."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        await asyncio.sleep(0)
        if self._tls is not None:
            for task in self._beginning:
                task.cancel()
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def _ready(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                taken, peer = self._socket.accept()
            except OSError as error:
                # Whoever left before its turn, or nobody more, ends this turn alone (accept(2)).
                if error.errno in _WANT:
                    self._wait()
                return
            self._take(taken, peer)

    def _wait(self) -> None:
        """The kernel goes on to say that somebody waits: it is not asked for a moment."""
        self._server.crowd.note("descriptors")
        self._loop.remove_reader(self._socket.fileno())
        self._again = self._loop.call_later(_PAUSE, self._resume)

    def _resume(self) -> None:
        self._again = None
        self._loop.add_reader(self._socket.fileno(), self._ready)

    def _take(self, taken: socket.socket, peer: Any) -> None:
        connection = self._server.connection(client_at(peer))
        if connection is None:
            self._refuse(taken)
            return
        try:
            taken.setblocking(False)
            # The kernel gives up on a client that takes nothing, where the answer is one that aiohttp writes (tcp(7)).
            stall = int(self._server.stall_seconds * 1000)
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stall)
        except OSError:
            self._server.left(connection)
            taken.close()
            return
        task = self._loop.create_task(self._begin(taken, connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def _refuse(self, taken: socket.socket) -> None:
        """A whole answer fits into what the kernel holds for a new socket; TLS would cost more than it tells."""
        with contextlib.suppress(OSError), taken:
            taken.setblocking(False)
            if self._tls is None:
                taken.send(self._refusal)
                taken.shutdown(socket.SHUT_WR)

    async def _begin(self, taken: socket.socket, connection: Connection) -> None:
        """From here on the socket is the loop's, which closes it whatever comes."""
        patience = _HANDSHAKE_SECONDS if self._tls else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, taken, ssl=self._tls, ssl_handshake_timeout=patience
            )
        except BaseException as error:
            self._server.left(connection)  # a transport that never began never ends
            if not isinstance(error, OSError):  # TLS that was not agreed on, or nobody there any more
                raise
