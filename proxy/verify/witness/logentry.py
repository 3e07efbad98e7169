"""An entry of a transparency log as it came with a signature. Nothing in it is proved by being read.

It counts only where both hold: `require_binding` (it records this very signature, signer and bytes, T20) and
`tlog.prove` (a log that is trusted holds it). Forms: cosign's annotation, a Sigstore bundle's `tlogEntries`.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from proxy.verify.encoding import read_base64
from proxy.verify.evidence import NotProved
from proxy.verify.hashed import Message
from proxy.verify.witness import logbody
from proxy.verify.witness.logbody import read_object
from proxy.verify.witness.recorded import Signing, inner

MAX_TEXT = 2 * logbody.MAX_BODY  # characters of an annotation; real ones are under 20 KiB
_MAX_HASHES = 64  # a tree has fewer than 2^64 leaves
_DIGITS = re.compile(r"[0-9]{1,19}")
_LOG_ID = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That a leaf is in a tree (RFC 6962 2.1.1). `checkpoint` is the log's signed note, "" where none came."""

    log_index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...] = field(repr=False)
    checkpoint: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """`body` is the canonicalized body, out of base64 and otherwise as received; `kind` and `version` are its own.

    `log_id` is 32 bytes. `integrated_time` is in seconds since 1970, None where it is absent or 0, as in Rekor v2.
    `promise` is the signed entry timestamp (SET).
    """

    log_id: bytes
    index: int
    body: bytes = field(repr=False)
    integrated_time: int | None
    promise: bytes | None = field(repr=False)
    proof: InclusionProof | None
    kind: str
    version: str


def from_annotation(text: str) -> Entry:
    """Read `dev.sigstore.cosign/bundle` of a legacy layer (evidence.md 1.1): the entry and its SET. Raises NotProved."""
    if len(text) > MAX_TEXT:
        raise NotProved("the log entry beside the signature is over 2 MiB, which no log writes")
    document = read_object(text.encode(errors="replace"), what="log entry")
    payload = inner(document, "Payload")
    log_id = payload.get("logID")
    if not isinstance(log_id, str) or not _LOG_ID.fullmatch(log_id):
        raise NotProved("the log entry's logID is not 64 hexadecimal digits")
    body = read_base64(payload.get("body"), what="log entry's body")
    kind, version, _ = logbody.read(body)
    return Entry(
        log_id=bytes.fromhex(log_id),
        index=_number(payload.get("logIndex"), what="log entry's logIndex"),
        body=body,
        integrated_time=_number(payload.get("integratedTime"), what="log entry's integratedTime") or None,
        promise=read_base64(document.get("SignedEntryTimestamp"), what="log entry's SignedEntryTimestamp"),
        proof=None,
        kind=kind,
        version=version,
    )


def from_bundle(value: Any) -> Entry:
    """Read one parsed item of a Sigstore bundle's `tlogEntries` (protobuf JSON). Raises NotProved."""
    item = inner(value)
    body = read_base64(item.get("canonicalizedBody"), what="log entry's canonicalizedBody")
    kind, version, _ = logbody.read(body)
    if item.get("kindVersion", {"kind": kind, "version": version}) != {"kind": kind, "version": version}:
        raise NotProved(f"the bundle's kindVersion is not that of its log entry, which is {kind} {version}")
    log_id = read_base64(inner(item, "logId").get("keyId"), what="log entry's keyId")
    promise, proof = item.get("inclusionPromise"), item.get("inclusionProof")
    return Entry(
        log_id=log_id,
        index=_number(item.get("logIndex", 0), what="log entry's logIndex"),
        body=body,
        integrated_time=_number(item.get("integratedTime", 0), what="log entry's integratedTime") or None,
        promise=None if promise is None else _promise(promise),
        proof=None if proof is None else _proof(proof),
        kind=kind,
        version=version,
    )


def require_binding(
    entry: Entry,
    *,
    signature: bytes,
    message: Message,
    payload: Message,
    envelope: bytes | None,
    key_der: bytes,
    certificate_der: bytes | None,
) -> str:
    """Return the entry's kind ("hashedrekord 0.0.1") if it records this signature, else raise NotProved (T20).

    `message` is what `signature` is over: the payload, or a DSSE envelope's PAE. `envelope` are the DSSE envelope's
    bytes as they came. `key_der` is the signer's SubjectPublicKeyInfo. With `certificate_der` the entry must hold that
    very certificate; without, a bare key, or a certificate of it.
    """
    return logbody.require(entry.body, Signing(signature, message, payload, envelope, key_der, certificate_der))


def _number(value: Any, *, what: str) -> int:
    """A count of 0 to 2^63-1, as a number or, as protobuf JSON writes int64, as decimal text."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise NotProved(f"the {what} is not a whole number of at most 63 bits")
    return value


def _promise(value: Any) -> bytes:
    return read_base64(inner(value).get("signedEntryTimestamp"), what="log entry's inclusionPromise")


def _proof(value: Any) -> InclusionProof:
    proof = inner(value)
    hashes = proof.get("hashes", [])
    if not isinstance(hashes, list) or len(hashes) > _MAX_HASHES:
        raise NotProved(f"the inclusion proof holds no list of at most {_MAX_HASHES} hashes")
    checkpoint = inner(proof.get("checkpoint") or {}).get("envelope", "")
    if not isinstance(checkpoint, str):
        raise NotProved("the inclusion proof's checkpoint is not text")
    return InclusionProof(
        log_index=_number(proof.get("logIndex", 0), what="inclusion proof's logIndex"),
        tree_size=_number(proof.get("treeSize"), what="inclusion proof's treeSize"),
        root_hash=read_base64(proof.get("rootHash"), what="inclusion proof's rootHash"),
        hashes=tuple(read_base64(each, what="inclusion proof's hashes") for each in hashes),
        checkpoint=checkpoint,
    )
