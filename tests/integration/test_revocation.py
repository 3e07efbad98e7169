"""Whether an authority took a certificate back, asked through the real proxy of a CRL and OCSP server on loopback (T34, T58)."""

import asyncio
import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.demo.images import Blob, Image
from tests.fakes import pki
from tests.fakes.authorities import Responder, leads_to
from tests.fakes.companies import Employee, employee
from tests.fakes.gathering import evidence
from tests.fakes.notary import FORMS, Pen
from tests.fakes.pki import DAY
from tests.fakes.signing import AT
from tests.fakes.site import APP, NOW, Site, image, told
from tests.fakes.tsas import FakeAuthority

ROOT = pki.root("O=Acme,CN=root")
CA = ROOT.issue("O=Acme,CN=ca", is_ca=True)
TWIN = ROOT.issue("O=Acme,CN=ca", is_ca=True, private=pki.key(which="twin"))
REVOKED, UNKNOWN = ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN
FRESH = {"begins": NOW - DAY, "ends": NOW + DAY}
STALE = {"begins": NOW - 9 * DAY, "ends": NOW - DAY}
MODES = ("enforce", "log", "skip")
modes = pytest.mark.parametrize("mode", MODES)
SIGNED = "require: [{ signature: company }]"


@dataclass
class Firm:
    """A site whose store asks `responder`, and who signs there. `form`: cosign's `.sig`, or Notation's."""

    site: Site
    responder: Responder
    holder: pki.Holder
    form: str = "cosign"
    stamper: FakeAuthority | None = None

    def publish(self, label: str = "app") -> Image:
        app = self.site.publish(image(label))
        if self.form == "cosign":
            self.site.signed(app, by=Employee(self.holder, stamper=self.stamper))
            return app
        artifact = {"digest": str(app.digest), "size": app.size, "mediaType": app.media_type}
        pen = Pen(self.holder, self.form, artifact=artifact, stamper=self.stamper, stamped_at=AT)
        raw = pen.write()
        kind = "application/cose" if self.form == "cose" else "application/jose+json"
        made = evidence(Blob(raw, kind), subject=app, artifact_type="application/vnd.cncf.notary.signature")
        self.site.upstream.put_image(APP, made)
        return app

    async def says(self, status: int, reference: object = "v1") -> dict[str, Any]:
        """The Decision, and that it was answered so; what is no answer yet is never remembered."""
        got = await self.site.manifest(APP, reference)
        assert got.status == status, (got, got.body)
        if status == 503:
            assert int(got.headers["Retry-After"]) > 0
            assert "whether it is revoked is unknown" in told(got)
        records = [event.record for event in self.site.events if getattr(event, "record", None)]
        decision = [record for record in records if "verdict" in record][-1]
        assert decision["verdict"] == {200: "allow", 403: "deny", 503: "inconclusive"}[status]
        return decision

    async def reason(self, status: int = 403, reference: object = "v1") -> str:
        decision = await self.says(status, reference)
        return "; ".join(each["reason"] for each in decision["rejections"])


class Opening:
    """async with Opening(tmp_path, crl=True) as firm: …   `crl`, `ocsp`: what its certificates name."""

    def __init__(
        self,
        folder,
        *,
        mode="enforce",
        form="cosign",
        crl=False,
        ocsp=False,
        hosts=True,
        store="",
        stamped=False,
        **knobs,
    ):
        self.folder, self.mode, self.form, self.store, self.knobs = folder, mode, form, store, knobs
        self.crl, self.ocsp, self.hosts, self.stamped = crl, ocsp, hosts, stamped

    async def __aenter__(self) -> Firm:
        shutil.rmtree(
            self.folder / "data", ignore_errors=True
        )  # the clock stands: a refusal before would be remembered
        self.responder = await Responder().__aenter__()
        named = {
            "crl": (self.responder.crl,) if self.crl else (),
            "ocsp_at": (self.responder.ocsp,) if self.ocsp else (),
        }
        holder = employee(CA, **(named | self.knobs))
        (self.folder / "ca.pem").write_bytes(ROOT.certificate.public_bytes(Encoding.PEM))
        listed = f", hosts: ['{self.responder.host}']" if self.hosts and self.mode != "skip" else ""
        stamps = ", timestamps: stamps.pem" if self.stamped else ""
        self.site = Site(
            self.folder,
            SIGNED,
            roots=f"company: {{ certificates: ca.pem, revocation: {self.mode}{listed}{stamps}{self.store} }}",
            signers="company: { x509: company, subject: 'O=Acme,CN=release' }",
        )
        await self.site.__aenter__()
        stamper = self.site.sigstore.stamper if self.stamped else None
        return Firm(self.site, self.responder, holder, self.form, stamper)

    async def __aexit__(self, *exception) -> None:
        await self.site.__aexit__(*exception)
        await self.responder.stop()


def fresh(*serials, by=CA, **knobs):
    return pki.crl(by, *serials, **(FRESH | knobs))


def answer(holder, **knobs):
    return pki.ocsp_answer(holder, **(FRESH | knobs))


def serial(holder) -> int:
    return holder.certificate.serial_number


forms = pytest.mark.parametrize("form", ["cosign", *FORMS])


@forms
async def test_t34_a_certificate_that_the_crl_does_not_list_admits_until_the_next_list(tmp_path, form):
    async with Opening(tmp_path, crl=True, form=form) as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = fresh(7, 8)
        assert (await firm.says(200))["expiresAt"] == (NOW + DAY).isoformat()
        assert firm.responder.asked == ["GET /ca.crl"]
        await firm.says(200)
        firm.publish("another by the same certificate")
        await firm.says(200)
        assert firm.responder.asked == ["GET /ca.crl"], "the answer is kept for a while"


@forms
async def test_t34_a_certificate_that_ocsp_calls_good_admits_until_the_answer_ends(tmp_path, form):
    async with Opening(tmp_path, ocsp=True, crl=True, form=form) as firm:
        firm.publish()
        firm.responder.answers[serial(firm.holder)] = answer(firm.holder)
        assert (await firm.says(200))["expiresAt"] == (NOW + DAY).isoformat()
        assert firm.responder.asked == ["POST /ocsp"], "where OCSP knows, no list is fetched"


@forms
@pytest.mark.parametrize("mode", ["enforce", "log"])
async def test_t34_what_the_authority_took_back_is_refused_by_serial_and_time(tmp_path, form, mode):
    async with Opening(tmp_path, crl=True, form=form, mode=mode) as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = fresh(serial(firm.holder))
        why = await firm.reason()
        assert f"the certificate with serial {serial(firm.holder):x} was revoked by its authority at 2026-10-31T" in why
    async with Opening(tmp_path, ocsp=True, form=form, mode=mode) as firm:
        firm.publish()
        firm.responder.answers[serial(firm.holder)] = answer(firm.holder, status=REVOKED)
        why = await firm.reason()
        assert f"the certificate with serial {serial(firm.holder):x} was revoked by its authority at 2026-10-31T" in why


@forms
async def test_t34_under_skip_nothing_is_asked(tmp_path, form):
    async with Opening(tmp_path, crl=True, ocsp=True, form=form, mode="skip") as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = fresh(serial(firm.holder))
        assert (await firm.says(200))["warnings"] == []
        assert firm.responder.asked == []


@forms
async def test_t34_t59_out_of_reach_is_no_refusal_and_admits_nothing_under_enforce(tmp_path, form):
    async with Opening(tmp_path, crl=True, ocsp=True, form=form) as firm:
        app = firm.publish()
        decision = await firm.says(503)
        assert "did not answer" in decision["summary"]
        assert firm.responder.asked == ["POST /ocsp", "GET /ca.crl"], "OCSP first, then the list (Notation)"
        blob = await firm.site.blob(APP, next(iter(app.blobs)))
        assert blob.status != 200
        firm.responder.crls["/ca.crl"] = fresh()
        await firm.says(503)
        firm.site.clock.forward(seconds=61)
        await firm.says(200)


@forms
async def test_t34_out_of_reach_is_a_warning_under_log_once_it_was_asked(tmp_path, form):
    async with Opening(tmp_path, crl=True, form=form, mode="log") as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = 500
        (warning,) = (await firm.says(200))["warnings"]
        assert "did not answer" in warning
        assert firm.responder.asked == ["GET /ca.crl"]


@forms
async def test_a_good_answer_under_log_leaves_no_warning(tmp_path, form):
    async with Opening(tmp_path, crl=True, form=form, mode="log") as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = fresh()
        assert (await firm.says(200))["warnings"] == []
        assert firm.responder.asked == ["GET /ca.crl"]


@pytest.mark.parametrize("mode", ["enforce", "log"])
async def test_t58_a_host_that_the_operator_did_not_name_is_never_asked(tmp_path, mode):
    async with Opening(tmp_path, crl=True, ocsp=True, hosts=False, mode=mode) as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = fresh()
        if mode == "enforce":
            assert "is not among the store's hosts; add it there to have it asked" in await firm.reason()
        else:
            assert "is not among the store's hosts" in (await firm.says(200))["warnings"][0]
        assert firm.responder.asked == []


async def test_t58_a_certificate_leads_to_no_other_host_scheme_or_port(tmp_path):
    """What a signer's certificate names is a stranger's text: only what the operator named is asked."""
    async with Responder() as inner:
        names = (f"{inner.url}/admin", "file:///etc/passwd", f"http://127.0.0.1@{inner.host}/x", "ldap://127.0.0.1/x")
        async with Opening(tmp_path, crl=names, mode="log") as firm:
            firm.holder = employee(CA, crl=names)
            firm.publish()
            assert len((await firm.says(200))["warnings"]) == 1
            assert inner.asked == firm.responder.asked == []


async def test_t09_t58_a_redirect_is_not_followed(tmp_path):
    async with Responder() as inner, Opening(tmp_path, crl=True, ocsp=True) as firm:
        inner.crls["/ca.crl"] = fresh()
        firm.publish()
        firm.responder.crls["/ca.crl"] = leads_to(inner.crl)
        firm.responder.answers[serial(firm.holder)] = leads_to(inner.ocsp)
        await firm.says(503)
        assert inner.asked == []


async def _endless(request: web.BaseRequest) -> web.StreamResponse:
    """A list of a gigabyte, in small pieces."""
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        for _ in range(1 << 14):
            await response.write(b"\0" * 65536)
    except (ConnectionError, asyncio.CancelledError):
        pass
    return response


async def _zipped(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=fresh(), headers={"Content-Encoding": "gzip"})


def point(**fields):
    only = {"only_contains_user_certs": False, "only_contains_ca_certs": False, "only_contains_attribute_certs": False}
    rest = {"full_name": None, "relative_name": None, "only_some_reasons": None, "indirect_crl": False}
    return {"extra": [(x509.IssuingDistributionPoint(**(only | rest | fields)), True)]}


BAD_LISTS = {
    "stale": fresh(**STALE),
    "not begun": fresh(begins=NOW + DAY / 2),
    "without an end": pki.crl_without_end(CA),
    "of another authority": fresh(by=ROOT),
    "of a namesake": fresh(by=TWIN),
    "indirect": fresh(**point(indirect_crl=True)),
    "a delta": fresh(extra=[(x509.DeltaCRLIndicator(1), True)]),
    "for authorities alone": fresh(**point(only_contains_ca_certs=True)),
    "for some reasons": fresh(**point(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise]))),
    "cut": fresh()[:-1],
    "with more behind": fresh() + b"\0",
    "changed": fresh()[:-1] + bytes([fresh()[-1] ^ 1]),
    "a page": b"<html>log in</html>",
    "empty": b"",
    "endless": _endless,
    "zipped": _zipped,
    "absent": 404,
    "forbidden": 403,
    "busy": 429,
    "failing": 500,
    "partial": 206,
}


@pytest.mark.parametrize("name", BAD_LISTS)
async def test_t08_t34_t54_t55_a_list_that_is_no_good_proves_nothing_and_what_comes_later_does(tmp_path, name):
    async with Opening(tmp_path, crl=True) as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = BAD_LISTS[name]
        await firm.says(503)
        firm.responder.crls["/ca.crl"] = fresh()
        firm.site.clock.forward(minutes=15, seconds=1)
        await firm.says(200)


def responder(issuer=CA, **knobs):
    honest = {"purposes": [ExtendedKeyUsageOID.OCSP_SIGNING], "extra": [x509.OCSPNoCheck()]}
    return issuer.issue("CN=responder", **(honest | knobs))


OTHER = employee(CA)
BAD_ANSWERS = {
    "stale": lambda holder: answer(holder, **STALE),
    "without an end": lambda holder: answer(holder, ends=None),
    "of another serial": lambda _: answer(OTHER),
    "of a namesake's certificate": lambda holder: answer(employee(TWIN, serial=serial(holder)), responder=CA),
    "unknown": lambda holder: answer(holder, status=UNKNOWN),
    "by a stranger": lambda holder: answer(holder, responder=responder(TWIN)),
    "by a responder that may not": lambda holder: answer(holder, responder=responder(purposes=[pki.CODE])),
    "by a responder that could be revoked": lambda holder: answer(holder, responder=responder(extra=[])),
    "by a responder that has ended": lambda holder: answer(holder, responder=responder(not_after=NOW - DAY)),
    "changed": lambda holder: answer(holder)[:-1] + b"\0",
    "try later": lambda _: ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
        Encoding.DER
    ),
    "garbage": lambda _: b"\x30\x03\x0a\x01\x00",
    "large": lambda holder: answer(holder) + b"\0" * 65536,
    "endless": lambda _: _endless,
    "absent": lambda _: 404,
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_t08_t34_t55_an_ocsp_answer_that_is_no_good_proves_nothing_and_what_comes_later_does(tmp_path, name):
    async with Opening(tmp_path, ocsp=True) as firm:
        firm.publish()
        firm.responder.answers[serial(firm.holder)] = BAD_ANSWERS[name](firm.holder)
        await firm.says(503)
        firm.responder.answers[serial(firm.holder)] = answer(firm.holder, responder=responder())
        firm.site.clock.forward(minutes=15, seconds=1)
        await firm.says(200)


async def test_t34_an_ocsp_responder_that_knows_nothing_leaves_it_to_the_list(tmp_path):
    async with Opening(tmp_path, ocsp=True, crl=True) as firm:
        firm.publish()
        firm.responder.answers[serial(firm.holder)] = answer(firm.holder, status=UNKNOWN)
        firm.responder.crls["/ca.crl"] = fresh(serial(firm.holder))
        assert "was revoked by its authority" in await firm.reason()


async def test_t34_t62_what_is_taken_back_after_it_was_admitted_is_refused_once_the_answer_ends(tmp_path):
    async with Opening(tmp_path, crl=True) as firm:
        app = firm.publish()
        firm.responder.crls["/ca.crl"] = fresh()
        await firm.says(200)
        later = NOW + 2 * DAY
        firm.responder.crls["/ca.crl"] = fresh(serial(firm.holder), ends=later)
        await firm.says(200)
        firm.site.clock.forward(days=1, seconds=1)
        assert "was revoked by its authority" in await firm.reason(403, app.digest)
        assert (await firm.site.blob(APP, next(iter(app.blobs)))).status == 403


async def test_what_was_admitted_is_admitted_again_by_the_next_list_and_without_one_it_is_not(tmp_path):
    async with Opening(tmp_path, crl=True) as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = fresh()
        await firm.says(200)
        firm.site.clock.forward(days=1, seconds=1)
        await firm.says(503)
        firm.responder.crls["/ca.crl"] = fresh(begins=NOW, ends=NOW + 3 * DAY)
        firm.site.clock.forward(seconds=61)
        assert (await firm.says(200))["expiresAt"] == (NOW + 3 * DAY).isoformat()


@forms
async def test_t34_a_timestamp_before_the_date_of_invalidity_is_good_still_and_only_then(tmp_path, form):
    """Notation, "Revocation Checking with CRL"; the signature was stamped at AT."""

    def invalid(since):
        entry = [x509.InvalidityDate(since.replace(tzinfo=None)), x509.CRLReason(x509.ReasonFlags.key_compromise)]
        return {"entry": entry}

    for since, stamped, status in (
        (AT + DAY, True, 200),
        (AT + DAY, False, 403),
        (AT - timedelta(seconds=1), True, 403),
        (AT, True, 403),
    ):
        async with Opening(tmp_path, crl=True, form=form, stamped=stamped) as firm:
            firm.publish()
            firm.responder.crls["/ca.crl"] = fresh(serial(firm.holder), **invalid(since))
            await firm.says(status)
    async with Opening(tmp_path, crl=True, form=form, stamped=True) as firm:
        firm.publish()
        firm.responder.crls["/ca.crl"] = fresh(serial(firm.holder))
        assert "was revoked" in await firm.reason(), "without such a date it was never good"


@forms
async def test_t34_a_revoked_timestamp_authority_proves_no_time(tmp_path, form):
    async with Opening(tmp_path, form=form) as firm:
        between = pki.root("O=Time,CN=root").issue("O=Time,CN=between", is_ca=True)
        named = {"purposes": [pki.STAMP], "are_purposes_critical": True, "crl": (firm.responder.crl,)}
        leaf = between.issue("O=Time,CN=tsa", **named)
        firm.stamper = FakeAuthority(leaf.private, leaf.chain)
        (firm.site.folder / "time.pem").write_bytes(leaf.chain[-1].public_bytes(Encoding.PEM))
        store = f"certificates: ca.pem, timestamps: time.pem, hosts: ['{firm.responder.host}']"
        firm.site.change(SIGNED, roots=f"company: {{ {store} }}")
        firm.publish()
        await firm.says(503)
        firm.site.clock.forward(seconds=61)
        firm.responder.crls["/ca.crl"] = fresh(by=between)
        assert (await firm.says(200))["expiresAt"] == (NOW + DAY).isoformat()
        firm.site.clock.forward(days=1)
        firm.responder.crls["/ca.crl"] = fresh(serial(leaf), by=between, ends=NOW + 9 * DAY)
        assert f"the certificate with serial {serial(leaf):x} was revoked" in await firm.reason()


async def test_the_whole_chain_is_asked_about_at_once(tmp_path):
    async with Opening(tmp_path) as firm:
        middle = ROOT.issue("O=Acme,CN=middle", is_ca=True, crl=(f"{firm.responder.url}/root.crl",))
        firm.holder = employee(middle, crl=(f"{firm.responder.url}/middle.crl",))
        firm.publish()
        firm.responder.crls = {"/root.crl": fresh(by=ROOT), "/middle.crl": fresh(by=middle, ends=NOW + DAY / 2)}
        assert (await firm.says(200))["expiresAt"] == (NOW + DAY / 2).isoformat(), "the first that ends"
        assert sorted(firm.responder.asked) == ["GET /middle.crl", "GET /root.crl"]
        firm.responder.crls["/root.crl"] = fresh(serial(middle), by=ROOT, ends=NOW + 9 * DAY)
        firm.site.clock.forward(days=1)
        assert f"the certificate with serial {serial(middle):x} was revoked" in await firm.reason()


@forms
async def test_a_list_that_the_operator_gave_needs_no_network(tmp_path, form):
    (tmp_path / "ca.crl").write_bytes(fresh())
    async with Opening(tmp_path, crl=True, ocsp=True, hosts=False, form=form, store=", crls: [ca.crl]") as firm:
        firm.publish()
        assert (await firm.says(200))["expiresAt"] == (NOW + DAY).isoformat()
        (tmp_path / "ca.crl").write_bytes(x509.load_der_x509_crl(fresh(serial(firm.holder))).public_bytes(Encoding.PEM))
        firm.site.proxy.reload()
        assert "was revoked by its authority" in await firm.reason()
        assert firm.responder.asked == []


async def test_a_list_of_the_operators_that_has_ended_is_a_refusal_that_names_it(tmp_path):
    """Only the operator can help there, so that it is told and not waited for."""
    (tmp_path / "ca.crl").write_bytes(fresh(**STALE))
    async with Opening(tmp_path, store=", crls: [ca.crl]") as firm:
        firm.publish()
        assert "the CRL is stale: it holds from 2026-11-01" in await firm.reason()


async def test_a_stranger_s_certificate_makes_nobody_ask_for_it(tmp_path):
    """Who is not the signer is told so, whatever its authority says of it."""
    async with Opening(tmp_path, crl=True, subject="O=Acme,CN=somebody") as firm:
        firm.publish()
        assert "signed, but by" in await firm.reason()
        assert firm.responder.asked == []


async def test_pulls_side_by_side_fetch_a_list_once(tmp_path):
    async with Opening(tmp_path, crl=True) as firm:
        images = [firm.publish(str(number)) for number in range(6)]
        firm.responder.crls["/ca.crl"] = fresh()
        got = await asyncio.gather(*(firm.site.manifest(APP, each.digest) for each in images))
        assert [each.status for each in got] == [200] * 6
        assert firm.responder.asked == ["GET /ca.crl"]
