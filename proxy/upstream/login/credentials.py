"""Whose name and password is for which repository. A password is read from its file, and again when the file changes."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from proxy.errors import UpstreamRefused
from proxy.upstream.settings import CredentialSettings

_LIMIT = 64 * 1024  # bytes; the longest tokens are a few KiB
_Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Credential:
    """A name and a password, never shown."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617, UTF-8)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def matches(pattern: str | None, name: str) -> bool:
    """Whether a repository name is meant: `**` crosses `/`, `*` does not, the whole name is compared."""
    if pattern is None:
        return True
    parts = (re.escape(part) for part in re.split(r"(\*\*|\*)", pattern))
    expression = "".join({r"\*\*": ".*", r"\*": "[^/]*"}.get(part, part) for part in parts)
    return re.fullmatch(expression, name) is not None


class Credentials:
    """The credentials of one upstream, in the operator's order: the first that matches is used; none is anonymous."""

    def __init__(self, upstream: str, entries: Sequence[CredentialSettings]) -> None:
        self._upstream = upstream
        self._entries = tuple(entries)
        self._passwords: dict[Path, tuple[_Stamp, str]] = {}

    def of(self, name: str, *, again: bool = False) -> Credential | None:
        """Return who we are for this repository; `again` reads the file even if it looks unchanged.

        Raise UpstreamRefused where the password cannot be read and never could.
        """
        entry = self._entry(name)
        if entry is None or entry.username is None or entry.password_file is None:
            return None
        return Credential(entry.username, self._password(entry.password_file, again=again))

    def username(self, name: str) -> str | None:
        entry = self._entry(name)
        return entry.username if entry else None

    def _entry(self, name: str) -> CredentialSettings | None:
        return next((each for each in self._entries if matches(each.match, name)), None)

    def _password(self, path: Path, *, again: bool) -> str:
        known = self._passwords.get(path)
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if known is None or again or known[0] != stamp:
                known = (stamp, self._read(path))
                self._passwords[path] = known
        except (OSError, UnicodeError):
            # A secret that is being replaced may be absent for a moment: what was read before still stands.
            if known is None:
                raise self._refused("cannot be read") from None
        return known[1]

    def _read(self, path: Path) -> str:
        with path.open("rb") as file:
            raw = file.read(_LIMIT + 1)
        password = raw.decode().rstrip("\r\n")
        if not password or len(raw) > _LIMIT or not password.isprintable():
            raise self._refused("holds no password in one line")
        return password

    def _refused(self, what: str) -> UpstreamRefused:
        return UpstreamRefused(f"the passwordFile of upstreams.{self._upstream}.credentials {what}; correct it")
