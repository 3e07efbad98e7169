"""Large bodies by blocking reads in threads: the loop carries none of their bytes, and two buffers serve a whole transfer.

It speaks to one address that was checked, over a connection of its own, and follows, decodes and keeps nothing. Measured
beside the client library in docs/adr/0005-aiohttp-client-for-upstreams.md. Law: a thread ends before what it reads into
does, and the descriptor outlives the thread: who leaves shuts the connection down and waits.
"""

import asyncio
import contextlib
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from multidict import CIMultiDictProxy
from yarl import URL

from proxy.upstream.exchange.head import read, written

T = TypeVar("T")
CHUNK = 1024 * 1024  # bytes of a buffer, of which there are two
_LEAST = 512 * 1024  # bytes handed on at once, where they come fast enough
_LINGER = 0.005  # seconds that less waits for more; a follower's first byte must not wait for a full buffer
_WITH_BODY = frozenset({200, 206})  # of any other answer no more is read than is counted


class Unsuited(Exception):
    """The body has no length: what is not counted is not ours to read."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """Where to connect: addresses that were checked, in this order. `tls` None is plain HTTP. Seconds."""

    places: tuple[tuple[int, str], ...]  # (family, address)
    tls: ssl.SSLContext | None
    connect: float
    stall: float


class Carrier:
    """One GET. Every door but `close` runs in threads of `pool`; the loop waits."""

    def __init__(self, url: URL, dialled: Dialled, pool: ThreadPoolExecutor) -> None:
        self._url = url
        self._dialled = dialled
        self._pool = pool
        self._lock = threading.Lock()  # around the end: no thread opens what was closed
        self._is_over = False
        self._socket: socket.socket | None = None
        self._watched: socket.socket | None = None  # the same connection, to be shut down from the loop
        self._early = memoryview(b"")  # of the body, read together with the head
        self._left = 0
        self._failure: OSError | None = None
        self.status = 0
        self.headers: CIMultiDictProxy[str]

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Ask, and read the answer's head. Raise OSError, ssl.SSLError, http.client.HTTPException, Unsuited, ValueError."""
        await self._in_thread(lambda: self._begin(headers))

    async def readany(self) -> bytes:
        """Return at least a byte, and half a megabyte where it comes fast; b"" at the end. Raise OSError.

        Who cancels this ends the connection.
        """
        return await self._in_thread(self._some)

    async def pour(self, take: Callable[[memoryview], None]) -> None:
        """Read to the end; `take` gets each piece, in the thread, and may read it until its next call returns.

        Raise OSError, and whatever `take` raises.
        """
        await self._in_thread(lambda: self._pour(take))

    def close(self) -> None:
        """End the connection; a thread that waits for it is woken."""
        self._wake()
        for each in (self._watched, self._socket):
            if each is not None:
                each.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        task = self._pool.submit(work)
        job = asyncio.wrap_future(task)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            if not task.cancel():
                self._wake()
                while not job.done():
                    await _settled(job)
            raise

    def _wake(self) -> None:
        with self._lock:
            self._is_over = True
            if self._watched is not None:
                with contextlib.suppress(OSError):  # it ended by itself
                    self._watched.shutdown(socket.SHUT_RDWR)

    # In a thread from here on.

    def _begin(self, headers: Mapping[str, str]) -> None:
        question = written(self._url, headers)
        self._socket = self._dial()
        self._socket.settimeout(self._dialled.stall)
        self._socket.sendall(question)
        head, self._early = read(self._socket)
        self.status, self.headers = head.status, head.headers
        if self.status in _WITH_BODY and head.length is None:
            raise Unsuited
        self._left = head.length or 0

    def _dial(self) -> socket.socket:
        connection = self._connected()
        if self._dialled.tls is None:
            return connection
        try:
            return self._dialled.tls.wrap_socket(connection, server_hostname=self._url.raw_host)
        except BaseException:
            connection.close()
            raise

    def _connected(self) -> socket.socket:
        failure: OSError = OSError("the name has no address")
        for family, address in self._dialled.places:
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                self._watch(connection)
                connection.settimeout(self._dialled.connect)
                connection.connect((address, self._url.port or 0))
            except OSError as error:
                connection.close()
                failure = error
            else:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
        raise failure

    def _watch(self, connection: socket.socket) -> None:
        with self._lock:
            if self._is_over:
                raise ConnectionAbortedError
            if self._watched is not None:
                self._watched.close()
            self._watched = connection.dup()

    def _pour(self, take: Callable[[memoryview], None]) -> None:
        views = [memoryview(bytearray(min(CHUNK, max(1, self._left)))) for _ in range(2)]
        for view in itertools.cycle(views):
            if not self._left:
                return
            take(view[: self._fill(view)])

    def _fill(self, view: memoryview) -> int:
        """As much as comes: at least a byte, and then what more follows at once."""
        assert self._socket is not None, "a head was read"
        count = self._into(view)
        self._socket.settimeout(_LINGER)
        try:
            while self._left and count < min(len(view), _LEAST):
                count += self._into(view[count:])
        except TimeoutError:
            pass
        except OSError as failure:
            self._failure = failure  # after what came before it
        self._socket.settimeout(self._dialled.stall)
        return count

    def _some(self) -> bytes:
        buffer = bytearray(min(_LEAST, self._left))
        count = self._fill(memoryview(buffer)) if buffer else 0
        return bytes(memoryview(buffer)[:count])

    def _into(self, view: memoryview) -> int:
        """One read; what came with the head is first. Raise ConnectionError for an end before the length."""
        assert self._socket is not None, "a head was read"
        if self._failure is not None:
            raise self._failure
        view = view[: self._left]
        count = min(len(view), len(self._early))
        if count:
            view[:count], self._early = self._early[:count], self._early[count:]
        else:
            count = self._socket.recv_into(view)
        if not count:
            raise ConnectionResetError
        self._left -= count
        return count


async def _settled(job: asyncio.Future[T]) -> None:
    with contextlib.suppress(asyncio.CancelledError):  # whoever cancels twice waits as well: the thread must end first
        await asyncio.wait({job})
