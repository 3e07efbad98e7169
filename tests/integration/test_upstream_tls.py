"""TLS to an upstream: the operator's authority, our certificate, and what is not trusted."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from proxy.errors import ConfigError, UpstreamRefused, UpstreamUnavailable
from proxy.oci import mediatype
from proxy.oci.reference import Repository, Tag
from proxy.upstream.registry import Registry
from proxy.upstream.settings import UpstreamSettings
from tests.fakes.registry import FakeRegistry

HERE = Repository("up.example", "acme/app")


class Authority:
    """A certificate authority in a folder; `issue` writes NAME.crt and NAME.key."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
        self.certificate = self._sign("ca", self.key, ends_in=1, is_authority=True)

    def _sign(self, name, key, *, ends_in, is_authority=False):
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=ends_in))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not is_authority:
            names = x509.SubjectAlternativeName([x509.DNSName("up.example"), x509.DNSName("other.example")])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        (self.folder / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate

    def issue(self, name, *, ends_in=1):
        self._sign(name, ec.generate_private_key(ec.SECP256R1()), ends_in=ends_in)

    def server(self, name, *, wants_certificate=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        if wants_certificate:
            context.load_verify_locations(self.folder / "ca.crt")
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


async def _local(host, port, family):
    return [(2, "127.0.0.1")]


async def fetch(fake, **settings):
    port = fake.host.partition(":")[2]
    settings = UpstreamSettings.model_validate({"url": f"https://up.example:{port}", **settings})
    registry = Registry("up.example", settings, emit=lambda event: None, lookup=_local)
    try:
        return await registry.manifest(HERE, Tag("v1"))
    finally:
        await registry.close()


def put(fake):
    fake.put_manifest("acme/app", b"{}", mediatype.OCI_MANIFEST, "v1")


async def test_an_upstream_under_the_operators_authority_is_trusted(authority):
    authority.issue("server")
    async with FakeRegistry(tls=authority.server("server")) as fake:
        put(fake)
        assert (await fetch(fake, ca=authority.folder / "ca.crt")).raw == b"{}"


@pytest.mark.parametrize("ends_in", [1, -1])
async def test_an_unknown_authority_and_an_expired_certificate_are_refused(authority, ends_in):
    authority.issue("server", ends_in=ends_in)
    async with FakeRegistry(tls=authority.server("server")) as fake:
        settings = {} if ends_in == 1 else {"ca": authority.folder / "ca.crt"}
        with pytest.raises(UpstreamRefused, match=r"upstreams\.up\.example\.ca"):
            await fetch(fake, **settings)
        assert not fake.requests


async def test_our_certificate_is_shown_where_it_is_asked_for(authority):
    authority.issue("server")
    authority.issue("proxy")
    ours = {"clientCertificate": authority.folder / "proxy.crt", "clientKey": authority.folder / "proxy.key"}
    async with FakeRegistry(tls=authority.server("server", wants_certificate=True)) as fake:
        put(fake)
        assert (await fetch(fake, ca=authority.folder / "ca.crt", **ours)).raw == b"{}"
        with pytest.raises((UpstreamRefused, UpstreamUnavailable)):
            await fetch(fake, ca=authority.folder / "ca.crt")


async def test_our_certificate_is_not_shown_elsewhere(authority):
    authority.issue("server")
    authority.issue("proxy")
    settings = {
        "ca": authority.folder / "ca.crt",
        "clientCertificate": authority.folder / "proxy.crt",
        "clientKey": authority.folder / "proxy.key",
        "redirects": ["other.example"],
    }
    authority_of_other = authority.server("server", wants_certificate=True)
    async with (
        FakeRegistry(tls=authority.server("server")) as fake,
        FakeRegistry(tls=authority_of_other) as other,
    ):
        fake.knobs.redirect, fake.knobs.redirect_kinds = 307, frozenset({"manifest"})
        fake.knobs.location = f"https://other.example:{other.host.partition(':')[2]}/v2/acme/app/manifests/v1"
        with pytest.raises((UpstreamRefused, UpstreamUnavailable)):
            await fetch(fake, **settings)
        assert not other.requests


async def test_a_redirect_out_of_tls_is_not_followed(authority):
    authority.issue("server")
    async with FakeRegistry(tls=authority.server("server")) as fake, FakeRegistry() as plain:
        fake.knobs.redirect, fake.knobs.redirect_kinds = 307, frozenset({"manifest"})
        fake.knobs.location = f"{plain.url}/v2/acme/app/manifests/v1"
        with pytest.raises(UpstreamRefused, match="https to http"):
            await fetch(fake, ca=authority.folder / "ca.crt", redirects=[plain.host])
        assert not plain.requests


@pytest.mark.parametrize(
    "settings", [{"ca": "junk"}, {"ca": "missing"}, {"clientCertificate": "junk", "clientKey": "junk"}]
)
def test_a_tls_file_of_no_use_is_the_operators_to_change(tmp_path, settings):
    (tmp_path / "junk").write_text("junk")
    named = {key: tmp_path / value for key, value in settings.items()}
    with pytest.raises(ConfigError, match=r"upstreams\.up\.example"):
        Registry("up.example", UpstreamSettings.model_validate(named), emit=lambda event: None)
