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
    """One request at the registry port ended. `outcome` is a bounded word (see observe.metrics)."""

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
    reason: str  # a bounded word: not-allowed | unverified | pin | condition | revoked | inconclusive
    message: str
    record: dict[str, object] = field(hash=False)


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
    """`outcome`: stored | mismatch | failed | stopped. `resumed` counts how often the transfer was taken up again."""

    digest: Digest
    outcome: str
    transferred: int
    seconds: float
    resumed: int


@dataclass(frozen=True, slots=True)
class UpstreamAsked:
    """One request to an upstream ended. `what`: manifest | blob | referrers | tags | token. `status` 0 is no answer."""

    upstream: str
    what: str
    status: int
    received: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PolicyLoaded:
    """`outcome`: loaded | kept, when the new one was wrong and the old one stays."""

    outcome: str
    rules: int
    message: str


@dataclass(frozen=True, slots=True)
class ContentRotted:
    """A stored file was not what its digest says, and was put aside."""

    digest: Digest
    what: str


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
    | Judged
    | Refused
    | PinMoved
    | DriftSeen
    | FillEnded
    | UpstreamAsked
    | PolicyLoaded
    | ContentRotted
    | StateLost
    | DistrustLifted
    | TrustRefreshed
)
