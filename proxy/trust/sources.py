"""Keys come from files that the operator names. What is wrong with one is said with its name, before anything is served."""

import re
from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.errors import ConfigError
from proxy.trust.reading import Reader
from proxy.trust.settings import KeySource, StoreSource
from proxy.verify.keys import load, require_hash
from proxy.verify.material import KeySigner, X509Store

_MAX_ANCHORS = 256
_SPKI = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def load_signer(source: KeySource) -> KeySigner:
    """Parse the source's key, once. Raise ConfigError with the signer and the file named."""
    shown = source.file or source.shown
    where = f"signer {source.name}" + (f" ({shown})" if shown else "")
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
        needs_log=source.needs_log,
        needs_timestamp=source.needs_timestamp,
        root=source.root,
    )


def load_store(source: StoreSource) -> X509Store:
    """Parse a trust store's PEM files; raise ConfigError with the store named."""
    return X509Store(
        name=source.name,
        roots=_anchors(source.certificates, f"trustRoots.{source.name}.certificates"),
        timestamp_roots=_anchors(source.timestamps, f"trustRoots.{source.name}.timestamps")
        if source.timestamps is not None
        else (),
        revocation=source.revocation,
        hosts=source.hosts,
        crls=tuple(_crl(each, f"trustRoots.{source.name}.crls[{index}]") for index, each in enumerate(source.crls)),
    )


def revoked_spki(key: str, *, reader: Reader) -> str:
    """The SPKI SHA-256 that a `revoked` entry means: written in hex, or of the key in a file that the policy names."""
    found = _SPKI.fullmatch(key)
    if found:
        return found[1]
    try:
        return load(reader.read(key, what="key file"))[1]
    except ConfigError as error:
        raise ConfigError(f"revoked key {key}: {error.message}") from error


def revoked_keys(entries: Iterable[tuple[str, str]], *, reader: Reader) -> Mapping[str, str]:
    """SPKI SHA-256 to reason, for (key, reason) entries. Raise ConfigError with every problem at once."""
    revoked: dict[str, str] = {}
    problems: list[str] = []
    for key, reason in entries:
        try:
            revoked.setdefault(revoked_spki(key, reader=reader), reason)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError("; ".join(problems), problems=problems)
    return revoked


def _pem(source: KeySource) -> bytes:
    if source.pem is not None and source.file is None:
        return source.pem
    if source.file is not None and source.pem is None:
        return Reader(source.file.parent).read(source.file.name, what="key file")
    raise ConfigError("name one key, either in a file or from a preset")


def _anchors(pem: bytes, where: str) -> tuple[x509.Certificate, ...]:
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise ConfigError(f"{where}: the file holds no PEM certificate that can be read; copy it again") from None
    if len(found) > _MAX_ANCHORS:
        raise ConfigError(f"{where}: {len(found)} certificates; a trust store holds at most {_MAX_ANCHORS}")
    return found


def _crl(raw: bytes, where: str) -> bytes:
    """The revocation list as DER, whichever of PEM and DER the file holds."""
    try:
        read = x509.load_pem_x509_crl if raw.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_crl
        return read(raw).public_bytes(Encoding.DER)
    except ValueError:
        raise ConfigError(f"{where}: the file holds no revocation list that can be read; copy it again") from None
