"""When a Notation signature was made, and the chain that must hold then (specification, "Validate Trusted Timestamp")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from proxy.verify.certificates import chain
from proxy.verify.evidence import NotProved
from proxy.verify.material import X509Store
from proxy.verify.notation.envelope import SIGNING_AUTHORITY, Envelope
from proxy.verify.notation.rules import require_order
from proxy.verify.witness import timestamp


@dataclass(frozen=True, slots=True)
class Moments:
    """The times at which the chain must hold, what of them is proved, and the timestamp authority's chain."""

    times: tuple[datetime, ...]
    proved_at: datetime | None = None
    stamper: tuple[x509.Certificate, ...] = ()


def prove_moments(envelope: Envelope, *, store: X509Store, now: datetime) -> Moments:
    """When it was made (aware UTC), or NotProved. What the signer's own key says is believed only together with now.

    A store does not say whether its anchors are those of a signing authority, whose time would count alone: with the
    scheme `notary.x509.signingAuthority` any signer under it could put himself back into a certificate that has ended.
    So that time is held against the chain, and proves none.
    """
    signed_at = envelope.attributes.signed_at
    if envelope.attributes.scheme == SIGNING_AUTHORITY:
        if signed_at > now:
            raise NotProved(f"the signing authority's time is {signed_at.isoformat()}, which is yet to come")
        return Moments((signed_at, now))
    if envelope.timestamp is None or not store.timestamp_roots:
        return Moments((now,))
    stamped = timestamp.prove_under(envelope.timestamp, imprints=(envelope.signature,), anchors=store.timestamp_roots)
    # RFC 3161 2.4.2: somewhere from the one to the other, so that the chain must hold at both.
    earliest, latest = stamped.time - stamped.accuracy, stamped.time + stamped.accuracy
    if latest < signed_at:
        raise NotProved(f"its timestamp is of {stamped.time.isoformat()}, before it was made ({signed_at.isoformat()})")
    return Moments(tuple(dict.fromkeys((earliest, latest))), stamped.time, stamped.path)


def find_path(
    certificates: Sequence[x509.Certificate], *, store: X509Store, moments: Moments, now: datetime
) -> tuple[x509.Certificate, ...]:
    """The one chain to the store's anchors that holds at each of these times; else NotProved, with what would help."""
    leaf, *intermediates = certificates
    if now in moments.times and leaf.not_valid_after_utc < now:
        ended = leaf.not_valid_after_utc.isoformat()
        raise NotProved(
            f"its certificate ended at {ended}, and no timestamp that the store trusts proves it was made before"
        )
    paths = {
        chain.find_anchor(leaf, intermediates=intermediates, anchors=store.roots, at=moment) for moment in moments.times
    }
    path = paths.pop()
    if paths:
        raise NotProved("its chain was another one when it was made than it is now")
    require_order(path, certificates)
    return path
