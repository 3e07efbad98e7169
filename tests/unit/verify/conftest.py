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
from proxy.verify.evidence import Evidence, Found, Proved, Rejection, Target
from proxy.verify.lookup import SIGNATURE
from proxy.verify.material import KeySigner, Signer, TrustMaterial
from proxy.verify.prove import prove_all

# A loaded machine is no reason to fail: no example is timed, and `lab` is only read.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SHAPES = ("att", "referrer", "bundle")


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
    def target(self) -> Target:
        return Target(self.repository, self.subject, "application/vnd.oci.image.manifest.v1+json", 400)

    def statement(self, predicate_type: str = "https://acme.test/scan/v1", **changes) -> dict:
        """An in-toto statement of the image; of a predicate that signs nothing, unless it says SIGN."""
        document = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {self.subject.algorithm: self.subject.hex}}],
            "predicateType": predicate_type,
            "predicate": {},
        }
        return document | changes

    def envelope(self, statement: dict | bytes | None = None, *, by: str = "team", **changes) -> dict:
        """A DSSE envelope of the statement, signed by `by` over its PAE; `changes` replace fields after that."""
        self.signer(by)
        raw = statement if isinstance(statement, bytes) else json.dumps(statement or self.statement()).encode()
        kind = changes.pop("signed_type", "application/vnd.in-toto+json")
        pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(raw), raw)
        signature = self.private[by].sign(pae, ec.ECDSA(hashes.SHA256()))
        document = {
            "payloadType": kind,
            "payload": base64.b64encode(raw).decode(),
            "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
        }
        return document | changes

    def shaped(self, shape: str, envelope: dict, **fields) -> Found:
        """The envelope as `att` or `referrer` (a DSSE layer by tag or by subject) or as `bundle`."""
        document = envelope if shape != "bundle" else self.bundle(dsseEnvelope=envelope)
        return self.layer(
            json.dumps(document).encode(),
            media_type=DSSE if shape != "bundle" else BUNDLE,
            **{"place": self.subject.dashed + ".att" if shape == "att" else "referrers"} | fields,
        )

    def bundle(self, **content) -> dict:
        return {"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": ""}}, **content}

    def layer(self, raw: bytes, *, media_type: str, **fields) -> Found:
        honest = {
            "place": "referrers",
            "manifest": Digest.of(b"an evidence manifest"),
            "blob": Digest.of(raw),
            "annotations": {},
            "payload": raw,
        }
        return Found(media_type=media_type, **honest | fields)

    def prove(self, *founds: Found, signers: tuple[Signer, ...] | None = None, **fields) -> Proved:
        """By prove_all, for the signer `team` unless others are named."""
        asked = (self.signer(),) if signers is None else signers
        honest = {"target": self.target, "material": TrustMaterial(signers={}), "now": self.now}
        return prove_all(founds, signers=asked, **honest | fields)

    def proofs(self, found: Found, *signers: Signer, **fields) -> tuple[Evidence | Rejection, ...]:
        proved = self.prove(found, signers=signers, **fields)
        return *proved.evidence, *proved.rejections


@pytest.fixture
def lab() -> Lab:
    return Lab()
