"""A value for a worker, its large parts beside the pipe. Law: whoever packs it closes it, when the worker has answered.

A pipe moves megabytes in pieces of 64 KiB (pipe(7)), with both interpreters at work for each. An anonymous file in memory
is written once and read once (memfd_create(2)); only the same user can open it by its path in /proc.
"""

import io
import os
import pickle
from dataclasses import dataclass
from typing import Any

_LARGE = 64 * 1024  # bytes from which on a part is worth it: a pipe's own buffer


@dataclass(frozen=True, slots=True)
class Parcel:
    """`head` is the value without its large parts; they stand one after another in the file of `path`, if any."""

    head: bytes
    path: str = ""
    fd: int = -1

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


def packed(value: Any) -> Parcel:
    """Anything that pickles; the megabytes are copied once."""
    head = io.BytesIO()
    packer = _Packer(head)
    packer.dump(value)
    if not packer.parts:
        return Parcel(head.getvalue())
    fd = os.memfd_create("parcel", os.MFD_CLOEXEC)
    try:
        for part in packer.parts:
            _write(fd, part)
    except OSError:
        os.close(fd)
        raise
    return Parcel(head.getvalue(), f"/proc/{os.getpid()}/fd/{fd}", fd)


def unpacked(parcel: Parcel) -> Any:
    """In the worker: what was packed. Raise OSError where the parcel was closed already."""
    if not parcel.path:
        return _Unpacker(parcel.head, -1).load()
    fd = os.open(parcel.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _Unpacker(parcel.head, fd).load()
    finally:
        os.close(fd)


class _Packer(pickle.Pickler):
    def __init__(self, head: io.BytesIO) -> None:
        super().__init__(head, protocol=pickle.HIGHEST_PROTOCOL)
        self.parts: list[bytes] = []
        self._end = 0

    def persistent_id(self, value: Any) -> tuple[int, int] | None:
        """Where a large part stands: its offset and its length."""
        if type(value) is not bytes or len(value) < _LARGE:
            return None
        self.parts.append(value)
        self._end += len(value)
        return self._end - len(value), len(value)


class _Unpacker(pickle.Unpickler):
    """Reads only what `packed` wrote in this program's other process."""

    def __init__(self, head: bytes, fd: int) -> None:
        super().__init__(io.BytesIO(head))
        self._fd = fd

    def persistent_load(self, place: tuple[int, int]) -> bytes:
        offset, length = place
        found = os.pread(self._fd, length, offset)
        if len(found) != length:
            raise OSError(f"a part of {length} bytes ended after {len(found)}")
        return found


def _write(fd: int, part: bytes) -> None:
    left = memoryview(part)
    while left:
        left = left[os.write(fd, left) :]
