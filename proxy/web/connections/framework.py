"""aiohttp's own protocol, told its limits and what to answer to bytes that are not HTTP.

Law: that is our error form, and no traceback, in the answer or in the log.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from proxy.errors import PratiqueError, RequestError
from proxy.web.connections.lane import Lane

_log = logging.getLogger(__name__)
# Room for containerd's heads with a long query, and no more: what is larger is 400. Of requests that come before their
# turn the library takes 32, and reads no further.
_LIMITS: Mapping[str, Any] = {
    "access_log": None,
    "keepalive_timeout": 7 * 86_400.0,  # the crowd ends what is idle: aiohttp does not see the lane's requests
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 100,
    "lingering_time": 2.0,
    "auto_decompress": False,
}


class Port(Protocol):
    """What answers requests. `lane` is None for a port without one."""

    lane: Lane | None

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse: ...

    def reject(self, request: web.BaseRequest, error: PratiqueError) -> web.StreamResponse:
        """Answer what could not be parsed as HTTP."""
        ...


class Before(Protocol):
    """The connection that stands before the framework, and is told how its requests fare."""

    def begins(self) -> None:
        """The framework has a whole head."""
        ...

    def answered(self, response: web.StreamResponse) -> None:
        """The framework's answer is with the transport, whole."""
        ...

    def spoils(self) -> None:
        """No request on this connection is what it seems any more."""
        ...


class Framework(web.RequestHandler):
    def __init__(self, server: web.Server, port: Port, connection: Before) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **_LIMITS)
        self._port = port
        self.connection = connection

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, *_: Any
    ) -> web.StreamResponse:
        self.connection.spoils()
        error: PratiqueError = RequestError(
            "the request is not HTTP/1.1 as a registry reads it, or its head is too large"
        )
        if status >= 500:
            _log.error("a request met a defect", exc_info=exc)
            error = PratiqueError("a defect of this proxy stopped the request; its log says more")
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        response = self._port.reject(request, error)
        response.force_close()
        return response
