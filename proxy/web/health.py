"""/livez, /readyz and /metrics, on the admin port and on a port of their own. They say how we are, not how upstreams are.

The admin port checks the Host header, so that a web page cannot reach it by a name that its owner points at loopback.
"""

import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web

from proxy.errors import NameUnknown, NotAllowed, PratiqueError, Unsupported
from proxy.web import errors
from proxy.web.clients import plain_address
from proxy.web.connections.lane import Lane

# Prometheus' text format; what renders it is handed in.
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"


class HealthPort:
    """`ready` says whether we can serve what is cached; `metrics` renders Prometheus' text."""

    def __init__(
        self, *, ready: Callable[[], bool], metrics: Callable[[], Awaitable[bytes]], checks_host: bool
    ) -> None:
        self._ready = ready
        self._metrics = metrics
        self._checks_host = checks_host
        self.lane: Lane | None = None

    def reject(self, _: web.BaseRequest, error: PratiqueError) -> web.Response:
        return errors.respond(error, headers={"Server": "pratique"})

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Server": "pratique", "Cache-Control": "no-store"}
        try:
            return await self._answer(request, headers)
        except PratiqueError as error:
            return errors.respond(error, headers=headers)

    async def _answer(self, request: web.BaseRequest, headers: dict[str, str]) -> web.Response:
        if self._checks_host and not _is_ours(request):
            raise NotAllowed("the Host header names someone else; ask by a loopback address or the listener's own")
        if request.method not in ("GET", "HEAD"):
            raise Unsupported("this page can only be read")
        match request.path:
            case "/livez":
                return web.Response(body=b"alive\n", headers={**headers, "Content-Type": _TEXT})
            case "/readyz":
                status, text = (200, b"ready\n") if self._ready() else (503, b"not ready\n")
                return web.Response(status=status, body=text, headers={**headers, "Content-Type": _TEXT})
            case "/metrics":
                return web.Response(body=await self._metrics(), headers={**headers, "Content-Type": _METRICS_TYPE})
        raise NameUnknown("there is nothing here; ask for /livez, /readyz or /metrics")


def _is_ours(request: web.BaseRequest) -> bool:
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1:
        return False
    host = _without_port(hosts[0])
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    own = request.transport.get_extra_info("sockname") if request.transport else None
    return address.is_loopback or (own is not None and address == plain_address(own[0]))


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host
