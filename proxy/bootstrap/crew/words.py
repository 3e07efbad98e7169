"""What a supervisor and its workers say to each other. Plain values, so that they can be sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy, load_snapshot
from proxy.config.snapshot import Snapshot
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository


@dataclass(frozen=True, slots=True)
class Orders:
    """What every worker stands on, as bytes: each makes the same policy and material of them, and reads no file."""

    snapshot: Snapshot = field(repr=False)
    lock: Mapping[tuple[Repository, str], Digest] = field(repr=False)

    @classmethod
    def of(cls, loaded: LoadedPolicy) -> "Orders":
        return cls(loaded.snapshot, loaded.lock)

    def made(self) -> LoadedPolicy:
        """Raise ConfigError where they are not whole."""
        return load_snapshot(self.snapshot, lock=self.lock)


@dataclass(frozen=True, slots=True)
class Begin:
    """Asked of a new worker, which answers True once it serves. `config` names the ports that were kept, and its own limits."""

    config: Config = field(repr=False)
    orders: Orders
    number: int
    count: int


@dataclass(frozen=True, slots=True)
class Take:
    """Asked: stand on these orders; True once the next request sees them."""

    orders: Orders


@dataclass(frozen=True, slots=True)
class Lead:
    """Told: do what one worker does for all."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Told: let nobody in, let running bodies end, then end."""


@dataclass(frozen=True, slots=True)
class End:
    """Told: end now."""


@dataclass(frozen=True, slots=True)
class Count:
    """Asked of a worker: its samples, as `observe.samples` has them."""


@dataclass(frozen=True, slots=True)
class Render:
    """Asked by a worker: /metrics of all."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """Told by a worker: trust roots were refreshed; `instead_of` is the sha256 of the snapshot that they belong to."""

    orders: Orders
    instead_of: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """Told by a worker, and told on to the one that leads: other evidence of this image was seen."""

    repository: Repository
    digest: Digest
