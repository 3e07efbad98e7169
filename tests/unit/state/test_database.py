import pytest

from proxy.state.database import Database, first_beyond


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
