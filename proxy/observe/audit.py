"""The audit: what was decided, refused and moved, as JSON lines that are only ever appended.

Each process writes files of its own under `audit/`, named `<UTC start>-<pid>.jsonl`. A line is written whole, by one call,
or taken back; where it cannot be taken back, it stays the last of its file and the next line begins another file. So only
a last line can ever be torn, and the next process says in its first line which files end so, and after what. `seq` counts
a process's records, those too that its disk lost: a gap tells of them. A pin's move is on the disk before `record`
returns, since pins come back from here when the state is lost.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proxy import events
from proxy.errors import RequestError, StorageError
from proxy.observe.auditends import torn_ends
from proxy.observe.auditline import FORMAT, KINDS, parse_line, plain_fields, write_line
from proxy.observe.logs import say
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag


def no_step(_name: str) -> None:
    """Nobody waits for a step."""


class Audit:
    """Made at the start; its file is made with the first record. Safe to call from any thread.

    `steps` is called after each step: tests end the process there.
    """

    def __init__(
        self, folder: Path, *, clock: Callable[[], float] = time.time, steps: Callable[[str], None] = no_step
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._steps = steps
        self._lock = threading.Lock()
        self._fd = -1
        self._end = 0  # the file's length up to its last whole line
        self._opening: dict[str, Any] = {}  # what the file's first line says
        self._seq = 0
        self._at = 0.0
        self._has_unsynced = False
        self._lost = 0

    def record(self, event: events.Event) -> None:
        """Append the event, where it is of a kind that is kept, and says more than the one before.

        Raises StorageError for a PinMoved that could not be made durable: then the pin must not move. What else the disk
        refuses is logged, and leaves a gap in `seq`. A PinMoved waits for the disk: call from a thread.
        """
        kind = KINDS.get(type(event))
        if kind is None or _is_repeated(event):
            return
        is_vital = isinstance(event, events.PinMoved)
        with self._lock:
            try:
                self._append(kind, plain_fields(event), is_durable=is_vital)
            except (OSError, ValueError) as error:
                if is_vital:
                    raise _failed(self._folder, error) from error
                self._lose(kind, error)
            else:
                self._recover()

    def flush(self) -> None:
        """Bring what was recorded onto the disk; called each second, from a thread.

        Raises StorageError, logged already; the next call tries again.
        """
        with self._lock:
            if not self._has_unsynced:
                return
            self._has_unsynced = False
            copy = os.dup(self._fd)
        # Outside the lock: nobody who records waits for the disk.
        try:
            os.fsync(copy)
        except OSError as error:
            self._has_unsynced = True
            say("audit-failing", level="error", message=_failed(self._folder, error).message, error=str(error))
            raise _failed(self._folder, error) from error
        finally:
            os.close(copy)

    def close(self) -> None:
        """Flush and let go; safe to call twice. Raises StorageError."""
        try:
            self.flush()
        finally:
            with self._lock:
                self._let_go()

    def _append(self, kind: str, record: Mapping[str, Any], *, is_durable: bool) -> None:
        self._at = max(self._at, self._clock())  # a clock that jumps back does not turn the order of moves round
        if self._fd < 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            torn = [asdict(each) for each in torn_ends(self._folder)]
            start = f"{datetime.fromtimestamp(self._at, UTC):%Y%m%dT%H%M%S.%fZ}"
            self._fd, self._end = _create(self._folder, f"{start}-{os.getpid()}"), 0
            self._steps("created")
            for each in torn:
                say("audit-torn", level="warning", **each)
            self._opening = {"format": FORMAT, "process": os.getpid(), **({"torn": torn} if torn else {})}
        if not self._end:
            self._write("opened", self._opening, is_durable=False)
        self._write(kind, record, is_durable=is_durable)

    def _write(self, kind: str, record: Mapping[str, Any], *, is_durable: bool) -> None:
        line = write_line(self._seq + 1, self._at, kind, record)
        try:
            rest = line
            while rest:  # a full disk takes what fits; asked for the rest, it says why
                rest = rest[os.write(self._fd, rest) :]
            self._steps("appended")
            if is_durable:
                os.fsync(self._fd)
                self._steps("synced")
        except OSError:
            self._take_back()
            raise
        self._seq += 1
        self._end += len(line)
        self._has_unsynced = not is_durable

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._end)
        except OSError:
            self._let_go()

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._has_unsynced = False

    def _lose(self, kind: str, error: Exception) -> None:
        self._seq += 1
        self._lost += 1
        if self._lost == 1:
            say(
                "audit-failing",
                level="error",
                kind=kind,
                message=_failed(self._folder, error).message,
                error=str(error),
            )

    def _recover(self) -> None:
        if self._lost:
            say("audit-recovered", level="warning", lost=self._lost)
            self._lost = 0


def _is_repeated(event: events.Event) -> bool:
    return isinstance(event, events.TrustRefreshed) and event.is_repeated


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Every record under `folder`, file by file. A torn last line is left out; any other broken one is a StorageError."""
    try:
        for path in sorted(folder.glob("*.jsonl")):
            yield from _read_file(path)
    except OSError as error:
        raise StorageError(
            "the audit cannot be read; let this user read the files in its folder", detail=str(error)
        ) from error


def restore_pins(folder: Path) -> Mapping[tuple[str, str, str], Digest]:
    """(upstream, repository, tag) → digest, as the last move left them. Raises StorageError where that cannot be known."""
    latest: dict[tuple[str, str, str], tuple[tuple[str, int], Digest]] = {}
    for record in read(folder):
        if record["kind"] != KINDS[events.PinMoved]:
            continue
        try:
            repository, tag = Repository(record["upstream"], record["repository"]), Tag(record["tag"])
            moved = ((record["at"], record["seq"]), Digest.parse(record["new"]))
        except (KeyError, TypeError, AttributeError, RequestError) as error:
            raise _broken(f"pin's move {record.get('seq')} of {record.get('at')}") from error
        key = (repository.upstream, repository.name, tag.name)
        if key not in latest or latest[key][0] <= moved[0]:
            latest[key] = moved
    return {key: digest for key, (_, digest) in latest.items()}


def _read_file(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return  # torn by a crash or a full disk: nothing acted on it
            try:
                yield parse_line(line)
            except ValueError as error:
                raise _broken(f"{path.name}, line {number},") from error


def _broken(where: str) -> StorageError:
    return StorageError(
        f"the audit is damaged ({where} is no record); restore that file from a backup, or move the audit away:"
        " then tags without a lock entry wait for `pratique pin confirm`"
    )


def _failed(folder: Path, error: Exception) -> StorageError:
    return StorageError(
        "the audit could not be written; free some space or repair the disk, then try again",
        detail=f"{folder}: {error}",
        retry_after=5,
    )


def _create(folder: Path, stem: str) -> int:
    """A file of our own: a process with the same number (a container's is always 1) may have begun in this instant."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    for count in range(1000):
        name = f"{stem}-{count}.jsonl" if count else f"{stem}.jsonl"
        with contextlib.suppress(FileExistsError):
            fd = os.open(folder / name, flags, 0o640)
            _sync_folder(folder)
            return fd
    raise FileExistsError(f"{folder / stem}.jsonl and a thousand like it exist")


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
