"""The express lane: what was answered before, to the very same bytes, is answered again before the framework sees them.

Law: it decides nothing. An answer is repeated only to the same client at the same listener, only while the pipeline's
generation stands in which it was made, and never beyond its expiry; everything else goes on, unchanged, to aiohttp.
Why, and what one hit does: docs/adr/0016-the-express-lane.md.
"""

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TypeAlias

from aiohttp import web

from proxy.events import Answered, Client

_LONGEST = 4096  # bytes of a head that is kept; containerd's has some 300
_LARGEST = 64 * 1024  # of a body: what is larger is written piece by piece, for those who take their time
_KEPT = 64 * 1024 * 1024  # bytes of heads and answers, and what stands beside each
_BESIDE = 1024
_SLICE = 16  # lines told before the loop has its turn: each costs some 60 µs in the log
# One head as every client writes it (RFC 9112 2.1, 3, 5): whatever two parsers could read in two ways is not it.
_PLAIN = re.compile(rb"(?:GET|HEAD) [!-~]+ HTTP/1\.1\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ -~]*\r\n)+\r\n")
# A body, another protocol, a wait for 100, an end: not for the lane. Nor a secret: heads are kept.
_NEVER = re.compile(
    rb"\r\n[^:\r]*(?:content-length|transfer-encoding|upgrade|expect|connection|authorization|cookie|token|secret|key)"
    rb"[^:\r]*:",
    re.IGNORECASE,
)
_OF_THE_MOMENT = {"date", "x-request-id"}

Key: TypeAlias = tuple[Client, bytes]


@dataclass(frozen=True, slots=True)
class Repeat:
    """An answer may be repeated while `generation` stands, until `until` (epoch seconds; None: no end), and told as `facts`."""

    generation: int
    until: float | None
    facts: Answered


REPEAT = web.ResponseKey("repeat", Repeat)


class Ready:
    """One answer as it goes out. Within one window of the ledger it is the same bytes each time, its request id included."""

    __slots__ = ("_body", "_lines", "facts", "generation", "seconds", "times", "until", "wire")

    def __init__(self, repeat: Repeat, lines: Sequence[tuple[str, str]], body: bytes) -> None:
        self.generation = repeat.generation
        self.until = repeat.until
        self.facts = repeat.facts
        self._lines = tuple((name, value) for name, value in lines if name.lower() not in _OF_THE_MOMENT)
        self._body = body
        self.open()

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self._body)

    def open(self) -> None:
        """A new window: nothing is counted, and what goes out is made at the first hit."""
        self.times = 0
        self.seconds = 0.0
        self.wire: bytes | None = None

    def made(self) -> bytes:
        self.facts = replace(self.facts, request_id=secrets.token_hex(8))
        lines = (*self._lines, ("X-Request-Id", self.facts.request_id), ("Date", formatdate(usegmt=True)))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        self.wire = f"HTTP/1.1 200 OK\r\n{head}\r\n".encode("latin-1") + self._body
        return self.wire


class Lane:
    """The answers of one listener. `generation` and `clock` (epoch seconds) are the pipeline's."""

    def __init__(
        self, *, generation: Callable[[], int], clock: Callable[[], float], emit: Callable[[Answered], None]
    ) -> None:
        self._generation = generation
        self._clock = clock
        self._emit = emit
        self._ready: dict[Key, Ready] = {}
        self._held = 0
        self._told: deque[Ready] = deque()  # hit in this window
        self._swept = generation()

    def find(self, client: Client, data: bytes) -> Ready | None:
        """The answer that still holds for exactly these bytes of this client. It is counted by `hit`."""
        ready = self._ready.get((client, data))
        if ready is None or ready.generation != self._generation():
            return None
        return None if ready.until is not None and self._clock() >= ready.until else ready

    def hit(self, ready: Ready, seconds: float) -> None:
        if not ready.times:
            self._told.append(ready)
        ready.times += 1
        ready.seconds += seconds

    def learn(self, client: Client, head: bytes, response: web.StreamResponse) -> None:
        """Keep an answer that was sent whole, where the port says that it may be repeated."""
        repeat = response.get(REPEAT)
        if repeat is None or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return
        body = b"" if repeat.facts.method == "HEAD" else response.body
        if len(body) > _LARGEST:
            return
        self._forget((client, head))
        self._ready[client, head] = ready = Ready(repeat, list(response.headers.items()), body)
        self._held += _cost(head, ready)
        while self._held > _KEPT:
            self._forget(next(iter(self._ready)))

    async def settle(self) -> None:
        """Tell what was answered since the last time: one event for each answer, with how often. A few at a time.

        Cancelled, it leaves the rest to the next call.
        """
        for turn in range(1, len(self._told) + 1):
            ready = self._told.popleft()
            facts = replace(ready.facts, times=ready.times, seconds=ready.seconds / ready.times)
            ready.open()
            self._emit(facts)
            if turn % _SLICE == 0:
                await asyncio.sleep(0)
        if self._swept != self._generation():
            self._drop_old()

    def _drop_old(self) -> None:
        self._swept = generation = self._generation()
        for key in [key for key, ready in self._ready.items() if ready.generation != generation]:
            self._forget(key)

    def _forget(self, key: Key) -> None:
        ready = self._ready.pop(key, None)
        if ready is not None:
            self._held -= _cost(key[1], ready)


def _cost(head: bytes, ready: Ready) -> int:
    """The body counts twice: as it is kept, and as it goes out."""
    return len(head) + _BESIDE + 2 * ready.size


def is_plain(data: bytes) -> bool:
    """Whether this is one whole head of a request without a body, and nothing else: what aiohttp answers once."""
    return len(data) <= _LONGEST and _PLAIN.fullmatch(data) is not None and _NEVER.search(data) is None
