"""A folder with a pratique.yaml and a policy.yaml of the test's own, and what loading them says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy.config.both import load_both
from proxy.config.loader import load
from proxy.errors import ConfigError

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MINIMAL = "policy: policy.yaml\nupstreams: { nvcr.io: {} }\n"


def make_key() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


@dataclass(frozen=True)
class Site:
    """`problems` strips the folder, so that a test reads `pratique.yaml:3: field: text`."""

    folder: Path

    def write(self, name: str, content: str | bytes, *, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def write_certificate(self, name: str) -> None:
        private, _ = make_key()
        who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proxy.internal")])
        certificate = (
            x509.CertificateBuilder(issuer_name=who, subject_name=who, public_key=private.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=1))
            .sign(private, hashes.SHA256())
        )
        self.write(f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))
        self.write(
            f"{name}.key",
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def load(self, text: str, **env: str):
        return load(self.write("pratique.yaml", text), env=env)

    def problems(self, text: str, **env: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, **env)
        return self.plain(caught.value.problems)

    def load_both(self, text: str = MINIMAL, *, policy: str):
        self.write("policy.yaml", policy)
        return load_both(self.write("pratique.yaml", text), env={}, now=NOW)

    def problems_of_both(self, text: str = MINIMAL, *, policy: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load_both(text, policy=policy)
        return self.plain(caught.value.problems)

    def plain(self, sentences) -> list[str]:
        return [sentence.replace(f"{self.folder}/", "") for sentence in sentences]


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path.resolve())
