import sqlite3
from pathlib import Path

import pytest

from proxy.errors import StorageError
from proxy.state.connection import connect, translated, writing


def raised(code: int) -> StorageError:
    error = sqlite3.OperationalError("what SQLite said")
    error.sqlite_errorcode = code
    with pytest.raises(StorageError) as caught, translated(Path("/srv/data/state.db")):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "full; free some space"),
        (sqlite3.SQLITE_BUSY, "locked by another process; try again"),
        (sqlite3.SQLITE_IOERR_WRITE, "check the disk"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "let this user write"),
        (sqlite3.SQLITE_CANTOPEN, "check that its folder exists"),
        (sqlite3.SQLITE_CORRUPT, "restore the file from a backup or move it"),
        (sqlite3.SQLITE_NOTADB, "pins come back from the lock file and the audit"),
        (sqlite3.SQLITE_MISUSE, "see the log"),
    ],
)
def test_what_sqlite_raises_becomes_a_sentence_that_says_what_to_do(code, words):
    error = raised(code)
    assert words in error.message
    assert "state.db" in error.message


def test_the_folder_is_told_to_the_log_and_not_to_a_client():
    error = raised(sqlite3.SQLITE_FULL)
    assert "/srv" not in error.message
    assert "/srv/data/state.db: what SQLite said" in error.detail


def test_what_the_file_system_and_text_raise_is_translated_too():
    for error in (OSError("no"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")):
        with pytest.raises(StorageError), translated(Path("state.db")):
            raise error


def test_commits_are_on_disk_before_they_are_told(tmp_path):
    connection = connect(tmp_path / "state.db", read_only=False)
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    connection.close()


def test_a_path_with_marks_of_a_url_is_still_a_path(tmp_path):
    path = tmp_path / "a?mode=ro#%41 b.db"
    connection = connect(path, read_only=False)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    assert path.exists()


def test_a_transaction_that_fails_is_taken_back_whole(tmp_path):
    connection = connect(tmp_path / "state.db", read_only=False)
    connection.execute("CREATE TABLE t (a)")
    with pytest.raises(sqlite3.OperationalError), writing(connection):  # noqa: PT012 - the first write must be taken back too
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        connection.execute("INSERT INTO nowhere VALUES (3)")
    assert connection.execute("SELECT count(*) FROM t").fetchone()[0] == 0
    assert not connection.in_transaction
    connection.close()
