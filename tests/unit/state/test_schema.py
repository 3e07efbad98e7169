import sqlite3
from pathlib import Path

import pytest

from proxy.errors import StorageError
from proxy.state.connection import connect
from proxy.state.database import Database
from proxy.state.schema import MIGRATIONS, Migration, prepare

NOW = 1_700_000_000.0
NEXT_COLUMN = Migration(2, 1, ("ALTER TABLE entries ADD COLUMN proof BLOB NOT NULL DEFAULT x''",))
NEXT_ALONE = Migration(2, 2, ("ALTER TABLE entries ADD COLUMN proof BLOB NOT NULL DEFAULT x''",))
FAILING = Migration(2, 1, ("CREATE TABLE half (a)", "CREATE TABLE entries (a)"))


def opened(path: Path, *migrations: Migration, read_only: bool = False) -> bool:
    connection = connect(path, read_only=read_only)
    try:
        return prepare(connection, path, now=NOW, read_only=read_only, migrations=migrations or MIGRATIONS)
    finally:
        connection.close()


def read_number(path: Path, sql: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchone()[0]
    finally:
        connection.close()


def test_a_first_start_makes_the_schema_and_the_second_finds_it(tmp_path):
    assert opened(tmp_path / "state.db") is True
    assert opened(tmp_path / "state.db") is False
    assert read_number(tmp_path / "state.db", "PRAGMA user_version") == MIGRATIONS[-1].version


def test_an_empty_file_counts_as_new(tmp_path):
    (tmp_path / "state.db").touch()
    assert opened(tmp_path / "state.db") is True


def test_the_migrations_are_numbered_without_gaps():
    assert [migration.version for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_an_older_database_is_migrated_and_keeps_its_entries(tmp_path):
    path = tmp_path / "state.db"
    database = Database(path, lambda: NOW, read_only=False)
    database.put("pins", "a", b"1", None)
    database.close()
    assert opened(path, *MIGRATIONS, NEXT_COLUMN) is False
    assert read_number(path, "SELECT count(*) FROM entries WHERE proof = x''") == 1
    assert read_number(path, "SELECT applied_at FROM migrations WHERE version = 2") == NOW


def test_the_program_before_runs_on_what_the_next_one_migrated(tmp_path):
    path = tmp_path / "state.db"
    opened(path, *MIGRATIONS, NEXT_COLUMN)
    database = Database(path, lambda: NOW, read_only=False)
    written = database.put("pins", "a", b"1", None)
    assert database.get("pins", "a") == written
    database.close()
    assert read_number(path, "PRAGMA user_version") == 2


def test_a_database_of_an_incompatible_newer_version_is_refused(tmp_path):
    path = tmp_path / "state.db"
    opened(path, *MIGRATIONS, NEXT_ALONE)
    with pytest.raises(StorageError, match="written by a newer version"):
        Database(path, lambda: NOW, read_only=False)
    with pytest.raises(StorageError, match="written by a newer version"):
        Database(path, lambda: NOW, read_only=True)


def test_a_migration_that_fails_leaves_nothing_half_done(tmp_path):
    path = tmp_path / "state.db"
    opened(path)
    with pytest.raises(sqlite3.OperationalError):
        opened(path, *MIGRATIONS, FAILING)
    assert read_number(path, "PRAGMA user_version") == 1
    assert read_number(path, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0
    assert opened(path) is False


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "state.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (a)")
    other.commit()
    other.close()
    with pytest.raises(StorageError, match="another program"):
        Database(path, lambda: NOW, read_only=False)
    assert read_number(path, "SELECT count(*) FROM sqlite_master") == 1


def test_reading_alone_makes_nothing(tmp_path):
    with pytest.raises(StorageError, match="`pratique serve` makes it"):
        opened(tmp_path / "state.db", read_only=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "state.db").touch()
    with pytest.raises(StorageError, match="holds no state yet"):
        opened(tmp_path / "state.db", read_only=True)
