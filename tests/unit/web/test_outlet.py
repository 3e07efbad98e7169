"""How bodies leave, on both event loops, plain and over TLS: whole, or not at all."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from pathlib import Path

import pytest
from aiohttp import web

from proxy.content.filesystem import FilesystemStore
from proxy.content.store import TAIL
from proxy.errors import ContentMismatch, StorageError, UpstreamUnavailable
from proxy.oci.digest import Digest
from proxy.web import outlet as outlets
from proxy.web import streaming
from proxy.web.outlet import Outlet, Part
from proxy.web.settings import Address
from tests.fakes.asking import Wire, make_certificate
from tests.fakes.content import MemoryStore
from tests.fakes.disks import Faults
from tests.fakes.loops import on_both_loops

RAW = os.urandom(1024) * 1500  # 1.5 MB: more than a chunk, no multiple of one


@pytest.fixture(params=["plain", "tls"])
def tls(request, tmp_path):
    if request.param == "plain":
        return None
    certificate, key = make_certificate(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=certificate)


class Watched:
    """A body whose close is seen."""

    def __init__(self, body):
        self.body = body
        self.closed = 0
        self.doubted = 0

    def __getattr__(self, name):
        return getattr(self.body, name)

    def doubt(self):
        self.doubted += 1

    def close(self):
        self.closed += 1
        self.body.close()


class Place:
    """A server that sends whatever body the test puts into it."""

    def __init__(self, outlet):
        self.outlet = outlet
        self.body = None
        self.parts = None
        self.end = b""
        self.departed = asyncio.Queue()
        self.tasks = []

    async def handle(self, request):
        self.tasks.append(asyncio.current_task())
        body = self.body()
        parts = self.parts or [Part(0, body.size)]
        length = sum(len(part.head) + part.stop - part.start for part in parts) + len(self.end)
        response = web.StreamResponse(headers={"Content-Length": str(length)})
        self.departed.put_nowait((body, await self.outlet.send(request, response, body, parts, end=self.end)))
        return response


@contextlib.asynccontextmanager
async def serving(tls=None, *, stall_seconds=60.0, sndbuf=None):
    outlet = Outlet(stall_seconds=stall_seconds)
    place = Place(outlet)
    server = web.Server(place.handle, access_log=None)
    listening = socket.create_server(("127.0.0.1", 0))
    if sndbuf:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    sockets = await asyncio.get_running_loop().create_server(server, sock=listening, ssl=tls[0] if tls else None)
    place.address = Address("127.0.0.1", listening.getsockname()[1])
    try:
        yield place
    finally:
        sockets.close()
        await server.shutdown(0.1)
        outlet.close()


async def stored(raw=RAW):
    store = MemoryStore()
    await store.write(Digest.of(raw), raw)
    opened = await store.open(Digest.of(raw))
    return lambda: Watched(opened)


async def several(raw=RAW):
    store = MemoryStore()
    await store.write(Digest.of(raw), raw)
    body = [await store.open(Digest.of(raw)) for _ in range(3)]
    return lambda: Watched(body.pop())


async def growing(raw=RAW, digest=None):
    partial = await MemoryStore().partial(digest or Digest.of(raw), len(raw))
    return partial, lambda: Watched(partial.follow())


def client_of(tls):
    return tls[1] if tls else None


@pytest.mark.parametrize("size", [0, 1, 5000, TAIL, TAIL + 1, len(RAW)])
@on_both_loops
async def test_a_stored_body_leaves_whole_whatever_its_size(tls, size):
    async with serving(tls) as place:
        place.body = await stored(RAW[:size])
        async with await Wire.open(place.address, client_of(tls)) as wire:
            assert (await wire.ask("/")).body == RAW[:size]
        body, departure = await place.departed.get()
        assert (departure.ending, departure.sent, body.closed) == ("whole", size, 1)


@on_both_loops
async def test_a_connection_is_used_again_after_a_body(tls):
    """Keep-alive: nothing of one answer is left in, or missing from, the next."""
    async with serving(tls) as place:
        place.body = await several()
        async with await Wire.open(place.address, client_of(tls)) as wire:
            for _ in range(3):
                assert (await wire.ask("/")).body == RAW


@on_both_loops
async def test_requests_sent_ahead_are_answered_one_after_the_other(tls):
    async with serving(tls) as place:
        place.body = await several()
        async with await Wire.open(place.address, client_of(tls)) as wire:
            for _ in range(3):
                await wire.send("/")
            for _ in range(3):
                assert int((await wire.head()).headers["content-length"]) == len(RAW)
                assert await wire.reader.readexactly(len(RAW)) == RAW


@on_both_loops
async def test_parts_leave_in_their_order_between_their_lines(tls):
    async with serving(tls) as place:
        place.body = await stored()
        place.parts = [Part(0, 10, b"<a>"), Part(500_000, 900_000, b"<b>"), Part(1_535_990, 1_536_000, b"<c>")]
        place.end = b"<end>"
        async with await Wire.open(place.address, client_of(tls)) as wire:
            expected = b"<a>" + RAW[:10] + b"<b>" + RAW[500_000:900_000] + b"<c>" + RAW[-10:] + b"<end>"
            assert (await wire.ask("/")).body == expected


@on_both_loops
async def test_headers_leave_before_the_first_byte_is_there_and_the_body_follows_as_it_grows(tls):
    async with serving(tls) as place:
        partial, place.body = await growing()
        async with await Wire.open(place.address, client_of(tls)) as wire:
            await wire.send("/")
            assert (await wire.head()).headers["content-length"] == str(len(RAW))
            await partial.write(RAW[:1000])
            assert await wire.reader.readexactly(1000) == RAW[:1000]
            await partial.write(RAW[1000:])
            assert await wire.reader.readexactly(len(RAW) - TAIL - 1000) == RAW[1000:-TAIL]
            await partial.commit()
            assert await wire.reader.readexactly(TAIL) == RAW[-TAIL:]


@on_both_loops
async def test_t03_a_body_that_is_not_its_digest_never_completes(tls):
    async with serving(tls) as place:
        partial, place.body = await growing(digest=Digest.of(b"what was promised"))
        async with await Wire.open(place.address, client_of(tls)) as wire:
            await wire.send("/")
            await wire.head()
            await partial.write(RAW)
            with pytest.raises(ContentMismatch):
                await partial.commit()
            received = await _rest(wire)
        body, departure = await place.departed.get()
        assert len(received) <= len(RAW) - TAIL
        assert (departure.ending, body.closed) == ("cut", 1)
        assert isinstance(departure.error, ContentMismatch)


@pytest.mark.parametrize("start", [0, 1000, len(RAW) - 10])
@on_both_loops
async def test_promise_2_a_file_changed_after_a_range_of_it_was_allowed_never_completes(tls, tmp_path, start):
    """A range is allowed by a proof; gigabytes later the file may be another."""
    store = FilesystemStore(tmp_path, rotted=lambda _digest, _what: None)
    await store.write(Digest.of(RAW), RAW)
    opened = await store.open(Digest.of(RAW)) or await store.open(Digest.of(RAW))
    assert await opened.more(len(RAW) - 1) == len(RAW)
    with next(path for path in tmp_path.glob("blobs/*/*/*") if not path.suffix).open("r+b") as file:
        file.write(b"another beginning")
    async with serving(tls) as place:
        place.body = lambda: Watched(opened)
        place.parts = [Part(start, len(RAW))]
        async with await Wire.open(place.address, client_of(tls)) as wire:
            await wire.send("/")
            await wire.head()
            assert len(await _rest(wire)) < len(RAW) - start
        _, departure = await place.departed.get()
        assert isinstance(departure.error, ContentMismatch)
    store.close()


@on_both_loops
async def test_a_fill_that_fails_cuts_the_connection(tls):
    async with serving(tls) as place:
        partial, place.body = await growing()
        async with await Wire.open(place.address, client_of(tls)) as wire:
            await wire.send("/")
            await wire.head()
            await partial.fail(UpstreamUnavailable("it went away"), keep=True)
            assert await _rest(wire) == b""
        _, departure = await place.departed.get()
        assert departure.ending == "cut"


@on_both_loops
async def test_a_file_that_lost_its_end_is_cut_and_never_completed(tls):
    async with serving(tls) as place:
        body = (await stored())()
        place.body = lambda: body
        os.truncate(f"/proc/self/fd/{body.fileno()}", 1000)
        async with await Wire.open(place.address, client_of(tls)) as wire:
            await wire.send("/")
            await wire.head()
            assert await _rest(wire) == RAW[:1000]
        _, departure = await place.departed.get()
        assert departure.ending == "cut"
        assert "shorter" in departure.error.message


@on_both_loops
async def test_a_file_that_cannot_be_read_is_cut_and_its_body_is_doubted(tls):
    """EIO, of `sendfile` or of the read before sealing."""
    async with serving(tls) as place:
        place.body = await stored()
        with Faults(streaming) as faults:
            faults.fail("sendfile", when=lambda _out, _in, at, _count: at >= 0)
            faults.fail("pread")
            async with await Wire.open(place.address, client_of(tls)) as wire:
                await wire.send("/")
                await wire.head()
                assert await _rest(wire) == b""
        body, departure = await place.departed.get()
    assert (departure.ending, body.doubted, body.closed) == ("cut", 1, 1)
    assert isinstance(departure.error, StorageError)


@on_both_loops
async def test_a_client_that_leaves_in_the_middle_costs_nothing(tls):
    async with serving(tls) as place:
        place.body = await stored(RAW * 20)
        async with await Wire.open(place.address, client_of(tls)) as wire:
            await wire.send("/")
            await wire.reader.readexactly(1000)
            wire.writer.transport.abort()
        body, departure = await place.departed.get()
        assert (departure.ending, departure.error, body.closed) == ("left", None, 1)


@on_both_loops
async def test_a_client_that_leaves_while_it_waits_for_bytes_lets_go_of_the_body(tls, monkeypatch):
    monkeypatch.setattr(streaming, "WATCH_SECONDS", 0.01)
    async with serving(tls) as place:
        _, place.body = await growing()
        async with await Wire.open(place.address, client_of(tls)) as wire:
            await wire.send("/")
            await wire.head()
            wire.writer.transport.abort()
        body, departure = await place.departed.get()
        assert (departure.ending, body.closed) == ("left", 1)


@on_both_loops
async def test_a_client_that_takes_nothing_is_cut(tls):
    async with serving(tls, stall_seconds=0.05, sndbuf=32768) as place:
        place.body = await stored(RAW * 20)
        async with await Wire.open(place.address, client_of(tls)) as wire:
            wire.writer.transport.pause_reading()
            await wire.send("/")
            body, departure = await place.departed.get()
        assert (departure.ending, body.closed) == ("stalled", 1)
        assert departure.sent < len(RAW) * 20


@on_both_loops
async def test_a_cancelled_answer_lets_go_of_the_body(tls):
    async with serving(tls, sndbuf=32768) as place:
        watched = (await stored(RAW * 20))()
        place.body = lambda: watched
        async with await Wire.open(place.address, client_of(tls)) as wire:
            wire.writer.transport.pause_reading()
            await wire.send("/")
            while not place.tasks:
                await asyncio.sleep(0.001)
            place.tasks[0].cancel()
            await asyncio.wait(place.tasks)
        assert watched.closed == 1


@on_both_loops
async def test_a_cancelled_answer_waits_for_its_thread(tls):
    """A descriptor closed under a thread could name another blob, or another client, by the time it is used."""
    async with serving(tls) as place, await Wire.open(place.address, client_of(tls)) as wire:
        way = streaming.PlainWire(wire.writer.transport, place.outlet._threads, 60.0)
        has_begun, may_end = threading.Event(), threading.Event()

        def job(*_):
            has_begun.set()
            return may_end.wait(10)

        with way:
            task = asyncio.ensure_future(way._in_thread(job, 0, 0, 0))
            await asyncio.to_thread(has_begun.wait, 10)
            for _ in range(3):  # however often it is told
                task.cancel()
                await asyncio.sleep(0.01)
                assert not task.done()
            may_end.set()
            with pytest.raises(asyncio.CancelledError):
                await task


@on_both_loops
async def test_more_bodies_than_threads_all_leave(tls, monkeypatch):
    monkeypatch.setattr(streaming, "SLICE", 100_000)
    async with serving(tls) as place:
        place.outlet = Outlet(stall_seconds=60, threads=2)
        store = MemoryStore()
        await store.write(Digest.of(RAW), RAW)
        bodies = [await store.open(Digest.of(RAW)) for _ in range(8)]
        place.body = lambda: Watched(bodies.pop())

        async def one():
            async with await Wire.open(place.address, client_of(tls)) as wire:
                return (await wire.ask("/")).body

        assert await asyncio.gather(*(one() for _ in range(8))) == [RAW] * 8
        place.outlet.close()


@on_both_loops
async def test_descriptors_do_not_pile_up(tls):
    async with serving(tls) as place:
        store = MemoryStore()
        await store.write(Digest.of(RAW), RAW)

        async def once():
            body = await store.open(Digest.of(RAW))
            place.body = lambda: body
            async with await Wire.open(place.address, client_of(tls)) as wire:
                await wire.ask("/")
            await place.departed.get()

        await once()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(10):
            await once()
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_threads_are_bounded():
    assert outlets.THREADS == 32


async def _rest(wire):
    received = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while chunk := await wire.reader.read(65536):
            received += chunk
    return received
