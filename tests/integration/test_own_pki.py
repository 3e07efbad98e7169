"""A company's own CA through the real proxy: every form that cosign writes, with and without a log and a timestamp."""

import hashlib
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from proxy.demo.images import Blob, Image
from tests.fakes import pki
from tests.fakes.companies import Employee, employee
from tests.fakes.gathering import evidence
from tests.fakes.notary import Pen
from tests.fakes.pki import DAY
from tests.fakes.signing import AT, Sigstore
from tests.fakes.site import APP, NOW, SIGN, Site, image, statement

ROOT = pki.root("O=Acme,CN=root")
CA = ROOT.issue("O=Acme,CN=ca", is_ca=True, path_length=0)
SIGNED = "require: [{ signature: company }]"
REVIEW = "https://acme.test/review/v1"
ATTESTED = f"require: [{{ attestation: '{REVIEW}', by: company }}]"
ENDED = {"not_before": AT - 30 * DAY, "not_after": AT + DAY}  # when it signed it was valid, and now it is not


def site(tmp_path, rule=SIGNED, *, asks="", store="", who="san: release@acme.test", anchor=ROOT, **parts) -> Site:
    """`asks` stands beside the signer, `store` beside its certificates."""
    (tmp_path / "ca.pem").write_bytes(anchor.certificate.public_bytes(Encoding.PEM))
    return Site(
        tmp_path,
        rule,
        roots=f"company: {{ certificates: ca.pem{store} }}",
        signers=f"company: {{ x509: company, {who}{asks} }}",
        **parts,
    )


STAMPS = ", timestamps: stamps.pem"
LOG = ", log: required, trustRoot: logged"
STAMP = ", timestamp: required"


def write(site: Site, app: Image, by: Employee, form: str, at=AT) -> None:
    """In one of the forms; `sig` and `bundle` sign, `att` and `review` attest."""
    if form == "sig":
        site.signed(app, by=by, at=at)
    elif form == "bundle":
        site.put_bundle(app, by.bundle(statement(app.digest, SIGN, {}), at=at))
    else:
        site.attest(app, REVIEW, {}, by=by, at=at, form="att" if form == "att" else "bundle")


async def reason(site: Site, reference: object = "v1") -> str:
    """Why what was found does not count; the image is refused."""
    got = await site.manifest(APP, reference)
    assert got.status == 403, (got, got.body)
    records = [event.record for event in site.events if getattr(event, "record", None)]
    decision = [record for record in records if "verdict" in record][-1]
    assert decision["verdict"] == "deny"
    return "; ".join(each["reason"] for each in decision["rejections"])


RULES = {"sig": SIGNED, "bundle": SIGNED, "att": ATTESTED, "review": ATTESTED}
forms = pytest.mark.parametrize("form", RULES)


@forms
async def test_a_certificate_under_the_companys_ca_admits_in_every_form(tmp_path, form):
    async with site(tmp_path, RULES[form]) as house:
        app = house.publish(image())
        assert not await reason(house)
        write(house, app, Employee(employee(CA)), form)
        house.clock.forward(minutes=2)
        decision = await house.admitted()
        (passed,) = (each for each in decision["checks"] if each["word"] in ("signature", "attestation"))
        (identity,) = passed["identities"]
        assert identity.startswith(f"x509:{ROOT.certificate.fingerprint(hashes.SHA256()).hex()} ")
        assert "release@acme.test" in identity


@forms
async def test_t31_without_a_proved_time_the_certificate_must_be_valid_now_and_the_decision_ends_with_it(
    tmp_path, form
):
    short = employee(CA, not_after=NOW + DAY)
    async with site(tmp_path, RULES[form]) as house:
        app = house.publish(image())
        write(house, app, Employee(short), form)
        assert (await house.admitted())["expiresAt"] == "2026-11-11T12:00:00+00:00"
        house.clock.forward(days=1, seconds=1)
        assert "the signing certificate is valid from" in await reason(house)


@forms
async def test_a_timestamp_of_the_companys_own_authority_outlives_the_certificate(tmp_path, form):
    async with site(tmp_path, RULES[form], store=STAMPS, asks=STAMP) as house:
        app = house.publish(image())
        write(house, app, Employee(employee(CA, **ENDED), stamper=house.sigstore.stamper), form)
        decision = await house.admitted()
        assert decision["provedAt"] == "2026-11-01T12:00:00+00:00"
        assert decision.get("expiresAt") is None


@forms
async def test_t33_a_timestamp_that_is_required_must_be_the_companys_and_in_time(tmp_path, form):
    stranger = Sigstore("stranger").stamper
    async with site(tmp_path, RULES[form], store=STAMPS, asks=STAMP) as house:
        for by, at, why in (
            (Employee(employee(CA)), AT, "it carries no timestamp, and the signer requires one"),
            (Employee(employee(CA), stamper=stranger), AT, "its timestamp is not proved"),
            (Employee(employee(CA, **ENDED), stamper=house.sigstore.stamper), AT + 2 * DAY, "the time is 2026-11-03"),
        ):
            app = house.publish(image(why))
            write(house, app, by, form, at)
            assert why in await reason(house, app.digest)


@forms
async def test_a_logged_signature_counts_at_the_time_that_the_log_promised(tmp_path, form):
    async with site(tmp_path, RULES[form], asks=LOG) as house:
        app = house.publish(image())
        write(house, app, Employee(employee(CA, **ENDED), log=house.sigstore), form)
        decision = await house.admitted()
        assert decision["provedAt"] == "2026-11-01T12:00:00+00:00"
        assert any(item.startswith("log:") for item in decision["restsOn"])


@forms
async def test_t20_a_log_entry_that_is_required_must_be_of_this_signature_and_of_a_log_that_is_trusted(tmp_path, form):
    stranger = Sigstore("stranger")
    async with site(tmp_path, RULES[form], asks=LOG) as house:
        for by, why in (
            (Employee(employee(CA)), "it carries no log entry, and trust root logged requires one"),
            (Employee(employee(CA), log=stranger), "which the trust root does not list"),
            (Employee(employee(CA, **ENDED), log=_late(house.sigstore)), "the time is 2026-11-06"),
        ):
            app = house.publish(image(why))
            write(house, app, by, form)
            assert why in await reason(house, app.digest)


def _late(sigstore: Sigstore) -> Sigstore:
    """The same log, five days after everybody else."""
    late = Sigstore()
    late.log = sigstore.log
    record = sigstore.record
    late.record = lambda kind, *, at, **signed: record(kind, at=at + 5 * DAY, **signed)
    return late


async def test_t20_the_log_entry_of_another_signature_by_the_same_certificate_proves_nothing(tmp_path):
    async with site(tmp_path, asks=LOG) as house:
        first, second = house.publish(image("first")), house.publish(image("second"))
        by = Employee(employee(CA), log=house.sigstore)
        house.signed(first, by=by)
        layer = by.simple(b"{}")
        honest = replace(by, log=None)
        house.signed(second, by=_Borrowing(honest, layer.annotations))
        assert "the hash of other bytes" in await reason(house, second.digest)
        assert (await house.admitted(first.digest))["verdict"] == "allow"


class _Borrowing(Employee):
    """Signs itself, and carries somebody else's log entry."""

    def __init__(self, by: Employee, borrowed) -> None:
        super().__init__(by.holder)
        object.__setattr__(self, "borrowed", borrowed)

    def simple(self, payload, *, at=AT):
        layer = super().simple(payload, at=at)
        name = "dev.sigstore.cosign/bundle"
        return replace(layer, annotations={**layer.annotations, name: self.borrowed[name]})


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "rsa3072", "ed25519"])
async def test_every_kind_of_key_that_a_company_certifies(tmp_path, kind):
    ca = ROOT.issue("O=Acme,CN=ca", is_ca=True, private=pki.key(kind, "ca"))
    async with site(tmp_path, store=STAMPS, asks=LOG + STAMP) as house:
        app = house.publish(image())
        holder = employee(ca, private=pki.key(kind, "leaf"))
        write(house, app, Employee(holder, stamper=house.sigstore.stamper, log=house.sigstore), "sig")
        assert (await house.admitted())["verdict"] == "allow"


TWIN = pki.root("O=Acme,CN=root", private=pki.key(which="a twin"))
BRIEF = ROOT.issue("O=Acme,CN=brief", is_ca=True, not_after=AT + DAY)
SERVER = [ExtendedKeyUsageOID.SERVER_AUTH]
TWO = (x509.RFC822Name("release@acme.test"), x509.RFC822Name("mallory@acme.test"))
URI = (x509.UniformResourceIdentifier("https://release@acme.test"),)


@pytest.mark.parametrize(
    ("holder", "why"),
    [
        (employee(TWIN.issue("O=Acme,CN=ca", is_ca=True)), "has no certificate authority that issued the certificate"),
        (employee(BRIEF), "an issuing certificate is valid from"),
        (employee(CA, "release@acme.test.evil.test"), "signed, but by release@acme.test.evil.test"),
        (employee(CA, "xrelease@acme.test"), "signed, but by xrelease@acme.test"),
        (employee(CA, "Release@acme.test"), "signed, but by Release@acme.test"),
        (employee(CA, sans=TWO), "has 2 alternative names; an identity has exactly one"),
        (employee(CA, sans=URI), "signed, but by https://release@acme.test"),
        (employee(CA, sans=()), "has no alternative names"),
        (employee(CA, purposes=SERVER), "does not permit codeSigning"),
        (employee(CA, purposes=[pki.CODE, pki.STAMP]), "permits more than signing code"),
        (employee(CA, usages=("key_encipherment",)), "does not permit digital signatures"),
        (employee(CA, private=pki.key("rsa1024")), "a key is none of"),
        (employee(ROOT, is_ca=True), "is a certificate authority's"),
        (employee(CA.issue("O=Acme,CN=below", is_ca=True)), "permits 0 authorities below it"),
        (employee(employee(CA)), "is not that of a certificate authority"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_t21_t28_t29_a_certificate_that_is_not_the_signers_is_refused_and_told_why(tmp_path, holder, why):
    async with site(tmp_path) as house:
        app = house.publish(image())
        write(house, app, Employee(holder), "sig")
        assert why in await reason(house)


async def test_t53_a_thousand_intermediates_are_refused_before_they_are_read(tmp_path):
    async with site(tmp_path) as house:
        app = house.publish(image())
        layer = Employee(employee(CA)).simple(b"{}")
        by = Employee(employee(CA))
        chained = layer.annotations["dev.sigstore.cosign/chain"] * 500
        house.signed(app, by=_Chained(by, chained))
        assert "holds over 9 certificates" in await reason(house)


class _Chained(Employee):
    """Signs itself, under a chain of somebody's."""

    def __init__(self, by: Employee, chain: str) -> None:
        super().__init__(by.holder)
        object.__setattr__(self, "chained", chain)

    def simple(self, payload, *, at=AT):
        layer = super().simple(payload, at=at)
        return replace(layer, annotations={**layer.annotations, "dev.sigstore.cosign/chain": self.chained})


async def test_by_subject_every_attribute_that_is_written_must_be_there(tmp_path):
    async with site(tmp_path, who="subject: 'O=Acme,CN=release'") as house:
        for number, (subject, is_good) in enumerate(
            (
                ("C=US,O=Acme,CN=release", True),
                ("O=Acme,CN=dev", False),
                ("O=Acme", False),
                ("O=Acme,CN=release2", False),
            )
        ):
            app = house.publish(image(str(number)))
            write(house, app, Employee(employee(CA, subject=subject)), "sig")
            got = await house.manifest(APP, app.digest)
            assert got.status == (200 if is_good else 403), (subject, got.body)


async def test_one_signer_may_speak_by_cosign_and_by_notation_but_not_where_a_log_is_required(tmp_path):
    holder = employee(CA)
    async with site(tmp_path, store=STAMPS) as house:
        app = house.publish(image())
        envelope = Pen(
            holder,
            artifact={"digest": str(app.digest), "size": app.size, "mediaType": app.media_type},
            stamper=house.sigstore.stamper,
        ).write()
        put_notation(house, app, envelope)
        assert (await house.admitted())["verdict"] == "allow"
        house.change(SIGNED, signers=f"company: {{ x509: company, san: release@acme.test{STAMP} }}")
        assert (await house.admitted())["verdict"] == "allow"
        house.change(SIGNED, signers=f"company: {{ x509: company, san: release@acme.test{LOG} }}")
        assert "no log holds Notation signatures" in await reason(house)


def put_notation(house: Site, app: Image, envelope: bytes) -> None:
    kind = "application/cose" if envelope[:1] == b"\xd2" else "application/jose+json"
    made = evidence(Blob(envelope, kind), subject=app, artifact_type="application/vnd.cncf.notary.signature")
    house.upstream.put_image(APP, made)


async def test_the_operator_revokes_a_company_certificate_by_its_key(tmp_path):
    holder = employee(CA)
    async with site(tmp_path) as house:
        app = house.publish(image())
        write(house, app, Employee(holder), "sig")
        await house.admitted()
        spki = hashlib.sha256(pki.spki(holder.private)).hexdigest()
        house.change(SIGNED, rest=f"revoked: [ {{ key: '{spki}', reason: INC-9 }} ]")
        assert "revoked: INC-9" in await reason(house)


async def test_t25_the_same_signature_is_judged_anew_where_a_log_is_asked_for_since(tmp_path):
    """A Decision's key holds what is asked of the signer."""
    async with site(tmp_path) as house:
        app = house.publish(image())
        write(house, app, Employee(employee(CA)), "sig")
        await house.admitted()
        house.change(SIGNED, signers=f"company: {{ x509: company, san: release@acme.test{LOG} }}")
        assert "it carries no log entry" in await reason(house)
        house.clock.forward(minutes=2)
        write(house, app, Employee(employee(CA), log=house.sigstore), "sig")
        await house.admitted()
