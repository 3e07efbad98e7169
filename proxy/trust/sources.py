"""Keys come from files that the operator names. What is wrong with one is said with its name, before anything is served."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from proxy.errors import ConfigError
from proxy.trust.settings import KeySource
from proxy.verify.keys import MAX_PEM, load, require_hash
from proxy.verify.material import KeySigner

_SPKI = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def load_signer(source: KeySource) -> KeySigner:
    """Parse the source's key, once. Raise ConfigError with the signer and the file named."""
    where = f"signer {source.name}" + (f" ({source.file})" if source.file else "")
    try:
        key, spki = load(_pem(source))
        if source.hash is not None:
            require_hash(key, source.hash)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}") from error
    if source.valid_from and source.valid_until and source.valid_from >= source.valid_until:
        raise ConfigError(f"{where}: validUntil is not after validFrom, so it could never sign; correct one of them")
    return KeySigner(
        name=source.name,
        key=key,
        spki=spki,
        hash=source.hash,
        valid_from=source.valid_from,
        valid_until=source.valid_until,
        signed_as=source.signed_as,
    )


def revoked_spki(key: str, *, folder: Path) -> str:
    """The SPKI SHA-256 that a `revoked` entry means: written in hex, or of the key in a file relative to `folder`."""
    found = _SPKI.fullmatch(key)
    if found:
        return found[1]
    file = folder / key
    try:
        return load(_read(file))[1]
    except ConfigError as error:
        raise ConfigError(f"revoked key {key}: {error.message}") from error


def revoked_keys(entries: Iterable[tuple[str, str]], *, folder: Path) -> Mapping[str, str]:
    """SPKI SHA-256 to reason, for (key, reason) entries. Raise ConfigError with every problem at once."""
    revoked: dict[str, str] = {}
    problems: list[str] = []
    for key, reason in entries:
        try:
            revoked.setdefault(revoked_spki(key, folder=folder), reason)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError("; ".join(problems), problems=problems)
    return revoked


def _pem(source: KeySource) -> bytes:
    if source.pem is not None and source.file is None:
        return source.pem
    if source.file is not None and source.pem is None:
        return _read(source.file)
    raise ConfigError("name one key, either in a file or from a preset")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_PEM + 1)
    except OSError as error:
        raise ConfigError(f"the key file {file} cannot be read: {error.strerror or 'unknown reason'}") from error
    except ValueError as error:  # a NUL in the path
        raise ConfigError("the key file's name is not a path") from error
