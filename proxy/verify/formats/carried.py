"""An unsigned statement counts as said by whoever signed the manifest that names it (evidence.md 1.8; 5, dhi).

The chain of digests binds it: signature → carrier → statement. Only a signature vouches; what is attested of a carrier
does not (T26). Whoever found it followed the digests from the carrier to the statement, and says so in `carriers`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from proxy.oci import mediatype
from proxy.oci.digest import require_digest
from proxy.verify.evidence import Evidence, Found, NotProved, Proved, Target
from proxy.verify.formats.statement import parse_statement


def is_carried(found: Found) -> bool:
    """Whether it is a statement without an envelope."""
    return mediatype.bare(found.media_type) == mediatype.IN_TOTO


def prove(found: Found, *, target: Target, proved: Iterable[Evidence]) -> Proved:
    """An attestation by each signer of a carrier; raise NotProved or PratiqueError where there is none, or malformed.

    `proved` is what else was proved of the image and of the carriers. What a signature says of itself (names, time,
    certificate) holds for what it carries. A carried `sign/v1` signs nothing: it is an attestation like any other.
    """
    require_digest(found.payload, found.blob)
    if not found.carriers:
        raise NotProved("it is a statement without a signature, and no manifest that names it can have been signed")
    vouchers = [each for each in proved if each.kind == "signature" and each.subject in found.carriers]
    if not vouchers:
        raise NotProved(f"it is a statement without a signature, and nobody who is trusted signed {_named(found)}")
    statement = parse_statement(found.payload, subject=found.subject or target.digest)
    return Proved(
        tuple(
            replace(
                voucher,
                kind="attestation",
                form="carried",
                subject=found.subject or target.digest,
                claims={},
                sources=(found.manifest, found.blob, *voucher.sources),
                place=found.place,
                predicate_type=statement.predicate_type,
                predicate=statement.predicate,
            )
            for voucher in _once(vouchers)
        )
    )


def _once(vouchers: Sequence[Evidence]) -> Iterable[Evidence]:
    """One for each signer, identity and time."""
    return {(each.signer, each.identity, each.proved_at, each.names): each for each in reversed(vouchers)}.values()


def _named(found: Found) -> str:
    first, *others = found.carriers
    return f"{first}, which names it" if not others else f"{first} or {len(others)} more, which name it"
