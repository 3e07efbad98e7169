"""The real cosign under a company's own CA, with and without the company's own timestamps: admitted, and verified behind us."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.demo.images import make_image
from tests.e2e.processes import run
from tests.e2e.proxies import Proxy
from tests.e2e.tools import require_tool
from tests.fakes import pki
from tests.fakes.companies import employee
from tests.fakes.stamping import StampServer
from tests.fakes.tsas import FakeAuthority

pytestmark = pytest.mark.e2e
NOW = datetime.now(UTC).replace(microsecond=0)
VALID = {"not_before": NOW - timedelta(days=1), "not_after": NOW + timedelta(days=30)}


@dataclass
class Company:
    """A CA, who signs under it, and the company's own timestamps, as files."""

    folder: Path
    root: pki.Holder
    holder: pki.Holder
    stamper: FakeAuthority
    kind: str

    @classmethod
    def found(cls, folder: Path, kind: str) -> "Company":
        root = pki.root("O=Acme,CN=root", **VALID)
        ca = root.issue("O=Acme,CN=ca", is_ca=True, **VALID)
        time = pki.root("O=Time,CN=root", **VALID)
        between = time.issue("O=Time,CN=between", is_ca=True, purposes=[pki.STAMP], **VALID)
        leaf = between.issue("O=Time,CN=tsa", purposes=[pki.STAMP], are_purposes_critical=True, **VALID)
        holder = employee(ca, private=pki.key(kind), **VALID)
        company = cls(folder, root, holder, FakeAuthority(leaf.private, leaf.chain), kind)
        company._write()
        return company

    def _write(self) -> None:
        plain = self.holder.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "plain.key").write_bytes(plain)
        pems = [each.public_bytes(Encoding.PEM) for each in self.holder.chain]
        (self.folder / "leaf.crt").write_bytes(pems[0])
        (self.folder / "chain.pem").write_bytes(b"".join(pems[1:]))
        (self.folder / "between.pem").write_bytes(pems[1])
        (self.folder / "ca.pem").write_bytes(pems[-1])
        stamps = [each.public_bytes(Encoding.PEM) for each in self.stamper.chain]
        (self.folder / "tsa.pem").write_bytes(b"".join(stamps))
        (self.folder / "tsa.root.pem").write_bytes(stamps[-1])

    def policy(self, require: str, *, asks: str = "") -> str:
        return (
            "version: 1\n"
            f"trustRoots:\n  company: {{ certificates: {self.folder}/ca.pem, timestamps: {self.folder}/tsa.root.pem }}\n"
            f"signers:\n  company: {{ x509: company, san: release@acme.test{asks} }}\n"
            f"images:\n  - match: reg.test/acme/**\n    require: [ {require} ]\n"
        )


@pytest.fixture(params=["p256", "p384", "rsa2048"])
def company(tmp_path, request):
    return Company.found(tmp_path, request.param)


@pytest.fixture(params=["cosign2", "cosign3"])
def cosign(tmp_path, request):
    """cosign with its way to the public log closed, and the company's key as it keeps keys."""
    binary = require_tool(request.param)
    env = {
        "HOME": str(tmp_path),
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        "COSIGN_PASSWORD": "lab",
        "COSIGN_YES": "true",
    }

    def command(*arguments):
        return run(binary, *map(str, arguments), env=env)

    command.is_new = request.param == "cosign3"
    return command


def sign(cosign, company, *arguments) -> None:
    """In the legacy form, which cosign 3 writes where it is told to."""
    key = company.folder / "k.key"
    if not key.exists():
        cosign(
            "import-key-pair", "--key", company.folder / "plain.key", "--output-key-prefix", company.folder / "k"
        ).fine()
    verb, *rest = arguments
    old = ("--new-bundle-format=false", "--use-signing-config=false") if cosign.is_new else ()
    chain = ("--certificate", company.folder / "leaf.crt", "--certificate-chain", company.folder / "chain.pem")
    cosign(verb, "--key", key, *(chain if verb == "sign" else ()), "--tlog-upload=false", *old, *rest).fine()


VERIFY = (
    "verify",
    "--insecure-ignore-tlog",
    "--insecure-ignore-sct",
    "--allow-http-registry",
    "--certificate-identity=release@acme.test",
    "--certificate-oidc-issuer-regexp=.*",
)


@pytest.mark.parametrize("is_stamped", [False, True], ids=["valid now", "timestamped"])
def test_what_cosign_signed_under_the_companys_ca_is_admitted_and_cosign_agrees_behind_us(
    tmp_path, upstream, company, cosign, is_stamped
):
    image = make_image("signed by the company")
    upstream.push("acme/app", image, "v1")
    target = f"{upstream.host}/acme/app@{image.digest}"
    policy = company.policy("{ signature: company }", asks=", timestamp: required" if is_stamped else "")
    policy += f"    signedAs: [ '{upstream.host}/acme/**' ]\n"
    with StampServer(company.stamper) as server:
        sign(cosign, company, "sign", *(["--timestamp-server-url", server.url] if is_stamped else []), target)
        assert server.asked == is_stamped
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}, policy=policy) as proxy:
        status, reason, _, body = proxy.get(f"/v2/acme/app/manifests/{image.digest}?ns=reg.test")
        assert (status, body) == (200, image.manifest), reason
        upstream.stop()
        # cosign 3 reads no chain beside a signature: it wants the authorities in between from whoever asks.
        roots = ("--ca-roots", company.folder / "ca.pem", "--ca-intermediates", company.folder / "between.pem")
        stamps = ("--use-signed-timestamps", "--timestamp-certificate-chain", company.folder / "tsa.pem")
        behind = f"{proxy.host}/reg.test/acme/app@{image.digest}"
        agreed = cosign(*VERIFY, *roots, *(stamps if is_stamped else ()), behind)
        # cosign signs over SHA-384 with such a key, and verifies over SHA-256 whatever the key.
        assert (agreed.status == 0) == (company.kind != "p384"), agreed.said


def test_what_cosign_signed_under_another_ca_or_without_a_time_that_is_required_is_refused(
    tmp_path, upstream, company, cosign
):
    image = make_image("signed by the company")
    upstream.push("acme/app", image, "v1")
    sign(cosign, company, "sign", f"{upstream.host}/acme/app@{image.digest}")
    names = f"    signedAs: [ '{upstream.host}/acme/**' ]\n"
    asks = ", timestamp: required"
    policy = company.policy("{ signature: company }", asks=asks) + names
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}, policy=policy) as proxy:
        path = f"/v2/acme/app/manifests/{image.digest}?ns=reg.test"
        assert proxy.get(path)[0] == 403
        proxy.reload(policy.replace(asks, ""))
        assert proxy.get(path)[0] == 200
        stranger = pki.root("O=Acme,CN=root", private=pki.key(which="stranger"), **VALID)
        (company.folder / "ca.pem").write_bytes(stranger.certificate.public_bytes(Encoding.PEM))
        proxy.reload(policy.replace(asks, ""))
        assert proxy.get(path)[0] == 403
