"""What is believed, as plain values: each trust root and store, where it is from, what it lists, and how long it lasts.

"How long" is until when a new signature could be verified without a network; what was signed before is verified forever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.trust.horizon import Horizon, Item
    from proxy.trust.settings import HeldRoot, Plan
    from proxy.verify.material import TrustRoot, X509Store


def believed(config: "Config", loaded: "LoadedPolicy", *, now: datetime) -> list[dict[str, Any]]:
    """Every root of the policy, those that are shipped whether it names them or not, and every store; by name."""
    return sorted([*_roots(config, loaded, now), *_stores(loaded, now)], key=lambda each: str(each["name"]))


def _roots(config: "Config", loaded: "LoadedPolicy", now: datetime) -> Iterator[dict[str, Any]]:
    from proxy.trust.shipped import SHIPPED

    material, plans = loaded.material, {plan.source.name: plan for plan in loaded.plans}
    for name in material.roots.keys() | material.stale.keys():
        standing = _Root(name, loaded.snapshot.roots.get(name), material.roots.get(name), plans.get(name))
        yield _root(standing, loaded, now, why=material.stale.get(name))
    for name in SHIPPED.keys() - material.roots.keys():
        yield _root(_shipped(name, config, now), loaded, now)


@dataclass(frozen=True, slots=True)
class _Root:
    """A trust root as it stands: what was held, what was made of it, and how it is refreshed; each where there is one."""

    name: str
    held: "HeldRoot | None"
    root: "TrustRoot | None"
    plan: "Plan | None"


def _shipped(name: str, config: "Config", now: datetime) -> _Root:
    """One that no signer needs: it would stand like this."""
    from proxy.config.signers import plan_of, trust_root
    from proxy.trust.held import HeldRoots
    from proxy.trust.reading import Reader

    reader = Reader(config.policy.parent)
    found = trust_root(name, None, reader, HeldRoots(config.trust_folder).all(), now)
    return _Root(name, found.held, found.root, plan_of(name, None, reader))


def _root(each: _Root, loaded: "LoadedPolicy", now: datetime, *, why: str | None = None) -> dict[str, Any]:
    from proxy.trust import horizon

    held, plan = each.held, each.plan
    shown = each.root or _parsed(each)
    ends = horizon.of_root(each.root, now) if each.root else horizon.Horizon(now)
    return {
        "name": each.name,
        "kind": "root",
        "origin": held.origin if held else "tuf",
        "date": _date(each),
        "sha256": _sha256(held.raw) if held else None,
        "file": _written(loaded, each.name, "file"),
        "tuf": plan.source.url if plan else None,
        "refreshSeconds": int(plan.every.total_seconds()) if plan and plan in loaded.plans else None,
        "maxAgeSeconds": int(plan.max_age.total_seconds()) if plan and plan.max_age else None,
        "isUsable": each.root is not None,
        "why": why,
        **_lasting(ends),
        "usedBy": _users(loaded, each.name),
        "items": [_item(item, now) for item in horizon.root_items(shown)] if shown else [],
    }


def _stores(loaded: "LoadedPolicy", now: datetime) -> Iterator[dict[str, Any]]:
    for name, store in loaded.material.stores.items():
        yield _store(name, store, loaded, now)


def _store(name: str, store: "X509Store", loaded: "LoadedPolicy", now: datetime) -> dict[str, Any]:
    from proxy.trust import horizon

    file = _written(loaded, name, "certificates")
    return {
        "name": name,
        "kind": "store",
        "origin": "file",
        "date": None,
        "sha256": _sha256(loaded.snapshot.files[file]) if file else None,
        "file": file,
        "revocation": store.revocation,
        "hosts": sorted(store.hosts),
        "isUsable": True,
        "why": None,
        **_lasting(horizon.of_store(store, now)),
        "usedBy": _users(loaded, name),
        "items": [_item(item, now) for item in horizon.store_items(store)],
    }


def _parsed(each: _Root) -> "TrustRoot | None":
    """What a root that must not be used lists all the same."""
    from proxy.verify.trustedroot import parse

    return parse(each.name, each.held.raw) if each.held else None


def _date(each: _Root) -> str | None:
    """When it was refreshed, or the day of the shipped one; a file has none."""
    from proxy.trust.shipped import SHIPPED

    if each.held is None or each.held.origin == "file":
        return None
    return each.held.at.isoformat() if each.held.at else SHIPPED[each.name].date


def _lasting(ends: "Horizon") -> dict[str, Any]:
    first = f"{ends.first.kind} {ends.first.name}" if ends.first else None
    return {"until": ends.end.isoformat() if ends.end else None, "endsWith": first}


def _item(item: "Item", now: datetime) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "name": item.name,
        "id": item.id,
        "from": item.start.isoformat(),
        "until": item.end.isoformat() if item.end else None,
        "isGoodNow": item.is_good(now),
    }


def _users(loaded: "LoadedPolicy", name: str) -> list[str]:
    """The signers that stand under a root or a store; no root has a store's name."""
    signers = loaded.material.signers.values()
    return sorted(each.name for each in signers if name in (getattr(each, "root", ""), getattr(each, "store", "")))


def _written(loaded: "LoadedPolicy", name: str, word: str) -> str | None:
    spec = loaded.policy.trust_roots.get(name)
    return getattr(spec, word) if spec else None


def _sha256(raw: bytes) -> str:
    import hashlib

    return hashlib.sha256(raw).hexdigest()
