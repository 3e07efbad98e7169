"""A signature under a company's own CA: a chain to the anchors of an X.509 store, at a proved time or now.

The store's own timestamp anchors prove a time, and a log where the signer asks for one; without any the chain must be
valid now, and the evidence lasts no longer than it. Order: time → chain at that time → identity → revocation, of the
signer's chain and of the timestamp authority's (T34): nobody is asked about a certificate that speaks for nobody here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from cryptography import x509

from proxy.verify.certificates import certificate, chain, revocation
from proxy.verify.evidence import CertificateFacts, LogProof, NotProved
from proxy.verify.material import TrustMaterial, X509Signer, X509Store
from proxy.verify.signers.barekey import require_root
from proxy.verify.signers.certified import Leaf, company_identity, require_not_revoked, told
from proxy.verify.signers.moments import Moments, prove_moments, require_bounds
from proxy.verify.signers.voices import Signed, Silence, Voice
from proxy.verify.witness import timestamp

Certificates: TypeAlias = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class _Asking:
    """What every signer is asked with. `answers` are CRLs and OCSP answers by what was wanted."""

    material: TrustMaterial
    now: datetime
    answers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _Times:
    """What was proved of when it was made, and the chains of the timestamp authorities that proved it."""

    proved: tuple[datetime, ...]
    stampers: tuple[Certificates, ...]
    log: LogProof | None
    items: tuple[str, ...]

    @property
    def extremes(self) -> tuple[datetime, ...]:
        """A window that covers both covers all."""
        return tuple(dict.fromkeys((min(self.proved), max(self.proved)))) if self.proved else ()


def prove_company(
    signed: Signed,
    leaf: Leaf,
    *,
    signers: Sequence[X509Signer],
    material: TrustMaterial,
    now: datetime,
    answers: Mapping[str, bytes],
) -> Iterable[Voice | Silence]:
    """A Voice for each signer whose certificate it is, else one Silence for each store (and log) that was tried."""
    asking = _Asking(material, now, answers)
    for kind in dict.fromkeys(_kind(signer) for signer in signers):
        asked = [signer for signer in signers if _kind(signer) == kind]
        try:
            yield from _under(signed, leaf, asked, asking)
        except NotProved as error:
            yield silence(error, asked)


def silence(error: NotProved, asked: Sequence[X509Signer]) -> Silence:
    """Why nothing is proved under the store of these signers, and whether more could be known of it."""
    reason = f"it is not proved under trust store {asked[0].store}: {error}"
    wanted = error.wanted if isinstance(error, revocation.Unasked) else ()
    return Silence(only(asked), reason, wanted, is_open=isinstance(error, revocation.Unknown))


def require_store(material: TrustMaterial, name: str) -> X509Store:
    """The trust store of that name; else NotProved."""
    if name not in material.stores:
        raise NotProved("it is not loaded; see `pratique trust show`")
    return material.stores[name]


def speaking(
    leaf: x509.Certificate, facts: CertificateFacts, asked: Sequence[X509Signer]
) -> tuple[list[X509Signer], str]:
    """The signers whose identity it is; and if there is none, why. Raise NotProved where it could be anybody's (T29)."""
    found = [signer for signer in asked if _is_by(leaf, facts, signer)]
    if not found and not facts.san and all(signer.san is not None for signer in asked):
        certificate.san_of(leaf)
    names = ", ".join(signer.name for signer in asked)
    return found, f"signed, but by {told(facts)} instead of {names}; add a signer for it, or ask the publisher"


def only(asked: Sequence[X509Signer]) -> str | None:
    return asked[0].name if len(asked) == 1 else None


def _kind(signer: X509Signer) -> tuple[object, ...]:
    """Signers of one kind are asked together: what must be proved for them is the same."""
    return signer.store, signer.root, signer.needs_log, signer.needs_timestamp


def _under(signed: Signed, leaf: Leaf, asked: Sequence[X509Signer], asking: _Asking) -> Iterable[Voice | Silence]:
    store = require_store(asking.material, asked[0].store)
    times = _times(signed, leaf, store, asked[0], asking)
    paths = [
        chain.find_anchor(leaf.certificate, intermediates=leaf.intermediates, anchors=store.roots, at=moment)
        for moment in times.extremes or (asking.now,)
    ]
    facts = certificate.facts(leaf.certificate, authority=paths[0][-1])
    for path in (*paths, *times.stampers):
        require_not_revoked(path, facts, material=asking.material)
    signers, why_not = speaking(leaf.certificate, facts, asked)
    if not signers:
        return [Silence(only(asked), why_not)]
    # Only a timestamp or a log shows that a certificate was revoked after it signed.
    at = min(times.proved, default=None)
    asked_of = [revocation.Path(path, at) for path in dict.fromkeys(paths)] + [
        revocation.Path(path) for path in times.stampers
    ]
    checked = revocation.check(*asked_of, store=store, now=asking.now, answers=asking.answers)
    ends = [checked.until, None if times.proved else min(each.not_valid_after_utc for each in paths[0])]
    anchors = (store.item(path[-1]) for path in (*paths, *times.stampers))
    return [
        Voice(
            signer=signer.name,
            identity=company_identity(leaf.certificate, facts, material=asking.material),
            proved_at=at,
            valid_until=min((end for end in ends if end is not None), default=None),
            rests_on=tuple(dict.fromkeys((*anchors, *times.items))),
            certificate=facts,
            log=times.log,
            warnings=checked.warnings,
            wanted=checked.wanted,
        )
        for signer in signers
    ]


def _times(signed: Signed, leaf: Leaf, store: X509Store, signer: X509Signer, asking: _Asking) -> _Times:
    require_bounds(signed)
    stamped, fault = _stamped(signed, store)
    if signer.needs_timestamp and not stamped:
        raise NotProved(fault or "it carries no timestamp, and the signer requires one")
    stamps = tuple(time for time, _ in stamped)
    logged = _logged(signed, leaf, signer, asking, at=min(stamps, default=asking.now))
    stampers = tuple(dict.fromkeys(path for _, path in stamped))
    return _Times((*stamps, *logged.times), stampers, logged.log, logged.items)


def _logged(signed: Signed, leaf: Leaf, signer: X509Signer, asking: _Asking, *, at: datetime) -> Moments:
    """What the log proves, where the signer asks for one; nothing else is looked at. `at`: where it proves no time."""
    if not signer.needs_log:
        return Moments()
    return prove_moments(
        signed,
        root=require_root(asking.material, signer.root),
        key_der=leaf.key_der,
        certificate_der=leaf.der,
        needs_log=True,
        needs_timestamp=False,
        otherwise=at,
    )


def _stamped(signed: Signed, store: X509Store) -> tuple[list[tuple[datetime, Certificates]], str]:
    """What the store's timestamp anchors prove; a stamp that proves nothing counts for nothing, and why."""
    found = []
    fault = ""
    for stamp in signed.stamps if store.timestamp_roots else ():
        try:
            proof = timestamp.prove_under(stamp.token, imprints=stamp.imprints, anchors=store.timestamp_roots)
            found.append((proof.time, proof.path))
        except NotProved as error:
            fault = fault or f"its timestamp is not proved: {error}"
    return found, fault


def _is_by(leaf: x509.Certificate, facts: CertificateFacts, signer: X509Signer) -> bool:
    """Whether its subject has all that the signer names; a signer that names neither subject nor SAN is nobody."""
    if signer.san is None and not signer.subject:
        return False
    if signer.san is not None and not (facts.san and signer.san.matches(facts.san)):
        return False
    return not signer.subject or set(signer.subject) <= set(certificate.subject_attributes(leaf))
