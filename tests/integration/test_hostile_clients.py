"""Clients that misbehave: each costs what it costs and no more, and what is not HTTP is told so in one line.

Garbage, smuggling, slow heads, slow readers, floods, resets, a thousand connections, and no descriptors left.
"""

import asyncio
import contextlib
import random
import re
import socket
import ssl
import struct

import pytest

from proxy.web.connections import accepting, crowd
from tests.fakes.asking import Wire, ask, make_certificate
from tests.fakes.loops import LOOPS, on_both_loops
from tests.fakes.standing import BLOB, BLOB_PATH, standing
from tests.integration.test_web import MANIFEST, RAW, serving

GOOD = b"GET /v2/a/b/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n"
EVIL = b"GET /v2/evil/evil/manifests/evil HTTP/1.1\r\nHost: x\r\n\r\n"
MEBIBYTE = 1024 * 1024


@contextlib.asynccontextmanager
async def filled(**listen):
    async with serving(**listen) as port:
        await port.door.put_blob(RAW)
        port.door.put_manifest(MANIFEST, tag="1")
        yield port


async def everything(address, *pieces, seconds=15.0):
    """What comes back until the other side ends it, and whether it did."""
    received = b""
    async with await Wire.open(address) as wire:
        with contextlib.suppress(ConnectionError, TimeoutError):
            for piece in pieces:
                wire.writer.write(piece)
                await wire.writer.drain()
                await asyncio.sleep(0.005)
            async with asyncio.timeout(seconds):
                while more := await wire.reader.read(65536):
                    received += more
        return received


def statuses(received):
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


def reset(wire):
    """End a connection with RST."""
    raw = wire.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.writer.transport.abort()


# Request smuggling: one connection, and nothing in a body or in a doubt is ever a request

BODY = b"POST /v2/a/b/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = {
    "content-length and chunked": BODY + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "chunked and content-length": BODY + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" + EVIL,
    "two lengths": BODY + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(EVIL) + EVIL,
    "a list of lengths": BODY + b"Content-Length: 0, %d\r\n\r\n" % len(EVIL) + EVIL,
    "a signed length": BODY + b"Content-Length: +0\r\n\r\n" + EVIL,
    "a negative length": BODY + b"Content-Length: -1\r\n\r\n" + EVIL,
    "a length in hex": BODY + b"Content-Length: 0x0\r\n\r\n" + EVIL,
    "a length with an underscore": BODY + b"Content-Length: 0_0\r\n\r\n" + EVIL,
    "a length beyond any": BODY + b"Content-Length: %d\r\n\r\n" % 10**30 + EVIL,
    "a space before the colon": BODY + b"Content-Length : 0\r\nContent-Length: %d\r\n\r\n" % len(EVIL) + EVIL,
    "a space before the name": BODY + b"X: y\r\n Content-Length: %d\r\n\r\n" % len(EVIL) + b"" + EVIL,
    "an encoding that is none": BODY + b"Transfer-Encoding: xchunked\r\n\r\n" + EVIL,
    "chunked not last": BODY + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + EVIL,
    "a tab before chunked": BODY + b"Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + EVIL,
    "a vertical tab": BODY + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + EVIL,
    "a chunk's size that wraps": BODY + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff0\r\n" + EVIL,
    "a chunk's size that is none": BODY + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + EVIL,
    "a chunk without its end": BODY + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" + EVIL,
    "bare line feeds": b"GET /v2/a/b/manifests/1 HTTP/1.1\nHost: x\n\n" + EVIL,
    "a bare line feed in a value": GOOD[:-4] + b"\n\n" + EVIL,
    "a bare carriage return": b"GET /v2/a/b/manifests/1 HTTP/1.1\rHost: x\r\r" + EVIL,
    "a zero in a name": b"GET /v2/a/b/manifests/1 HTTP/1.1\r\nHo\x00st: x\r\n\r\n" + EVIL,
    "a zero in a value": b"GET /v2/a/b/manifests/1 HTTP/1.1\r\nHost: x\x00\r\n\r\n" + EVIL,
    "a length that covers it": GOOD.replace(b"Host", b"Content-Length: %d\r\nHost" % len(EVIL)) + EVIL,
    "a chunk that covers it": GOOD.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost")
    + b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVIL), EVIL),
    "an upgrade": GOOD.replace(b"Host", b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nHost") + EVIL,
    "a tunnel": b"CONNECT reg.test:443 HTTP/1.1\r\nHost: x\r\n\r\n" + EVIL,
}


@pytest.mark.parametrize("is_warm", [False, True], ids=["first", "after a warm answer"])
@pytest.mark.parametrize("shape", SMUGGLED)
async def test_t55_what_one_request_hides_is_never_another_request(shape, is_warm, caplog):
    """Whoever reads this with other eyes than ours (a load balancer) would hand the answer to somebody else."""
    async with filled() as port:
        before = [GOOD, GOOD] if is_warm else []
        received = await everything(port.address, *before, SMUGGLED[shape], seconds=4)
    found = statuses(received)[len(before) :]
    evil = [each for each in port.door.requests if getattr(each, "name", "") == "evil/evil"]
    assert len(found) <= 1, (found, received)
    assert evil == []
    assert b"Traceback" not in received
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_client_that_offers_another_protocol_is_answered_in_this_one_and_not_left_waiting():
    """curl --http2 does, over plain HTTP."""
    offer = GOOD.replace(
        b"Host", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\nHost"
    )
    async with filled() as port:
        received = await everything(port.address, offer, seconds=10)
    assert statuses(received) == [200]
    assert b"Connection: close" in received
    assert received.endswith(MANIFEST)


# Garbage


def garbage(dice):
    heads = [GOOD, GOOD.replace(b"GET", b"HEAD"), BODY + b"Content-Length: 2\r\n\r\nab", EVIL, b"\r\n"]
    kind = dice.randrange(6)
    if kind == 0:
        return dice.randbytes(dice.randint(1, 3000))
    if kind == 1:
        return b"\x16\x03\x01" + dice.randbytes(dice.randint(1, 600))
    if kind == 2:
        return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + dice.randbytes(dice.randint(0, 100))
    if kind == 3:
        said = bytearray(dice.choice(heads))
        for _ in range(dice.randint(1, 6)):
            said[dice.randrange(len(said))] = dice.choice(b"\x00\r\n\t :,;%/\x7f\xff0a")
        return bytes(said) + dice.choice([b"", GOOD])
    if kind == 4:
        name = dice.choice([b"X" * 9000, b"\xff", b"", b"A\x00", b"a b", b"\xe2\x80\xa8"])
        return b"GET /v2/ HTTP/1.1\r\n" + name + b": " + dice.randbytes(20) + b"\r\n\r\n"
    target = dice.choice(
        [b"*", b"//", b"/v2/%00/manifests/1", b"/v2/../..", b"http://[", b"/v2/a/manifests/%ff", b"?" * 99]
    )
    return b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_t55_garbage_of_every_kind_is_answered_in_a_line_or_not_at_all_and_leaves_no_trace(caplog):
    dice = random.Random(20261122)  # noqa: S311  # the same garbage in every run
    said = [[garbage(dice) for _ in range(dice.randint(1, 3))] for _ in range(240)]
    async with filled() as port:
        for start in range(0, len(said), 40):
            asked = (everything(port.address, *pieces, seconds=0.5) for pieces in said[start : start + 40])
            for received in await asyncio.gather(*asked):
                assert received == b"" or received.startswith(b"HTTP/1.")
                assert b"Traceback" not in received
                assert b'File "' not in received
        assert (await ask(port.address, "/v2/a/b/manifests/1")).body == MANIFEST
        assert (await ask(port.front.addresses["admin"], "/readyz")).status == 200
    assert [record.getMessage() for record in caplog.records] == []
    assert 500 not in {event.status for event in port.events}


async def test_t55_a_garbled_handshake_ends_and_the_next_client_is_served(tmp_path, caplog):
    certificate, key = make_certificate(tmp_path)
    registry = {"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "key": str(key)}}
    async with filled(registry=registry) as port:
        for said in (GOOD, b"\x16\x03\x01\x00\x05hello", b"\x00" * 5000):
            assert b"HTTP" not in await everything(port.address, said, seconds=5)
        assert len(port.front._crowd) == 0
        async with await Wire.open(port.address, ssl.create_default_context(cafile=certificate)) as wire:
            assert (await wire.ask("/v2/a/b/manifests/1")).body == MANIFEST
    assert caplog.records == []


@on_both_loops
async def test_a_handshake_that_is_never_ended_holds_a_place_for_a_moment_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(accepting, "_HANDSHAKE_SECONDS", 0.2)
    certificate, key = make_certificate(tmp_path)
    registry = {"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "key": str(key)}}
    async with filled(registry=registry) as port:
        wires = [await Wire.open(port.address) for _ in range(20)]
        await until(lambda: len(port.front._crowd) == 20)
        await until(lambda: len(port.front._crowd) == 0)
        for wire in wires:
            reset(wire)


async def until(is_so, *, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.01)


# Time


async def test_a_head_that_never_ends_is_cut_and_a_slow_body_is_read_no_longer_than_a_moment(monkeypatch):
    monkeypatch.setattr(crowd, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(crowd, "HEAD_SECONDS", 0.4)
    async with filled() as port, await Wire.open(port.address) as wire:
        with contextlib.suppress(ConnectionError):
            for byte in GOOD * 4:
                wire.writer.write(bytes([byte]))
                await wire.writer.drain()
                await asyncio.sleep(0.02)
                if wire.reader.at_eof():
                    break
        with contextlib.suppress(ConnectionError):
            assert await wire.reader.read() == b""
        await until(lambda: any(getattr(event, "why", "") == "head" for event in port.events))
        upload = BODY + b"Content-Length: 1000000000\r\n\r\nabc"
        assert statuses(await everything(port.address, upload)) == [405]


async def test_between_two_requests_nobody_is_silent_for_ever(monkeypatch):
    monkeypatch.setattr(crowd, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(crowd, "IDLE_SECONDS", 0.3)
    async with filled() as port, await Wire.open(port.address) as wire, await Wire.open(port.address) as mute:
        for _ in range(10):
            await asyncio.sleep(0.05)
            assert (await wire.ask("/v2/a/b/manifests/1")).body == MANIFEST
        with contextlib.suppress(ConnectionError):
            assert await wire.reader.read() == b""
            assert await mute.reader.read() == b""


@on_both_loops
async def test_a_client_that_takes_next_to_nothing_of_a_blob_is_cut():
    async with filled(stall_seconds=0.4) as port:
        large = RAW * 100
        digest = await port.door.put_blob(large)
        with socket.create_connection(("127.0.0.1", port.address.port)) as crawler:
            crawler.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            crawler.sendall(f"GET /v2/a/b/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await until(lambda: len(port.front._crowd) == 1)
            crawler.setblocking(False)

            def crawled():
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    crawler.recv(1)
                return len(port.front._crowd) == 0

            await until(crawled)
        event = await port.ended()
        assert "stalled" in (event.message or "")


# Numbers


async def test_nobody_waits_longer_for_who_sends_a_thousand_requests_at_once():
    async with filled() as port, await Wire.open(port.address) as flood:
        flood.writer.write(GOOD.replace(b"/1 ", b"/absent ") * 1000)
        async with asyncio.timeout(20):
            assert (await ask(port.address, "/v2/a/b/manifests/1")).status == 200
            assert (await ask(port.front.addresses["admin"], "/livez")).status == 200
            for _ in range(1000):
                reply = await flood.head()
                assert reply.status == 404
                await flood.reader.readexactly(int(reply.headers["content-length"]))


async def test_of_what_comes_before_its_turn_little_is_taken():
    async with filled() as port, await Wire.open(port.address) as wire:
        gate = asyncio.Event()
        answer = port.door.manifest

        async def slow(asker, request):
            await gate.wait()
            return await answer(asker, request)

        port.door.manifest = slow
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 * MEBIBYTE:
                wire.writer.write(GOOD * 1000)
                sent += len(GOOD) * 1000
                await asyncio.wait_for(wire.writer.drain(), 0.5)
        assert sent < 64 * MEBIBYTE, "it reads no further"
        (connection,) = port.front._opened[0][1].open
        assert len(connection._asked) == 0
        reset(wire)
        gate.set()


async def test_beyond_its_places_one_client_leaves_the_others_theirs():
    async with filled() as port:
        port.front._crowd._total, port.front._crowd._each = 12, 10
        wires = [await Wire.open(port.address) for _ in range(10)]
        for wire in wires:
            assert (await wire.ask("/v2/a/b/manifests/1")).status == 200
        async with await Wire.open(port.address) as eleventh:
            reply = await eleventh.head()
            assert (reply.status, reply.headers["retry-after"]) == (503, "5")
        reader, writer = await asyncio.open_connection("127.0.0.1", port.address.port, local_addr=("127.0.0.2", 0))
        async with Wire(reader, writer) as other:
            assert (await other.ask("/v2/a/b/manifests/1")).body == MANIFEST
        for wire in wires:
            reset(wire)
        await until(lambda: any(getattr(event, "why", "") == "client" for event in port.events))


async def test_where_all_places_are_taken_who_rests_makes_room(monkeypatch):
    monkeypatch.setattr(crowd, "_RESTED", 0.05)
    async with filled() as port:
        port.front._crowd._total = 10
        wires = [await Wire.open(port.address) for _ in range(10)]
        for wire in wires:
            assert (await wire.ask("/v2/a/b/manifests/1")).status == 200
        await asyncio.sleep(0.1)
        assert (await ask(port.address, "/v2/a/b/manifests/1")).status == 200
        for wire in wires:
            reset(wire)


async def test_the_health_port_is_there_whatever_the_registrys_clients_do():
    """A thousand: idle, with half a head, and with a body that they do not take."""
    async with filled() as port:
        large = await port.door.put_blob(RAW * 40)
        wires = [await Wire.open(port.address) for _ in range(1000)]
        for wire in wires[::3]:
            wire.writer.write(GOOD[:-3])
        for wire in wires[1:200:3]:
            wire.writer.write(f"GET /v2/a/b/blobs/{large} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            wire.reader._transport.pause_reading()
        for _ in range(3):
            async with asyncio.timeout(10):
                assert (await ask(port.front.addresses["admin"], "/readyz")).status == 200
                assert (await ask(port.address, "/v2/a/b/manifests/1")).body == MANIFEST
        for wire in wires:
            reset(wire)
        await until(lambda: len(port.front._crowd) == 0)


async def test_the_health_port_has_limits_of_its_own():
    async with filled() as port:
        admin = port.front.addresses["admin"]
        port.front._watchers._total = port.front._watchers._each = 20
        wires = [await Wire.open(admin) for _ in range(20)]
        await until(lambda: len(port.front._watchers) == 20)
        assert (await ask(port.address, "/v2/")).status == 200
        for wire in wires:
            reset(wire)
        await until(lambda: len(port.front._watchers) == 0)
        assert (await ask(admin, "/livez")).status == 200


# In a process of its own


@pytest.mark.parametrize("loop", LOOPS)
async def test_without_descriptors_it_waits_says_so_and_goes_on(tmp_path, loop):
    async with standing(tmp_path, loop=loop, files=80) as process:
        assert (await ask(process.registry, "/v2/a/b/manifests/small")).status == 200
        wires = [await Wire.open(process.registry) for _ in range(150)]
        await until(lambda: '"why":"descriptors"' in process.said.replace(" ", ""))
        before = process.cpu_seconds
        await asyncio.sleep(1.0)
        assert process.cpu_seconds - before < 0.8, "it does not spin"
        for wire in wires:
            reset(wire)
        async with asyncio.timeout(20):
            assert (await ask(process.registry, "/v2/a/b/manifests/small")).status == 200
            assert (await ask(process.admin, "/livez")).status == 200
        assert "Traceback" not in process.said
        assert process.process.returncode is None


async def test_whoever_resets_crawls_or_floods_leaves_nothing_behind(tmp_path):
    async with standing(tmp_path) as process:
        for _ in range(2):
            await _all_of_it(process)
        files, before = process.descriptors, process.resident
        for _ in range(6):
            await _all_of_it(process)
        await until(lambda: process.descriptors <= files + 5)
        assert process.resident - before < 48 * MEBIBYTE
        assert "Traceback" not in process.said
        assert (await ask(process.registry, BLOB_PATH)).body == BLOB


async def _all_of_it(process):
    dice = random.Random(7)  # noqa: S311  # the same in every run
    await asyncio.gather(*(_resets(process) for _ in range(100)))
    await asyncio.gather(*(everything(process.registry, garbage(dice), seconds=0.3) for _ in range(60)))
    await asyncio.gather(*(_floods(process, number) for number in range(10)))


async def _resets(process):
    wire = await Wire.open(process.registry)
    await wire.send(BLOB_PATH)
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        await wire.reader.readexactly(1000)
    reset(wire)


async def _floods(process, number):
    """Many heads that differ, each answered and kept for nobody."""
    async with await Wire.open(process.registry) as wire:
        for turn in range(200):
            reply = await wire.ask("/v2/a/b/manifests/small", headers={"X-Flood": f"{number}-{turn}"})
            assert reply.status == 200


async def test_a_thousand_who_ask_for_what_is_large_and_take_nothing_of_it_cost_little(tmp_path):
    async with standing(tmp_path) as process:
        assert (await ask(process.registry, "/v2/a/b/manifests/large")).status == 200
        before, wires = process.resident, []
        for _ in range(300):
            raw = socket.create_connection(("127.0.0.1", process.registry.port))
            raw.sendall(GOOD.replace(b"/1 ", b"/large "))
            wires.append(raw)
        await asyncio.sleep(1.0)
        async with asyncio.timeout(10):
            assert (await ask(process.admin, "/livez")).status == 200
        assert process.resident - before < 160 * MEBIBYTE, "300 answers of 4 MB are 1.2 GB"
        for raw in wires:
            raw.close()
