"""The registry port: a request becomes a value, the pipeline answers, the answer is written. The door never thinks.

Duties: clients.md 8, face.md "The registry port". Exact bytes, the stored media type without parameters, length and
digest on GET and HEAD alike; identity encoding whatever the client accepts, since lengths and ranges count these bytes.
There is no 304: it makes containerd give up (clients.md 1.1). One Answered event ends each request.
"""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote, urlencode

from aiohttp import web

from proxy.errors import PratiqueError
from proxy.events import Event
from proxy.oci import mediatype, route
from proxy.oci.route import GetBlob, GetManifest, ListReferrers, ListTags, Ping
from proxy.pipeline.answers import Asker, BlobAnswer, TagsAnswer
from proxy.web import errors, ranges
from proxy.web.clients import Clients
from proxy.web.connections.lane import REPEAT, Lane, Repeat
from proxy.web.door import Door
from proxy.web.exchange import Exchange
from proxy.web.outlet import Outlet

_log = logging.getLogger(__name__)
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_WARNING_LIMIT = 4000  # distribution-spec, "Warnings": the header holds at most 4096 bytes


class RegistryPort:
    """One listener's requests. `bound` is the upstream of a mirror's port; `lane` repeats its warm answers."""

    def __init__(
        self,
        door: Door,
        *,
        clients: Clients,
        outlet: Outlet,
        emit: Callable[[Event], None],
        is_draining: Callable[[], bool],
        lane: Lane | None = None,
        bound: str | None = None,
    ) -> None:
        self._door = door
        self._clients = clients
        self._outlet = outlet
        self._emit = emit
        self._is_draining = is_draining
        self._bound = bound
        self.lane = lane

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        clock = time.perf_counter  # uvloop's own clock moves in steps of a millisecond
        began = clock()
        exchange = Exchange(request, secrets.token_hex(8), self._clients.who(request))
        try:
            response = await self._answer_or_refuse(exchange)
            exchange.status = response.status
            if isinstance(response, web.Response) and request.method != "HEAD":
                exchange.sent = len(response.body) if isinstance(response.body, bytes) else 0
        finally:
            self._emit(ended := exchange.ended(seconds=clock() - began))
        if exchange.repeats is not None and self.lane is not None and not self._is_draining():
            response[REPEAT] = Repeat(*exchange.repeats, ended)
        return response

    def reject(self, request: web.BaseRequest, error: PratiqueError) -> web.Response:
        """Answer what could not be parsed as HTTP, and tell of it."""
        exchange = Exchange(request, secrets.token_hex(8), self._clients.who(request))
        exchange.fail(error)
        exchange.status = error.status
        self._emit(exchange.ended(seconds=0.0))
        return errors.respond(error, headers=self._headers(exchange))

    async def _answer_or_refuse(self, exchange: Exchange) -> web.StreamResponse:
        try:
            return await self._answer(exchange)
        except PratiqueError as error:
            exchange.fail(error)
            return errors.respond(error, headers=self._headers(exchange))
        except Exception:  # noqa: BLE001  # whatever it is, a client gets our form of an error, and no trace
            _log.exception("request %s met a defect", exchange.id)
            defect = PratiqueError(f"a defect of this proxy stopped the request; its log says more under {exchange.id}")
            exchange.fail(defect)
            return errors.respond(defect, headers=self._headers(exchange))

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        self._clients.admit(exchange.client)
        path, _, query = _ABSOLUTE.sub("", exchange.request.raw_path, count=1).partition("?")
        exchange.asked = asked = route.parse(exchange.request.method, path, query)
        asker = Asker(exchange.client, exchange.id, self._bound)
        match asked:
            case GetManifest():
                return await self._manifest(exchange, asker, asked)
            case GetBlob():
                return await self._blob(exchange, asker, asked)
            case ListReferrers():
                return await self._referrers(exchange, asker, asked)
            case ListTags():
                return await self._tags(exchange, asker, asked)
            case Ping():
                return web.Response(body=b"{}", headers={**self._headers(exchange), "Content-Type": "application/json"})

    async def _manifest(self, exchange: Exchange, asker: Asker, asked: GetManifest) -> web.Response:
        answer = await self._door.manifest(asker, asked)
        exchange.repository, exchange.outcome = answer.repository, answer.outcome
        exchange.repeats, exchange.digest = answer.repeats, answer.digest
        headers = self._headers(exchange, ns=asked.ns) | {
            "Content-Type": answer.media_type,
            "Docker-Content-Digest": str(answer.digest),
            "ETag": f'"{answer.digest}"',
        }
        if answer.warning:
            headers["Warning"] = _warning(answer.warning)
        return web.Response(body=answer.raw, headers=headers)

    async def _blob(self, exchange: Exchange, asker: Asker, asked: GetBlob) -> web.StreamResponse:
        answer = await self._door.blob(asker, asked)
        exchange.repository, exchange.outcome = answer.repository, answer.outcome
        headers = self._headers(exchange, ns=asked.ns) | {
            "Docker-Content-Digest": str(answer.digest),
            "ETag": f'"{answer.digest}"',
            "Accept-Ranges": "bytes",
        }
        if asked.is_head or answer.body is None:
            return _head(answer, headers, is_head=asked.is_head)
        return await self._send(exchange, answer, headers)

    async def _send(self, exchange: Exchange, answer: BlobAnswer, headers: dict[str, str]) -> web.StreamResponse:
        request, body = exchange.request, answer.body
        assert body is not None
        wanted, if_range = request.headers.get("Range"), request.headers.get("If-Range")
        try:
            portion = await ranges.choose(body, wanted=wanted, if_range=if_range)
        except BaseException:
            body.close()
            raise
        response = web.StreamResponse(status=portion.status, headers={**headers, **portion.headers})
        exchange.status = portion.status
        exchange.note(await self._outlet.send(request, response, body, portion.parts, end=portion.end))
        return response

    async def _referrers(self, exchange: Exchange, asker: Asker, asked: ListReferrers) -> web.Response:
        answer = await self._door.referrers(asker, asked)
        exchange.repository = answer.repository
        headers = self._headers(exchange, ns=asked.ns) | {"Content-Type": mediatype.OCI_INDEX}
        if answer.is_filtered:
            headers["OCI-Filters-Applied"] = "artifactType"
        return web.Response(body=answer.raw, headers=headers)

    async def _tags(self, exchange: Exchange, asker: Asker, asked: ListTags) -> web.Response:
        answer = await self._door.tags(asker, asked)
        exchange.repository = answer.repository
        headers = self._headers(exchange, ns=asked.ns) | {"Content-Type": "application/json"}
        if answer.has_more and answer.names and asked.n != 0:
            headers["Link"] = _next_page(asked, answer)
        listed = {"name": answer.name, "tags": list(answer.names)}
        return web.Response(body=json.dumps(listed, separators=(",", ":")).encode(), headers=headers)

    def _headers(self, exchange: Exchange, *, ns: str | None = None) -> dict[str, str]:
        headers = {
            "Docker-Distribution-Api-Version": "registry/2.0",
            "X-Request-Id": exchange.id,
            "Server": "pratique",
        }
        if ns is not None:
            headers["OCI-Namespace"] = ns
        if self._is_draining():
            headers["Connection"] = "close"
        return headers


def _head(answer: BlobAnswer, headers: dict[str, str], *, is_head: bool) -> web.StreamResponse:
    """Headers alone. A GET that the pipeline gave no body is our defect, and no client's empty blob."""
    if answer.body is not None:
        answer.body.close()
    if not is_head:
        raise PratiqueError("the blob was admitted, but there is nothing to send; look at this proxy's log")
    described = {"Content-Type": ranges.OCTETS, "Content-Length": str(answer.size)}
    return web.StreamResponse(headers={**headers, **described})


def _next_page(asked: ListTags, answer: TagsAnswer) -> str:
    """The Link of tags/list (distribution-spec, "Listing Tags"); it keeps `ns`, or the next page is another repository's."""
    size = len(answer.names) if asked.n is None else asked.n
    fields = {"n": str(size), "last": answer.names[-1]} | ({} if asked.ns is None else {"ns": asked.ns})
    return f'</v2/{quote(asked.name)}/tags/list?{urlencode(fields)}>; rel="next"'


def _warning(text: str) -> str:
    plain = "".join(character if character.isprintable() else " " for character in text)
    escaped = plain.encode("ascii", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{escaped[:_WARNING_LIMIT]}"'
