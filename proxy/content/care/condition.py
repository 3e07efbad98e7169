"""How the disk is, in one word, said once for each change. It decides nothing: each request tries the disk itself."""

import contextlib
import time
from collections.abc import Callable, Iterator

from proxy.errors import StorageError

OK = "ok"
WELL = "the content store can be written again"
# Without another failure, before a probe counts: what fails at each request must not be well between two of them.
QUIET_SECONDS = 15.0


class Condition:
    """`state`: ok | full | read-only | failing. `changed` is told a new one and what to do about it, in one sentence.

    Belongs to one event loop. Only a probe ends a trouble: a small file that found room says nothing of a large one.
    """

    def __init__(
        self,
        changed: Callable[[str, str], None],
        *,
        quiet: float = QUIET_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = OK
        self.quiet = quiet
        self.wanted = 0  # bytes that the largest blob wanted for which there was no room
        self._changed = changed
        self._clock = clock
        self._failed_at = 0.0

    @property
    def is_well(self) -> bool:
        return self.state == OK

    @contextlib.contextmanager
    def watching(self, *, wanted: int = 0) -> Iterator[None]:
        """Take note of what the disk does within; `wanted` bytes are being stored."""
        try:
            yield
        except StorageError as error:
            self.told(error, wanted=wanted)
            raise

    def told(self, error: Exception, *, wanted: int = 0) -> None:
        """A StorageError that is no fault of the disk says nothing of it."""
        if not isinstance(error, StorageError) or error.trouble is None:
            return
        self.wanted = max(self.wanted, wanted)
        self._failed_at = self._clock()
        self._become(error.trouble, error.message)

    def found_room(self, size: int) -> None:
        """There was room for so many bytes."""
        if size >= self.wanted:
            self.wanted = 0

    @property
    def is_quiet(self) -> bool:
        """Whether nothing failed for a while: it may be asked how the disk is now."""
        return self._clock() - self._failed_at >= self.quiet

    def proved_well(self) -> None:
        """A probe was durable, and as much as was wanted would find room."""
        self.wanted = 0
        self._become(OK, WELL)

    def _become(self, state: str, message: str) -> None:
        if state != self.state:
            self.state = state
            self._changed(state, message)
