"""Makes one TrustMaterial of all sources, whole or not at all. `pipeline.standing` holds the current one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from proxy.errors import ConfigError
from proxy.trust.settings import HeldRoot, KeylessSource, KeySource, SignerSource, StoreSource
from proxy.trust.sources import load_signer, load_store
from proxy.verify.material import (
    KeylessSigner,
    KeySigner,
    RevokedIdentity,
    Signer,
    TrustMaterial,
    TrustRoot,
    X509Signer,
    X509Store,
)
from proxy.verify.trustedroot import parse

_REMEDIES = {
    "shipped": "install the program again",
    "file": "copy it from its source again",
    "tuf": "tell the operator of its TUF repository",
}


def build(
    sources: Sequence[SignerSource],
    *,
    revoked: Mapping[str, str],
    roots: Mapping[str, TrustRoot] | None = None,
    stores: Sequence[StoreSource] = (),
    revoked_identities: Sequence[RevokedIdentity] = (),
    stale: Mapping[str, str] | None = None,
) -> TrustMaterial:
    """Load every key and certificate. `revoked` maps SPKI SHA-256 to the reason: such a key's signer is left out.

    Raise ConfigError with every problem at once.
    """
    signers: dict[str, Signer] = {}
    held: dict[str, X509Store] = {}
    problems: list[str] = []
    for source in sources:
        try:
            signer = _signer(source)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        if signer.name in signers:
            problems.append(f"signer {signer.name} stands twice; keep one of them")
        signers[signer.name] = signer
    for store in stores:
        try:
            held[store.name] = load_store(store)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError("; ".join(problems), problems=problems)
    return TrustMaterial(
        signers={name: each for name, each in signers.items() if not _is_revoked(each, revoked)},
        revoked=dict(revoked),
        roots=dict(roots or {}),
        stores=held,
        revoked_identities=tuple(revoked_identities),
        stale=dict(stale or {}),
    )


def load_root(name: str, held: HeldRoot) -> TrustRoot:
    """Parse a trusted root; raise ConfigError with its name, where it is from, and what to do."""
    try:
        return parse(name, held.raw)
    except ConfigError as error:
        raise ConfigError(f"{error.message}; {_REMEDIES[held.origin]}") from error


def staleness(name: str, held: HeldRoot | None, *, max_age: timedelta | None, now: datetime) -> str | None:
    """Why a root that TUF refreshes must not be used now, or None. Without `max_age` an old one stays good."""
    if held is None:
        return f"trust root {name} was never fetched; run `pratique trust refresh {name}`"
    if max_age is None or held.at is None or now - held.at <= max_age:
        return None
    days = (now - held.at).days
    return (
        f"trust root {name} was refreshed {days} days ago, longer than its maxAge; run `pratique trust refresh {name}`"
    )


def _signer(source: SignerSource) -> Signer:
    if isinstance(source, KeySource):
        return load_signer(source)
    if isinstance(source, KeylessSource):
        return KeylessSigner(
            source.name, source.root, source.issuer, source.subject, source.extensions, source.signed_as
        )
    return X509Signer(
        source.name,
        source.store,
        source.subject,
        source.san,
        needs_log=source.needs_log,
        needs_timestamp=source.needs_timestamp,
        root=source.root,
    )


def _is_revoked(signer: Signer, revoked: Mapping[str, str]) -> bool:
    return isinstance(signer, KeySigner) and signer.spki in revoked
