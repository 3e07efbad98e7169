"""How long trust material lasts without a network: until when a new signature could still be verified with it. Pure.

What was signed within the windows is verified forever; the end is that of what is yet to be signed. A root needs what
it lists (evidence.md 0): an authority, a log if it lists logs and else a timestamp authority, a CT log if it lists any.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from proxy.trust.settings import HeldRoot
from proxy.trust.shipped import SHIPPED
from proxy.verify.material import Authority, Log, TrustRoot, X509Store

AUTHORITY, LOG, CT_LOG, STAMPER = "certificate authority", "log", "CT log", "timestamp authority"
ANCHOR, STAMP_ANCHOR, CRL = "anchor", "timestamp anchor", "CRL"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is believed. `start` and `end` are aware UTC: its window, narrowed by its certificates; None: open."""

    kind: str
    name: str
    id: str
    start: datetime
    end: datetime | None

    def is_good(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at <= self.end)


@dataclass(frozen=True, slots=True)
class Horizon:
    """`end`: from then on nothing new can be verified; None: never. `first` is the item whose end that is."""

    end: datetime | None
    first: Item | None = None


def of_root(root: TrustRoot, now: datetime) -> Horizon:
    """Of a Sigstore trusted root, for keyless signatures."""
    kinds = (AUTHORITY, LOG if root.logs else STAMPER, CT_LOG)
    listed = (root_items(root, kind) for kind in kinds)
    return _earliest(_covered(items, now) for items in listed if items)


def of_store(store: X509Store, now: datetime) -> Horizon:
    """Of an X.509 store. A revocation list that the operator gave ends it too, where an answer is enforced."""
    horizons = [_covered([each for each in store_items(store) if each.kind == ANCHOR], now)]
    if store.revocation == "enforce":
        horizons += [_covered([each], now) for each in store_items(store) if each.kind == CRL]
    return _earliest(horizons)


def lifetime(
    name: str, held: HeldRoot, root: TrustRoot | None, now: datetime, *, refreshed: datetime | None = None
) -> tuple[float | None, float | None]:
    """For metrics: seconds since the root was refreshed or shipped, and when it ends (since the epoch); None: neither.

    `refreshed`: when it was last, where that brought nothing new.
    """
    since = refreshed or held.at or (SHIPPED[name].since if held.origin == "shipped" and name in SHIPPED else None)
    end = of_root(root, now).end if root is not None else now
    return (now - since).total_seconds() if since else None, end.timestamp() if end else None


def store_end(store: X509Store, now: datetime) -> float | None:
    """For metrics: when the store ends (since the epoch); None: never."""
    end = of_store(store, now).end
    return end.timestamp() if end else None


def root_items(root: TrustRoot, *kinds: str) -> tuple[Item, ...]:
    """What the root lists, of these kinds, or all."""
    found = (
        *(_authority(AUTHORITY, each) for each in root.authorities),
        *(_log(LOG, each) for each in root.logs),
        *(_log(CT_LOG, each) for each in root.ct_logs),
        *(_authority(STAMPER, each) for each in root.timestamp_authorities),
    )
    return tuple(each for each in found if not kinds or each.kind in kinds)


def store_items(store: X509Store) -> tuple[Item, ...]:
    return (
        *(_anchor(ANCHOR, each) for each in store.roots),
        *(_anchor(STAMP_ANCHOR, each) for each in store.timestamp_roots),
        *(_crl(each) for each in store.crls),
    )


def _covered(items: Sequence[Item], now: datetime) -> Horizon:
    """From now on, as far as one item or another is good without a gap; what ended already, ended with its last."""
    at, last = now, None
    while good := [each for each in items if each.is_good(at) and each is not last]:
        if any(each.end is None for each in good):
            return Horizon(None)
        furthest = max(good, key=_end)
        if last is not None and _end(furthest) <= at:
            break
        at, last = _end(furthest), furthest
    if last is None:
        last = max((each for each in items if each.end is not None and each.end < now), key=_end, default=None)
    return Horizon(last.end if last else now, last)


def _end(item: Item) -> datetime:
    assert item.end is not None, "an open end was looked for before"
    return item.end


def _earliest(horizons: Iterable[Horizon]) -> Horizon:
    ending = [(each.end, each) for each in horizons if each.end is not None]
    return min(ending, key=lambda pair: pair[0])[1] if ending else Horizon(None)


def _authority(kind: str, authority: Authority) -> Item:
    ends = [each.not_valid_after_utc for each in authority.chain]
    starts = [each.not_valid_before_utc for each in authority.chain]
    return Item(
        kind,
        authority.uri or _name(authority.chain[-1]),
        authority.chain[0].fingerprint(SHA256()).hex(),
        max(authority.window.start, *starts),
        min([*ends, *([authority.window.end] if authority.window.end else [])]),
    )


def _log(kind: str, log: Log) -> Item:
    return Item(kind, log.host or log.id.hex()[:16], log.id.hex(), log.window.start, log.window.end)


def _anchor(kind: str, certificate: x509.Certificate) -> Item:
    return Item(
        kind,
        _name(certificate),
        certificate.fingerprint(SHA256()).hex(),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


def _crl(raw: bytes) -> Item:
    listed = x509.load_der_x509_crl(raw)
    return Item(
        CRL,
        _common_name(listed.issuer),
        listed.fingerprint(SHA256()).hex(),
        listed.last_update_utc,
        listed.next_update_utc,
    )


def _name(certificate: x509.Certificate) -> str:
    return _common_name(certificate.subject)


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()
