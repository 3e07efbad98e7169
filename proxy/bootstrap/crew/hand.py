"""One worker as its supervisor sees it: a process of a fresh interpreter, and the line to it."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from proxy.bootstrap.crew.line import Line
from proxy.bootstrap.crew.words import Begin, Count, Lead, Orders, Take

TAKE_SECONDS = 10.0  # to stand on new orders; a tenth of a second is usual, and who cannot is of no use any more
_COUNT_SECONDS = 1.0  # for its samples; who is silent so long is counted as it was


class Hand:
    """`module` is what the process runs; `lock` is the descriptor that holds the data directory, also in the worker."""

    def __init__(self, number: int, hear: Callable[["Hand", Any], Awaitable[Any]]) -> None:
        self.number = number
        self.is_up = False
        self.orders: Orders | None = None
        self.samples: Mapping[str, float] = {}
        self.began = time.monotonic()
        self._hear = hear
        self._process: asyncio.subprocess.Process
        self._line: Line
        self._listening: asyncio.Task[None]

    @property
    def age(self) -> float:
        """Seconds since it was begun."""
        return time.monotonic() - self.began

    @property
    def pid(self) -> int:
        return self._process.pid

    async def spawn(self, command: tuple[str, ...], *, lock: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            os.set_inheritable(theirs.fileno(), True)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                str(theirs.fileno()),
                str(lock),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lock),
            )
        self._line = await Line.open(ours, lambda word: self._hear(self, word))
        self._listening = asyncio.create_task(self._line.listen())

    async def begin(self, word: Begin) -> bool:
        """Whether it serves; False when it ended instead."""
        self.orders = word.orders
        self.is_up = await self._line.ask(word) is True
        return self.is_up

    async def take(self, orders: Orders) -> bool:
        """Have it stand on these. One that does not is ended: no two workers may go on with different policies."""
        self.orders = orders
        if await self._line.ask(Take(orders), seconds=TAKE_SECONDS) is True:
            return True
        self.kill()
        return False

    async def count(self) -> Mapping[str, float]:
        """Its samples, the last known where it is silent."""
        found = await self._line.ask(Count(), seconds=_COUNT_SECONDS) if self.is_up else None
        if found is not None:
            self.samples = found
        return self.samples

    def lead(self) -> None:
        self._line.tell(Lead())

    def tell(self, word: Any) -> None:
        self._line.tell(word)

    async def ended(self) -> int:
        """Its exit code, less than 0 for a signal."""
        code = await self._process.wait()
        self.is_up = False
        self._line.close()
        self._listening.cancel()
        await asyncio.wait({self._listening})
        return code

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
