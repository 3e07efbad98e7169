"""How bytes leave: the only place that touches a raw socket.

Law: memory is constant whatever the size, a client that does not read holds no thread, and no descriptor is closed, or
reused, under a thread that sends from it. Why threads and `sendfile`: docs/adr/0004-how-blobs-leave.md.
"""

import asyncio
import errno
import fcntl
import os
import select
import socket
import struct
import sys
import termios
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self, TypeVar

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from proxy.errors import StorageError

T = TypeVar("T")

SLICE = 32 * 1024 * 1024  # what one thread sends before another body has its turn
PATIENCE_MS = 20  # how long a thread waits for a full socket before the loop waits in its stead
SEALED_CHUNK = 256 * 1024  # one write over TLS
SLOWEST = 256  # bytes a second; below it a client holds a file, a lease and a place for nothing
WATCH_SECONDS = 5.0  # how often a wait for more bytes looks whether the client is still there
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST and drops what is queued


class Wire:
    """One connection while one body leaves. It holds a descriptor of its own, which nobody else can close or reuse."""

    def __init__(self, transport: asyncio.Transport, threads: ThreadPoolExecutor, stall_seconds: float) -> None:
        self._transport = transport
        self._threads = threads
        self._stall_seconds = stall_seconds
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._protocol: web.RequestHandler | None = None
        self._writer: AbstractStreamWriter | None = None
        self._is_halted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        self._socket.close()

    async def begin(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        self._protocol = request.protocol
        self._writer = await response.prepare(request)

    async def say(self, line: bytes) -> None:
        """Write a few bytes of our own and see them off."""
        if line:
            self._require_open()
            self._transport.write(line)
            await self._drain()

    async def carry(self, fileno: int, start: int, stop: int) -> int:
        """Send a stretch of the file that begins at `start`; return where it ends, at most `stop`."""
        raise NotImplementedError

    async def wait_for(self, bytes_to_come: Awaitable[int]) -> int:
        """Wait for the body; a client that leaves meanwhile ends the wait."""
        task = asyncio.ensure_future(bytes_to_come)
        try:
            while not (await asyncio.wait({task}, timeout=WATCH_SECONDS))[0]:
                self._require_open()
            return task.result()
        finally:
            await _ended(task)

    def _require_open(self) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("the client left")

    async def _drain(self) -> None:
        assert self._writer is not None
        assert self._protocol is not None
        if self._protocol.writing_paused:
            await self._patiently(self._writer.drain())

    async def _patiently(self, progress: Awaitable[None]) -> None:
        """Wait for the client; raise TimeoutError once it took next to nothing in `stall_seconds`."""
        task = asyncio.ensure_future(progress)
        try:
            while True:
                unsent = self._unsent()
                if (await asyncio.wait({task}, timeout=self._stall_seconds))[0]:
                    return task.result()
                if unsent - self._unsent() < max(1, min(unsent, SLOWEST * self._stall_seconds)):
                    raise TimeoutError
        finally:
            await _ended(task)

    def _unsent(self) -> int:
        """Bytes that the client has not acknowledged: ours, and the kernel's (tcp(7), SIOCOUTQ)."""
        raw = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4))
        return self._transport.get_write_buffer_size() + int.from_bytes(raw, sys.byteorder)

    async def _in_thread(self, job: Callable[[int, int, int], T], fileno: int, start: int, stop: int) -> T:
        """Run `job` to its end whatever happens: no descriptor may be closed, or reused, under a running thread."""
        future = self._loop.run_in_executor(self._threads, job, fileno, start, stop)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._is_halted = True
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({future})
            raise


class PlainWire(Wire):
    """The kernel copies from the page cache to the socket; Python sees no byte."""

    async def begin(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        # Whatever the transport holds back would land in the middle of the body: it must be empty from here on.
        self._transport.set_write_buffer_limits(high=0)
        await super().begin(request, response)
        await self._empty()

    async def say(self, line: bytes) -> None:
        await super().say(line)
        await self._empty()

    async def carry(self, fileno: int, start: int, stop: int) -> int:
        self._require_open()
        stop = min(stop, start + SLICE)
        reached = await self._in_thread(self._push, fileno, start, stop)
        if reached < stop:
            await self._patiently(self._writable())
        return reached

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        super().__exit__(kind, *rest)
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits()

    async def _empty(self) -> None:
        while self._transport.get_write_buffer_size():
            self._require_open()
            await self._drain()

    def _push(self, fileno: int, start: int, stop: int) -> int:
        """In a thread: send until `stop`, or until the socket stays full for a moment."""
        sink = self._socket.fileno()
        room = select.poll()
        room.register(sink, select.POLLOUT)
        while start < stop and not self._is_halted:
            try:
                count = os.sendfile(sink, fileno, start, stop - start)
            except BlockingIOError:
                if not room.poll(PATIENCE_MS):
                    break
                continue
            except OSError as error:
                if error.errno == errno.EIO:
                    raise _unreadable(error) from error
                raise
            if not count:
                raise StorageError("a stored file is shorter than it was; it will be fetched again")
            start += count
        return start

    async def _writable(self) -> None:
        ready = asyncio.Event()
        # The transport watches its own descriptor; a second watcher needs the duplicate.
        self._loop.add_writer(self._socket.fileno(), ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._socket.fileno())


class SealedWire(Wire):
    """TLS: the bytes must pass through us to be sealed, a chunk at a time."""

    async def carry(self, fileno: int, start: int, stop: int) -> int:
        self._require_open()
        chunk = await self._in_thread(_read, fileno, start, min(stop, start + SEALED_CHUNK))
        self._require_open()
        self._transport.write(chunk)
        await self._drain()
        return start + len(chunk)


def _read(fileno: int, start: int, stop: int) -> bytes:
    try:
        chunk = os.pread(fileno, stop - start, start)
    except OSError as error:
        raise _unreadable(error) from error
    if not chunk:
        raise StorageError("a stored file is shorter than it was; it will be fetched again")
    return chunk


def _unreadable(error: OSError) -> StorageError:
    return StorageError("a stored file cannot be read; see what the disk says in the system's log", detail=str(error))


async def _ended(task: asyncio.Future[T]) -> None:
    """Leave no task behind that still holds the body or the socket."""
    task.cancel()
    await asyncio.wait({task})
