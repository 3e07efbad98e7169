"""Keys and signatures made in memory, so that each test can break exactly one thing."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, settings

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.verify.evidence import Found
from proxy.verify.lookup import SIGNATURE
from proxy.verify.material import KeySigner

# A loaded machine is no reason to fail: no example is timed, and `lab` is only read.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"


@dataclass
class Lab:
    """One image, one repository, and as many signers as a test asks for."""

    subject: Digest = field(default_factory=lambda: Digest.of(b"the image"))
    repository: Repository = field(default_factory=lambda: Repository("nvcr.io", "nvidia/cuda"))
    now: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    private: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)

    def signer(self, name: str = "team", **fields) -> KeySigner:
        private = self.private.setdefault(name, ec.generate_private_key(ec.SECP256R1()))
        spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return KeySigner(name=name, key=private.public_key(), spki=hashlib.sha256(spki).hexdigest(), **fields)

    def payload(self, **changes) -> dict:
        document = {
            "critical": {
                "identity": {"docker-reference": str(self.repository)},
                "image": {"docker-manifest-digest": str(self.subject)},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
        return document | changes

    def found(self, payload: dict | bytes | None = None, *, by: str = "team", **fields) -> Found:
        """A layer signed by `by`; fields of Found replace what would be right."""
        self.signer(by)
        raw = payload if isinstance(payload, bytes) else json.dumps(payload or self.payload()).encode()
        signature = self.private[by].sign(raw, ec.ECDSA(hashes.SHA256()))
        honest = {
            "place": self.subject.dashed + ".sig",
            "manifest": Digest.of(b"the signature manifest"),
            "blob": Digest.of(raw),
            "media_type": SIMPLE,
            "annotations": {SIGNATURE: base64.b64encode(signature).decode()},
            "payload": raw,
        }
        return Found(**honest | fields)

    @property
    def asked(self) -> dict:
        return {"subject": self.subject, "repository": self.repository, "now": self.now}


@pytest.fixture
def lab() -> Lab:
    return Lab()
