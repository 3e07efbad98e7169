"""The state database's shape, and the steps that lead there from any older one.

Migrations only add: a column has a default, a table may be ignored, nothing is renamed or dropped. So the program before
this one can run on what this one migrated, unless a migration raises `oldest` above what that program knows.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.errors import StorageError
from proxy.state.connection import damaged, no_step, writing


@dataclass(frozen=True, slots=True)
class Migration:
    """`oldest`: the lowest schema version that a program may know and still use the database after this step."""

    version: int
    oldest: int
    statements: tuple[str, ...]


MIGRATIONS = (
    Migration(
        version=1,
        oldest=1,
        statements=(
            # AUTOINCREMENT makes each write's version new for good: a key that went and came back is told apart.
            """CREATE TABLE entries (
                version INTEGER PRIMARY KEY AUTOINCREMENT,
                book TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires_at REAL,
                UNIQUE (book, key)
            )""",
            "CREATE INDEX expiring ON entries (expires_at) WHERE expires_at IS NOT NULL",
            "CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT NOT NULL, expires_at REAL NOT NULL)",
            "CREATE TABLE migrations (version INTEGER PRIMARY KEY, oldest INTEGER NOT NULL, applied_at REAL NOT NULL)",
        ),
    ),
)


def prepare(
    connection: sqlite3.Connection,
    path: Path,
    *,
    now: float,
    read_only: bool,
    migrations: Sequence[Migration] = MIGRATIONS,
    steps: Callable[[str], None] = no_step,
) -> bool:
    """Bring the schema up to date; return whether there was none. StorageError where this program cannot use it.

    `steps` is called after each step: tests end the process there.
    """
    if read_only:
        if _schema_version(connection) == 0:
            raise StorageError(f"{path.name} holds no state yet; `pratique serve` makes it", detail=str(path))
        _require_usable(connection, path, known=migrations[-1].version)
        return False
    with writing(connection):
        standing = _schema_version(connection)
        if standing == 0:
            _require_empty(connection, path)
        else:
            _require_usable(connection, path, known=migrations[-1].version)
            _require_whole(connection, path)
        for migration in migrations[standing:]:
            _apply(connection, migration, now, steps)
    steps("migrated")
    return standing == 0


def _apply(connection: sqlite3.Connection, migration: Migration, now: float, steps: Callable[[str], None]) -> None:
    for statement in migration.statements:
        connection.execute(statement)
        steps("stated")
    connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (migration.version, migration.oldest, now))
    steps("noted")
    connection.execute(f"PRAGMA user_version = {migration.version:d}")
    steps("numbered")


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _require_empty(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StorageError(
            f"{path.name} is the database of another program; name another file in state.url", detail=str(path)
        )


def _require_usable(connection: sqlite3.Connection, path: Path, *, known: int) -> None:
    if _schema_version(connection) <= known:
        return
    oldest = connection.execute("SELECT max(oldest) FROM migrations").fetchone()[0]
    if oldest is None or known < oldest:
        raise StorageError(
            f"{path.name} was written by a newer version that this one cannot read with; start the newer version again,"
            " or restore the backup that was made before it",
            detail=f"{path}: schema {_schema_version(connection)}, usable from {oldest}, this program knows {known}",
        )


def _require_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Damage is found at the start, not in the middle of a pull; 40 MiB take 25 ms."""
    finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise damaged(path, finding)
