"""All that was found, proved once each, in an order that no listing decides (T50)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.verify.evidence import Evidence, Found, Rejection
from proxy.verify.lookup import SIGNATURE
from proxy.verify.material import KeySigner
from proxy.verify.simplesigning import prove

_LISTED = ("referrers", "fallback")  # any other place is a tag, where signatures are likeliest


def prove_all(
    founds: Iterable[Found], *, subject: Digest, repository: Repository, signers: Sequence[KeySigner], now: datetime
) -> tuple[tuple[Evidence, ...], tuple[Rejection, ...]]:
    """Evidence and Rejections of everything found. The same payload and signature in two places counts once (T30)."""
    evidence: dict[tuple[str, str, str, Digest], Evidence] = {}
    rejections: dict[Rejection, None] = {}
    for found in _once(founds):
        for proof in prove(found, subject=subject, repository=repository, signers=signers, now=now):
            if isinstance(proof, Evidence):
                evidence.setdefault(_statement(proof), proof)
            else:
                rejections.setdefault(proof)
    return tuple(evidence.values()), tuple(rejections)


def _once(founds: Iterable[Found]) -> Iterable[Found]:
    once: dict[tuple[Digest, bytes, str, str], Found] = {}
    for found in sorted(founds, key=_order):
        once.setdefault(_bytes(found), found)
    return once.values()


def _order(found: Found) -> tuple[bool, str, Digest, Digest, str, str, list[tuple[str, str]]]:
    signature = found.annotations.get(SIGNATURE, "")
    annotations = sorted(found.annotations.items())
    return found.place in _LISTED, found.place, found.manifest, found.blob, signature, found.media_type, annotations


def _bytes(found: Found) -> tuple[Digest, bytes, str, str]:
    # `payload` is part of it: only `prove` checks that it is what `blob` names.
    signature = "".join(found.annotations.get(SIGNATURE, "").split())
    return found.blob, found.payload, found.media_type, signature


def _statement(evidence: Evidence) -> tuple[str, str, str, Digest]:
    return evidence.kind, evidence.signer, evidence.identity, evidence.sources[-1]
