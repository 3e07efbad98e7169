"""Everything that the vectors carry beside a signature: log entries and timestamps, with what each must be about.

Read here by plain JSON and base64, so that the code under test is not its own witness.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from tests.fakes.layouts import LAB, VECTORS

PROD = VECTORS / "roots" / "sigstore-prod.json"
PRIVATE = VECTORS / "oci-private-sigstore"
_COSIGN = "dev.sigstore.cosign/"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_TIMESTAMP = "io.cncf.notary.timestampSignature"


@dataclass(frozen=True)
class Attached:
    """One signature of the vectors. `annotation` and `items` are log entries as they came, of either form."""

    name: str
    root: Path
    signature: bytes = field(repr=False)
    message: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    envelope: bytes | None = field(repr=False)
    key_der: bytes = field(repr=False)
    certificate_der: bytes | None = field(repr=False)
    annotation: str | None = field(repr=False, default=None)
    items: tuple[Any, ...] = field(repr=False, default=())
    tokens: tuple[bytes, ...] = field(repr=False, default=())

    @property
    def bound(self) -> dict[str, Any]:
        """The arguments of `logentry.require_binding`."""
        names = ("signature", "message", "payload", "envelope", "key_der", "certificate_der")
        return {name: getattr(self, name) for name in names}

    @property
    def imprints(self) -> tuple[bytes, ...]:
        return (self.signature,) if self.envelope is None else (self.signature, self.envelope)


@cache
def attached() -> tuple[Attached, ...]:
    """All of them; empty where the vectors are not here."""
    if not LAB.is_dir():
        return ()
    return (
        *_lab(),
        *_slsa(),
        *_connaisseur(),
        _capi(),
        _kubewarden(),
        *_layout(PRIVATE / "layout", PRIVATE / "trusted_root.json"),
    )


@cache
def notation_tokens() -> tuple[tuple[str, bytes, bytes], ...]:
    """Name, timestamp token and the signature that it stamps, of JWS and of COSE."""
    return tuple(found for folder in _folders("notation-*") for found in _notation(folder))


def _folders(pattern: str) -> list[Path]:
    return sorted((LAB / "layouts").glob(pattern)) if LAB.is_dir() else []


def _lab() -> Iterator[Attached]:
    for folder in _folders("*"):
        yield from _layout(folder, LAB / "trust" / "roots" / "full.json")


def _slsa() -> Iterator[Attached]:
    for folder in sorted((VECTORS / "oci-slsa-att").iterdir()):
        yield from _layout(folder, PROD)


def _connaisseur() -> Iterator[Attached]:
    folder = VECTORS / "cosign-connaisseur" / "testimage"
    for manifest in sorted((folder / "manifests").glob("*.sig.json")):
        for layer in json.loads(manifest.read_text())["layers"]:
            if _COSIGN + "bundle" in layer["annotations"]:
                raw = (folder / "blobs" / f"{layer['digest']}.json").read_bytes().rstrip(b"\n")
                yield _legacy("connaisseur", PROD, layer["annotations"], raw)


def _capi() -> Attached:
    folder = VECTORS / "cosign-registry-k8s-io-capi" / "sig0"
    layer = json.loads((folder / "layer.json").read_text())["layer"]
    return _legacy("capi", PROD, layer["annotations"], (folder / "payload.json").read_bytes())


def _kubewarden() -> Attached:
    raw = (VECTORS / "bundle-cosign3-sign-kubewarden" / "bundle.json").read_bytes()
    return _bundle("kubewarden", PROD, json.loads(raw))


def _layout(folder: Path, root: Path) -> Iterator[Attached]:
    name = folder.name if folder.name != "layout" else folder.parent.name
    for raw in (path.read_bytes() for path in sorted((folder / "blobs" / "sha256").iterdir())):
        document = _json(raw)
        if "verificationMaterial" in document:
            yield _bundle(name, root, document)
        for layer in document.get("layers") or []:
            annotations = layer.get("annotations") or {}
            if any(f"{_COSIGN}{each}" in annotations for each in ("bundle", "rfc3161timestamp")):
                blob = folder / "blobs" / "sha256" / layer["digest"].removeprefix("sha256:")
                yield _legacy(name, root, annotations, blob.read_bytes())


def _legacy(name: str, root: Path, annotations: dict[str, str], raw: bytes) -> Attached:
    signature, message, payload, envelope = raw, raw, raw, None
    if annotations.get(_SIGNATURE):
        signature = base64.b64decode(annotations[_SIGNATURE])
    else:
        signature, message, payload, envelope = *_dsse(json.loads(raw)), raw
    pem = annotations.get(_COSIGN + "certificate")
    certificate = load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER) if pem else None
    stamp = annotations.get(_COSIGN + "rfc3161timestamp")
    return Attached(
        name=name,
        root=root,
        signature=signature,
        message=message,
        payload=payload,
        envelope=envelope,
        key_der=_spki(certificate) if certificate else _who_signed(signature, message),
        certificate_der=certificate,
        annotation=annotations.get(_COSIGN + "bundle"),
        tokens=(base64.b64decode(json.loads(stamp)["SignedRFC3161Timestamp"]),) if stamp else (),
    )


def _bundle(name: str, root: Path, document: dict[str, Any]) -> Attached:
    material = document["verificationMaterial"]
    signature, message, payload = _dsse(document["dsseEnvelope"])
    certificate = base64.b64decode(material["certificate"]["rawBytes"]) if "certificate" in material else None
    stamps = (material.get("timestampVerificationData") or {}).get("rfc3161Timestamps", [])
    return Attached(
        name=name,
        root=root,
        signature=signature,
        message=message,
        payload=payload,
        envelope=None,
        key_der=_spki(certificate) if certificate else _who_signed(signature, message),
        certificate_der=certificate,
        items=tuple(material.get("tlogEntries", [])),
        tokens=tuple(base64.b64decode(each["signedTimestamp"]) for each in stamps),
    )


def _dsse(envelope: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    return base64.b64decode(envelope["signatures"][0]["sig"]), pae, payload


def _notation(folder: Path) -> Iterator[tuple[str, bytes, bytes]]:
    for path in sorted((folder / "blobs" / "sha256").iterdir()):
        raw = path.read_bytes()
        document = _json(raw)
        if _TIMESTAMP in document.get("header", {}):
            signature = base64.urlsafe_b64decode(document["signature"] + "==")
            yield folder.name, base64.b64decode(document["header"][_TIMESTAMP]), signature
        elif raw[:1] == b"\xd2":  # the CBOR tag 18 of COSE_Sign1
            _, unprotected, _, signature = cbor2.loads(raw).value
            if _TIMESTAMP in unprotected:
                yield folder.name, unprotected[_TIMESTAMP], signature


def _json(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _spki(certificate: bytes) -> bytes:
    return _der(load_der_x509_certificate(certificate).public_key())


def _der(key: Any) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _who_signed(signature: bytes, message: bytes) -> bytes:
    """Which of the lab's keys; without a certificate nothing else tells."""
    for path in sorted((LAB / "trust" / "keys").glob("*.pub")):
        key = load_pem_public_key(path.read_bytes())
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                algorithms = {"secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}
                key.verify(signature, message, ec.ECDSA(algorithms.get(key.curve.name, hashes.SHA256())))
            elif isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            else:
                continue
        except InvalidSignature:
            continue
        return _der(key)
    raise AssertionError("no key of the lab made this signature")
