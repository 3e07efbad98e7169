"""One GET read by threads, over real sockets to a server that says exactly what it is told to."""

import asyncio
import contextlib
import http.client
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from yarl import URL

from proxy.upstream.exchange.carrier import Carrier, Dialled, Unsuited

LONG = 30.0


class Server:
    """Answers each connection with `says`, in these pieces, then closes or holds it."""

    def __init__(self, *says, holds=False):
        self.says = says
        self.holds = holds
        self.heads = []
        self.left = threading.Event()

    async def __aenter__(self):
        self._answering = []
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _begin(self, reader, writer):
        self._answering.append(asyncio.create_task(self._answer(reader, writer)))

    async def _answer(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            try:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                for piece in self.says:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.02)
                if self.holds:
                    await reader.read()
                    self.left.set()
            finally:
                writer.close()
                await writer.wait_closed()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def carried(pool):
    """Begin a GET of a server's /blob; closed at the end."""
    begun = []

    async def begin(server, *, path="/blob?sig=a%2Fb", stall=LONG, places=((socket.AF_INET, "127.0.0.1"),), **headers):
        url = URL(f"http://up.example:{server.port}{path}", encoded=True)
        carrier = Carrier(url, Dialled(places, None, LONG, stall), pool)
        begun.append(carrier)
        await carrier.begin(headers)
        return carrier

    yield begin
    for carrier in begun:
        carrier.close()


async def poured(carrier):
    pieces = []
    await carrier.pour(lambda piece: pieces.append(bytes(piece)))
    return b"".join(pieces)


def ok(length, *more):
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % length, *more, b"", b""])


async def test_the_request_is_what_was_asked_and_nothing_else(carried):
    async with Server(ok(0)) as server:
        await carried(server, Range="bytes=5-")
        assert server.heads[0].decode().split("\r\n") == [
            "GET /blob?sig=a%2Fb HTTP/1.1",
            f"Host: up.example:{server.port}",
            "User-Agent: pratique",
            "Accept-Encoding: identity",
            "Connection: close",
            "Range: bytes=5-",
            "",
            "",
        ]


@pytest.mark.parametrize("cut", [0, 1, 40, 60])
async def test_the_body_is_whole_wherever_the_head_ends_in_what_arrives(carried, cut):
    whole = ok(100, b"X-More: yes") + bytes(range(100))
    async with Server(whole[:cut], whole[cut:]) as server:
        carrier = await carried(server)
        assert (carrier.status, carrier.headers["x-more"]) == (200, "yes")
        assert await poured(carrier) == bytes(range(100))


async def test_the_first_bytes_do_not_wait_for_the_last(carried):
    async with Server(ok(10) + b"12345", holds=True) as server:
        assert await (await carried(server)).readany() == b"12345"


async def test_large_bodies_come_in_pieces_that_hashing_likes_from_two_buffers(carried):
    raw = os.urandom(1 << 20) * 8
    async with Server(ok(len(raw)) + raw) as server:
        carrier, seen, sizes, whole = await carried(server), set(), [], bytearray()

        def take(piece):
            seen.add(id(piece.obj))
            sizes.append(len(piece))
            whole.extend(piece)

        await carrier.pour(take)
        assert (bytes(whole) == raw, len(seen)) == (True, 2)
        assert len(sizes) < 64


async def test_nothing_beyond_the_length_is_read(carried):
    async with Server(ok(3) + b"abcdefgh") as server:
        carrier = await carried(server)
        assert (await poured(carrier), await carrier.readany()) == (b"abc", b"")


async def test_a_body_that_ends_before_its_length_fails_after_what_came(carried):
    async with Server(ok(10) + b"abc") as server:
        carrier = await carried(server)
        assert await carrier.readany() == b"abc"
        with pytest.raises(ConnectionError):
            await carrier.readany()


async def test_silence_is_a_timeout(carried):
    async with Server(ok(10), holds=True) as server:
        carrier = await carried(server, stall=0.1)
        with pytest.raises(TimeoutError):
            await carrier.readany()


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nabc"],
    ids=["chunked", "no length"],
)
async def test_a_body_that_is_not_counted_is_left_to_the_client_library(carried, head):
    async with Server(head) as server:
        with pytest.raises(Unsuited):
            await carried(server)


async def test_of_an_answer_that_is_no_body_no_more_is_read_than_is_counted(carried):
    async with Server(
        b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n3\r\nabc\r\n"
    ) as server:
        carrier = await carried(server)
        assert (carrier.status, carrier.headers["Retry-After"], await carrier.readany()) == (503, "7", b"")


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 1000 + b"\r\n",
    ],
    ids=["ssh", "no status", "many fields", "a long field", "no end"],
)
async def test_what_is_no_head_or_a_flood_of_one_is_refused(carried, said):
    async with Server(said) as server:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            await carried(server)


@pytest.mark.parametrize(("path", "headers"), [("/a\r\nX: y", {}), ("/a", {"Range": "bytes=1-\r\nX: y"}), ("/ü", {})])
async def test_nothing_slips_into_the_request(carried, path, headers):
    async with Server(ok(0)) as server:
        with pytest.raises(ValueError, match="cannot be sent"):
            await carried(server, path=path, **headers)
        assert not server.heads


async def test_addresses_are_tried_in_their_order_and_a_name_without_one_fails(carried):
    async with Server(ok(0)) as server:
        await carried(server, places=((socket.AF_INET, "127.0.0.99"), (socket.AF_INET, "127.0.0.1")))
        assert len(server.heads) == 1
        with pytest.raises(OSError, match="no address"):
            await carried(server, places=())


@pytest.mark.parametrize("says", [(), (ok(10),)], ids=["in the head", "in the body"])
async def test_who_leaves_wakes_the_thread_and_ends_the_connection(carried, pool, says):
    """And the leaver waits for the thread: what it writes into may be closed next."""
    async with Server(*says, holds=True) as server:
        at_work = []

        async def follow():
            carrier = await carried(server)
            at_work.append(carrier)
            await poured(carrier)

        task = asyncio.create_task(follow())
        while not server.heads or (says and not at_work):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.wrap_future(pool.submit(lambda: True))
        assert await asyncio.to_thread(server.left.wait, LONG)


async def test_what_the_taker_raises_ends_the_transfer(carried):
    async with Server(ok(10) + b"abc", holds=True) as server:
        carrier = await carried(server)
        with pytest.raises(LookupError):
            await carrier.pour(lambda _piece: {}["full"])


async def test_no_descriptor_is_left_behind(carried, pool):
    async with Server(ok(3) + b"abc") as server:
        await carried(server)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            carrier = await carried(server)
            assert await poured(carrier) == b"abc"
            carrier.close()
        await asyncio.sleep(0.1)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2
