"""A worker: a whole proxy on ports that it shares, which stands on what its supervisor says and ends when that is gone."""

import asyncio
import contextlib
import os
import select
import socket
import threading
import time
from typing import Any

from proxy.bootstrap.crew.line import Line
from proxy.bootstrap.crew.words import Begin, Count, Drain, End, Lead, Noticed, Orders, Render, Renewed, Take
from proxy.bootstrap.place import Place
from proxy.bootstrap.running import Proxy
from proxy.config.policy import LoadedPolicy
from proxy.errors import PratiqueError
from proxy.observe import machine
from proxy.observe.logs import configure
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository

_ORPHAN_SECONDS = 2.0  # for running bodies when the supervisor is gone: another one may wait for the data directory
_RENDER_SECONDS = 5.0
_FILLS_AHEAD = 4  # of all workers together


class Worker:
    """Implements place.Mates over its line. `format` and `level` are the log's."""

    def __init__(self, end: socket.socket, *, format: str, level: str) -> None:  # noqa: A002 - face.md's word
        self._end = end
        self._format = format
        self._level = level
        self._line: Line
        self._proxy: Proxy | None = None
        self._starting: asyncio.Task[None] | None = None
        self._failure: PratiqueError | None = None
        self._turn = asyncio.Lock()
        self._draining = asyncio.Event()
        self._ended = asyncio.Event()

    def drain(self) -> None:
        """Let nobody in, let running bodies end, then end. Safe to say again."""
        self._draining.set()

    async def run(self) -> None:
        """Until it is told to end, or is alone. Raise what kept it from starting."""
        self._line = await Line.open(self._end, self._hear)
        threading.Thread(target=_end_when_hung, args=(self._end.fileno(),), daemon=True).start()
        listening = asyncio.create_task(self._line.listen())
        alone = asyncio.create_task(self._left_alone(listening))
        await _first(self._draining.wait(), self._ended.wait(), asyncio.shield(listening))
        await self._stop()
        alone.cancel()
        self._line.close()
        await asyncio.wait({listening, alone})
        if self._failure is not None:
            raise self._failure

    async def _stop(self) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})
        elif self._proxy is not None and self._failure is None:
            stopping = asyncio.ensure_future(self._proxy.stop())
            await _first(asyncio.shield(stopping), self._ended.wait())
            stopping.cancel()  # what must be put away is put away all the same
            with contextlib.suppress(asyncio.CancelledError):
                await stopping

    async def _left_alone(self, listening: asyncio.Task[None]) -> None:
        await asyncio.wait({listening})
        await asyncio.sleep(_ORPHAN_SECONDS)
        self._ended.set()

    async def _hear(self, word: Any) -> Any:
        match word:
            case Begin():
                return await self._begin(word)
            case Take(orders):
                return await self._take(orders)
            case Count() if self._proxy is not None:
                return machine.samples(self._proxy.metrics.render())
            case Lead() if self._proxy is not None:
                self._proxy.lead()
            case Noticed(repository, digest) if self._proxy is not None:
                self._proxy.notice(repository, digest)
            case Drain():
                self._draining.set()
            case End():
                self._ended.set()
        return None

    async def _begin(self, word: Begin) -> bool:
        configure(format=self._format, level=self._level, worker=word.number)
        self._starting = asyncio.create_task(self._start(word))
        try:
            await asyncio.shield(self._starting)
        except PratiqueError as error:
            self._failure = error
            self._draining.set()
            return False
        return True

    async def _start(self, word: Begin) -> None:
        loaded = await asyncio.to_thread(word.orders.made)
        place = Place(loaded, self, word.count)
        self._proxy = Proxy(word.config, fills_ahead=max(1, _FILLS_AHEAD // word.count), place=place)
        await self._proxy.start()

    async def _take(self, orders: Orders) -> bool:
        async with self._turn:  # in the order in which they came
            loaded = await asyncio.to_thread(orders.made)
            assert self._proxy is not None, "who is up has a proxy"
            self._proxy.take(loaded)
        return True

    async def renewed(self, loaded: LoadedPolicy, *, instead_of: LoadedPolicy) -> None:
        self._line.tell(Renewed(Orders.of(loaded), instead_of.snapshot.sha256))

    def noticed(self, repository: Repository, digest: Digest) -> None:
        self._line.tell(Noticed(repository, digest))

    async def metrics(self) -> bytes:
        """Its own where the supervisor is silent."""
        rendered: bytes | None = await self._line.ask(Render(), seconds=_RENDER_SECONDS)
        assert self._proxy is not None, "who is asked has a proxy"
        return rendered if rendered is not None else self._proxy.metrics.render()


async def _first(*works: Any) -> None:
    tasks = {asyncio.ensure_future(work) for work in works}
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _end_when_hung(descriptor: int) -> None:
    """In a thread: a worker whose loop does not answer must not outlive its supervisor either."""
    hung_up = select.poll()
    hung_up.register(descriptor, 0)  # of a hang-up poll(2) tells without being asked
    hung_up.poll()
    time.sleep(_ORPHAN_SECONDS * 3)
    os._exit(1)
