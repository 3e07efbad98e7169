"""All that was found, proved once each, in an order that no listing decides (T50)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, TypedDict

from proxy.oci import mediatype
from proxy.verify import notation
from proxy.verify.encoding import shown
from proxy.verify.evidence import Evidence, Found, NotProved, Proved, Target
from proxy.verify.formats import attested, bundle, carried, simplesigning
from proxy.verify.formats.annotations import said_beside
from proxy.verify.material import Signer, TrustMaterial
from proxy.verify.signers.signed import guarded

_LISTED = ("referrers", "fallback")  # any other place is a tag, where signatures are likeliest
_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class _Asked(TypedDict):
    """What every form is asked with."""

    target: Target
    signers: Sequence[Signer]
    material: TrustMaterial
    now: datetime
    revocation: Mapping[str, bytes]


def prove_all(
    founds: Iterable[Found],
    *,
    target: Target,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    revocation: Mapping[str, bytes] = _NOTHING,
    manifest: bytes | None = None,
) -> Proved:
    """Evidence and Rejections of everything found; raise nothing. The same signature in two places counts once (T30).

    `now` is aware UTC. `revocation` are CRLs and OCSP answers by URL; what else should be asked is `Proved.wanted`.
    `manifest` are the target's own bytes, which a bundle with a message signature is over.
    """
    once = tuple(_once(founds))
    asked = _Asked(target=target, signers=signers, material=material, now=now, revocation=revocation)
    proved = [
        guarded(found, partial(_prove, found, asked, manifest)) for found in once if not carried.is_carried(found)
    ]
    signed = [evidence for each in proved for evidence in each.evidence]
    proved += [
        guarded(found, partial(carried.prove, found, target=target, proved=signed))
        for found in once
        if carried.is_carried(found)
    ]
    evidence: dict[object, Evidence] = {}
    for each in (each for found in proved for each in found.evidence):
        evidence.setdefault(_statement(each), each)
    return Proved(
        tuple(evidence.values()),
        tuple(dict.fromkeys(each for found in proved for each in found.rejections)),
        tuple(dict.fromkeys(url for found in proved for url in found.wanted)),
        tuple(dict.fromkeys(gap for found in proved for gap in found.gaps)),
    )


def _prove(found: Found, asked: _Asked, manifest: bytes | None) -> Proved:
    kind = mediatype.bare(found.media_type)
    if kind == mediatype.SIMPLE_SIGNING:
        return simplesigning.prove(found, **asked)
    if kind == mediatype.DSSE:
        return attested.prove(found, **asked)
    if kind.startswith(bundle.PREFIX):
        return bundle.prove(found, manifest=manifest, **asked)
    if kind in (notation.JWS, notation.COSE):
        return notation.prove_with_wanted(found, **asked)
    raise NotProved(f"a layer of type {shown(found.media_type)} is no evidence that is read here")


def _once(founds: Iterable[Found]) -> Iterable[Found]:
    once: dict[object, Found] = {}
    for found in sorted(founds, key=_order):
        once.setdefault(_bytes(found), found)
    return once.values()


def _order(found: Found) -> tuple[Any, ...]:
    said = found.media_type, sorted(found.annotations.items()), str(found.subject), found.carriers
    return found.place in _LISTED, found.place, found.manifest, found.blob, *said, found.payload


def _bytes(found: Found) -> tuple[object, ...]:
    # `payload` is part of it: only a proof checks that it is what `blob` names. So is all that is said beside it: a
    # twin without the log's entry must not stand in for the one with it.
    beside = said_beside(found.annotations)
    return found.blob, found.payload, found.media_type, found.subject, found.carriers, beside


def _statement(evidence: Evidence) -> tuple[object, ...]:
    """What one signer says once: in another place, or signed anew, it is the same (T30)."""
    said = evidence.kind, evidence.signer, evidence.identity, evidence.subject, evidence.sources[1]
    return *said, evidence.proved_at, evidence.predicate_type
