"""Break-glass. Law: an exception names one digest, waives requirements by name, ends, and never adds to another (T40)."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.match import Glob

LONGEST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ExceptionGrant:
    """Who waived what, for which digest under which names, why, and until when (aware UTC)."""

    match: Glob
    digest: Digest
    waive: frozenset[str]
    reason: str
    by: str
    until: datetime

    def is_in_force(
        self, *, repository: Repository, digest: Digest, now: datetime, index: Digest | None = None
    ) -> bool:
        """An exception for an Index is one for what the Index lists: `index` is the admitted one that names `digest`."""
        return now < self.until and self.digest in (digest, index) and self.match.matches(str(repository))

    @property
    def label(self) -> str:
        return f"{self.reason} (by {self.by}, until {self.until:%Y-%m-%dT%H:%MZ})"

    @property
    def fingerprint(self) -> str:
        parts = [self.match.text, str(self.digest), sorted(self.waive), self.reason, self.by, self.until.isoformat()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def in_force(
    grants: Sequence[ExceptionGrant],
    *,
    repository: Repository,
    digest: Digest,
    now: datetime,
    index: Digest | None = None,
) -> tuple[ExceptionGrant, ...]:
    """Those that may be used now, the longest-lived first, whatever their order in the file."""
    current = [
        grant for grant in grants if grant.is_in_force(repository=repository, digest=digest, now=now, index=index)
    ]
    return tuple(sorted(current, key=lambda grant: (-grant.until.timestamp(), grant.fingerprint)))
