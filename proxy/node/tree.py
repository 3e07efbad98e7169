"""Writes a tree of files onto a node: each file whole or not at all, and nothing at all in a dry run."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Written:
    """Relative paths by what happened, or would happen. `strays`: directories that stand there and are not in the tree.

    containerd takes a stray before `_default`, so the registry of that name bypasses the proxy.
    """

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()

    @property
    def has_changes(self) -> bool:
        return bool(self.created or self.changed)


def existing_directories(folder: Path) -> tuple[str, ...]:
    """Names of the directories in certs.d; none where the folder is not there yet. Raises ConfigError."""
    try:
        return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be read: {error.strerror}; run as root, or choose another folder"
        ) from error


def write_tree(folder: Path, tree: Mapping[str, str], *, dry_run: bool) -> Written:
    """Make the files under `folder` say what `tree` says; other files stay. Raises ConfigError naming the path."""
    covered = {path.partition("/")[0] for path in tree}
    strays = tuple(name for name in existing_directories(folder) if name not in covered)
    found: dict[str, list[str]] = {"created": [], "changed": [], "unchanged": []}
    for path, text in sorted(tree.items()):
        target = folder / path
        try:
            state = _compare(target, text)
            if state != "unchanged" and not dry_run:
                _replace(target, text)
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(f"{target} cannot be written: {why}; run as root, or choose another folder") from error
        found[state].append(path)
    return Written(**{state: tuple(paths) for state, paths in found.items()}, strays=strays)


def _compare(target: Path, text: str) -> str:
    if not target.exists():
        return "created"
    return "unchanged" if target.read_bytes() == text.encode() else "changed"


def _replace(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".pratique-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # nothing in it is secret, and dockerd's helpers read it unprivileged
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
