"""Notation signatures made in memory, in both envelopes, with a knob for each thing that is bound (no tool needed)."""

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.verify import notation
from proxy.verify.evidence import Found, Proved, Target
from proxy.verify.material import TrustMaterial, X509Signer, X509Store
from tests.fakes import pki
from tests.fakes.pki import DAY, NOW, Holder
from tests.fakes.tsas import FakeAuthority

NAME = "io.cncf.notary."
FORMS = ("jws", "cose")
_COSE_ALGORITHMS = {"ES256": -7, "ES384": -35, "ES512": -36, "PS256": -37, "PS384": -38, "PS512": -39}
_LABELS = {"alg": 1, "crit": 2, "cty": 3, "x5c": 33}
MANIFEST = b'{"schemaVersion":2}'
TARGET = Target(
    Repository("reg.test", "team/app"), Digest.of(MANIFEST), "application/vnd.oci.image.manifest.v1+json", len(MANIFEST)
)

VENDOR = X509Signer("vendor", "vendors", (("O", "Acme"), ("CN", "release")))
LATER = timedelta(days=400)  # from NOW: after every certificate here has ended


def company(kind: str = "p256", **leaf: Any) -> Holder:
    """A signing certificate under a root and an intermediate, as a company has it."""
    root = pki.root("C=US,O=Acme,CN=root")
    between = root.issue("C=US,O=Acme,CN=between", is_ca=True)
    made = {"subject": "C=US,ST=WA,O=Acme,CN=release", "private": pki.key(kind), "purposes": [pki.CODE]} | leaf
    return between.issue(made.pop("subject"), **made)


def stampers(name: str = "Time") -> tuple[FakeAuthority, Holder]:
    """A timestamp authority, and who certified it: so that it can be revoked."""
    between = pki.root(f"O={name},CN=root").issue(f"O={name},CN=between", is_ca=True)
    leaf = between.issue(f"O={name},CN=tsa", purposes=[pki.STAMP], are_purposes_critical=True)
    return FakeAuthority(leaf.private, leaf.chain), between


@dataclass
class Pen:
    """An envelope about to be signed: change what is wrong, then `write`. None takes a header away."""

    by: Holder
    form: str = "jws"
    protected: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    artifact: dict[str, Any] = field(default_factory=dict)
    payload: bytes | None = None
    algorithm: str | None = None  # what is said; the key decides what is done
    private: Any = None
    chain: tuple[bytes, ...] | None = None
    stamper: FakeAuthority | None = None
    stamped_at: datetime = NOW - DAY
    stamps: bytes | None = None  # something else than the signature
    stamping: dict[str, Any] = field(default_factory=dict)  # how else it is stamped
    made: Any = None  # (message, key) -> signature, where it is not made as it should be

    def write(self) -> bytes:
        protected, header = self._protected(), self._header()
        payload = self._payload() if self.payload is None else self.payload
        if self.form == "cose":
            return self._cose(protected, header, payload)
        return json.dumps(self._jws(protected, header, payload)).encode()

    def parts(self) -> dict[str, Any]:
        """The members of a JWS, to be changed after they were signed."""
        return json.loads(replace(self, form="jws").write())

    def _payload(self) -> bytes:
        artifact = {"mediaType": TARGET.media_type, "digest": str(TARGET.digest), "size": TARGET.size} | self.artifact
        return json.dumps({"targetArtifact": _without_none(artifact)}).encode()

    def _protected(self) -> dict[str, Any]:
        honest = {
            "alg": self.algorithm or algorithm_of(self.private or self.by.private),
            "cty": "application/vnd.cncf.notary.payload.v1+json",
            "crit": [f"{NAME}signingScheme"],
            f"{NAME}signingScheme": "notary.x509",
            f"{NAME}signingTime": NOW - 2 * DAY,
        }
        return _without_none(honest | self.protected)

    def _header(self) -> dict[str, Any]:
        chain = tuple(each.public_bytes(Encoding.DER) for each in self.by.chain) if self.chain is None else self.chain
        return _without_none({"x5c": list(chain), f"{NAME}signingAgent": "notation/1.3.0"} | self.header)

    def _jws(self, protected: dict[str, Any], header: dict[str, Any], payload: bytes) -> dict[str, Any]:
        said = {name: _rfc3339(value) for name, value in protected.items()}
        signed = f"{base64url(json.dumps(said).encode())}.{base64url(payload)}"
        signature = self._sign(signed.encode())
        if self.stamper:
            header = header | {f"{NAME}timestampSignature": self._stamp(signature)}
        plain = {name: _text(value) for name, value in header.items()}
        sealed, _, body = signed.partition(".")
        return {"payload": body, "protected": sealed, "header": plain, "signature": base64url(signature)}

    def _cose(self, protected: dict[str, Any], header: dict[str, Any], payload: bytes) -> bytes:
        protected["alg"] = _COSE_ALGORITHMS.get(protected.get("alg"), protected.get("alg"))
        sealed = cbor2.dumps({_LABELS.get(name, name): _tagged(value) for name, value in protected.items()})
        signature = self._sign(cbor2.dumps(["Signature1", sealed, b"", payload]))
        if self.stamper:
            header = header | {f"{NAME}timestampSignature": self._stamp(signature)}
        beside = {_LABELS.get(name, name): value for name, value in header.items()}
        return cbor2.dumps(cbor2.CBORTag(18, [sealed, beside, payload, signature]))

    def _sign(self, message: bytes) -> bytes:
        private = self.private or self.by.private
        return self.made(message, private) if self.made else sign(message, private)

    def _stamp(self, signature: bytes) -> bytes:
        return self.stamper.stamp(self.stamps or signature, at=self.stamped_at, is_bare=True, **self.stamping)


def algorithm_of(private: Any) -> str:
    if isinstance(private, rsa.RSAPrivateKey):
        return {2048: "PS256", 3072: "PS384", 4096: "PS512"}.get(private.key_size, "PS256")
    return {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}.get(private.curve.name, "ES256")


def hash_of(private: Any) -> hashes.HashAlgorithm:
    return {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm_of(private)[2:]]


def sign(message: bytes, private: Any) -> bytes:
    algorithm = hash_of(private)
    if isinstance(private, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(algorithm), salt_length=algorithm.digest_size)
        return private.sign(message, pss, algorithm)
    width = (private.curve.key_size + 7) // 8
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(algorithm)))
    return r.to_bytes(width) + s.to_bytes(width)


@dataclass
class Court:
    """Who is believed, when, and with which answers."""

    store: X509Store
    signer: X509Signer = VENDOR
    target: Target = TARGET
    now: datetime = NOW
    answers: dict[str, bytes] = field(default_factory=dict)
    material: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def trusting(cls, holder: Holder, *, stamper: FakeAuthority | None = None, **store: Any) -> "Court":
        stamps = (stamper.chain[-1],) if stamper else ()
        return cls(X509Store("vendors", (holder.chain[-1],), stamps, **store))

    def hear(self, raw: bytes, *signers: Any, **found: Any) -> Proved:
        asked = signers or (self.signer,)
        material = TrustMaterial({each.name: each for each in asked}, stores={"vendors": self.store}, **self.material)
        return notation.prove_with_wanted(
            found_of(raw, **found),
            target=self.target,
            signers=asked,
            material=material,
            now=self.now,
            revocation=self.answers,
        )

    def reason(self, raw: bytes, *signers: Any, **found: Any) -> str:
        """Why it is refused; it must be, with exactly one Rejection."""
        proved = self.hear(raw, *signers, **found)
        assert not proved.evidence
        (rejection,) = proved.rejections
        return rejection.reason


def found_of(raw: bytes, **changes: Any) -> Found:
    kind = "application/cose" if raw[:1] == b"\xd2" else "application/jose+json"
    honest = {
        "place": "referrers",
        "manifest": Digest.of(b"the signature manifest"),
        "blob": Digest.of(raw),
        "media_type": kind,
        "annotations": {},
        "payload": raw,
    }
    return Found(**honest | changes)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _without_none(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _rfc3339(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def _tagged(value: Any) -> Any:
    return cbor2.CBORTag(1, int(value.timestamp())) if isinstance(value, datetime) else value


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(each) for each in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
