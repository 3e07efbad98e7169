"""The line between a supervisor and one worker: a socket that both were born with, and pickled words on it.

Nobody else can write there, so that what is unpickled is ours. A line that is lost is an end: `listen` returns.
"""

import asyncio
import itertools
import pickle
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Self

from proxy.observe.logs import say

_HEAD = struct.Struct(">I")
_TELL, _ASK, _ANSWER = range(3)


class Line:
    """One end. `hear` takes each word that the other end tells or asks, and returns the answer."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Callable[[Any], Awaitable[Any]]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._hear = hear
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._hearing: set[asyncio.Task[None]] = set()
        self._is_lost = False

    @classmethod
    async def open(cls, end: socket.socket, hear: Callable[[Any], Awaitable[Any]]) -> Self:
        return cls(*await asyncio.open_unix_connection(sock=end), hear)

    def tell(self, word: Any) -> None:
        self._send(_TELL, 0, word)

    async def ask(self, word: Any, *, seconds: float | None = None) -> Any:
        """The answer; None where none comes within `seconds` (None: while there is a line)."""
        if self._is_lost:
            return None
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self._send(_ASK, number, word)
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return None
        finally:
            self._asked.pop(number, None)

    async def listen(self) -> None:
        """Until the other end is gone, or `close`."""
        try:
            while True:
                (length,) = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
                self._take(*pickle.loads(await self._reader.readexactly(length)))  # noqa: S301 — see the file's law
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.close()

    def close(self) -> None:
        self._is_lost = True
        for answer in self._asked.values():
            if not answer.done():
                answer.set_result(None)
        self._writer.close()

    def _take(self, kind: int, number: int, word: Any) -> None:
        if kind == _ANSWER:
            answer = self._asked.get(number)
            if answer is not None and not answer.done():
                answer.set_result(word)
            return
        task = asyncio.create_task(self._answer(kind, number, word))
        self._hearing.add(task)
        task.add_done_callback(self._hearing.discard)

    async def _answer(self, kind: int, number: int, word: Any) -> None:
        try:
            answer = await self._hear(word)
        except Exception as error:  # noqa: BLE001 a defect in one word must not end the line
            say("worker-line", level="error", message=f"{type(word).__name__}: {type(error).__name__}: {error}")
            answer = None
        if kind == _ASK:
            self._send(_ANSWER, number, answer)

    def _send(self, kind: int, number: int, word: Any) -> None:
        if not self._is_lost:
            raw = pickle.dumps((kind, number, word))
            self._writer.write(_HEAD.pack(len(raw)) + raw)
