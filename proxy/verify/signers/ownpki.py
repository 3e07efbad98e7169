"""A signature under a company's own CA: a chain to the anchors of an X.509 store, at a stamped time or now.

The time counts that the store's own timestamp anchors prove; without one the chain must be valid now, and the evidence
lasts no longer than it. Revocation is asked for the signer's chain and for the timestamp authority's (T34).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from proxy.verify.certificates import certificate, chain, revocation
from proxy.verify.evidence import CertificateFacts, NotProved
from proxy.verify.material import TrustMaterial, X509Signer, X509Store
from proxy.verify.signers.certified import Leaf, require_not_revoked, told
from proxy.verify.signers.moments import require_bounds
from proxy.verify.signers.voices import Signed, Silence, Voice
from proxy.verify.witness import timestamp


@dataclass(frozen=True, slots=True)
class _Proof:
    facts: CertificateFacts
    leaf: Leaf
    proved_at: datetime | None
    valid_until: datetime | None
    rests_on: tuple[str, ...]
    warnings: tuple[str, ...]
    wanted: tuple[str, ...]


def prove_company(
    signed: Signed,
    leaf: Leaf,
    *,
    signers: Sequence[X509Signer],
    material: TrustMaterial,
    now: datetime,
    answers: Mapping[str, bytes],
) -> Iterable[Voice | Silence]:
    """A Voice for each signer whose certificate it is, else one Silence for each store that was tried."""
    for name in dict.fromkeys(signer.store for signer in signers):
        asked = [signer for signer in signers if signer.store == name]
        try:
            yield from _said(_under(signed, leaf, _store(material, name), material, now, answers), asked)
        except NotProved as error:
            wanted = error.wanted if isinstance(error, revocation.Unasked) else ()
            yield Silence(_only(asked), f"it is not proved under trust store {name}: {error}", wanted)


def _store(material: TrustMaterial, name: str) -> X509Store:
    if name not in material.stores:
        raise NotProved("it is not loaded; see `pratique trust show`")
    return material.stores[name]


def _under(
    signed: Signed,
    leaf: Leaf,
    store: X509Store,
    material: TrustMaterial,
    now: datetime,
    answers: Mapping[str, bytes],
) -> _Proof:
    require_bounds(signed)
    stamped = _stamped(signed, store)
    times = tuple(sorted(time for time, _ in stamped))
    paths = [
        chain.find_anchor(leaf.certificate, intermediates=leaf.intermediates, anchors=store.roots, at=moment)
        for moment in dict.fromkeys((times[0], times[-1]) if times else (now,))
    ]
    facts = certificate.facts(leaf.certificate, authority=paths[0][-1])
    require_not_revoked(paths[0], facts, material=material)
    # Only a timestamp shows that a certificate was revoked after it signed.
    proved_at = times[0] if times else None
    checked = [revocation.check(paths[0], store=store, now=now, answers=answers, at=proved_at)]
    stampers = tuple(dict.fromkeys(path for _, path in stamped))
    checked += [revocation.check(each, store=store, now=now, answers=answers) for each in stampers]
    return _Proof(
        facts=facts,
        leaf=leaf,
        proved_at=proved_at,
        valid_until=None if times else min(each.not_valid_after_utc for each in paths[0]),
        rests_on=tuple(dict.fromkeys(store.item(each[-1]) for each in (*paths, *stampers))),
        warnings=tuple(dict.fromkeys(text for each in checked for text in each.warnings)),
        wanted=tuple(dict.fromkeys(url for each in checked for url in each.wanted)),
    )


def _stamped(signed: Signed, store: X509Store) -> list[tuple[datetime, tuple[x509.Certificate, ...]]]:
    """What the store's timestamp anchors prove; a stamp that proves nothing counts for nothing."""
    found = []
    for stamp in signed.stamps if store.timestamp_roots else ():
        try:
            found.append(timestamp.prove_under(stamp.token, imprints=stamp.imprints, anchors=store.timestamp_roots))
        except NotProved:
            continue
    return found


def _said(proof: _Proof, asked: Sequence[X509Signer]) -> list[Voice | Silence]:
    speaking = [signer for signer in asked if _is_by(proof, signer)]
    if not speaking:
        names = ", ".join(signer.name for signer in asked)
        reason = f"signed, but by {told(proof.facts)} instead of {names}; add a signer for it, or ask the publisher"
        return [Silence(_only(asked), reason, proof.wanted)]
    return [_voice(proof, signer) for signer in speaking]


def _voice(proof: _Proof, signer: X509Signer) -> Voice:
    who = proof.facts.san if signer.san else proof.facts.subject
    return Voice(
        signer=signer.name,
        identity=f"x509:{proof.facts.authority} {who}",
        proved_at=proof.proved_at,
        valid_until=proof.valid_until,
        rests_on=proof.rests_on,
        certificate=proof.facts,
        warnings=proof.warnings,
        wanted=proof.wanted,
    )


def _is_by(proof: _Proof, signer: X509Signer) -> bool:
    """A signer that names neither a SAN nor a subject is nobody."""
    if signer.san is None and not signer.subject:
        return False
    if signer.san is not None and not (proof.facts.san and signer.san.matches(proof.facts.san)):
        return False
    attributes = certificate.subject_attributes(proof.leaf.certificate) if signer.subject else ()
    return set(signer.subject) <= set(attributes)


def _only(asked: Sequence[X509Signer]) -> str | None:
    return asked[0].name if len(asked) == 1 else None
