"""What the door asks with, and what it is given to write. Values only."""

from dataclasses import dataclass, field

from proxy.content.store import Body
from proxy.events import Client
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, in which request, and through which listener: `bound` is the upstream of a mirror's own port."""

    client: Client
    request_id: str
    bound: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestAnswer:
    """`media_type` is the stored one without parameters; `outcome` is hit, miss or coalesced.

    `repeats`: it may be given again while this generation stands, until then (epoch seconds; None: no end).
    """

    raw: bytes = field(repr=False)
    media_type: str
    digest: Digest
    repository: Repository
    outcome: str
    warning: str | None = None
    repeats: tuple[int, float | None] | None = None


@dataclass(frozen=True, slots=True)
class BlobAnswer:
    """`body` is None for HEAD; whoever takes it closes it."""

    digest: Digest
    size: int
    repository: Repository
    outcome: str
    body: Body | None


@dataclass(frozen=True, slots=True)
class ListingAnswer:
    """An OCI index of referrers; `is_filtered` says that artifactType was applied."""

    raw: bytes = field(repr=False)
    repository: Repository
    is_filtered: bool = False


@dataclass(frozen=True, slots=True)
class TagsAnswer:
    """One page of permitted tags, sorted; `name` is the repository as the client named it."""

    names: tuple[str, ...]
    has_more: bool
    repository: Repository
    name: str
