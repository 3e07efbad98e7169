"""All that a policy and its trust material were made of, as bytes: from it the same can be made again anywhere."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from proxy.trust.settings import HeldRoot

_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Snapshot:
    """The policy's text, the files it names as it names them, and the trust roots that were held, as bytes."""

    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    roots: Mapping[str, HeldRoot] = field(default_factory=dict)
    at: datetime = _NEVER  # when it was read: what the file's dates were held against

    @cached_property
    def sha256(self) -> str:
        parts = [self.text.encode(), self.at.isoformat().encode(), f"{len(self.files)} {len(self.roots)}".encode()]
        for name, raw in sorted(self.files.items()):
            parts += [name.encode(), raw]
        for name, held in sorted(self.roots.items()):
            parts += [name.encode(), held.raw, f"{held.origin} {held.at}".encode()]
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def snapshot_record(snapshot: Snapshot) -> dict[str, Any]:
    """Plain values for JSON; `snapshot_of` is its inverse."""
    return {
        "policy": snapshot.text,
        "files": {name: b64encode(raw).decode() for name, raw in sorted(snapshot.files.items())},
        "roots": {
            name: {"raw": b64encode(held.raw).decode(), "origin": held.origin, "at": held.at and held.at.isoformat()}
            for name, held in sorted(snapshot.roots.items())
        },
        "at": snapshot.at.isoformat(),
    }


def snapshot_of(record: Mapping[str, Any]) -> Snapshot:
    """Raise KeyError, TypeError or ValueError where it is not what `snapshot_record` gave."""
    if not isinstance(record["files"], dict) or not isinstance(record["roots"], dict):
        raise TypeError("files and roots are mappings")
    return Snapshot(
        text=str(record["policy"]),
        files={name: b64decode(text, validate=True) for name, text in record["files"].items()},
        roots={
            name: HeldRoot(
                b64decode(held["raw"], validate=True),
                str(held["origin"]),
                datetime.fromisoformat(held["at"]) if held["at"] else None,
            )
            for name, held in record["roots"].items()
        },
        at=datetime.fromisoformat(record["at"]),
    )
