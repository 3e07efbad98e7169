"""How the state's SQLite file is opened and written, and what SQLite's errors mean to an operator."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from proxy.errors import StorageError

_BUSY_SECONDS = 5.0  # how long a writer waits for another process's transaction
_RETRY_SECONDS = 5

_SENTENCES = {
    sqlite3.SQLITE_BUSY: "{file} stayed locked by another process; try again",
    sqlite3.SQLITE_LOCKED: "{file} stayed locked by another process; try again",
    sqlite3.SQLITE_FULL: "the disk that holds {file} is full; free some space and try again",
    sqlite3.SQLITE_IOERR: "the disk that holds {file} reported an error; check the disk and try again",
    sqlite3.SQLITE_READONLY: "{file} cannot be written; let this user write the file and its folder",
    sqlite3.SQLITE_PERM: "{file} cannot be opened; let this user read and write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "{file} cannot be opened; check that its folder exists and that this user may write there",
}
_DAMAGED = (
    "the state database {file} is damaged; stop the proxy, restore the file from a backup or move it and its -wal and -shm"
    " files away, and start again: pins come back from the lock file and the audit, decisions are made again"
)


def no_step(_name: str) -> None:
    """Nobody waits for a step."""


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into StorageError sentences."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeError, OverflowError) as error:
        # Extended codes carry the primary one in their low byte (sqlite.org/rescode.html).
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise damaged(path, str(error)) from error
        sentence = _SENTENCES.get(code, "{file} failed; see the log for what the database said")
        detail = f"{path}: {error}"
        raise StorageError(sentence.format(file=path.name), detail=detail, retry_after=_RETRY_SECONDS) from error


def damaged(path: Path, finding: str) -> StorageError:
    return StorageError(_DAMAGED.format(file=path.name), detail=f"{path}: {finding}", retry_after=_RETRY_SECONDS)


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open in WAL mode, each commit on disk before it is told (synchronous FULL); reads see other processes' commits."""
    if read_only and not path.exists():
        raise StorageError(f"there is no {path.name} yet; `pratique serve` makes it", detail=str(path))
    mode = "ro" if read_only else "rwc"
    target = f"file:{quote(str(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(target, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        if not read_only:
            _enter_wal(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _enter_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for its busy time-out when two processes change the journal mode at once: we do."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction, whole or not at all. IMMEDIATE: the lock is taken before anything is read."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
