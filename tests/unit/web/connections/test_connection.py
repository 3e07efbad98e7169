"""When the lane may answer, and when a connection is the framework's: against a transport that only remembers."""

import asyncio

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.events import Answered, Client
from proxy.oci.reference import Repository
from proxy.web.connections.connection import Connection
from proxy.web.connections.lane import REPEAT, Lane, Repeat
from tests.fakes.wires import FakeHouse, FakeTransport

NODE = Client("192.0.2.1")
HEAD = b"GET /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER = HEAD.replace(b"/1 ", b"/2 ")
FACTS = Answered("id", NODE, "GET", "manifest", Repository("r.test", "a"), "1", 200, "hit", 0.5, 4)


class Scene:
    """One connection, whose lane knows HEAD."""

    def __init__(self, *, knows=(HEAD,), has_lane=True):
        self.generation = 1
        self.lane = Lane(generation=lambda: self.generation, clock=lambda: 0.0, emit=lambda _: None)
        for head in knows:
            self.lane.learn(NODE, head, self.answer())
        self.house = FakeHouse(self.lane if has_lane else None)
        self.transport = FakeTransport()
        self.connection = Connection(self.house, NODE)
        self.now = 100.0
        self.connection._now = lambda: self.now
        self.connection.connection_made(self.transport)

    def answer(self, *, is_repeatable=True, keeps=True):
        response = web.Response(body=b"body")
        if is_repeatable:
            response[REPEAT] = Repeat(self.generation, None, FACTS)
        response._keep_alive = keeps
        return response

    @property
    def framework(self):
        return self.house.made

    @property
    def by_lane(self):
        return sum(data.startswith(b"HTTP/1.1 200 OK") for data in self.transport.written)

    def say(self, *pieces):
        for piece in pieces:
            self.connection.data_received(piece)


async def test_a_known_head_is_answered_before_there_is_a_framework():
    scene = Scene()
    scene.say(HEAD, HEAD)
    assert (scene.by_lane, scene.framework) == (2, None)


async def test_without_a_lane_everything_is_the_frameworks():
    scene = Scene(has_lane=False)
    scene.say(HEAD)
    assert scene.framework.given == [HEAD]


async def test_while_the_framework_owes_an_answer_nothing_overtakes_it():
    scene = Scene()
    scene.say(OTHER, HEAD, HEAD)
    assert scene.by_lane == 0
    assert scene.framework.given == [OTHER, HEAD, HEAD]
    for _ in range(3):
        scene.framework.answers(scene.answer())
    scene.say(HEAD)
    assert (scene.by_lane, scene.framework.pending) == (1, 0)


async def test_what_the_framework_answered_is_known_from_then_on():
    scene = Scene(knows=())
    scene.say(HEAD)
    scene.framework.answers(scene.answer())
    scene.say(HEAD)
    assert scene.by_lane == 1


async def test_answers_are_learned_for_the_head_that_asked():
    scene = Scene(knows=())
    scene.say(OTHER, HEAD)
    scene.framework.answers(scene.answer(is_repeatable=False))
    scene.framework.answers(scene.answer())
    assert scene.lane.find(NODE, OTHER) is None
    assert scene.lane.find(NODE, HEAD) is not None


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD[:10], HEAD[10:]),
        (HEAD + OTHER,),
        (b"\r\n", HEAD),
        (HEAD + b"x",),
        (HEAD.replace(b"\r\n", b"\n"),),
        (OTHER.replace(b"Host", b"Content-Length: 3\r\nHost"), b"abc"),
        (b"\x16\x03\x01",),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",),
        (OTHER.replace(b"Host: x", b"Host: x\n\nGET /v2/a/manifests/1 HTTP/1.1"),),
    ],
    ids=range(9),
)
async def test_who_sends_in_any_other_way_is_the_frameworks_alone_from_then_on(pieces):
    scene = Scene()
    scene.say(HEAD, *pieces)
    while scene.framework.pending > 0:
        scene.framework.answers(scene.answer())
    scene.say(HEAD)
    assert scene.by_lane == 1
    assert b"".join(scene.framework.given) == b"".join((*pieces, HEAD))


async def test_after_an_answer_that_ends_the_connection_the_lane_is_silent():
    scene = Scene()
    scene.say(OTHER)
    scene.framework.answers(scene.answer(keeps=False))
    scene.say(HEAD)
    assert scene.by_lane == 0


async def test_after_an_error_the_lane_is_silent():
    scene = Scene()
    scene.say(OTHER)
    scene.connection.spoils()
    scene.say(HEAD)
    assert scene.by_lane == 0
    assert scene.framework.given == [OTHER, HEAD]


async def test_t62_a_change_is_seen_by_the_next_request_of_an_open_connection():
    scene = Scene()
    scene.say(HEAD)
    scene.generation += 1
    scene.say(HEAD)
    assert scene.by_lane == 1
    assert scene.framework.given == [HEAD]


async def test_another_clients_answers_are_not_given():
    scene = Scene()
    stranger = Connection(FakeHouse(scene.lane), Client("192.0.2.2"))
    transport = FakeTransport()
    stranger.connection_made(transport)
    stranger.data_received(HEAD)
    assert transport.written == []


async def test_a_full_transport_takes_no_more_answers_and_is_read_no_further():
    scene = Scene()
    scene.say(HEAD)
    scene.connection.pause_writing()
    assert not scene.transport.is_reading
    scene.say(HEAD)  # what was read already
    assert scene.by_lane == 1
    assert scene.framework.heard == ["made", "pause_writing"]
    scene.connection.resume_writing()
    assert scene.transport.is_reading
    assert scene.framework.heard[-1] == "resume_writing"
    scene.say(HEAD)
    assert scene.by_lane == 1, "the framework's answer comes first"


async def test_the_frameworks_own_full_transport_is_the_frameworks_to_mind():
    scene = Scene()
    scene.say(OTHER)
    scene.connection.pause_writing()
    assert scene.transport.is_reading
    scene.framework.answers(scene.answer())
    scene.say(HEAD)
    assert scene.by_lane == 0, "no more is put upon what is full"


async def test_since_when_it_waits_is_known():
    scene = Scene()
    connection = scene.connection
    scene.now = 110.0
    scene.say(HEAD)
    assert (connection.idle_since, connection.head_since, connection.full_since) == (110.0, None, None)
    scene.now = 120.0
    scene.say(HEAD[:5])
    scene.now = 130.0
    scene.say(HEAD[5:9])
    assert (connection.idle_since, connection.head_since) == (130.0, 120.0)
    connection.begins()
    assert (connection.idle_since, connection.head_since) == (None, None)
    scene.now = 140.0
    connection.answered(scene.answer())
    assert connection.idle_since == 140.0
    connection.pause_writing()
    assert connection.full_since == 140.0
    connection.resume_writing()
    assert connection.full_since is None


async def test_one_that_waits_is_closed_at_the_end_and_one_that_is_owed_an_answer_is_not():
    scene = Scene()
    scene.say(OTHER)
    scene.connection.retire()
    assert not scene.transport.is_closed
    scene.framework.answers(scene.answer())
    scene.say(HEAD)
    assert scene.by_lane == 0
    idle = Scene()
    idle.connection.retire()
    assert idle.transport.is_closed


async def test_it_can_be_cut_before_and_after_it_has_a_transport():
    Connection(FakeHouse(None), NODE).cut()
    scene = Scene()
    scene.connection.cut()
    assert scene.transport.is_aborted


async def test_its_end_is_told_to_house_and_framework():
    scene = Scene()
    scene.say(OTHER)
    assert scene.house.members == {scene.connection}
    scene.connection.eof_received()
    scene.connection.connection_lost(None)
    assert scene.house.members == set()
    assert scene.framework.heard[-2:] == ["eof_received", "connection_lost"]


STEPS = st.lists(
    st.sampled_from(["known", "other", "half", "rest", "two", "answer", "close", "change", "full", "free"])
)


@settings(max_examples=400)
@given(STEPS)
def test_in_whatever_order_things_happen_the_lane_never_speaks_out_of_turn(steps):
    asyncio.run(_live(steps))


async def _live(steps):
    scene, is_strange, is_full, said, has_changed = Scene(), False, False, [], False
    pieces = {"known": HEAD, "other": OTHER, "half": HEAD[:9], "rest": HEAD[9:], "two": HEAD + HEAD}
    for step in steps:
        before, owed = scene.by_lane, scene.framework.pending if scene.framework else 0
        match step:
            case "answer" | "close" if owed > 0:
                scene.framework.answers(scene.answer(is_repeatable=False, keeps=step == "answer"))
                is_strange |= step == "close"
            case "change":
                scene.generation += 1
                has_changed = True
            case "full" | "free" if is_full == (step == "free"):
                is_full = not is_full
                scene.connection.pause_writing() if is_full else scene.connection.resume_writing()
            case "known" | "other" | "half" | "rest" | "two":
                is_strange |= step in ("half", "rest", "two")
                may = step == "known" and not (is_strange or is_full or owed or has_changed)
                scene.say(pieces[step])
                assert scene.by_lane - before == (1 if may else 0), (step, steps)
                said += [] if may else [pieces[step]]
        assert scene.by_lane >= before
    assert (scene.framework.given if scene.framework else []) == said, (
        "what the lane does not answer goes on as it came"
    )
