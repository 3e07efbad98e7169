"""How the disk is: one telling for each turn."""

import pytest

from proxy.content.care.condition import Condition
from proxy.errors import ContentMismatch, StorageError


class Hearing:
    def __init__(self):
        self.now = 1000.0
        self.heard = []
        self.condition = Condition(lambda *turn: self.heard.append(turn), clock=lambda: self.now)


@pytest.fixture
def hearing():
    return Hearing()


def test_a_trouble_is_said_once_with_what_to_do(hearing):
    for _ in range(3):
        hearing.condition.told(StorageError("free space", trouble="full"))
    assert hearing.heard == [("full", "free space")]
    hearing.condition.told(StorageError("mount it", trouble="read-only"))
    assert [state for state, _ in hearing.heard] == ["full", "read-only"]


def test_what_is_no_fault_of_the_disk_says_nothing_of_it(hearing):
    hearing.condition.told(StorageError("too many open files"))
    hearing.condition.told(ContentMismatch("other bytes"))
    with pytest.raises(StorageError), hearing.condition.watching(wanted=9):
        raise StorageError("ask again", retry_after=1)
    assert (hearing.heard, hearing.condition.wanted) == ([], 0)
    assert hearing.condition.is_well


def test_what_is_raised_within_is_noted_and_passed_on(hearing):
    with pytest.raises(StorageError, match="check it"), hearing.condition.watching():
        raise StorageError("check it", trouble="failing")
    assert hearing.heard == [("failing", "check it")]
    assert not hearing.condition.is_well


def test_the_most_that_was_wanted_is_remembered_until_there_is_room_for_it(hearing):
    for size in (5, 900, 30):
        hearing.condition.told(StorageError("free space", trouble="full"), wanted=size)
    hearing.condition.found_room(899)
    assert hearing.condition.wanted == 900
    hearing.condition.found_room(900)
    assert hearing.condition.wanted == 0
    assert hearing.condition.state == "full"  # that is for a probe to say


def test_well_is_said_once_too(hearing):
    hearing.condition.proved_well()
    hearing.condition.told(StorageError("free space", trouble="full"), wanted=7)
    hearing.condition.proved_well()
    hearing.condition.proved_well()
    assert [state for state, _ in hearing.heard] == ["full", "ok"]
    assert hearing.condition.wanted == 0


def test_what_fails_at_each_request_is_not_quiet_between_two_of_them(hearing):
    error = StorageError("free space", trouble="full")
    hearing.condition.told(error)
    hearing.now += 14
    assert not hearing.condition.is_quiet
    hearing.condition.told(error)
    hearing.now += 14
    assert not hearing.condition.is_quiet
    hearing.now += 1
    assert hearing.condition.is_quiet
