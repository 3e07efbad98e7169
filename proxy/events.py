"""Facts that happened. Pure: `pipeline` says them, `bootstrap` hands them to metrics, audit and log."""

from dataclasses import dataclass, field
from typing import TypeAlias

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository


@dataclass(frozen=True, slots=True)
class Client:
    """Who asked: the address without port, and the proved name where clients prove one."""

    address: str
    name: str | None = None

    def __str__(self) -> str:
        return self.name or self.address


@dataclass(frozen=True, slots=True)
class Answered:
    """One request at the registry port ended. `outcome` is a bounded word (see observe.metrics).

    `times`: so many like it, of one client, within a second over the express lane; `seconds` is their mean then, and
    `request_id` went out with each.
    """

    request_id: str
    client: Client
    method: str
    kind: str  # manifest | blob | referrers | tags | ping | other
    repository: Repository | None
    reference: str
    status: int
    outcome: str  # hit | miss | coalesced | denied | inconclusive | absent | upstream | storage | client | other
    seconds: float
    body_bytes: int
    refusal: str | None = None
    message: str | None = None
    times: int = 1
    digest: Digest | None = None  # of the manifest that was answered


@dataclass(frozen=True, slots=True)
class ConnectionsEnded:
    """Clients' connections that were not taken in, or cut, within a second, `times` of them; `open` are there now.

    `why`: total | client | descriptors (refused: all places are taken, or those of one client, or the process may hold no
    more files), head | full | room (cut: a head that never ended, an answer that nobody took, idle while others asked).
    """

    why: str
    times: int
    open: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A Decision was made. `record` is the Decision as plain values, every Check and Rejection in it."""

    repository: Repository
    digest: Digest
    verdict: str  # allow | deny | inconclusive
    rule: str
    seconds: float
    record: dict[str, object] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """A client was told no, or not now. Emitted once for one client, reference and Decision in ten minutes."""

    refusal: str
    client: Client
    asked: str  # the reference as the client named it
    reason: str  # not-allowed | unverified | pin | condition | verifiers-disagree | revoked | inconclusive
    message: str
    record: dict[str, object] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Alarmed:
    """Somebody must look at an image. `alarm`: verifiers-disagree | grace. Said once an hour while it lasts."""

    repository: Repository
    digest: Digest
    alarm: str
    message: str


@dataclass(frozen=True, slots=True)
class PinMoved:
    """`cause`: first | follow | confirm | restore. `old` is None for a new pin."""

    repository: Repository
    tag: str
    old: Digest | None
    new: Digest
    cause: str
    by: str


@dataclass(frozen=True, slots=True)
class DriftSeen:
    """The upstream says another digest than the pin. `kind`: digest | rollback | regression (`policy.moves`)."""

    repository: Repository
    tag: str
    pinned: Digest
    offered: Digest
    kind: str = "digest"
    message: str = ""


@dataclass(frozen=True, slots=True)
class FillEnded:
    """`outcome`: stored | unkept | mismatch | failed | stopped. `resumed` counts how often the transfer was taken up again.

    unkept: the disk could not take it.
    """

    digest: Digest
    outcome: str
    transferred: int
    seconds: float
    resumed: int


@dataclass(frozen=True, slots=True)
class UpstreamAsked:
    """One request to an upstream ended. `status` 0 is no answer.

    `what`: manifest | blob | referrers | tags | token | attestations | document. `limit`, `remaining`: of the quota that
    the answer spoke of, if it did.
    """

    upstream: str
    what: str
    status: int
    received: int
    seconds: float
    limit: int | None = None
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class UpstreamSpared:
    """A request was refused here and not sent. `why`: breaker | throttle. `what`: as in UpstreamAsked."""

    upstream: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class UpstreamHeld:
    """An upstream limits our rate: one account asks nothing for `seconds`. `cause`: 429 | quota (nothing is left of it)."""

    upstream: str
    cause: str
    seconds: int


@dataclass(frozen=True, slots=True)
class BreakerMoved:
    """An upstream that fails is left alone, or is back. `state`: open | half-open | closed."""

    upstream: str
    state: str


@dataclass(frozen=True, slots=True)
class ClockJumped:
    """The machine's clock was set: by so many seconds, forward, or back where it is negative."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PolicyLoaded:
    """`outcome`: loaded | kept, when the new one was wrong and the old one stays."""

    outcome: str
    rules: int
    message: str


@dataclass(frozen=True, slots=True)
class WorkerEnded:
    """A worker ended that nobody told to end; another takes its place. `cause`: signal | exit, and `code` its number."""

    number: int
    pid: int
    cause: str
    code: int


@dataclass(frozen=True, slots=True)
class ContentRotted:
    """A stored file was not what its digest says, and was put aside."""

    digest: Digest
    what: str


@dataclass(frozen=True, slots=True)
class ContentScrubbed:
    """One round over everything that is stored ended. `wrong`: files put aside. `seconds` from its begin, rests included."""

    files: int
    bytes: int
    wrong: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StorageChanged:
    """The disk of the content store turned: `state` is ok | full | read-only | failing. Said once for each turn."""

    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Evicted:
    """Room was made in the content store. All but the counts in bytes.

    Where `freed` is less than `wanted`, the rest may not go: it is `pinned`, or was used lately and is `leased`.
    """

    images: int
    blobs: int
    freed: int
    wanted: int
    pinned: int
    leased: int


@dataclass(frozen=True, slots=True)
class StateLost:
    """The state was new where content was not. `restored` pins came back; `distrusted` says that `first` waits."""

    restored: int
    distrusted: bool


@dataclass(frozen=True, slots=True)
class DistrustLifted:
    """An operator said that each tag's first admitted digest may be trusted again."""

    by: str


@dataclass(frozen=True, slots=True)
class TrustRefreshed:
    """A trust root was asked for by TUF, or went out of use. `outcome`: refreshed | unchanged | failed | stale.

    After a failure the old one stays; stale is one that is older than its `maxAge`. `is_repeated`: the same was said
    before, and nothing changed since.
    """

    root: str
    outcome: str
    message: str
    is_repeated: bool = False


Event: TypeAlias = (
    Answered
    | ConnectionsEnded
    | Judged
    | Refused
    | Alarmed
    | PinMoved
    | DriftSeen
    | FillEnded
    | UpstreamAsked
    | UpstreamSpared
    | UpstreamHeld
    | BreakerMoved
    | ClockJumped
    | PolicyLoaded
    | WorkerEnded
    | ContentRotted
    | Evicted
    | ContentScrubbed
    | StorageChanged
    | StateLost
    | DistrustLifted
    | TrustRefreshed
)
