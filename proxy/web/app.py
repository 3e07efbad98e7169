"""The listeners, and how they end. aiohttp's low-level server: an application's routes would only cost here.

Law: a port that cannot be had is an error before anything is served; a drain lets running bodies end, and no more in.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from proxy.errors import ConfigError, PratiqueError, RequestError
from proxy.events import Event
from proxy.web import errors
from proxy.web.clients import Clients
from proxy.web.door import Door
from proxy.web.health import HealthPort
from proxy.web.outlet import Outlet
from proxy.web.registry import RegistryPort
from proxy.web.settings import Address, ClientsSettings, ListenSettings, TlsSettings

_log = logging.getLogger(__name__)
# Room for containerd's heads with a long query, and no more: what is larger is 400.
_LIMITS: Mapping[str, Any] = {
    "access_log": None,
    "keepalive_timeout": 75.0,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 100,
    "lingering_time": 2.0,
    "auto_decompress": False,
}
_BACKLOG = 1024
_GRACE = 0.1  # seconds that a cut connection gets to end its tasks


class _Port(Protocol):
    async def answer(self, request: web.BaseRequest) -> web.StreamResponse: ...


class _Connection(web.RequestHandler):
    """aiohttp's, except for what it answers to bytes that are not HTTP: our error form, and no traceback in the log."""

    def __init__(self, server: "_Server") -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **_LIMITS)
        self._port = server.port
        self._stall_seconds = server.stall_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # The kernel gives up on a client that takes nothing, where the answer is one that aiohttp writes (tcp(7)).
        stall = int(self._stall_seconds * 1000)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stall)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, *_: Any
    ) -> web.StreamResponse:
        error: PratiqueError = RequestError(
            "the request is not HTTP/1.1 as a registry reads it, or its head is too large"
        )
        if status >= 500:
            _log.error("a request met a defect", exc_info=exc)
            error = PratiqueError("a defect of this proxy stopped the request; its log says more")
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        if isinstance(self._port, RegistryPort):
            response = self._port.reject(request, error)
        else:
            response = errors.respond(error, headers={"Server": "pratique"})
        response.force_close()
        return response


class _Server(web.Server):
    def __init__(self, port: _Port, stall_seconds: float) -> None:
        self.port = port
        self.stall_seconds = stall_seconds
        self.running: set[asyncio.Task[Any]] = set()
        super().__init__(self._tracked)

    def __call__(self) -> web.RequestHandler:
        return _Connection(self)

    async def _tracked(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return await self.port.answer(request)


@dataclass(frozen=True, slots=True)
class _Listener:
    """`field` is the setting that a person would change."""

    name: str
    field: str
    address: Address
    tls: TlsSettings | None
    port: _Port


class Front:
    """Everything that listens. `ready` says whether cached images can be served; `metrics` renders /metrics."""

    def __init__(
        self,
        door: Door,
        listen: ListenSettings,
        clients: ClientsSettings,
        *,
        emit: Callable[[Event], None],
        ready: Callable[[], bool],
        metrics: Callable[[], bytes],
        stall_seconds: float = 60.0,
    ) -> None:
        self._door = door
        self._listen = listen
        self._clients = clients
        self._emit = emit
        self._ready = ready
        self._metrics = metrics
        self._stall_seconds = stall_seconds
        self._outlet = Outlet(stall_seconds=stall_seconds)
        self._opened: list[tuple[asyncio.AbstractServer, _Server]] = []
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
                await self._open(listener)
        except BaseException:
            await self.drain(0)
            raise

    async def drain(self, seconds: float) -> None:
        """Let nobody in, close what is idle, let running bodies end for so long, then cut the rest."""
        self._is_draining = True
        for sockets, _ in self._opened:
            sockets.close()
        await asyncio.sleep(0)  # what was accepted already becomes a connection
        servers = [server for _, server in self._opened]
        for server in servers:
            server.pre_shutdown()
        # aiohttp's shutdown waits for running answers; ours is the clock, and its own is set beyond it.
        await _bounded(asyncio.gather(*(server.shutdown(seconds + 60) for server in servers)), seconds)
        await asyncio.gather(*(server.shutdown(_GRACE) for server in servers))
        cut = [task for server in servers for task in server.running]
        if cut:
            await asyncio.wait(cut, timeout=1.0)
        self._opened.clear()
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
        port = RegistryPort(
            self._door,
            clients=clients,
            outlet=self._outlet,
            emit=self._emit,
            is_draining=lambda: self._is_draining,
            bound=bound,
        )
        return _Listener(name, field, address, tls, port)

    def _health(self, name: str, address: Address, *, checks_host: bool) -> _Listener:
        port = HealthPort(
            ready=lambda: self._ready() and not self._is_draining, metrics=self._metrics, checks_host=checks_host
        )
        return _Listener(name, f"listen.{name}.address", address, None, port)

    async def _open(self, listener: _Listener) -> None:
        tls = _context(listener.tls) if listener.tls else None
        server, address = _Server(listener.port, self._stall_seconds), listener.address
        try:
            sockets = await asyncio.get_running_loop().create_server(
                server, address.host, address.port, ssl=tls, backlog=_BACKLOG, reuse_address=True
            )
        except OSError as error:
            raise _unavailable(listener, error) from error
        self._opened.append((sockets, server))
        self._addresses[listener.name] = Address(address.host, sockets.sockets[0].getsockname()[1])


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


def _unavailable(listener: _Listener, error: OSError) -> ConfigError:
    match error.errno:
        case errno.EADDRINUSE:
            why = "is taken by another program; stop that one, or write another port"
        case errno.EADDRNOTAVAIL:
            why = "is not an address of this machine; write one that is"
        case errno.EACCES | errno.EPERM:
            why = "may not be used by this user; write a port above 1023"
        case _:
            why = f"cannot be listened on ({error.strerror}); write another address"
    return ConfigError(f"{listener.field}: {listener.address} {why}")
