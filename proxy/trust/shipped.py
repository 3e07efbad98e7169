"""The trust roots that are shipped with the program: dated, hashed, and good without a network for as long as they say."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

from proxy.errors import ConfigError
from proxy.trust.settings import HeldRoot


@dataclass(frozen=True, slots=True)
class ShippedRoot:
    """`file` is in proxy/trust/roots; `tuf` is where it is refreshed from, beginning with the root of trust in `tuf_root`."""

    name: str
    title: str
    file: str
    sha256: str
    date: str
    source: str
    tuf: str
    tuf_root: str
    tuf_root_sha256: str
    target: str = "trusted_root.json"

    @property
    def since(self) -> datetime:
        """When it was the newest one: the day, or where only the month is known, its first."""
        return datetime.fromisoformat(self.date if self.date.count("-") == 2 else f"{self.date}-01").replace(tzinfo=UTC)

    def held(self) -> HeldRoot:
        """Raise ConfigError where the shipped file was changed."""
        return HeldRoot(read_shipped(self.file, self.sha256), "shipped")


_ALL = (
    ShippedRoot(
        name="sigstore",
        title="Sigstore public good instance",
        file="sigstore.json",
        sha256="6494e21ea73fa7ee769f85f57d5a3e6a08725eae1e38c755fc3517c9e6bc0b66",
        date="2026-08-21",
        source="github.com/sigstore/root-signing, targets/trusted_root.json",
        tuf="https://tuf-repo-cdn.sigstore.dev",
        tuf_root="sigstore.tuf-root.json",
        tuf_root_sha256="73747011d0857ada15479a16c4cae0f3ed03aac698b523b97e1de314ac9d9ca8",
    ),
    ShippedRoot(
        name="github",
        title="GitHub's own Sigstore instance, for attestations of private repositories",
        file="github.json",
        sha256="f7a479f2bd2cc8d0389c74e99319a68524f3019d283d1c93d6de24362717012c",
        date="2026-10",
        source="https://tuf-repo.github.com, trusted_root.json",
        tuf="https://tuf-repo.github.com",
        tuf_root="github.tuf-root.json",
        tuf_root_sha256="98cba97be9075bc98b2322de3de85fbd1b70ec7392991dfd2f53d215bede1a8d",
    ),
)

SHIPPED: Mapping[str, ShippedRoot] = {root.name: root for root in _ALL}


def read_shipped(file: str, sha256: str) -> bytes:
    """The bytes of a file in proxy/trust/roots; raise ConfigError unless they are those that were shipped."""
    try:
        raw = resources.files("proxy.trust").joinpath("roots", file).read_bytes()
    except OSError:
        raw = b""
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise ConfigError(f"the shipped file {file} is not the one that was shipped; install the program again")
    return raw
