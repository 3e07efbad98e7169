"""What the state store asks of SQLite: plain calls, each one whole transaction, all from the store's one thread.

Raises what sqlite3 raises (the store translates it), and StorageError for what this program refuses.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from proxy.state.connection import connect, writing
from proxy.state.schema import prepare
from proxy.state.store import Change, Entry, require_storable

_PURGE_SECONDS = 60.0
_PURGE_ROWS = 500  # at once, so that no writer pays for a long sleep
_ROW = "SELECT key, value, version, expires_at FROM entries"
_LIVE = "(expires_at IS NULL OR expires_at > :now)"
_DELETIONS = ""  # the book in which each deletion leaves a row, under the name of its book: versions tell of it then
_TOLD = 1_000  # changes of others that are told one by one
_OWN = 10_000  # own versions that are remembered among others' while nobody asks for `changes`


class Database:
    """One connection. `is_new`: the file did not exist, or held no state before."""

    def __init__(self, path: Path, clock: Callable[[], float], *, read_only: bool) -> None:
        self._clock = clock
        self._purged_at: float | None = None
        self._written: list[int] = []  # in the transaction under way
        self._own: set[int] = set()  # versions above `_seen` that were written here, with others' between
        self._is_overrun = False
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = connect(path, read_only=read_only)
        try:
            self.is_new = prepare(self._connection, path, now=clock(), read_only=read_only)
            self._data_version = self.data_version()
            self._seen = self._newest()
        except BaseException:
            self._connection.close()
            raise

    def get(self, book: str, key: str) -> Entry | None:
        wanted = {"book": book, "key": key, "now": self._clock()}
        row = self._connection.execute(f"{_ROW} WHERE book = :book AND key = :key AND {_LIVE}", wanted).fetchone()
        return Entry(*row) if row else None

    def put(self, book: str, key: str, value: bytes, expires_at: float | None) -> Entry:
        with self._writing():
            return self._write(book, key, value, expires_at)

    def compare_and_set(
        self, book: str, key: str, value: bytes, expected: int | None, expires_at: float | None
    ) -> Entry | None:
        with self._writing():
            found = self.get(book, key)
            if (found.version if found else None) != expected:
                return None
            return self._write(book, key, value, expires_at)

    def delete(self, book: str, key: str, expected: int | None) -> bool:
        with self._writing():
            found = self.get(book, key)
            if found is None or expected not in (None, found.version):
                return False
            self._connection.execute("DELETE FROM entries WHERE version = ?", (found.version,))
            self._write(_DELETIONS, book, b"", None)
            return True

    def scan(self, book: str, prefix: str, after: str, limit: int) -> Sequence[Entry]:
        """Key order is that of code points, here (UTF-8 compared by bytes) as in Python."""
        wanted = {"book": book, "prefix": prefix, "after": after, "beyond": first_beyond(prefix)}
        rows = self._connection.execute(
            f"{_ROW} WHERE book = :book AND key >= :prefix AND key > :after AND {_LIVE}"
            " AND (:beyond IS NULL OR key < :beyond) ORDER BY key LIMIT :limit",
            {**wanted, "now": self._clock(), "limit": max(0, limit)},
        )
        return tuple(Entry(*row) for row in rows)

    def lease(self, name: str, owner: str, seconds: float) -> bool:
        with writing(self._connection):
            now = self._clock()
            held = self._connection.execute("SELECT owner, expires_at FROM leases WHERE name = ?", (name,)).fetchone()
            if held and held[0] != owner and now < held[1]:
                return False
            self._connection.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?)", (name, owner, now + seconds))
            return True

    def release(self, name: str, owner: str) -> None:
        with writing(self._connection):
            self._connection.execute("DELETE FROM leases WHERE name = ? AND owner = ?", (name, owner))

    def data_version(self) -> int:
        """A number that differs from the last one if another connection committed since (sqlite.org/pragma.html)."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def changes(self) -> Sequence[Change] | None:
        """What other connections changed since the last call; None: more than is told one by one.

        One pragma while nobody else writes; else what stands above the last version that was seen, by the primary key.
        """
        version = self.data_version()
        if version == self._data_version:
            return ()
        found = self._connection.execute(
            "SELECT version, book, key FROM entries WHERE version > ? ORDER BY version LIMIT ?", (self._seen, _TOLD + 1)
        ).fetchall()
        others = [(book, key) for each, book, key in found if each not in self._own]
        is_told = len(found) <= _TOLD and not self._is_overrun
        self._data_version, self._is_overrun = version, False
        self._seen = max(self._seen, found[-1][0] if found and is_told else self._newest())
        self._own = {each for each in self._own if each > self._seen}
        return [_change(book, key) for book, key in others] if is_told else None

    def _newest(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(version), 0) FROM entries").fetchone()[0])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; what it wrote is known to be ours once it is committed."""
        self._written.clear()
        with writing(self._connection):
            yield
        for version in self._written:
            if version == self._seen + 1:
                self._seen = version
            else:
                self._own.add(version)
        if len(self._own) > _OWN:
            self._own.clear()
            self._is_overrun = True

    def close(self) -> None:
        self._connection.close()

    def _write(self, book: str, key: str, value: bytes, expires_at: float | None) -> Entry:
        require_storable(key, value, expires_at)
        self._purge()
        row = (book, key, value, expires_at)
        written = self._connection.execute(
            "INSERT OR REPLACE INTO entries (book, key, value, expires_at) VALUES (?, ?, ?, ?)", row
        )
        assert written.lastrowid is not None
        self._written.append(written.lastrowid)
        return Entry(key, bytes(value), written.lastrowid, expires_at)

    def _purge(self) -> None:
        """Expired rows are absent already; now and then a writer clears some away."""
        now = self._clock()
        if self._purged_at is not None and 0 <= now - self._purged_at < _PURGE_SECONDS:
            return
        self._connection.execute(
            "DELETE FROM entries WHERE version IN (SELECT version FROM entries WHERE expires_at <= ? LIMIT ?)",
            (now, _PURGE_ROWS),
        )
        self._purged_at = now


def _change(book: str, key: str) -> Change:
    return Change(key, "", by_others=True) if book == _DELETIONS else Change(book, key, by_others=True)


def first_beyond(prefix: str) -> str | None:
    """The smallest text greater than everything that starts with `prefix`; None where there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code <= 0x10FFFF:
            # Surrogates are not characters: UTF-8 has none, so the next one stands behind them.
            return prefix[:-1] + chr(0xE000 if code == 0xD800 else code)
        prefix = prefix[:-1]
    return None
