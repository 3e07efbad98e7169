"""When a signature was made is what a log or a timestamp authority proves, and nothing that stands beside it.

What a trust root lists is what it requires (evidence.md 0). A stamp or entry that proves nothing counts for nothing;
an inclusion proof alone proves no time. The earliest time is the signature's: it existed then.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from proxy.verify.evidence import LogProof, NotProved
from proxy.verify.material import Log, TrustRoot
from proxy.verify.signers.voices import Signed, Stamp
from proxy.verify.witness import logentry, timestamp, tlog
from proxy.verify.witness.logentry import Entry

MAX_ENTRIES = 32  # T51
MAX_STAMPS = 32
_FAULTS = 8  # entries or stamps that prove nothing; what has more is junk, and each costs a millisecond or two

_Item = TypeVar("_Item")
_Proof = TypeVar("_Proof")


@dataclass(frozen=True, slots=True)
class Moments:
    """Proved times (aware UTC), the log's proof, and the items of the trust material that proved them."""

    times: tuple[datetime, ...] = ()
    log: LogProof | None = None
    items: tuple[str, ...] = ()

    @property
    def proved_at(self) -> datetime | None:
        return min(self.times, default=None)

    @property
    def extremes(self) -> tuple[datetime, ...]:
        """The earliest and the latest: a window that covers both covers all."""
        return tuple(sorted({min(self.times), max(self.times)})) if self.times else ()


def require_bounds(signed: Signed) -> None:
    """T51: raise NotProved for more entries or stamps than are read, or for one that stands there twice."""
    if len(signed.entries) > MAX_ENTRIES or len(signed.stamps) > MAX_STAMPS:
        raise NotProved(f"over {MAX_ENTRIES} log entries or {MAX_STAMPS} timestamps came with it, which no tool writes")
    tokens = {stamp.token for stamp in signed.stamps}
    places = {(entry.log_id, entry.index) for entry in signed.entries}
    if len(tokens) != len(signed.stamps) or len(places) != len(signed.entries):
        raise NotProved("a log entry or timestamp came with it twice; it counts once, so sign the image again")


def prove_moments(
    signed: Signed,
    *,
    root: TrustRoot,
    key_der: bytes,
    certificate_der: bytes | None,
    needs_log: bool,
    needs_timestamp: bool,
    otherwise: datetime | None,
) -> Moments:
    """What `root` proves of when it was made; raise NotProved without a log entry or timestamp that is needed.

    Where no log is needed, entries are not looked at; a stamp is, since a log may prove no time. `key_der` is the SPKI of
    who signed. `otherwise` is the time with which a log's window is compared where nothing
    proves one: now for a bare key, None for a certificate.
    """
    require_bounds(signed)
    stamped, stamp_faults = _each(signed.stamps, lambda stamp: _stamped(stamp, root), if_any=root.timestamp_authorities)
    if needs_timestamp and not stamped:
        absent = f"it carries no timestamp, and trust root {root.name} requires one"
        raise NotProved(f"its timestamp is not proved: {stamp_faults[0]}" if stamp_faults else absent)
    times = tuple(time for time, _ in stamped)
    logged, log_faults = _each(
        signed.entries,
        lambda entry: _logged(entry, signed, root.logs, key_der, certificate_der, min(times, default=otherwise)),
        if_any=root.logs if needs_log else (),
    )
    if needs_log and not logged:
        absent = f"it carries no log entry, and trust root {root.name} requires one"
        raise NotProved(log_faults[0] if log_faults else absent)
    integrated = tuple(proof.integrated_at for proof, _ in logged if proof.integrated_at is not None)
    items = (*(item for _, item in stamped), *(item for _, item in logged))
    return Moments((*times, *integrated), logged[0][0] if logged else None, root.resting_on(dict.fromkeys(items)))


def _stamped(stamp: Stamp, root: TrustRoot) -> tuple[datetime, str]:
    time, item, _ = timestamp.prove(stamp.token, imprints=stamp.imprints, authorities=root.timestamp_authorities)
    return time, item


def _logged(
    entry: Entry,
    signed: Signed,
    logs: Sequence[Log],
    key_der: bytes,
    certificate_der: bytes | None,
    at: datetime | None,
) -> tuple[LogProof, str]:
    logentry.require_binding(
        entry,
        signature=signed.signature,
        message=signed.message,
        payload=signed.payload,
        envelope=signed.envelope,
        key_der=key_der,
        certificate_der=certificate_der,
    )
    return tlog.prove(entry, logs=logs, at=at)


def _each(
    items: Iterable[_Item], prove: Callable[[_Item], _Proof], *, if_any: Sequence[object]
) -> tuple[list[_Proof], list[str]]:
    proofs: list[_Proof] = []
    faults: list[str] = []
    for item in items if if_any else ():
        if len(faults) >= _FAULTS:
            break
        try:
            proofs.append(prove(item))
        except NotProved as error:
            faults.append(str(error))
    return proofs, faults
