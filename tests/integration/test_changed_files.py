"""Promise 2: a file that was changed through the file system never reaches a client as a complete answer.

Each change, at each moment: before the blob is opened, while it is sent, and while a range of it is sent. The client is one
that reads slowly, over a real socket; the upstream still has the blob.
"""

import asyncio
import contextlib
import hashlib
import os
import socket

import pytest
from aiohttp import web

from proxy.content.store import TAIL
from proxy.errors import PratiqueError
from proxy.web import ranges
from proxy.web.outlet import Outlet
from tests.fakes.bench import MIB, REPOSITORY, Bench
from tests.fakes.registry import FakeRegistry

RAW = hashlib.shake_128(b"changed").digest(10 * MIB)
SPAN = (1000, len(RAW) - 1000)


def write_at(path, at, raw):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(raw)


def flip(path, at):
    write_at(path, at, bytes([RAW[at] ^ 1]))


def flip_and_restore_times(path, at):
    before = path.stat()
    flip(path, at)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path, raw):
    fresh = path.with_name("fresh")
    fresh.write_bytes(raw)
    fresh.rename(path)


def remove(path):
    path.unlink()


def directory(path):
    path.unlink()
    path.mkdir()


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def link(path, raw):
    path.unlink()
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_bytes(raw)
    path.symlink_to(elsewhere)


def write_by_another_name(path):
    other = path.with_name("other")
    other.hardlink_to(path)
    flip(other, 5 * MIB)


def write_and_take_back(path):
    flip(path, 5 * MIB)
    write_at(path, 5 * MIB, RAW[5 * MIB : 5 * MIB + 1])


# What is done to the file; the second: whether its first reader, in the middle of it, may be given all: its own descriptor
# still leads to bytes that are right.
CHANGES = {
    "a flipped bit at the start": (lambda path: flip(path, 0), False),
    "a flipped bit in the middle": (lambda path: flip(path, len(RAW) // 2), False),
    "a flipped bit at the end": (lambda path: flip(path, len(RAW) - 1), False),
    "a flipped bit and its old mtime": (lambda path: flip_and_restore_times(path, len(RAW) // 2), False),
    "a flipped last bit and its old mtime": (lambda path: flip_and_restore_times(path, len(RAW) - 1), False),
    "a truncation": (lambda path: os.truncate(path, len(RAW) // 2), False),
    "a truncation by one byte": (lambda path: os.truncate(path, len(RAW) - 1), False),
    "a truncation to nothing": (lambda path: os.truncate(path, 0), False),
    "an extension": (lambda path: os.truncate(path, len(RAW) + 1), False),
    "bytes written again as they were": (write_and_take_back, False),
    "a write by another name of it": (write_by_another_name, False),
    "another file of the same length in its place": (lambda path: replace(path, RAW[::-1]), True),
    "a shorter file in its place": (lambda path: replace(path, RAW[:1000]), True),
    "an empty file in its place": (lambda path: replace(path, b""), True),
    "the same bytes in its place": (lambda path: replace(path, RAW), True),
    "a link to other bytes in its place": (lambda path: link(path, RAW[::-1]), True),
    "a link to the same bytes in its place": (lambda path: link(path, RAW), True),
    "a link that leads nowhere": (lambda path: (remove(path), path.symlink_to("nowhere")), True),
    "a folder in its place": (directory, True),
    "a pipe in its place": (pipe, True),
    "nothing in its place": (remove, True),
    "another name of it": (lambda path: path.with_name("other").hardlink_to(path), True),
    "another mode": (lambda path: path.chmod(0o400), True),
}


class Door:
    """The way from the pipeline to the socket, without the rooms before it."""

    def __init__(self, bench):
        self.bench = bench
        self.blob = bench.put_raw(RAW)
        self.outlet = Outlet(stall_seconds=30)

    async def handle(self, request):
        try:
            body, _ = await self.bench.fills.body(REPOSITORY, self.blob)
            portion = await ranges.choose(body, wanted=request.headers.get("Range"), if_range=None)
        except PratiqueError as error:
            return web.Response(status=error.status)
        response = web.StreamResponse(status=portion.status, headers=dict(portion.headers))
        await self.outlet.send(request, response, body, portion.parts, end=portion.end)
        return response

    @property
    def path(self):
        return self.bench.store._shelf.blob(self.blob.digest)


class Client:
    """Reads as slowly as it is told."""

    def __init__(self, address):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self.socket.setblocking(False)
        self.address = address

    async def ask(self, span=None):
        """Send the request and read the head and the first bytes."""
        await asyncio.get_running_loop().sock_connect(self.socket, self.address)
        self.reader, self.writer = await asyncio.open_connection(sock=self.socket, limit=64 * 1024)
        wanted = f"Range: bytes={span[0]}-{span[1] - 1}\r\n" if span else ""
        self.writer.write(f"GET /blob HTTP/1.1\r\nHost: test\r\n{wanted}\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.status = int(head.split()[1])
        (length,) = (line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length"))
        self.length = int(length)
        self.got = bytearray(await self.reader.readexactly(min(self.length, 100_000)))

    async def rest(self):
        """Read to the end or to the cut; return whether the answer was complete."""
        with contextlib.suppress(ConnectionError):
            while len(self.got) < self.length and (chunk := await self.reader.read(65536)):
                self.got += chunk
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()
        return len(self.got) == self.length


@pytest.fixture
async def door(tmp_path):
    async with FakeRegistry() as upstream:
        bench = Bench(tmp_path / "content", upstream)
        door = Door(bench)
        server = await asyncio.get_running_loop().create_server(
            web.Server(door.handle, access_log=None), "127.0.0.1", 0
        )
        await bench.read(door.blob)
        await bench.finished()
        door.address = server.sockets[0].getsockname()
        yield door
        server.close()
        door.outlet.close()
        await bench.close()


@pytest.mark.parametrize("change", CHANGES)
async def test_promise_2_what_was_changed_before_it_is_opened_is_not_served(door, change):
    """Whoever asks gets the right bytes: as they still are here, or from the upstream."""
    CHANGES[change][0](door.path)
    client = Client(door.address)
    await client.ask()
    assert await client.rest()
    assert (client.status, bytes(client.got)) == (200, RAW)
    await door.bench.finished()
    again = Client(door.address)
    await again.ask(SPAN)
    assert await again.rest()
    assert (again.status, bytes(again.got)) == (206, RAW[slice(*SPAN)])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("span", [None, SPAN], ids=["whole", "range"])
async def test_promise_2_what_is_changed_while_it_is_sent_never_completes(door, change, span):
    does, may_complete = CHANGES[change]
    client = Client(door.address)
    await client.ask(span)
    does(door.path)
    is_complete = await client.rest()
    if is_complete:
        assert may_complete
        assert bytes(client.got) == RAW[slice(*span)] if span else RAW
    else:
        assert not may_complete
        assert len(client.got) <= client.length - min(TAIL, client.length)
    again = Client(door.address)
    await again.ask()
    assert await again.rest()
    assert bytes(again.got) == RAW
    await door.bench.finished()
