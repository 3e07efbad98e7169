"""Signatures under a company's own CA, as cosign writes them: certificate and chain beside them, perhaps a log and a time.

ca = pki.root("O=Acme,CN=root").issue("O=Acme,CN=ca", is_ca=True)
signer = Employee(employee(ca, "release@acme.test"))
signer.simple(payload)              # one layer of a `.sig`
signer.layer(statement)             # one of a `.att`
signer.bundle(statement)            # a Sigstore bundle with an x509CertificateChain
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.demo.images import Blob
from proxy.oci import mediatype
from tests.fakes import pki
from tests.fakes.signing import AT, Sigstore, b64, envelope, pae
from tests.fakes.tsas import FakeAuthority

_COSIGN = "dev.sigstore.cosign/"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_CURVES = {"secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}
CHAINED = "application/vnd.dev.sigstore.bundle+json;version=0.2"


def employee(issuer: pki.Holder, mail: str = "release@acme.test", **knobs: Any) -> pki.Holder:
    """A signing certificate as a company's CA gives it: some months, an email, codeSigning."""
    honest = {"purposes": [pki.CODE], "sans": (x509.RFC822Name(mail),)}
    return issuer.issue(knobs.pop("subject", "C=US,O=Acme,CN=release"), **(honest | knobs))


@dataclass(frozen=True)
class Employee:
    """`log`: what is signed is recorded there, with the certificate. `stamper`: and timestamped, at the same time."""

    holder: pki.Holder
    stamper: FakeAuthority | None = None
    log: Sigstore | None = None

    def sign(self, message: bytes) -> bytes:
        private = self.holder.private
        if isinstance(private, rsa.RSAPrivateKey):
            return private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(private, ec.EllipticCurvePrivateKey):
            return private.sign(message, ec.ECDSA(_CURVES.get(private.curve.name, hashes.SHA256())))
        return private.sign(message)

    def simple(self, payload: bytes, *, at: datetime = AT) -> Blob:
        signature = self.sign(payload)
        beside = self._beside("hashedrekord 0.0.1", signature, payload, payload, payload, stamps=signature, at=at)
        return Blob(payload, mediatype.SIMPLE_SIGNING, {_SIGNATURE: b64(signature)} | beside)

    def layer(self, payload: bytes, *, at: datetime = AT) -> Blob:
        signature = self.sign(pae(payload))
        raw = envelope(payload, signature)
        beside = self._beside("dsse 0.0.1", signature, pae(payload), payload, raw, stamps=raw, at=at)
        return Blob(raw, mediatype.DSSE, {_SIGNATURE: ""} | beside)

    def bundle(self, payload: bytes, *, at: datetime = AT) -> dict[str, Any]:
        signature = self.sign(pae(payload))
        raw = envelope(payload, signature)
        listed = [{"rawBytes": b64(each.public_bytes(Encoding.DER))} for each in self.holder.chain]
        material: dict[str, Any] = {"x509CertificateChain": {"certificates": listed}}
        if self.log:
            entry = self._record("dsse 0.0.1", signature, pae(payload), payload, raw, at)
            material["tlogEntries"] = [bundled(entry)]
        if self.stamper:
            token = b64(self.stamper.stamp(signature, at=at))
            material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": token}]}
        return {"mediaType": CHAINED, "verificationMaterial": material, "dsseEnvelope": json.loads(raw)}

    def _record(self, kind: str, signature: bytes, message: bytes, payload: bytes, raw: bytes, at: datetime) -> Any:
        assert self.log is not None
        return self.log.record(
            kind,
            at=at,
            signature=signature,
            message=message,
            payload=payload,
            envelope=raw,
            key=self.holder.der,
            is_certificate=True,
        )

    def _beside(
        self,
        kind: str,
        signature: bytes,
        message: bytes,
        payload: bytes,
        raw: bytes,
        *,
        stamps: bytes,
        at: datetime,
    ) -> dict[str, str]:
        pems = [each.public_bytes(Encoding.PEM).decode() for each in self.holder.chain]
        said = {f"{_COSIGN}certificate": pems[0], f"{_COSIGN}chain": "".join(pems[1:])}
        if self.stamper:
            token = b64(self.stamper.stamp(stamps, at=at))
            said[f"{_COSIGN}rfc3161timestamp"] = json.dumps({"SignedRFC3161Timestamp": token})
        if self.log:
            entry = self._record(kind, signature, message, payload, raw, at)
            payload_of = {
                "body": b64(entry.body),
                "integratedTime": entry.integrated_time,
                "logIndex": entry.index,
                "logID": entry.log_id.hex(),
            }
            said[f"{_COSIGN}bundle"] = json.dumps({"SignedEntryTimestamp": b64(entry.promise), "Payload": payload_of})
        return said


def bundled(entry: Any) -> dict[str, Any]:
    """One of a bundle's `tlogEntries`."""
    return {
        "logIndex": str(entry.index),
        "logId": {"keyId": b64(entry.log_id)},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
        "integratedTime": str(entry.integrated_time),
        "inclusionPromise": {"signedEntryTimestamp": b64(entry.promise)},
        "inclusionProof": {
            "logIndex": str(entry.proof.log_index),
            "rootHash": b64(entry.proof.root_hash),
            "treeSize": str(entry.proof.tree_size),
            "hashes": [b64(each) for each in entry.proof.hashes],
            "checkpoint": {"envelope": entry.proof.checkpoint},
        },
        "canonicalizedBody": b64(entry.body),
    }
