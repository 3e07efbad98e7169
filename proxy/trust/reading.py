"""Reads the files that a policy names, and remembers their bytes: what was judged by can be judged by again, elsewhere."""

from collections.abc import Mapping
from pathlib import Path

from proxy.errors import ConfigError

MAX_FILE = 4 * 1024 * 1024  # bytes of any file that a policy names; trusted roots are some hundred kilobytes


class Reader:
    """`folder` is the policy file's. With `kept`, nothing but these bytes can be read: a replay touches no disk."""

    def __init__(self, folder: Path, *, kept: Mapping[str, bytes] | None = None) -> None:
        self.folder = folder
        self.seen: dict[str, bytes] = {}
        self._kept = kept

    def read(self, name: str, *, what: str = "file") -> bytes:
        """Return the bytes of the file that the policy calls `name`; raise ConfigError with its path and what to do."""
        if self._kept is not None:
            if name not in self._kept:
                raise ConfigError(f"the {what} {name} is not in the record; it was made by another version")
            return self._kept[name]
        raw = _read(self.folder / name, what)
        self.seen[name] = raw
        return raw


def _read(file: Path, what: str) -> bytes:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE + 1)
    except OSError as error:
        why = error.strerror or "unknown reason"
        raise ConfigError(f"the {what} {file} cannot be read: {why}; correct the path or bring the file") from error
    except ValueError as error:  # a NUL in the path
        raise ConfigError(f"the {what}'s name is not a path") from error
    if len(raw) > MAX_FILE:
        raise ConfigError(f"the {what} {file} is larger than 4 MiB; name the right file")
    return raw
