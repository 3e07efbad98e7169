"""A private Sigstore in memory and who signs under it: keys, keys with timestamps, workflows with certificates.

sigstore = Sigstore()
sigstore.logged                                        # a trusted root: CA, CT log, Rekor v1
sigstore.stamped                                       # another: the CA and a timestamp authority, no log
Key(private).dsse(payload)                             # an envelope, without log or time
Key(private, stamper=sigstore.stamper).layer(payload)  # as cosign's `.att` has it, with its annotations
Workflow(sigstore, SAN, ISSUER).bundle(payload)        # as cosign v3 and GitHub have it
"""

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.demo.images import Blob
from proxy.oci import mediatype
from tests.fakes import pki
from tests.fakes.tlogs import FakeLog, body_of
from tests.fakes.tsas import FakeAuthority

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
AT = pki.NOW  # when what says no other time was signed
_WINDOW = {"start": "2026-01-01T00:00:00Z"}
_COSIGN = "dev.sigstore.cosign/"
_SIGNATURE = "dev.cosignproject.cosign/signature"


@dataclass
class Sigstore:
    """A CA, a CT log, a Rekor v1 and a timestamp authority that agree with each other."""

    name: str = "acme"
    authority: pki.Holder = field(init=False)
    ct: pki.CtLog = field(init=False)
    log: FakeLog = field(init=False)
    stamper: FakeAuthority = field(init=False)
    entries: int = 0

    def __post_init__(self) -> None:
        private = pki.key(which=f"{self.name} fulcio")
        self.authority = pki.root(f"O={self.name},CN=fulcio", private=private)
        self.ct = pki.CtLog(private=pki.key(which=f"{self.name} ct"))
        self.log = FakeLog(host=f"rekor.{self.name}.test", tree="1", private=pki.key(which=f"{self.name} rekor"))
        self.stamper = FakeAuthority.make()

    @property
    def logged(self) -> bytes:
        """trusted_root.json that lists logs, so that each signature under it must be in one."""
        return self._root(
            tlogs=[_listed(self.log.private, self.log.id, f"https://{self.log.host}")],
            ctlogs=[_listed(self.ct.private, self.ct.id, f"https://ct.{self.name}.test")],
        )

    @property
    def stamped(self) -> bytes:
        """trusted_root.json without any log: a timestamp is required."""
        chain = [{"rawBytes": b64(each.public_bytes(Encoding.DER))} for each in self.stamper.chain]
        return self._root(timestampAuthorities=[{"certChain": {"certificates": chain}, "validFor": _WINDOW}])

    def _root(self, **lists: Any) -> bytes:
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": [
                {
                    "subject": {"organization": self.name, "commonName": "fulcio"},
                    "uri": f"https://fulcio.{self.name}.test",
                    "certChain": {"certificates": [{"rawBytes": b64(self.authority.der)}]},
                    "validFor": _WINDOW,
                }
            ],
        }
        return json.dumps(document | lists).encode()

    def record(self, kind: str, *, at: datetime, **signed: Any) -> Any:
        """An entry with promise and proof, under the next index."""
        self.entries += 1
        body = body_of(kind, is_folded=True, **signed)
        entry = self.log.included(self.log.entry(body, index=self.entries))
        return self.log.promised(entry, at=at)


@dataclass(frozen=True)
class Key:
    """A bare key; with a `stamper` each signature is timestamped."""

    private: ec.EllipticCurvePrivateKey
    stamper: FakeAuthority | None = None

    def dsse(self, payload: bytes, kind: str = mediatype.IN_TOTO) -> bytes:
        return envelope(payload, self.sign(pae(payload, kind)), kind=kind)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    def layer(self, payload: bytes, *, at: datetime = AT) -> Blob:
        raw = self.dsse(payload)
        said = {_SIGNATURE: "", "predicateType": "a hint"} | self._stamped(raw, at)
        return Blob(raw, mediatype.DSSE, said)

    def simple(self, payload: bytes, *, at: datetime = AT) -> Blob:
        """cosign's legacy signature over a simple signing payload."""
        signature = self.sign(payload)
        return Blob(payload, mediatype.SIMPLE_SIGNING, {_SIGNATURE: b64(signature)} | self._stamped(signature, at))

    def bundle(self, payload: bytes, *, at: datetime = AT) -> dict[str, Any]:
        made = json.loads(self.dsse(payload))
        material: dict[str, Any] = {"publicKey": {"hint": "aGludA=="}, "tlogEntries": []}
        if self.stamper:
            token = self.stamper.stamp(base64.b64decode(made["signatures"][0]["sig"]), at=at)
            material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(token)}]}
        return {"mediaType": mediatype.SIGSTORE_BUNDLE, "verificationMaterial": material, "dsseEnvelope": made}

    def _stamped(self, message: bytes, at: datetime) -> dict[str, str]:
        if self.stamper is None:
            return {}
        token = b64(self.stamper.stamp(message, at=at))
        return {f"{_COSIGN}rfc3161timestamp": json.dumps({"SignedRFC3161Timestamp": token})}


@dataclass(frozen=True)
class Workflow:
    """Somebody known by a certificate of `sigstore`'s for ten minutes, whose signatures are logged."""

    sigstore: Sigstore
    san: str
    issuer: str = GITHUB
    extensions: dict[int, str] = field(default_factory=dict, hash=False)  # Fulcio's, by the last number of their OID

    def at(self, ref: str) -> "Workflow":
        """The same at another ref."""
        return replace(self, san=f"{self.san.partition('@')[0]}@{ref}")

    def bundle(self, payload: bytes, *, at: datetime = AT) -> dict[str, Any]:
        leaf = self._leaf(at)
        made = json.loads(Key(leaf.private).dsse(payload))
        entry = self._entry("dsse 0.0.1", leaf, json.dumps(made).encode(), at)
        material = {"certificate": {"rawBytes": b64(leaf.der)}, "tlogEntries": [_item(entry)]}
        return {"mediaType": mediatype.SIGSTORE_BUNDLE, "verificationMaterial": material, "dsseEnvelope": made}

    def layer(self, payload: bytes, *, at: datetime = AT) -> Blob:
        """One of a `.att` manifest, as cosign v2 writes it."""
        leaf = self._leaf(at)
        raw = Key(leaf.private).dsse(payload)
        entry = self._entry("dsse 0.0.1", leaf, raw, at)
        return Blob(raw, mediatype.DSSE, {_SIGNATURE: "", **_beside(leaf, entry)})

    def simple(self, payload: bytes, *, at: datetime = AT) -> Blob:
        """One of a `.sig` manifest."""
        leaf = self._leaf(at)
        signature = Key(leaf.private).sign(payload)
        entry = self.sigstore.record(
            "hashedrekord 0.0.1",
            at=at,
            signature=signature,
            message=payload,
            payload=payload,
            envelope=payload,
            key=leaf.der,
            is_certificate=True,
        )
        return Blob(payload, mediatype.SIMPLE_SIGNING, {_SIGNATURE: b64(signature), **_beside(leaf, entry)})

    def _leaf(self, at: datetime) -> pki.Holder:
        authority = self.sigstore.authority
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private.public_key())
        said = [
            pki.fulcio(1, self.issuer.encode()),
            pki.fulcio(8, pki.utf8(self.issuer)),
            *(pki.fulcio(number, pki.utf8(text)) for number, text in self.extensions.items()),
        ]
        name = x509.RFC822Name(self.san) if "@" in self.san and "://" not in self.san else None
        return pki.leaf(
            authority,
            name or x509.UniformResourceIdentifier(self.san),
            is_fulcio=False,
            extra=[identifier, *said],
            ct_logs=(replace(self.sigstore.ct, at=at),),
            not_before=at - timedelta(minutes=1),
            not_after=at + timedelta(minutes=9),
        )

    def _entry(self, kind: str, leaf: pki.Holder, raw: bytes, at: datetime) -> Any:
        made = json.loads(raw)
        payload = base64.b64decode(made["payload"])
        return self.sigstore.record(
            kind,
            at=at,
            signature=base64.b64decode(made["signatures"][0]["sig"]),
            message=pae(payload, made["payloadType"]),
            payload=payload,
            envelope=raw,
            key=leaf.der,
            is_certificate=True,
        )


def envelope(payload: bytes, *signatures: bytes, kind: str = mediatype.IN_TOTO) -> bytes:
    listed = [{"keyid": "", "sig": b64(each)} for each in signatures]
    return json.dumps({"payloadType": kind, "payload": b64(payload), "signatures": listed}).encode()


def pae(payload: bytes, kind: str = mediatype.IN_TOTO) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _beside(leaf: pki.Holder, entry: Any) -> dict[str, str]:
    payload = {
        "body": b64(entry.body),
        "integratedTime": entry.integrated_time,
        "logIndex": entry.index,
        "logID": entry.log_id.hex(),
    }
    return {
        f"{_COSIGN}certificate": leaf.certificate.public_bytes(Encoding.PEM).decode(),
        f"{_COSIGN}bundle": json.dumps({"SignedEntryTimestamp": b64(entry.promise), "Payload": payload}),
    }


def _listed(private: Any, log_id: bytes, url: str) -> dict[str, Any]:
    key = {"rawBytes": b64(pki.spki(private)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": _WINDOW}
    return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": {"keyId": b64(log_id)}}


def _item(entry: Any) -> dict[str, Any]:
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
