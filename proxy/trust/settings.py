"""What a bare-key signer is made of, before any file is read. `config` builds these from the policy file."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KeySource:
    """One signer by key: the PEM itself, or the file that holds it; exactly one of the two.

    `name` is the policy's word for the signer. Times are aware UTC, from inclusive, until exclusive. `hash` only where
    a publisher departs from the key's own default. `signed_as`: repositories, or `prefix/**`, that count as the asked one.
    """

    name: str
    pem: bytes | None = None
    file: Path | None = None
    hash: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    signed_as: tuple[str, ...] = ()
