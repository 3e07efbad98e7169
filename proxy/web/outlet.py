"""One body's way out, stored or growing: headers, parts, end, and how it ended. The sockets are streaming.py's.

Law: the headers promise a length at once; either all of it follows, or the connection is reset, so that no client ever
takes a part for the whole.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web

from proxy.content.store import TAIL, Body
from proxy.errors import PratiqueError, StorageError
from proxy.web.streaming import PlainWire, SealedWire, Wire

THREADS = 32


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `stop` of the body, after `head`: the lines that introduce a part of a multi-range."""

    start: int
    stop: int
    head: bytes = b""


@dataclass(slots=True)
class Departure:
    """How it went. `ending`: whole | left (by the client) | stalled (the client took nothing) | cut (`error` says why)."""

    sent: int = 0
    ending: str = "whole"
    error: PratiqueError | None = None


class Outlet:
    """Sends bodies. Its threads do nothing else, so that a busy disk elsewhere never holds a body back."""

    def __init__(self, *, stall_seconds: float, threads: int = THREADS) -> None:
        self._stall_seconds = stall_seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="leave")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        body: Body,
        parts: Sequence[Part],
        *,
        end: bytes = b"",
    ) -> Departure:
        """Send the headers, `parts` and `end`, and close `body`. Raises nothing for what client or body do."""
        departure = Departure()
        try:
            with self._wire(request) as wire:
                await wire.begin(request, response)
                for part in parts:
                    await wire.say(part.head)
                    await _send_part(wire, body, part, departure)
                await wire.say(end)
        except TimeoutError:
            departure.ending = "stalled"
        except OSError:  # ConnectionError and its kin: a client that leaves is normal
            departure.ending = "left"
        except PratiqueError as error:
            departure.ending, departure.error = "cut", error
            if isinstance(error, StorageError):
                body.doubt()
        finally:
            body.close()
        if departure.ending != "whole":
            response.force_close()
        return departure

    def _wire(self, request: web.BaseRequest) -> Wire:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client left")
        kind = SealedWire if transport.get_extra_info("sslcontext") else PlainWire
        return kind(transport, self._threads, self._stall_seconds)


async def _send_part(wire: Wire, body: Body, part: Part, departure: Departure) -> None:
    position = part.start
    held = max(part.start, part.stop - TAIL)  # what leaves only while the proof holds, of a range as of the whole
    while position < part.stop:
        if position < held:
            released = min(body.released, held)
            if released <= position:
                released = min(await wire.wait_for(body.more(position)), held)
        else:
            released = await wire.wait_for(body.more(body.size))
        if released <= position:
            raise StorageError("a stored blob ends before its length; it will be fetched again")
        reached = await wire.carry(body.fileno(), position, min(released, part.stop))
        departure.sent += reached - position
        position = reached
