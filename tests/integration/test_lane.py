"""The express lane beside aiohttp: the same bytes get the same answer, whoever gives it, and a change ends it at once."""

import asyncio
import contextlib
import random
import re
import ssl

import pytest

from proxy.errors import NotAllowed
from proxy.web.connections.crowd import Crowd
from tests.fakes.asking import Wire, ask, make_certificate
from tests.fakes.loops import on_both_loops
from tests.integration.test_web import DIGEST, MANIFEST, RAW, serving

PATH = "/v2/library/alpine/manifests/3.20"
PLAIN = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
LAST = b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
OF_THE_MOMENT = re.compile(rb"^(X-Request-Id|Date): .*\r\n", re.MULTILINE)


@contextlib.asynccontextmanager
async def filled(**listen):
    async with serving(**listen) as port:
        await port.door.put_blob(RAW)
        port.door.put_manifest(MANIFEST, tag="3.20")
        yield port


async def spoken(address, chunks, *, seconds=20.0, tls=None):
    """All that comes back when these bytes are sent as they are, in these parts."""
    async with asyncio.timeout(seconds), await Wire.open(address, tls) as wire:
        with contextlib.suppress(ConnectionError, RuntimeError):  # uvloop's word for a transport that was closed
            for chunk in chunks:
                wire.writer.write(chunk)
                await wire.writer.drain()
                await asyncio.sleep(0.01)
        received = b""
        with contextlib.suppress(ConnectionError):
            while more := await wire.reader.read(65536):
                received += more
        received += bytes(wire.reader._buffer)  # a stream keeps to itself what came before a reset
        return OF_THE_MOMENT.sub(b"", received)


def asked_of(port):
    return len(port.door.requests)


@on_both_loops
async def test_a_warm_manifest_is_answered_before_the_framework_with_the_same_head_and_body():
    async with filled() as port, await Wire.open(port.address) as wire:
        first = await wire.ask(PATH)
        asked = asked_of(port)
        second = await wire.ask(PATH)
        assert asked_of(port) == asked, "the pipeline was not asked again"
        assert (second.status, second.reason, second.body) == (first.status, first.reason, first.body)
        unlike = {"date", "x-request-id"}
        assert {k: v for k, v in first.headers.items() if k not in unlike} == {
            k: v for k, v in second.headers.items() if k not in unlike
        }
        assert second.headers.keys() == first.headers.keys()
        assert second.headers["x-request-id"] != first.headers["x-request-id"]


@on_both_loops
async def test_other_requests_on_the_same_connection_go_to_the_framework_and_the_lane_stays_open():
    async with filled() as port, await Wire.open(port.address) as wire:
        for _ in range(3):
            assert (await wire.ask(PATH)).body == MANIFEST
            assert (await wire.ask(f"/v2/library/alpine/blobs/{DIGEST}")).body == RAW
            assert (await wire.ask(PATH, method="HEAD")).body == b""
        assert [type(each).__name__ for each in port.door.requests].count("GetBlob") == 3
        asked = asked_of(port)
        assert (await wire.ask(PATH)).body == MANIFEST
        assert asked_of(port) == asked


async def test_t62_a_change_ends_the_lanes_answers_at_the_next_request():
    async with filled() as port, await Wire.open(port.address) as wire:
        for _ in range(3):
            assert (await wire.ask(PATH)).status == 200
        port.door.refusal = NotAllowed("revoked")
        assert (await wire.ask(PATH)).status == 200, "nothing changed that the pipeline knows of"
        port.door.generation += 1
        assert (await wire.ask(PATH)).status == 403


async def test_an_answer_that_expires_is_decided_again():
    async with filled() as port:
        port.door.until = 0.0
        async with await Wire.open(port.address) as wire:
            for turn in range(1, 4):
                assert (await wire.ask(PATH)).status == 200
                assert asked_of(port) == turn


async def test_a_closed_lane_answers_nothing():
    async with filled(expressLane=False) as port, await Wire.open(port.address) as wire:
        for turn in range(1, 4):
            assert (await wire.ask(PATH)).body == MANIFEST
            assert asked_of(port) == turn


async def test_what_went_over_the_lane_is_told_with_the_same_facts_when_the_proxy_ends():
    async with filled() as port:
        async with await Wire.open(port.address) as wire:
            for _ in range(5):
                await wire.ask(PATH)
        slow = await port.ended()
    fast = port.events[-1]
    assert fast.times == 4
    facts = ("client", "method", "kind", "repository", "reference", "status", "outcome", "body_bytes", "refusal")
    assert [getattr(fast, name) for name in facts] == [getattr(slow, name) for name in facts]


async def test_a_draining_proxy_closes_the_lane_and_its_connections():
    async with filled() as port, await Wire.open(port.address) as wire:
        await wire.ask(PATH)
        await wire.ask(PATH)
        await port.front.drain(0.05)
        assert await wire.reader.read() == b""


async def test_a_client_that_asks_and_never_reads_is_read_no_further():
    async with filled() as port, await Wire.open(port.address) as wire:
        port.door.put_manifest(MANIFEST + b" " * 1_000_000, tag="3.20")
        assert (await wire.ask(PATH)).status == 200
        assert (await wire.ask(PATH)).status == 200
        transport = next(iter(port.front._opened[0][1].open))._transport
        with contextlib.suppress(TimeoutError):
            for _ in range(400):
                wire.writer.write(PLAIN)
                await asyncio.wait_for(wire.writer.drain(), 0.05)
                await asyncio.sleep(0)
        assert transport.get_write_buffer_size() < 8_000_000


async def test_beyond_its_places_a_client_is_told_to_ask_again():
    async with filled() as port:
        port.front._opened[0][1].crowd = Crowd(total=10, each=1)
        async with await Wire.open(port.address) as first, await Wire.open(port.address) as second:
            assert (await first.ask(PATH)).status == 200
            reply = await second.head()
            assert (reply.status, reply.headers["retry-after"]) == (503, "5")
            assert reply.headers["connection"] == "close"
        async with await Wire.open(port.address) as third:
            assert (await third.ask(PATH)).status == 200


@on_both_loops
async def test_an_answer_of_the_lane_never_overtakes_one_that_is_owed():
    async with filled() as port, await Wire.open(port.address) as wire:
        assert (await wire.ask(PATH)).status == 200
        gate, answer = asyncio.Event(), port.door.manifest

        async def slow(asker, request):
            await gate.wait()
            return await answer(asker, request)

        port.door.manifest = slow
        await wire.send(PATH.replace("3.20", "absent"))
        await asyncio.sleep(0.05)
        for _ in range(5):
            await wire.send(PATH)
            await asyncio.sleep(0.01)
        assert not wire.reader._buffer
        gate.set()
        seen = []
        for _ in range(6):
            reply = await wire.head()
            seen.append(reply.status)
            await wire.reader.readexactly(int(reply.headers["content-length"]))
        assert seen == [404, 200, 200, 200, 200, 200]


async def test_what_one_client_is_answered_is_not_another_clients():
    async with filled() as port:
        async with await Wire.open(port.address) as wire:
            await wire.ask(PATH)
            await wire.ask(PATH)
        asked = asked_of(port)
        connected = await asyncio.open_connection("127.0.0.1", port.address.port, local_addr=("127.0.0.2", 0))
        async with Wire(*connected) as other:
            assert (await other.ask(PATH)).status == 200
        assert asked_of(port) == asked + 1
        assert [str(each.client) for each in port.door.askers[-2:]] == ["127.0.0.1", "127.0.0.2"]


async def test_what_one_listener_answers_is_not_anothers():
    """The same bytes mean another repository at a mirror's port."""
    async with filled(mirrors=[{"address": "127.0.0.1:0", "upstream": "nvcr.io"}]) as port:
        for name in ("registry", "mirror nvcr.io", "registry", "mirror nvcr.io"):
            assert (await ask(port.front.addresses[name], PATH)).body == MANIFEST
        assert [each.bound for each in port.door.askers] == [None, "nvcr.io"]
    told = {str(event.repository): event.times for event in port.events if getattr(event, "kind", "") == "manifest"}
    assert set(told) == {"docker.io/library/alpine", "nvcr.io/library/alpine"}


@on_both_loops
async def test_over_tls_the_lane_gives_the_same(tmp_path):
    listen, client = sealed(tmp_path)
    async with filled(**listen) as port, await Wire.open(port.address, client) as wire:
        first = await wire.ask(PATH)
        asked = asked_of(port)
        for _ in range(5):
            assert (await wire.ask(PATH)).body == first.body == MANIFEST
        assert asked_of(port) == asked
        port.door.refusal = NotAllowed("revoked")
        port.door.generation += 1
        assert (await wire.ask(PATH)).status == 403


async def test_t62_a_change_while_an_answer_is_on_its_way_is_not_undone_by_keeping_it():
    async with filled() as port, await Wire.open(port.address) as wire:
        answer = port.door.manifest

        async def changed(asker, request):
            given = await answer(asker, request)
            port.door.generation += 1
            port.door.refusal = NotAllowed("revoked meanwhile")
            return given

        port.door.manifest = changed
        assert (await wire.ask(PATH)).status == 200
        port.door.manifest = answer
        assert (await wire.ask(PATH)).status == 403


async def test_while_it_drains_nothing_more_goes_over_the_lane():
    async with filled() as port, await Wire.open(port.address) as idle, await Wire.open(port.address) as busy:
        for wire in (idle, busy):
            await wire.ask(PATH)
        gate, answer = asyncio.Event(), port.door.manifest

        async def slow(asker, request):
            await gate.wait()
            return await answer(asker, request)

        port.door.manifest = slow
        await busy.send(PATH.replace("3.20", "absent"))
        await asyncio.sleep(0.05)
        draining = asyncio.ensure_future(port.front.drain(10))
        assert await idle.reader.read() == b""
        await busy.send(PATH)
        gate.set()
        assert (await busy.head()).status == 404
        rest = await busy.reader.read()
        assert b"HTTP/1.1 200" not in rest, "aiohttp ends the connection after what it owed"
        await asyncio.wait_for(draining, 10)


# The same bytes, with the lane and without

SHAPES = [
    [PLAIN, PLAIN, LAST],
    [PLAIN + PLAIN + LAST],
    [PLAIN, PLAIN + PLAIN, LAST],
    [PLAIN[:20], PLAIN[20:], PLAIN, LAST],
    [PLAIN, PLAIN[:-2], PLAIN[-2:], LAST],
    [PLAIN, PLAIN + PLAIN[:10], PLAIN[10:], LAST],
    [b"\r\n" + PLAIN, LAST],
    [PLAIN, b"\r\n", PLAIN, LAST],
    [PLAIN.replace(b"GET", b"HEAD"), PLAIN, LAST],
    [PLAIN.replace(PATH.encode(), b"http://localhost" + PATH.encode()), PLAIN, LAST],
    [PLAIN.replace(b"Host", b"Expect: 100-continue\r\nHost"), LAST],
    [PLAIN.replace(b"Host", b"Content-Length: 3\r\nHost") + b"abc", PLAIN, LAST],
    [PLAIN.replace(b"Host", b"Content-Length: 3\r\nContent-Length: 4\r\nHost") + b"abc", PLAIN, LAST],
    [PLAIN.replace(b"Host", b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\nHost") + b"0\r\n\r\n", PLAIN, LAST],
    [PLAIN.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"), b"3\r\nabc\r\n0\r\n\r\n", PLAIN, LAST],
    [PLAIN, PLAIN.replace(b"Host", b"Content-Length: 57\r\nHost"), PLAIN, LAST],
    [PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0")],
    [PLAIN.replace(b": ", b":"), PLAIN.replace(b": ", b":  "), LAST],
    [PLAIN.replace(b"Host", b"Connection: close\r\nHost")],
    [PLAIN.replace(b"Host: localhost\r\n", b""), LAST],
    [b"GARBAGE\r\n\r\n"],
    [PLAIN, b"\x16\x03\x01\x02\x00"],
    [PLAIN.replace(b"\r\n", b"\n"), LAST],
    [PLAIN, PLAIN.replace(b"GET", b"PUT"), PLAIN, LAST],
]


@pytest.mark.parametrize("chunks", SHAPES, ids=range(len(SHAPES)))
async def test_the_same_bytes_get_the_same_answers_with_the_lane_and_without(chunks):
    async with filled() as fast, filled(expressLane=False) as slow:
        for port in (fast, slow):
            for _ in range(2):
                await spoken(port.address, [PLAIN, LAST])  # known to the lane
        assert await spoken(fast.address, chunks) == await spoken(slow.address, chunks)


def sealed(folder):
    certificate, key = make_certificate(folder)
    registry = {"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "key": str(key)}}
    return {"registry": registry}, ssl.create_default_context(cafile=certificate)


HEADS = [
    PLAIN,
    PLAIN.replace(b"GET", b"HEAD"),
    PLAIN.replace(b"3.20", b"absent"),
    PLAIN.replace(b"Host", b"Range: bytes=0-\r\nHost"),
    PLAIN.replace(b"localhost", b"localhost\r\nX-Odd:\tspace"),
    b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\r\n",
]  # no body: what follows one is answered by a reset, and how much of it was sent by then is chance


def cut(dice):
    """Some heads of several kinds, cut and joined anywhere."""
    said = b"".join(dice.choices(HEADS, weights=[8, 3, 1, 2, 1, 1, 1], k=dice.randint(1, 7))) + LAST
    cuts = sorted(dice.sample(range(1, len(said)), k=dice.randint(0, 5)))
    ends = [found.end() for found in re.finditer(rb"\r\n\r\n", said[:-1])]
    if dice.random() < 0.6:
        cuts = sorted({*cuts[:1], *ends}) if dice.random() < 0.5 else ends
    return [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]


@pytest.mark.parametrize("way", ["plain", "sealed", "mirror"])
@on_both_loops
async def test_random_pieces_get_the_same_answers_with_the_lane_and_without(way, tmp_path):
    """What one connection says depends on its bytes alone."""
    dice = random.Random(f"20261121 {way}")  # noqa: S311  # the same pieces in every run
    listen, tls = sealed(tmp_path) if way == "sealed" else ({}, None)
    if way == "mirror":
        listen = {"mirrors": [{"address": "127.0.0.1:0", "upstream": "nvcr.io"}]}
    name = "mirror nvcr.io" if way == "mirror" else "registry"
    async with filled(**listen) as fast, filled(**listen, expressLane=False) as slow:

        async def compare(chunks):
            said = [await spoken(port.front.addresses[name], chunks, tls=tls) for port in (fast, slow)]
            assert said[0] == said[1], chunks

        for _ in range(8):
            await asyncio.gather(*(compare(cut(dice)) for _ in range(25)))
    assert any(getattr(event, "times", 1) > 1 for event in fast.events), "some went over the lane"
