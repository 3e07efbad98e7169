"""A proof says what a file was when its digest was proved. Any change through the file system shows in it.

Nobody can set ctime, so a flipped bit shows even where its mtime was restored. Who may write in the store's folders as its
owner can forge a proof; rot beneath the file system changes no stat: both are beyond this file (docs/threat-model.md).
"""

import contextlib
import itertools
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from proxy.content.disk import Steps, feed, no_step
from proxy.errors import ContentMismatch
from proxy.oci.digest import Digest, Hasher

# File systems stamp times with the kernel's tick, 1 to 10 ms: two changes in one tick look the same.
_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE, linux/time.h: what the stamps are taken from
TICK = 0.0005 + (time.clock_getres(_COARSE_CLOCK) if sys.platform == "linux" else 0.01)
_WHOLE_SECOND = 10**9  # stamps without a fraction: an old file system, whose tick is a second
_FORM = "pratique-proof-1"
_turn = itertools.count()


@dataclass(frozen=True, slots=True)
class Proof:
    """The file's identity, length and times (nanoseconds)."""

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int

    @classmethod
    def of(cls, descriptor: int) -> Self:
        found = os.fstat(descriptor)
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def differs_in_ctime_only(self, other: Self) -> bool:
        """Whether it was linked, unlinked or given another mode, but not written to (or written to, and its mtime restored)."""
        return self != other and self == replace(other, ctime=self.ctime)


def settled(descriptor: int) -> Proof:
    """What the file is, once the tick of its last change has passed: from then on another change must show."""
    for _ in range(5):
        proof = Proof.of(descriptor)
        age = abs(time.time_ns() - proof.ctime) / 1e9
        tick = TICK if proof.ctime % _WHOLE_SECOND else 1.0
        if age > tick:
            return proof
        time.sleep(tick - age + 0.0005)
    raise ContentMismatch("the file is being changed by another program")


def prove(descriptor: int, digest: Digest) -> Proof:
    """Hash the file. Raises ContentMismatch where it is something else, or is changed meanwhile."""
    proof = settled(descriptor)
    hasher = Hasher(digest)
    feed(hasher, descriptor)
    try:
        hasher.prove()
    except ContentMismatch as wrong:
        raise ContentMismatch("the stored file is not what its digest says", detail=wrong.message) from None
    if Proof.of(descriptor) != proof:
        raise ContentMismatch("the file was changed while it was hashed")
    return proof


def record(path: Path, proof: Proof, steps: Steps = no_step) -> None:
    """Write it at once or not at all. No fsync: a proof that a crash took is made again by hashing."""
    line = f"{_FORM} {proof.device} {proof.inode} {proof.size} {proof.mtime} {proof.ctime}\n"
    fresh = path.with_name(f"{path.name}.{os.getpid()}-{next(_turn)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode())
        steps("proof-written")
        fresh.rename(path)
        steps("proof-kept")
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    finally:
        os.close(descriptor)


def recall(path: Path) -> Proof | None:
    """Read a proof; None where there is none, or what stands there is not one in its exact form."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        words = os.read(descriptor, 256).decode("ascii").split(" ")
        form, device, inode, size, mtime, ctime = words
        proof = Proof(int(device), int(inode), int(size), int(mtime), int(ctime))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    return proof if form == _FORM and words[-1].endswith("\n") else None
