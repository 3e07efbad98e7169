"""Case files: everything that a Decision was made of, kept for a while, so that it can be made again (`verify --record`).

One file for each Decision, named by its key, the newest kept within bounds. Losing one loses no Decision.
"""

import asyncio
import contextlib
import errno
import functools
import gzip
import hashlib
import json
import os
import re
import secrets
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from proxy import __version__
from proxy.errors import ConfigError, Inconclusive, RequestError, StorageError
from proxy.observe.logs import say
from proxy.oci.strictjson import as_object, parse
from proxy.pipeline.court.bench import Bench
from proxy.pipeline.court.standing import Standing
from proxy.policy import briefs
from proxy.policy.decision import Decision
from proxy.policy.hearing import Brief

SCHEMA_VERSION = 1
MAX_FILES = 2_000
MAX_BYTES = 512 * 1024 * 1024  # of all of them, as they lie there
MAX_CASE = 256 * 1024 * 1024  # of one, unpacked; an image with sixty large SBOMs stays below
_WAITING = 64  # hearings whose files are being written; beyond it a file is not worth the memory

_LEFT_NS = 3600 * 10**9
_SEAL = re.compile(rb"pratique-case [0-9a-f]{64}")

SnapshotRecord = Callable[[Any], Mapping[str, Any]]


class Cases:
    """`folder` is the data directory's own; `plain` turns the Standing's snapshot into plain values, in any process."""

    def __init__(self, folder: Path, plain: SnapshotRecord, bench: Bench) -> None:
        self._folder = folder
        self._plain = plain
        self._bench = bench
        self._writing: set[asyncio.Task[None]] = set()

    def heard(self, standing: Standing, brief: Brief, decision: Decision) -> None:
        """Keep the case file in the background; nobody waits for it."""
        if len(self._writing) >= _WAITING or standing.snapshot is None:
            return
        work = functools.partial(write_case, self._folder, self._plain, standing.snapshot, brief, decision)
        task = asyncio.create_task(self._keep(work, brief.size))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _keep(self, work: Callable[[], None], size: int) -> None:
        try:
            await self._bench.run(work, size=size)
        except (OSError, Inconclusive) as error:
            say("case-not-kept", level="warning", message=f"{error}; `pratique verify --record` will miss it")

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing, return_exceptions=True)


def write_case(folder: Path, plain: SnapshotRecord, snapshot: Any, brief: Brief, decision: Decision) -> None:
    """Write one file, then remove the oldest beyond the bounds; raise OSError."""
    raw = seal(case_record(plain(snapshot), brief, decision))
    if len(raw) > MAX_CASE:
        raise OSError(errno.EFBIG, f"the case of {decision.digest} is over {MAX_CASE // (1024 * 1024)} MiB")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = _path(folder, decision.key)
    write_whole(path, gzip.compress(raw, compresslevel=1))
    _tidy(folder)


def write_whole(path: Path, raw: bytes) -> None:
    """All of it or nothing, and never through a link that lies in its place; raise OSError."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as opened:
            opened.write(raw)
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def _tidy(folder: Path) -> None:
    """The oldest go first; a file that is gone already is as good as removed."""
    files = sorted((each.stat().st_mtime_ns, each.stat().st_size, each) for each in folder.glob("*.case"))
    held = sum(size for _, size, _ in files)
    while files and (len(files) > MAX_FILES or held > MAX_BYTES):
        _, size, path = files.pop(0)
        held -= size
        with contextlib.suppress(OSError):
            path.unlink()
    latest = files[-1][0] if files else 0
    for left in folder.glob("*.new"):  # of a process that ended while it wrote
        with contextlib.suppress(OSError):
            if latest - left.stat().st_mtime_ns > _LEFT_NS:
                left.unlink()


def drop_case(folder: Path, key: str) -> None:
    """Remove the case file of a Decision that is not kept any more. Never fails."""
    with contextlib.suppress(OSError, StorageError):
        _path(folder, key).unlink()


def seal(record: Mapping[str, Any]) -> bytes:
    """The file's bytes: a line with the SHA-256 of all that follows, then the record. A changed byte is noticed."""
    body = json.dumps(record, separators=(",", ":")).encode()
    return f"pratique-case {hashlib.sha256(body).hexdigest()}\n".encode() + body


def unseal(raw: bytes) -> dict[str, Any]:
    """The record of a file that `seal` made; raise ConfigError where a byte of it was changed, or its form is another.

    A seal is no signature: it tells what was changed by accident, and the replay what was changed on purpose.
    """
    head, _, body = raw.partition(b"\n")
    if not _SEAL.fullmatch(head):
        raise ConfigError("this is no case file, or its first line was changed; `pratique verify --record` writes one")
    if head.rpartition(b" ")[2] != hashlib.sha256(body).hexdigest().encode():
        raise ConfigError("this case file was changed since it was written, or is not whole; record it again")
    try:
        record = as_object(parse(body, what="case file"), what="case file")
    except RequestError as error:
        raise ConfigError(f"its seal is right, and what it seals is no record: {error.message}") from error
    version = record.get("schemaVersion")
    if type(version) is not int or version != SCHEMA_VERSION:
        made_by = str(record.get("madeBy", "another version"))[:40]
        raise ConfigError(
            f"this case file has form {str(version)[:20]}, and this program reads form {SCHEMA_VERSION}; "
            f"replay it with pratique {made_by}, which wrote it"
        )
    return record


def case_record(snapshot: Mapping[str, Any], brief: Brief, decision: Decision) -> dict[str, Any]:
    """The case file as plain values: what was known, whom was believed, and what was decided."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "madeBy": __version__,  # presets are the program's own, so that another one may know other keys
        "snapshot": dict(snapshot),
        "brief": briefs.to_record(brief),
        "decision": decision.to_record(),
    }


def read_case(folder: Path, key: str) -> bytes:
    """The sealed case file of this Decision; raise StorageError where it is not kept (any more), or is not whole."""
    try:
        descriptor = os.open(_path(folder, key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as packed, gzip.open(packed) as opened:
            raw = opened.read(MAX_CASE + 1)
    except FileNotFoundError as error:
        raise StorageError("its case file is not kept any more; pull the image again, then record it") from error
    except (OSError, EOFError, zlib.error) as error:
        raise StorageError(
            "its case file is broken; remove it from the data directory's cases, pull the image again, then record it",
            detail=str(error),
        ) from error
    if len(raw) > MAX_CASE:
        raise StorageError(f"its case file unpacks to over {MAX_CASE // (1024 * 1024)} MiB, which none does; remove it")
    return raw


def _path(folder: Path, key: str) -> Path:
    # A key is the hex of a SHA-256: it is a file's name, and never a path (T39).
    if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
        raise StorageError("this is not the key of a Decision")
    return folder / f"{key}.case"
