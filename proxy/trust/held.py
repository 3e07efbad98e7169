"""Trust roots that were refreshed, on disk: the last good one of each, whole or not at all."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from proxy.errors import ConfigError, StorageError
from proxy.trust.settings import HeldRoot, TufSource
from proxy.trust.shipped import SHIPPED
from proxy.verify.trustedroot import parse


class HeldRoots:
    """`folder` is the data directory's own for trust; file names are hashes (T39).

    What is damaged, what this version cannot read, and what is older than the root that it ships, counts as never
    refreshed: a good root is never replaced by a worse one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> Mapping[str, HeldRoot]:
        """Every root that was ever refreshed here, by name."""
        found = [(path, _read(path)) for path in sorted(self.folder.glob("*.root"))]
        return {named[0]: named[1] for path, named in found if named and path == self._path(named[0])}

    def get(self, source: TufSource) -> HeldRoot | None:
        """The last good one from this repository, under this first root."""
        found = _read(self._path(source.name))
        return found[1] if found and found[0] == source.name and found[1].is_from(source) else None

    def write(self, source: TufSource, raw: bytes, *, at: datetime) -> None:
        """Replace atomically; raise StorageError, and then the old one stays."""
        facts = {"name": source.name, "source": source.id, "sha256": _sha256(raw), "at": at.isoformat()}
        fresh = ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # A file of its own for each writer: a command may write beside the proxy.
            descriptor, fresh = tempfile.mkstemp(dir=self.folder, suffix=".new")
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(facts).encode() + b"\n" + raw)
                file.flush()
                os.fsync(file.fileno())
            Path(fresh).replace(self._path(source.name))
        except OSError as error:
            if fresh:
                with suppress(OSError):
                    Path(fresh).unlink()
            raise StorageError(f"the trust root cannot be kept in {self.folder}: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        return self.folder / f"{_sha256(name.encode())[:32]}.root"


def _read(path: Path) -> tuple[str, HeldRoot] | None:
    try:
        head, _, raw = path.read_bytes().partition(b"\n")
        facts = json.loads(head)
        name, source, at = str(facts["name"]), str(facts["source"]), datetime.fromisoformat(facts["at"]).astimezone(UTC)
        if facts["sha256"] != _sha256(raw) or not source or _is_outdated(name, at):
            return None
        parse(name, raw)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ConfigError):
        return None
    return name, HeldRoot(raw, "tuf", at, source)


def _is_outdated(name: str, at: datetime) -> bool:
    """The program was renewed since, and brought a newer root along."""
    return name in SHIPPED and at < SHIPPED[name].since


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
