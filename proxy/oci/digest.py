"""A digest names bytes by their hash (OCI image-spec, descriptor.md#digests). Nothing else names bytes here."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.errors import ContentMismatch, DigestInvalid

# The registered algorithms and their lower-case hex lengths; any other is refused (T07, CVE-2024-3727).
LENGTHS = {"sha256": 64, "sha512": 128}
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """`algorithm:hex`, both validated; safe as a part of a path because only `[0-9a-f]` is possible."""

    algorithm: str
    hex: str

    EMPTY_JSON: ClassVar[str] = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

    def __post_init__(self) -> None:
        if LENGTHS.get(self.algorithm) != len(self.hex) or not _HEX.fullmatch(self.hex):
            raise DigestInvalid("the digest is not sha256 or sha512 in lower-case hex; ask for algorithm:hex")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise DigestInvalid for anything but a registered algorithm with lower-case hex of its length."""
        algorithm, _, encoded = text.partition(":")
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, raw: bytes, algorithm: str = "sha256") -> Self:
        return cls(algorithm, hashlib.new(algorithm, raw).hexdigest())

    @classmethod
    def all_of(cls, raw: bytes) -> tuple[Self, ...]:
        """Every name that these bytes can be asked for by."""
        return tuple(cls.of(raw, algorithm) for algorithm in LENGTHS)

    @property
    def dashed(self) -> str:
        """`sha256-<hex>`: how evidence tags name their subject (distribution-spec, referrers tag schema)."""
        return f"{self.algorithm}-{self.hex}"

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class Hasher:
    """Fed chunks, asked once. Counts what it was fed."""

    def __init__(self, expected: Digest) -> None:
        self._expected = expected
        self._hash = hashlib.new(expected.algorithm)
        self.count = 0

    def update(self, chunk: bytes | bytearray | memoryview) -> None:
        self._hash.update(chunk)
        self.count += len(chunk)

    def prove(self) -> None:
        """Raise ContentMismatch unless what was fed is what the digest names."""
        found = self._hash.hexdigest()
        if not hmac.compare_digest(found, self._expected.hex):
            raise ContentMismatch(
                f"the bytes are {self._expected.algorithm}:{found}, not {self._expected}; they were thrown away"
            )


def require_digest(raw: bytes, expected: Digest) -> None:
    """Raise ContentMismatch unless `raw` hashes to `expected`."""
    hasher = Hasher(expected)
    hasher.update(raw)
    hasher.prove()
