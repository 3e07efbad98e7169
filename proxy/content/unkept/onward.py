"""A reader of a growing file whose fill the disk broke: it goes on where it was, and its client sees nothing of it."""

import os
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from proxy.content.store import Body
from proxy.errors import StorageError

# What the reader goes on with; every byte that it had is in that one's proof. Raises what ends the reader after all.
Onward: TypeAlias = Callable[[Body, StorageError], Awaitable[Body]]


class OnwardBody:
    """Another body in the first one's place, once, from the byte where the first one failed."""

    def __init__(self, first: Body, onward: Onward) -> None:
        self.digest = first.digest
        self.size = first.size
        self._body = first
        self._onward: Onward | None = onward

    @property
    def released(self) -> int:
        return self._body.released

    @property
    def is_stored(self) -> bool:
        return self._body.is_stored

    @property
    def is_kept(self) -> bool:
        return self._body.is_kept

    def fileno(self) -> int:
        return self._body.fileno()

    async def more(self, beyond: int) -> int:
        try:
            return await self._body.more(beyond)
        except StorageError as error:
            if self._onward is None or not self._has_taken_all(beyond):
                raise
            onward, self._onward = self._onward, None
            first = self._body
            try:
                self._body = await onward(first, error)
            finally:
                if self._body is not first:
                    first.close()
        return await self._body.more(beyond)

    def _has_taken_all(self, beyond: int) -> bool:
        """Only then is nothing of the first file needed any more: who waits for the proof of the whole took nothing yet."""
        return beyond == self._body.released or beyond >= self.size

    def doubt(self) -> None:
        self._body.doubt()

    def close(self) -> None:
        self._onward = None
        self._body.close()


def is_same_file(one: Body, other: Body) -> bool:
    return os.path.samestat(os.fstat(one.fileno()), os.fstat(other.fileno()))
