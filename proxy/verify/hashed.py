"""What a signature is over: bytes, or their hash alone, where an artifact is named by its digest and is not at hand.

ECDSA and RSA sign a hash, so that it is enough; Ed25519 signs the bytes, and then it is not.
"""

import hashlib
from dataclasses import dataclass, field
from typing import TypeAlias

from proxy.verify.evidence import NotProved


@dataclass(frozen=True, slots=True)
class Hashed:
    """`digest` is the hash of the bytes by `algorithm`: sha256, sha384 or sha512."""

    algorithm: str
    digest: bytes = field(repr=False)


Message: TypeAlias = bytes | Hashed


def hash_of(message: Message, algorithm: str) -> bytes:
    """The message's hash; NotProved where only another one is known."""
    if isinstance(message, bytes):
        return hashlib.new(algorithm, message).digest()
    if message.algorithm != algorithm:
        raise NotProved(
            f"it is held against a {algorithm} hash, and of the artifact only the {message.algorithm} is known"
        )
    return message.digest
