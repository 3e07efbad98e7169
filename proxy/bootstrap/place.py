"""Where a process stands: alone on its data directory, or a worker among others, whose supervisor speaks for all."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from proxy.config.policy import LoadedPolicy
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository


class Mates(Protocol):
    """What a worker tells and asks the others through their supervisor."""

    def renewed(self, loaded: LoadedPolicy, *, instead_of: LoadedPolicy) -> Awaitable[None]:
        """Have every worker stand on `loaded`, unless something else than `instead_of` stands by now."""
        ...

    def noticed(self, repository: Repository, digest: Digest) -> None:
        """Tell the one that makes Decisions again of an image with other evidence."""
        ...

    async def metrics(self) -> bytes:
        """/metrics of all workers."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """`loaded` is what every worker stands on; `count` of them share what one process would have for itself."""

    loaded: LoadedPolicy
    mates: Mates
    count: int
