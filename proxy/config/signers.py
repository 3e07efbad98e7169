"""A signer's word meets what stands behind it: a key's bytes, a preset, a trust root, a store."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from proxy.errors import ConfigError, PratiqueError
from proxy.oci import strictjson
from proxy.oci.strictjson import as_object
from proxy.policy.match import TextPattern
from proxy.policy.rules import REFRESH, SignerSpec, TrustRootSpec
from proxy.trust.keeper import load_root, staleness
from proxy.trust.presets import preset
from proxy.trust.reading import Reader
from proxy.trust.settings import (
    HeldRoot,
    KeylessSource,
    KeySource,
    Plan,
    SignerSource,
    StoreSource,
    TufSource,
    X509Source,
)
from proxy.trust.shipped import SHIPPED, read_shipped
from proxy.verify.material import TrustRoot

SIGSTORE = "sigstore"


def signer_source(spec: SignerSpec, reader: Reader) -> SignerSource:
    """What the spec names, read; raise ConfigError with the signer and the file named."""
    if spec.preset:
        return _preset(spec)
    if spec.key:
        return _key(spec, reader)
    if spec.x509:
        return X509Source(
            spec.name,
            spec.x509,
            spec.x509_subject,
            spec.san,
            needs_log=spec.log == "required",
            needs_timestamp=spec.timestamp,
            root=spec.trust_root,
        )
    if spec.issuer and spec.subject:
        return KeylessSource(spec.name, spec.trust_root or SIGSTORE, spec.issuer, spec.subject, dict(spec.extensions))
    raise ConfigError(f"signer {spec.name} names nobody; write a key, an identity, a store or a preset")


def root_of(spec: SignerSpec) -> str | None:
    """The Sigstore trust root that this signer stands under, or None."""
    if spec.preset:
        found = preset(spec.preset)
        return None if found.is_key else found.root
    if spec.key or spec.x509:
        return spec.trust_root
    return spec.trust_root or SIGSTORE


def store_source(spec: TrustRootSpec, reader: Reader) -> StoreSource:
    """An X.509 store's files, read; raise ConfigError."""
    return StoreSource(
        name=spec.name,
        certificates=reader.read(spec.certificates or "", what="certificate file"),
        timestamps=reader.read(spec.timestamps, what="certificate file") if spec.timestamps else None,
        revocation=spec.revocation,
        hosts=frozenset(spec.hosts),
        crls=tuple(reader.read(each, what="CRL") for each in spec.crls),
    )


@dataclass(frozen=True, slots=True)
class Rooted:
    """One trust root as it stands: what was held, and the root made of it, or why it must not be used now."""

    held: HeldRoot | None
    root: TrustRoot | None
    why: str = ""


def trust_root(
    name: str, spec: TrustRootSpec | None, reader: Reader, held: Mapping[str, HeldRoot], now: datetime
) -> Rooted:
    """The root of this name; raise ConfigError for a file that is not what it should be.

    A held one that was refreshed elsewhere, or under another first root, is as if it were not there.
    """
    if spec is None and name not in SHIPPED:
        raise ConfigError(f"there is no trust root {name!r}; add it under trustRoots")
    if spec is not None and spec.file:
        raw = reader.read(spec.file, what="trusted root")
        found = HeldRoot(_require_sha256(name, raw, spec.sha256), "file")
        return Rooted(found, load_root(name, found))
    plan, kept = plan_of(name, spec, reader), held.get(name)
    if plan is None or (kept is not None and not kept.is_from(plan.source)):
        kept = None
    if spec is None:
        found = kept or SHIPPED[name].held()
        return Rooted(found, load_root(name, found))
    why = staleness(name, kept, max_age=spec.max_age, now=now)
    return Rooted(kept, load_root(name, kept) if kept and not why else None, why or "")


def plan_of(name: str, spec: TrustRootSpec | None, reader: Reader) -> Plan | None:
    """How the root of this name is refreshed; None for one that is a file. Raise ConfigError."""
    if spec is None:
        shipped = SHIPPED.get(name)
        if shipped is None:
            return None
        root = read_shipped(shipped.tuf_root, shipped.tuf_root_sha256)
        return Plan(TufSource(name, shipped.tuf, root, shipped.target), REFRESH)
    if not spec.tuf:
        return None
    root = _require_tuf_root(name, reader.read(spec.root or "", what="root of trust"))
    return Plan(TufSource(name, spec.tuf, root), spec.refresh, spec.max_age)


def _require_tuf_root(name: str, raw: bytes) -> bytes:
    """A glance at what it is; whether it is signed, TUF says when it is used."""
    try:
        signed = as_object(strictjson.parse(raw, what="file"), what="file").get("signed")
        is_root = isinstance(signed, dict) and signed.get("_type") == "root"
    except (PratiqueError, ValueError):
        is_root = False
    if not is_root:
        raise ConfigError(f"trustRoots.{name}.root: the file is no TUF root; name the root.json that you were given")
    return raw


def _require_sha256(name: str, raw: bytes, wanted: str | None) -> bytes:
    found = hashlib.sha256(raw).hexdigest()
    if wanted is None or found != wanted.lower():
        raise ConfigError(
            f"trustRoots.{name}: the file's SHA-256 is {found}; compare it with its source, then write it"
        )
    return raw


def _preset(spec: SignerSpec) -> SignerSource:
    found = preset(spec.preset or "")
    if found.is_key:
        if spec.parameters:
            raise ConfigError(f"preset {found.name} has no parameters; remove them")
        return found.source_for(spec.name)
    subject = found.subject_for(spec.parameters)
    pattern = TextPattern.regex(subject) if found.is_regex else TextPattern.glob(subject)
    return KeylessSource(spec.name, found.root, found.issuer, pattern, {}, found.signed_as)


def _key(spec: SignerSpec, reader: Reader) -> KeySource:
    file = reader.folder / (spec.key or "")
    try:
        pem = reader.read(spec.key or "", what="key file")
    except ConfigError as error:
        raise ConfigError(f"signers.{spec.name}.key: {error.message}") from error
    return KeySource(
        spec.name,
        pem=pem,
        shown=str(file),
        hash=spec.hash,
        valid_from=spec.valid_from,
        valid_until=spec.valid_until,
        needs_log=spec.log == "required",
        needs_timestamp=spec.timestamp,
        root=spec.trust_root,
    )
