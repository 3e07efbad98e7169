"""CRLs and OCSP answers are fetched once, kept within their time and within bounds, and silence is waited for only so long."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from proxy.pipeline.gathering import revocation
from proxy.pipeline.gathering.revocation import Revocations
from proxy.upstream.fetcher import Fetcher
from proxy.verify.certificates.revocation import urls
from proxy.verify.material import X509Store
from tests.fakes import pki
from tests.fakes.authorities import Responder
from tests.fakes.pki import DAY, NOW

CA = pki.root().issue("CN=ca", is_ca=True)
MINUTE = timedelta(minutes=1)


class Desk:
    """async with Desk() as desk: await desk.ask(desk.responder.crl)"""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.responder = Responder()
        self.fetcher = Fetcher({}, emit=lambda _event: None)
        self.revocations = Revocations(self.fetcher, **seconds)

    async def __aenter__(self):
        await self.responder.__aenter__()
        return self

    async def __aexit__(self, *_):
        await self.fetcher.close()
        await self.responder.stop()

    @property
    def store(self):
        return X509Store("a", (), hosts=frozenset([self.responder.host]))

    async def ask(self, *keys, now=NOW, stores=None):
        return await self.revocations.ask(keys, [self.store] if stores is None else stores, now=now)


async def test_an_answer_is_kept_for_a_quarter_of_an_hour_and_silence_for_a_minute():
    async with Desk() as desk:
        crl = desk.responder.crl
        assert await desk.ask(crl) == {crl: b""}
        desk.responder.crls["/ca.crl"] = pki.crl(CA)
        assert await desk.ask(crl, now=NOW + MINUTE / 2) == {crl: b""}
        assert (await desk.ask(crl, now=NOW + MINUTE))[crl] == desk.responder.crls["/ca.crl"]
        assert (await desk.ask(crl, now=NOW + 15 * MINUTE))[crl]
        assert desk.responder.asked == ["GET /ca.crl"] * 2
        await desk.ask(crl, now=NOW + 17 * MINUTE)
        assert desk.responder.asked == ["GET /ca.crl"] * 3


async def test_an_answer_that_has_ended_is_not_kept_and_one_that_is_none_is_asked_again_soon():
    async with Desk() as desk:
        crl = desk.responder.crl
        desk.responder.crls["/ca.crl"] = pki.crl(CA, ends=NOW + MINUTE)
        await desk.ask(crl)
        await desk.ask(crl, now=NOW + MINUTE)
        assert desk.responder.asked == ["GET /ca.crl"]
        await desk.ask(crl, now=NOW + MINUTE + timedelta(seconds=1))
        assert desk.responder.asked == ["GET /ca.crl"] * 2
        desk.responder.crls["/ca.crl"] = b"<html>"
        await desk.ask(crl, now=NOW + DAY)
        await desk.ask(crl, now=NOW + DAY + 2 * MINUTE)
        assert desk.responder.asked == ["GET /ca.crl"] * 4


async def test_who_asks_side_by_side_asks_once():
    async with Desk() as desk:
        desk.responder.crls["/ca.crl"] = pki.crl(CA)
        answers = await asyncio.gather(*(desk.ask(desk.responder.crl) for _ in range(20)))
        assert all(answer == answers[0] and answer[desk.responder.crl] for answer in answers)
        assert desk.responder.asked == ["GET /ca.crl"]


async def _silent(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def test_t59_a_host_that_never_answers_is_waited_for_only_so_long():
    async with Desk(ocsp_seconds=0.05, crl_seconds=0.1) as desk:
        leaf = CA.issue("CN=a", ocsp_at=(desk.responder.ocsp,), crl=(desk.responder.crl,))
        desk.responder.answers[leaf.certificate.serial_number] = desk.responder.crls["/ca.crl"] = _silent
        keys = urls(leaf.chain)
        assert await desk.ask(*keys) == dict.fromkeys(keys, b"")


async def test_t58_only_named_hosts_are_asked_and_never_what_is_no_question():
    async with Desk() as desk:
        keys = (desk.responder.crl, "ocsp:junk", f"ocsp:{desk.responder.ocsp}#zz", "http://[", "file:///etc/passwd")
        assert await desk.ask(*keys, stores=[]) == dict.fromkeys(keys, b"")
        assert desk.responder.asked == []


async def test_t08_what_is_kept_is_bounded_in_number_and_bytes(monkeypatch):
    monkeypatch.setattr(revocation, "_BYTES", 4 * len(pki.crl(CA)))
    monkeypatch.setattr(revocation, "_ANSWERS", 3)
    async with Desk() as desk:
        places = [f"{desk.responder.url}/{number}" for number in range(5)]
        desk.responder.crls = {f"/{number}": pki.crl(CA) for number in range(5)}
        await desk.ask(*places)
        assert len(desk.revocations._answers) == 3
        desk.responder.crls["/0"] = pki.crl(CA, *range(1, 400))
        await desk.ask(places[0], now=NOW + 16 * MINUTE)
        assert desk.revocations._held <= 4 * len(pki.crl(CA))


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 307, 400, 401, 403, 404, 410, 429, 500, 503])
async def test_nothing_but_200_is_an_answer(status):
    async with Desk() as desk:
        desk.responder.crls["/ca.crl"] = status
        assert await desk.ask(desk.responder.crl) == {desk.responder.crl: b""}
