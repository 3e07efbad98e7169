"""What trust material is made of, before any of it is parsed. `config` builds these from the policy file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from proxy.verify.material import Pattern


@dataclass(frozen=True, slots=True)
class KeySource:
    """One signer by key: the PEM itself, or the file that holds it; exactly one of the two. `shown` names a PEM's file.

    `name` is the policy's word for the signer. Times are aware UTC, from inclusive, until exclusive. `hash` only where
    a publisher departs from the key's own default. `signed_as`: repositories, or `prefix/**`, that count as the asked one.
    `root` is the trust root under which a log entry or a timestamp must be proved, where they are needed.
    """

    name: str
    pem: bytes | None = None
    file: Path | None = None
    hash: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    signed_as: tuple[str, ...] = ()
    shown: str = ""
    needs_log: bool = False
    needs_timestamp: bool = False
    root: str | None = None


@dataclass(frozen=True, slots=True)
class KeylessSource:
    """One signer by identity, certified under the trust root of that name."""

    name: str
    root: str
    issuer: str
    subject: Pattern
    extensions: Mapping[str, Pattern] = field(default_factory=dict)
    signed_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class X509Source:
    """One signer by certificate, under the X.509 store of that name; `root` is the trust root whose log it needs."""

    name: str
    store: str
    subject: tuple[tuple[str, str], ...] = ()
    san: Pattern | None = None
    needs_log: bool = False
    needs_timestamp: bool = False
    root: str | None = None


SignerSource: TypeAlias = KeySource | KeylessSource | X509Source


@dataclass(frozen=True, slots=True)
class HeldRoot:
    """A Sigstore trusted root as bytes, and where it is from: shipped | file | tuf. `at`: when it was refreshed last.

    `source` is the `TufSource.id` that it was refreshed from: under another one it is nobody's word. "" in a record,
    which is believed as it stands.
    """

    raw: bytes = field(repr=False)
    origin: str
    at: datetime | None = None
    source: str = ""

    def is_from(self, source: "TufSource") -> bool:
        return self.source in ("", source.id)


@dataclass(frozen=True, slots=True)
class StoreSource:
    """An X.509 trust store: PEM files' bytes, how revocation is asked, and where it may be."""

    name: str
    certificates: bytes = field(repr=False)
    timestamps: bytes | None = field(default=None, repr=False)
    revocation: str = "enforce"
    hosts: frozenset[str] = frozenset()
    crls: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class TufSource:
    """Where a trusted root is refreshed from: the repository's base URL, the first root of trust, and the target's name."""

    name: str
    url: str
    root: bytes = field(repr=False)
    target: str = "trusted_root.json"

    @property
    def id(self) -> str:
        """Whose word a refreshed root is: what was fetched elsewhere, or under another first root, is not this one's."""
        parts = (self.url.rstrip("/").encode(), hashlib.sha256(self.root).digest(), self.target.encode())
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """One root, how often it is refreshed, and after how long without it must not be used; None: never."""

    source: TufSource
    every: timedelta
    max_age: timedelta | None = None
