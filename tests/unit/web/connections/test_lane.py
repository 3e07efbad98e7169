"""What the lane repeats, to whom and for how long; and which bytes it never looks at."""

import asyncio
import dataclasses

import pytest
from aiohttp import web

from proxy.events import Answered, Client
from proxy.oci.reference import Repository
from proxy.web.connections import lane as lanes
from proxy.web.connections.lane import REPEAT, Lane, Repeat, is_plain

HEAD = b"GET /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n"
NODE, OTHER = Client("192.0.2.1"), Client("192.0.2.2")
FACTS = Answered("id", NODE, "GET", "manifest", Repository("r.test", "a"), "1", 200, "hit", 0.5, 4)


class Pipeline:
    def __init__(self):
        self.generation = 7
        self.now = 1000.0
        self.told = []
        self.lane = Lane(generation=lambda: self.generation, clock=lambda: self.now, emit=self.told.append)


@pytest.fixture
def pipeline():
    return Pipeline()


def answer(*, generation=7, until=2000.0, facts=FACTS):
    response = web.Response(body=b"body", headers={"Content-Type": "t/x", "X-Request-Id": "old", "Date": "old"})
    response[REPEAT] = Repeat(generation, until, facts)
    return response


def test_the_same_bytes_of_the_same_client_get_the_same_answer(pipeline):
    pipeline.lane.learn(NODE, HEAD, answer())
    ready = pipeline.lane.find(NODE, HEAD)
    head, _, body = ready.made().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: t/x\r\n")
    assert b"old" not in head
    assert head.count(b"X-Request-Id: ") == head.count(b"Date: ") == 1
    assert body == b"body"


def test_t01_a_head_gets_the_head_alone(pipeline):
    pipeline.lane.learn(NODE, HEAD, answer(facts=dataclasses.replace(FACTS, method="HEAD")))
    assert pipeline.lane.find(NODE, HEAD).made().endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("client", "data"), [(OTHER, HEAD), (NODE, HEAD[:-1]), (NODE, HEAD + b"x"), (NODE, HEAD.lower())]
)
def test_other_bytes_and_other_clients_get_none(pipeline, client, data):
    pipeline.lane.learn(NODE, HEAD, answer())
    assert pipeline.lane.find(client, data) is None


def test_t62_one_increment_ends_every_answer(pipeline):
    pipeline.lane.learn(NODE, HEAD, answer())
    pipeline.generation += 1
    assert pipeline.lane.find(NODE, HEAD) is None


def test_t62_an_answer_of_an_older_generation_is_learned_and_never_given(pipeline):
    pipeline.lane.learn(NODE, HEAD, answer(generation=6))
    assert pipeline.lane.find(NODE, HEAD) is None


def test_an_answer_is_not_given_from_its_end_on(pipeline):
    pipeline.lane.learn(NODE, HEAD, answer(until=2000.0))
    pipeline.now = 1999.9
    assert pipeline.lane.find(NODE, HEAD) is not None
    pipeline.now = 2000.0
    assert pipeline.lane.find(NODE, HEAD) is None


def test_what_the_port_does_not_call_repeatable_is_not_learned(pipeline):
    pipeline.lane.learn(NODE, HEAD, web.Response(body=b"body"))
    pipeline.lane.learn(NODE, HEAD, web.StreamResponse())
    assert pipeline.lane.find(NODE, HEAD) is None


async def test_hits_are_told_once_a_window_with_how_often_and_under_the_id_that_went_out(pipeline):
    pipeline.lane.learn(NODE, HEAD, answer())
    ready = pipeline.lane.find(NODE, HEAD)
    sent = ready.made()
    for seconds in (0.1, 0.2, 0.3):
        pipeline.lane.hit(ready, seconds)
    await pipeline.lane.settle()
    (told,) = pipeline.told
    assert (told.times, round(told.seconds, 6), told.body_bytes, told.client) == (3, 0.2, 4, NODE)
    assert f"X-Request-Id: {told.request_id}\r\n".encode() in sent
    await pipeline.lane.settle()
    assert len(pipeline.told) == 1
    assert ready.wire is None, "the next window has an id of its own"


async def test_what_was_counted_is_not_lost_when_telling_is_interrupted(pipeline):
    heads = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(100)]
    for head in heads:
        pipeline.lane.learn(NODE, head, answer())
        pipeline.lane.hit(pipeline.lane.find(NODE, head), 0.1)
    telling = asyncio.create_task(pipeline.lane.settle())
    await asyncio.sleep(0)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert 0 < len(pipeline.told) < 100
    await pipeline.lane.settle()
    assert len(pipeline.told) == 100


def test_what_is_large_is_left_to_who_writes_piece_by_piece(pipeline):
    response = web.Response(body=b" " * (lanes._LARGEST + 1))
    response[REPEAT] = Repeat(7, None, FACTS)
    pipeline.lane.learn(NODE, HEAD, response)
    assert pipeline.lane.find(NODE, HEAD) is None


def test_large_answers_count_for_what_they_hold(pipeline, monkeypatch):
    monkeypatch.setattr(lanes, "_KEPT", 1_000_000)
    for number in range(100):
        response = web.Response(body=b" " * 50_000)
        response[REPEAT] = Repeat(7, None, FACTS)
        pipeline.lane.learn(NODE, b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number, response)
    assert len(pipeline.lane._ready) * 100_000 <= 1_000_000


async def test_what_is_kept_is_bounded_and_the_oldest_goes(pipeline, monkeypatch):
    monkeypatch.setattr(lanes, "_KEPT", 10 * (lanes._BESIDE + 100))
    heads = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(40)]
    for head in heads:
        pipeline.lane.learn(NODE, head, answer())
    found = [pipeline.lane.find(NODE, head) is not None for head in heads]
    assert found[-1]
    assert not found[0]
    assert sum(found) <= 10
    pipeline.generation += 1
    await pipeline.lane.settle()
    assert (pipeline.lane._held, pipeline.lane._ready) == (0, {})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD[:-1],
        HEAD + HEAD,
        HEAD + b"G",
        b"\r\n" + HEAD,
        HEAD.replace(b"GET", b"POST"),
        HEAD.replace(b"GET", b"get"),
        HEAD.replace(b"Host", b"Content-Length: 3\r\nHost"),
        HEAD.replace(b"Host", b"content-LENGTH: 0\r\nHost"),
        HEAD.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"),
        HEAD.replace(b"Host", b"Expect: 100-continue\r\nHost"),
        HEAD.replace(b"Host", b"Upgrade: h2c\r\nHost"),
        HEAD.replace(b"Host", b"Connection: close\r\nHost"),
        HEAD.replace(b"Host", b"Authorization: Basic eA==\r\nHost"),
        HEAD.replace(b"Host", b"Cookie: a=b\r\nHost"),
        HEAD.replace(b"Host", b"X-Registry-Token: s3cret\r\nHost"),
        HEAD.replace(b"Host: x", b"Host: " + b"x" * 5000),
        HEAD.replace(b"\r\n", b"\n", 1),
        HEAD.replace(b"Host: x", b"Host: x\n\nGET /b HTTP/1.1"),
        HEAD.replace(b"Host", b"Host "),
        HEAD.replace(b"Host", b" Host"),
        HEAD.replace(b"x\r", b"x\x00\r"),
        HEAD.replace(b"x\r", b"\xff\r"),
        HEAD.replace(b"x\r", b"a\rb\r"),
        HEAD.replace(b"/1.1", b"/1.0"),
        HEAD.replace(b" HTTP", b"  HTTP"),
        b"GET /v2/ HTTP/1.1\r\n\r\n",
    ],
)
def test_the_lane_is_for_one_whole_plain_head_alone(data):
    assert not is_plain(data)


def test_a_plain_head_is_one(pipeline):
    assert is_plain(HEAD)
    assert is_plain(HEAD.replace(b"GET", b"HEAD"))
    assert is_plain(HEAD.replace(b"/a/", b"/fortune-cookie/connection-key/")), "a name is no header"
