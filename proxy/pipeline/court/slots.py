"""How many verifier processes a machine has, whoever started them: file locks, which end with who holds them.

Who waits for a slot says so, and who holds one gives it back as soon as it has nothing to do; so an idle process costs
nobody anything, and is warm while nobody else wants it.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from proxy.errors import Inconclusive, StorageError

_LOOK_SECONDS = 0.05
_WANTED = "wanted"


class Slot:
    """Held until `release`."""

    def __init__(self, descriptor: int, folder: Path) -> None:
        self._descriptor = descriptor
        self._folder = folder

    def is_wanted(self) -> bool:
        """Whether another process waits for one."""
        with contextlib.suppress(OSError), _opened(self._folder / _WANTED) as asked:
            return not _is_taken(asked, fcntl.LOCK_EX)
        return False

    def release(self) -> None:
        os.close(self._descriptor)


class Slots:
    """`count` of them under `folder`, which is made when it is first needed."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count

    async def take(self, seconds: float) -> Slot:
        """Wait so long for one; raise Inconclusive where none became free, StorageError where none can be had at all."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            async with asyncio.timeout(seconds or None):
                return await self._taken(is_patient=seconds > 0)
        except TimeoutError:
            raise Inconclusive("every verifier is busy; ask again", retry_after=5) from None
        except OSError as error:
            raise StorageError(f"{self._folder} cannot be written; give it to the user that runs pratique") from error

    async def _taken(self, *, is_patient: bool) -> Slot:
        with contextlib.ExitStack() as waiting:
            while True:
                for number in range(self._count):
                    if (slot := self._try(number)) is not None:
                        return slot
                if not is_patient:
                    raise TimeoutError
                # Again each time: whoever looks whether one is wanted holds this for an instant.
                waiting.close()
                _is_taken(waiting.enter_context(_opened(self._folder / _WANTED)), fcntl.LOCK_SH)
                await asyncio.sleep(_LOOK_SECONDS)

    def _try(self, number: int) -> Slot | None:
        descriptor = _open(self._folder / f"verifier-{number}")
        if _is_taken(descriptor, fcntl.LOCK_EX):
            return Slot(descriptor, self._folder)
        os.close(descriptor)
        return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = _open(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int, how: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        return True
    return False
