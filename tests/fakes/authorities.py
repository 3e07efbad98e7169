"""A certificate authority's web server on loopback: CRLs by GET, OCSP answers by POST, and every way to be a bad one.

async with Responder() as responder:
    ca = pki.root().issue("CN=ca", is_ca=True)
    leaf = ca.issue("CN=signer", crl=(responder.crl,), ocsp_at=(responder.ocsp,))
    responder.crls["/ca.crl"] = pki.crl(ca)                 # bytes, a status, or a callable that answers a request
    responder.answers[leaf.certificate.serial_number] = pki.ocsp_answer(leaf)
    assert responder.asked == ["GET /ca.crl", ...]
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from cryptography.x509 import ocsp

Reply = bytes | int | Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Responder:
    """`crls` by path, `answers` by serial; what is not there is 404. `asked` are the requests in their order."""

    crls: dict[str, Reply] = field(default_factory=dict)
    answers: dict[int, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    host: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def crl(self) -> str:
        return f"{self.url}/ca.crl"

    @property
    def ocsp(self) -> str:
        return f"{self.url}/ocsp"

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Nobody listens any more."""
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if request.method == "POST" and request.path == "/ocsp":
            assert request.headers["Content-Type"] == "application/ocsp-request"
            question = ocsp.load_der_ocsp_request(await request.read())
            return await _told(self.answers.get(question.serial_number, 404), request, "application/ocsp-response")
        return await _told(self.crls.get(request.path, 404), request, "application/pkix-crl")


async def _told(reply: Reply, request: web.BaseRequest, media_type: str) -> web.StreamResponse:
    if callable(reply):
        return await reply(request)
    if isinstance(reply, int):
        return web.Response(status=reply)
    return web.Response(body=reply, content_type=media_type)


def leads_to(url: str) -> Callable[[web.BaseRequest], Awaitable[Any]]:
    """A redirect."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": url})

    return answer
