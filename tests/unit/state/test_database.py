import pytest

from proxy.state import database as databases
from proxy.state.database import Database, first_beyond
from proxy.state.store import Change


@pytest.mark.parametrize(
    ("prefix", "beyond"),
    [
        ("", None),
        ("a", "b"),
        ("nvcr.io/", "nvcr.io0"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
        ("\ud7ff", "\ue000"),
    ],
)
def test_first_beyond_is_the_next_text_that_does_not_start_so(prefix, beyond):
    assert first_beyond(prefix) == beyond


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(tmp_path, clock):
    made = Database(tmp_path / "state.db", clock, read_only=False)
    yield made
    made.close()


def count(database: Database) -> int:
    return database._connection.execute("SELECT count(*) FROM entries").fetchone()[0]


def test_expired_rows_are_cleared_away_by_a_later_writer(database, clock):
    for number in range(10):
        database.put("b", f"k{number}", b"", clock.now + 1)
    clock.now += 59
    database.put("b", "soon", b"", None)
    assert count(database) == 11
    clock.now += 1
    database.put("b", "later", b"", None)
    assert count(database) == 2


def test_a_clock_that_jumps_back_does_not_stop_the_clearing(database, clock):
    clock.now = 9000.0
    database.put("b", "first", b"", None)
    clock.now = 1000.0
    database.put("b", "short", b"", clock.now + 1)
    clock.now += 61
    database.put("b", "last", b"", None)
    assert count(database) == 2


def test_no_writer_clears_more_than_five_hundred_rows(database, clock):
    database.put("b", "first", b"", None)
    for number in range(600):
        database._connection.execute(
            "INSERT INTO entries (book, key, value, expires_at) VALUES ('b', ?, x'', 1)", (str(number),)
        )
    clock.now += 60
    database.put("b", "next", b"", None)
    assert count(database) == 102


@pytest.fixture
def other(tmp_path, clock, database):
    made = Database(tmp_path / "state.db", clock, read_only=False)
    yield made
    made.close()


def theirs(*keys: str) -> list[Change]:
    return [Change("b", key, by_others=True) for key in keys]


def test_changes_of_others_are_told_once_and_own_ones_never(database, other):
    assert database.changes() == ()
    database.put("b", "mine", b"", None)
    assert database.changes() == ()
    other.put("b", "one", b"", None)
    database.put("b", "mine again", b"", None)
    other.compare_and_set("b", "two", b"", None, None)
    assert database.changes() == theirs("one", "two")
    assert database.changes() == ()
    assert database._own == set()


def test_what_was_rolled_back_here_is_told_when_another_writes_it(database, other):
    with pytest.raises(Exception, match="is not a number"):
        database.put("b", "mine", b"", float("nan"))
    other.put("b", "theirs", b"", None)
    assert database.changes() == theirs("theirs")


def test_a_deletion_by_another_names_its_book(database, other):
    other.put("b", "one", b"", None)
    assert database.changes() == theirs("one")
    assert other.delete("b", "one", None)
    assert database.changes() == theirs("")
    assert database.scan("", "", "", 10)[0].key == "b"


def test_of_too_many_changes_it_is_said_that_there_were_some(database, other, monkeypatch):
    monkeypatch.setattr(databases, "_TOLD", 3)
    for number in range(4):
        other.put("b", str(number), b"", None)
    assert database.changes() is None
    other.put("b", "later", b"", None)
    assert database.changes() == theirs("later")


def test_own_versions_are_bounded_while_nobody_asks(database, other, monkeypatch):
    monkeypatch.setattr(databases, "_OWN", 5)
    other.put("b", "theirs", b"", None)
    for number in range(7):
        database.put("b", str(number), b"", None)
    assert len(database._own) <= 5
    assert database.changes() is None
    other.put("b", "later", b"", None)
    assert database.changes() == theirs("later")
