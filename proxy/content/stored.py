"""A reader of a stored blob: all but the last block is released at once, that block only while the proof still holds."""

import os
from collections.abc import Callable

from proxy.content import proofs
from proxy.content.disk import disk_errors
from proxy.content.hands import Hands
from proxy.content.proofs import Proof
from proxy.content.store import TAIL
from proxy.errors import ContentMismatch, StorageError
from proxy.oci.digest import Digest


def _nobody(_proof: Proof) -> None:
    """Nobody opens it again."""


class StoredBody:
    """Takes the descriptor over. `proof` is what the file was when its digest was proved.

    `doubt` is told of it where the file could not be read, so that nobody is served by that proof again.
    """

    is_stored = True
    is_kept = True

    def __init__(
        self,
        digest: Digest,
        descriptor: int,
        proof: Proof,
        *,
        hands: Hands,
        doubt: Callable[[Proof], None] = _nobody,
    ) -> None:
        self.digest = digest
        self.size = proof.size
        self._released = max(0, proof.size - TAIL)
        self._descriptor: int | None = descriptor
        self._proof = proof
        self._hands = hands
        self._doubt = doubt

    @property
    def released(self) -> int:
        return self._released

    def fileno(self) -> int:
        if self._descriptor is None:
            raise StorageError("this reader was closed")
        return self._descriptor

    async def more(self, beyond: int) -> int:
        """A stat, and no thread, where nothing changed."""
        if beyond >= self._released:
            await self._require_unchanged()
            self._released = self.size
        return self._released

    async def _require_unchanged(self) -> None:
        with disk_errors():
            found = Proof.of(self.fileno())
        if found == self._proof:
            return
        if not found.differs_in_ctime_only(self._proof):
            raise ContentMismatch("the stored file was changed while it was read; ask again")
        # Deleted, linked or given another mode while it was read; or written to by somebody who restored its mtime.
        with disk_errors():
            spare = os.dup(self.fileno())  # a reader that leaves must not close what a thread still reads
        self._proof = await self._hands.run(lambda: _prove(spare, self.digest))

    def doubt(self) -> None:
        self._doubt(self._proof)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _prove(descriptor: int, digest: Digest) -> Proof:
    try:
        return proofs.prove(descriptor, digest)
    finally:
        os.close(descriptor)
