"""TrustMaterial: a frozen snapshot of whom to believe, with a fingerprint. `trust` makes it; `verify` reads it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A signer who speaks by a bare key. `spki` is the SHA-256 of its SubjectPublicKeyInfo in hex.

    `hash` is set only where a publisher departs from the key's own default. `signed_as` are the names that a preset
    says the payload may carry. Times are aware UTC; without a proved time the window is compared with now.
    """

    name: str
    key: PublicKeyTypes = field(repr=False, compare=False)
    spki: str
    hash: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    signed_as: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        window = (self.valid_from, self.valid_until)
        times = [moment and moment.isoformat() for moment in window]
        text = repr((self.name, self.spki, self.hash, times, self.signed_as))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TrustMaterial:
    """Signers by the policy's name, without revoked ones. `revoked` maps the SPKI of a revoked key to the reason."""

    signers: Mapping[str, KeySigner]
    revoked: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self, names: frozenset[str]) -> str:
        """What changes exactly when the trust behind these signers changes; a revoked one changes it too."""
        parts = [self.signers[name].fingerprint if name in self.signers else f"absent {name}" for name in sorted(names)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
