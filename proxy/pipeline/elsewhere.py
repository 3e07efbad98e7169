"""An image that two processes of one machine are asked for at once is fetched and judged by one of them; the other learns.

One lock file for all: each (repository, reference) has a byte of it (fcntl(2), open file description locks), which the
kernel frees with its process. Who cannot lock works by itself: it costs an upstream request, and no client its image.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import struct
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from proxy.errors import StorageError
from proxy.oci.digest import Digest
from proxy.oci.reference import EvidenceTag, Reference, Repository
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.tags.pins import Pins

T = TypeVar("T")
_LOOK_SECONDS = 0.02
_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, pid


class Elsewhere:
    """Over `file`, which is made when it is first needed. `pins` and `parentage` are what this process remembers."""

    def __init__(self, file: Path, *, pins: Pins, parentage: Parentage) -> None:
        self._file = file
        self._pins = pins
        self._parentage = parentage

    async def once(self, repository: Repository, reference: Reference, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` returns, begun while no other process works for the same; then what that one wrote is known here."""
        if not isinstance(reference, Digest) and EvidenceTag.parse(reference) is not None:
            return await work()
        with self._opened() as descriptor:
            place = _place(f"{repository} {reference}")
            is_waited_for = False
            while descriptor is not None and not _is_locked(descriptor, place):
                is_waited_for = True
                await asyncio.sleep(_LOOK_SECONDS)
            if is_waited_for:
                await self._learn(repository, reference)
            return await work()

    async def _learn(self, repository: Repository, reference: Reference) -> None:
        with contextlib.suppress(StorageError):
            digest = reference if isinstance(reference, Digest) else None
            if not isinstance(reference, Digest):
                await self._pins.learn(f"{repository}:{reference}")
                pin = await self._pins.get(repository, reference)
                digest = pin.digest if pin else None
            if digest is not None:
                await self._parentage.learn(f"{repository}@{digest}")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int | None]:
        """The lock belongs to the descriptor, and ends with it."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            yield None
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _place(key: str) -> int:
    """A byte of the file for each key: 62 bits, so that two keys do not meet."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 2


def _is_locked(descriptor: int, place: int) -> bool:
    """Whether it is ours now. A file system without such locks has nobody to wait for."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
