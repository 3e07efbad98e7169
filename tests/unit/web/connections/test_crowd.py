"""How many may be connected, who is silent for too long, and who makes room for whom."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from proxy.events import Client
from proxy.web.connections.crowd import FULL_SECONDS, HEAD_SECONDS, IDLE_SECONDS, Crowd

A, B, C = Client("192.0.2.1"), Client("192.0.2.2"), Client("192.0.2.3")
NOW = 1000.0


@dataclass(eq=False)
class Connected:
    """Busy, unless told otherwise."""

    idle_since: float | None = None
    head_since: float | None = None
    full_since: float | None = None
    is_cut: bool = False

    def cut(self):
        self.is_cut = True


def resting(seconds=10.0):
    return Connected(idle_since=NOW - seconds)


def test_one_client_has_its_share_and_takes_no_place_of_another():
    crowd = Crowd(total=10, each=2)
    first = Connected()
    assert crowd.joins(first, A, now=NOW)
    assert crowd.joins(Connected(), A, now=NOW)
    assert not crowd.joins(Connected(), A, now=NOW)
    assert crowd.joins(Connected(), B, now=NOW)
    crowd.leaves(first)
    assert crowd.joins(Connected(), A, now=NOW)
    assert crowd.told() == {"client": 1}
    assert crowd.told() == {}


def test_beyond_the_total_nobody_joins_until_somebody_leaves():
    crowd = Crowd(total=2, each=2)
    first, late = Connected(), Connected()
    assert crowd.joins(first, A, now=NOW)
    assert crowd.joins(Connected(), B, now=NOW)
    assert not crowd.joins(late, C, now=NOW)
    crowd.leaves(late)
    crowd.leaves(first)
    crowd.leaves(first)
    assert len(crowd) == 1
    assert crowd.joins(late, C, now=NOW)
    assert crowd.told() == {"total": 1}


def test_who_is_silent_between_requests_within_a_head_or_before_an_answer_is_cut_and_nobody_else():
    crowd = Crowd(total=10, each=10)
    gone = [
        Connected(idle_since=NOW - IDLE_SECONDS - 1),
        Connected(idle_since=NOW, head_since=NOW - HEAD_SECONDS - 1),
        Connected(full_since=NOW - FULL_SECONDS - 1),
    ]
    kept = [
        Connected(idle_since=NOW - IDLE_SECONDS + 1, head_since=NOW - HEAD_SECONDS + 1),
        Connected(full_since=NOW - FULL_SECONDS + 1),
        Connected(),
    ]
    for member in (*gone, *kept):
        assert crowd.joins(member, A, now=NOW)
    crowd.sweep(NOW)
    assert [each.is_cut for each in (*gone, *kept)] == [True] * 3 + [False] * 3
    assert len(crowd) == 3
    assert crowd.told() == {"head": 1, "full": 1}


def test_who_rests_makes_room_for_who_asks_the_longest_first():
    crowd = Crowd(total=3, each=3)
    old, young, busy = resting(30), resting(2), Connected()
    for member in (young, busy, old):
        crowd.joins(member, A, now=NOW)
    assert crowd.joins(Connected(), B, now=NOW)
    assert [each.is_cut for each in (old, young, busy)] == [True, False, False]
    assert crowd.told() == {"room": 1}


def test_who_has_few_places_gives_none_to_who_has_many():
    crowd = Crowd(total=4, each=4)
    node = resting()
    crowd.joins(node, A, now=NOW)
    for _ in range(3):
        crowd.joins(Connected(), B, now=NOW)
    assert not crowd.joins(Connected(), B, now=NOW)
    assert not node.is_cut


def test_a_head_that_is_slow_makes_room_and_one_that_just_began_does_not():
    for seconds, makes_room in ((6.0, True), (1.0, False)):
        crowd = Crowd(total=1, each=1)
        crowd.joins(Connected(idle_since=NOW, head_since=NOW - seconds), A, now=NOW)
        assert crowd.joins(Connected(), B, now=NOW) is makes_room


def test_a_crowd_in_which_nobody_rests_is_not_looked_through_for_each_who_asks():
    crowd, looks = Crowd(total=1, each=1), []

    class Counted(Connected):
        @property
        def head_since(self):
            looks.append(1)

        @head_since.setter
        def head_since(self, _):
            pass

    crowd.joins(Counted(), A, now=NOW)
    for _ in range(100):
        assert not crowd.joins(Connected(), B, now=NOW)
    assert len(looks) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from("jlms"), st.integers(0, 3), st.booleans(), st.floats(0, 100, allow_nan=False)),
        max_size=80,
    )
)
def test_whatever_happens_the_books_are_right_and_no_limit_is_passed(steps):
    crowd, clients = Crowd(total=5, each=3), [A, B, C, Client("192.0.2.4")]
    members, now = {}, NOW
    for kind, number, is_idle, seconds in steps:
        now += seconds
        if kind == "j":
            member = Connected(idle_since=now if is_idle else None)
            if crowd.joins(member, clients[number], now=now):
                members[member] = clients[number]
        elif kind == "l" and members:
            gone = list(members)[number % len(members)]
            crowd.leaves(gone)
            del members[gone]
        elif kind == "s":
            crowd.sweep(now)
        members = {member: client for member, client in members.items() if not member.is_cut}
        assert len(crowd) == len(members) <= 5
        assert all(list(members.values()).count(client) <= 3 for client in clients)
        assert {member: crowd._members[member] for member in members} == members
        assert sum(len(each) for each in crowd._by_client.values()) == len(members)
