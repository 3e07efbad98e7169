"""A Sigstore trusted root is read as it is meant: what it lists is required, so nothing that it lists may be lost.

protobuf-specs `TrustedRoot` as JSON. Real ones leave out `baseUrl`, `uri` and empty lists; no window may lack its start.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from proxy.errors import ConfigError, PratiqueError
from proxy.oci import strictjson
from proxy.oci.strictjson import as_object
from proxy.verify.certificates.certificate import load_chain, sound
from proxy.verify.encoding import read_base64
from proxy.verify.evidence import NotProved
from proxy.verify.keys import SigningKey
from proxy.verify.material import Authority, Log, TrustRoot, Window

MAX_BYTES = 4 * 1024 * 1024
_MAX_LISTED = 256
_LISTS = frozenset({"certificateAuthorities", "tlogs", "ctlogs", "timestampAuthorities"})
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_Listed = TypeVar("_Listed")


class _Unsupported(Exception):
    """A key of a kind that is not verified here: nothing can be proved under it, and the rest of the root still holds."""


def parse(name: str, raw: bytes) -> TrustRoot:
    """The trusted root in `raw`; raise ConfigError with a sentence that names the root and what is wrong with it."""
    try:
        return _parse(name, raw)
    except (PratiqueError, ValueError) as error:  # NotProved is a ValueError
        raise ConfigError(f"the trust root {name} cannot be used: {error}") from None


def _parse(name: str, raw: bytes) -> TrustRoot:
    if len(raw) > MAX_BYTES:
        raise ValueError("it is over 4 MiB")
    document = as_object(strictjson.parse(raw, what="file"), what="file", names=_LISTS)
    root = TrustRoot(
        name=name,
        raw=raw,
        authorities=_listed(document, "certificateAuthorities", _authority),
        logs=_listed(document, "tlogs", _log),
        ct_logs=_listed(document, "ctlogs", _log),
        timestamp_authorities=_listed(document, "timestampAuthorities", _authority),
    )
    if not root.items:
        raise ValueError("it lists neither a certificate authority nor a log; it is no Sigstore trusted root")
    return root


def _listed(document: dict[str, Any], member: str, read: Callable[[Any, str], _Listed]) -> tuple[_Listed, ...]:
    """Every member that can be verified here. A list never becomes empty on the way: what it lists is required."""
    entries = document.get(member)
    if entries is None:
        return ()
    if not isinstance(entries, list) or len(entries) > _MAX_LISTED:
        raise ValueError(f"{member} is not a list of at most {_MAX_LISTED}")
    found = []
    for number, entry in enumerate(entries):
        try:
            found.append(read(entry, f"{member}[{number}]"))
        except _Unsupported:
            continue
    if entries and not found:
        raise ValueError(f"{member} lists only keys of kinds that are not verified here")
    return tuple(found)


def _authority(value: Any, what: str) -> Authority:
    entry = as_object(value, what=what, names={"certChain", "validFor", "uri"})
    chain = as_object(entry.get("certChain"), what=f"{what}.certChain", names={"certificates"}).get("certificates")
    if not isinstance(chain, list) or not chain:
        raise ValueError(f"{what}.certChain lists no certificate")
    ders = [_bytes(as_object(each, what=f"{what}.certChain").get("rawBytes"), f"{what}.certChain") for each in chain]
    return Authority(chain=load_chain(ders), window=_window(entry.get("validFor"), what), uri=_text(entry, "uri", what))


def _log(value: Any, what: str) -> Log:
    entry = as_object(value, what=what, names={"baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId"})
    if entry.get("hashAlgorithm", "SHA2_256") != "SHA2_256":
        raise ValueError(f"{what}.hashAlgorithm is not SHA2_256")
    public = as_object(entry.get("publicKey"), what=f"{what}.publicKey", names={"rawBytes", "validFor"})
    window = _window(public.get("validFor"), f"{what}.publicKey")
    key = _key(_bytes(public.get("rawBytes"), f"{what}.publicKey"), what)
    host = _host(_text(entry, "baseUrl", what), what)
    return Log(id=_id(entry, key, host, what), key=key, window=window, host=host)


def _key(der: bytes, what: str) -> SigningKey:
    """SubjectPublicKeyInfo; PKCS#1, as an old CT log of staging has it, is read by the same call."""
    try:
        key = load_der_public_key(der)
    except UnsupportedAlgorithm:
        raise _Unsupported from None
    except (ValueError, TypeError):
        raise ValueError(f"{what}.publicKey.rawBytes is not a public key") from None
    try:
        return sound(key)
    except NotProved:
        raise _Unsupported from None


def _id(entry: dict[str, Any], key: SigningKey, host: str, what: str) -> bytes:
    """As given, else derived: the SPKI's SHA-256 (RFC 6962 3.2), of an Ed25519 log the note's key hash (C2SP signed-note)."""
    given = entry.get("logId") or entry.get("checkpointKeyId")
    if given is not None:
        return _bytes(as_object(given, what=f"{what}.logId", names={"keyId"}).get("keyId"), f"{what}.logId")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return hashlib.sha256(host.encode() + b"\n\x01" + key.public_bytes_raw()).digest()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _window(value: Any, what: str) -> Window:
    period = as_object(value, what=f"{what}.validFor", names={"start", "end"})
    if period.get("start") is None:
        raise ValueError(f"{what}.validFor has no start; without it a key would be believed for all times")
    end = period.get("end")
    return Window(_moment(period["start"], what), None if end is None else _moment(end, what))


def _moment(value: Any, what: str) -> datetime:
    """RFC 3339 with up to nine digits of a second, of which six are kept."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{what}.validFor holds a time that is not RFC 3339")
    whole, fraction, zone = match.groups()
    return datetime.fromisoformat(f"{whole}.{(fraction or '0')[:6]:0<6}{zone}").astimezone(UTC)


def _host(url: str, what: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        raise ValueError(f"{what}.baseUrl is not a URL") from None


def _text(entry: dict[str, Any], member: str, what: str) -> str:
    value = entry.get(member) or ""
    if not isinstance(value, str) or not (value == "" or value.isprintable()):
        raise ValueError(f"{what}.{member} is not text")
    return value


def _bytes(value: Any, what: str) -> bytes:
    if not value:
        raise ValueError(f"{what} lacks its bytes")
    return read_base64(value, what=what)
