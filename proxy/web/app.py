"""The listeners, and how they end. aiohttp's low-level server: an application's routes would only cost here.

Law: a port that cannot be had is an error before anything is served; a drain lets running bodies end, and no more in.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.errors import ConfigError, PratiqueError
from proxy.events import ConnectionsEnded, Event
from proxy.web.clients import Clients
from proxy.web.connections.accepting import Acceptor, listening
from proxy.web.connections.crowd import Crowd
from proxy.web.connections.framework import Port
from proxy.web.connections.lane import Lane
from proxy.web.connections.server import Server
from proxy.web.door import Door
from proxy.web.health import HealthPort
from proxy.web.outlet import Outlet
from proxy.web.ports import unavailable
from proxy.web.registry import RegistryPort
from proxy.web.settings import Address, ClientsSettings, ListenSettings, TlsSettings

_CONNECTIONS = 4096
_WATCHERS = 256  # connections to the health ports: probes and scrapers, whatever the registry's clients do
_GRACE = 0.1  # seconds that a cut connection gets to end its tasks
_LEDGER_SECONDS = 1.0  # how long what went over the express lane is counted before it is told


@dataclass(frozen=True, slots=True)
class _Listener:
    """`field` is the setting that a person would change."""

    name: str
    field: str
    address: Address
    tls: TlsSettings | None
    port: Port


class Front:
    """Everything that listens. `ready` says whether cached images can be served; `metrics` renders /metrics.

    `clock` (epoch seconds) is what answers expire by; `crowd` bounds the registry's connections; with `shares_ports`
    other processes of ours listen on the same ports, and the kernel deals the connections out (SO_REUSEPORT, socket(7)).
    """

    def __init__(
        self,
        door: Door,
        listen: ListenSettings,
        clients: ClientsSettings,
        *,
        emit: Callable[[Event], None],
        ready: Callable[[], bool],
        metrics: Callable[[], Awaitable[bytes]],
        stall_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
        crowd: Crowd | None = None,
        shares_ports: bool = False,
    ) -> None:
        self._door = door
        self._listen = listen
        self._clients = clients
        self._emit = emit
        self._ready = ready
        self._metrics = metrics
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._crowd = crowd or Crowd(total=_CONNECTIONS, each=_CONNECTIONS)
        self._watchers = Crowd(total=_WATCHERS, each=_WATCHERS)
        self._shares_ports = shares_ports
        self._lanes: list[Lane] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._outlet = Outlet(stall_seconds=stall_seconds)
        self._opened: list[tuple[Acceptor, Server]] = []
        self._is_draining = False
        self._addresses: dict[str, Address] = {}

    @property
    def addresses(self) -> Mapping[str, Address]:
        """Where it listens: `registry`, `admin`, `health`, and `mirror <upstream>` for each mirror."""
        return dict(self._addresses)

    async def start(self) -> None:
        """Raise ConfigError where an address or a certificate cannot be used; then nothing listens."""
        try:
            for listener in self._listeners():
                self._open(listener)
        except BaseException:
            await self.drain(0)
            raise
        works = (self._crowd.watch(), self._watchers.watch(), self._settle())
        self._tasks = [asyncio.create_task(work) for work in works]

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(_LEDGER_SECONDS)
            await self._tell()

    async def _tell(self) -> None:
        """What was counted since the last time."""
        for lane in self._lanes:
            await lane.settle()
        for why, times in self._crowd.told().items():
            self._emit(ConnectionsEnded(why, times, len(self._crowd)))
        self._watchers.told()

    async def drain(self, seconds: float) -> None:
        """Let nobody in, close what is idle, let running bodies end for so long, then cut the rest."""
        self._is_draining = True
        await asyncio.gather(*(acceptor.close() for acceptor, _ in self._opened))
        servers = [server for _, server in self._opened]
        for server in servers:
            server.close_idle()
            server.pre_shutdown()
        # aiohttp's shutdown waits for running answers; ours is the clock, and its own is set beyond it.
        await _bounded(asyncio.gather(*(server.shutdown(seconds + 60) for server in servers)), seconds)
        await asyncio.gather(*(server.shutdown(_GRACE) for server in servers))
        cut = [task for server in servers for task in server.running]
        if cut:
            await asyncio.wait(cut, timeout=1.0)
        for server in servers:
            server.cut()
        self._opened.clear()
        await _ended(self._tasks)
        await self._tell()
        self._outlet.close()

    def _listeners(self) -> list[_Listener]:
        listen = self._listen
        found = [self._registry("registry", "listen.registry.address", listen.registry.address, listen.registry.tls)]
        for index, mirror in enumerate(listen.mirrors):
            name, field = f"mirror {mirror.upstream}", f"listen.mirrors.{index}.address"
            found.append(self._registry(name, field, mirror.address, mirror.tls, bound=mirror.upstream))
        found.append(self._health("admin", listen.admin.address, checks_host=True))
        if listen.health.address is not None:
            found.append(self._health("health", listen.health.address, checks_host=False))
        return found

    def _registry(
        self, name: str, field: str, address: Address, tls: TlsSettings | None, bound: str | None = None
    ) -> _Listener:
        clients = Clients(address=address, is_sealed=tls is not None, open_networks=self._clients.open)
        lane = None
        if self._listen.express_lane:
            lane = Lane(generation=lambda: self._door.generation, clock=self._clock, emit=self._emit)
            self._lanes.append(lane)
        port = RegistryPort(
            self._door,
            clients=clients,
            outlet=self._outlet,
            emit=self._emit,
            is_draining=lambda: self._is_draining,
            lane=lane,
            bound=bound,
        )
        return _Listener(name, field, address, tls, port)

    def _health(self, name: str, address: Address, *, checks_host: bool) -> _Listener:
        port = HealthPort(
            ready=lambda: self._ready() and not self._is_draining, metrics=self._metrics, checks_host=checks_host
        )
        return _Listener(name, f"listen.{name}.address", address, None, port)

    def _open(self, listener: _Listener) -> None:
        tls = _context(listener.tls) if listener.tls else None
        crowd = self._crowd if isinstance(listener.port, RegistryPort) else self._watchers
        server = Server(listener.port, stall_seconds=self._stall_seconds, crowd=crowd)
        try:
            listens = listening(listener.address, is_shared=self._shares_ports)
        except OSError as error:
            raise unavailable(listener.field, listener.address, error) from error
        self._opened.append((Acceptor(listens, server, tls=tls), server))
        self._addresses[listener.name] = Address(listener.address.host, listens.getsockname()[1])


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _bounded(work: Awaitable[Any], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        pass


def _context(tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except (OSError, ssl.SSLError, PratiqueError) as error:
        raise ConfigError(
            f"{tls.certificate} and {tls.key} cannot be used for TLS; name a certificate chain and its key in PEM"
        ) from error
    return context


def _no_password() -> str:
    raise ConfigError("the key is encrypted; name one that is not")
