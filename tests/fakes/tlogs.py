"""A transparency log in memory: it signs entries, proofs and checkpoints as Rekor does, and lies where it is told to."""

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.verify.material import Log, Window
from proxy.verify.witness.logentry import Entry, InclusionProof

START = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN = datetime(2026, 6, 1, tzinfo=UTC)
OPEN = Window(START)


@dataclass
class FakeLog:
    """`host` is its baseUrl's; Rekor v1 (`tree` set) signs checkpoints as `<host> - <tree>`."""

    host: str = "log.test"
    tree: str = ""
    private: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    window: Window = OPEN

    @property
    def log(self) -> Log:
        """As a trust root lists it."""
        return Log(id=self.id, key=self.private.public_key(), window=self.window, host=self.host)

    @property
    def id(self) -> bytes:
        public = self.private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return hashlib.sha256(f"{self.host}\n".encode() + b"\x01" + public.public_bytes_raw()).digest()
        return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(message)
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    def entry(self, body: bytes, *, index: int = 0) -> Entry:
        """One without any proof yet."""
        document = json.loads(body)
        return Entry(self.id, index, body, None, None, None, document["kind"], document["apiVersion"])

    def promised(self, entry: Entry, *, at: datetime = WITHIN) -> Entry:
        """With a SET: over canonical JSON of body, integratedTime, logID and logIndex."""
        seconds = int(at.timestamp())
        body = base64.b64encode(entry.body).decode()
        payload = {"body": body, "integratedTime": seconds, "logID": entry.log_id.hex(), "logIndex": entry.index}
        message = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
        return replace(entry, integrated_time=seconds, promise=self.sign(message))

    def included(self, entry: Entry, *, size: int = 7, at: int = 3) -> Entry:
        """With a proof that it is leaf `at` of `size`, under a checkpoint. Rekor v2 numbers the entry so too."""
        leaves = [entry.body if number == at else b"leaf %d" % number for number in range(size)]
        proof = InclusionProof(at, size, root_of(leaves), tuple(path_to(at, leaves)), "")
        proof = replace(proof, checkpoint=self.checkpoint(proof))
        return replace(entry, proof=proof, index=entry.index if self.tree else at)

    def checkpoint(self, proof: InclusionProof, **said: Any) -> str:
        """A note over the proof's root; `said` replaces `size`, `root`, `origin` or `more` lines before it is signed."""
        origin = said.get("origin", f"{self.host} - {self.tree}" if self.tree else self.host)
        root = base64.b64encode(said.get("root", proof.root_hash)).decode()
        text = f"{origin}\n{said.get('size', proof.tree_size)}\n{root}\n{said.get('more', '')}"
        return f"{text}\n{self.line(text)}"

    def line(self, text: str, *, name: str | None = None) -> str:
        """Its signature line under a note's text."""
        return f"— {name or self.host} {base64.b64encode(self.id[:4] + self.sign(text.encode())).decode()}\n"


def root_of(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 2.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = _half(len(leaves))
    return hashlib.sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


def path_to(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 2.1.1."""
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*path_to(index, leaves[:half]), root_of(leaves[half:])]
    return [*path_to(index - half, leaves[half:]), root_of(leaves[:half])]


def _half(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


KINDS = (
    "hashedrekord 0.0.1",
    "hashedrekord 0.0.2",
    "dsse 0.0.1",
    "dsse 0.0.2",
    "intoto 0.0.1",
    "intoto 0.0.2",
    "rekord 0.0.1",
)


def body_of(
    kind: str,
    *,
    signature: bytes,
    message: bytes,
    payload: bytes,
    envelope: bytes,
    key: bytes,
    is_certificate: bool,
    is_folded: bool = False,
) -> bytes:
    """The canonicalized body that Rekor writes for such a signing; `key` is DER of a public key or certificate.

    `is_folded`: its PEM has lines, for whoever compares PEM with PEM.
    """
    name, _, version = kind.partition(" ")
    block = "CERTIFICATE" if is_certificate else "PUBLIC KEY"
    text = _folded(key) if is_folded else _b64(key)
    pem = _b64(f"-----BEGIN {block}-----\n{text}\n-----END {block}-----\n".encode())
    verifier = {"keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    verifier |= {"x509Certificate" if is_certificate else "publicKey": {"rawBytes": _b64(key)}}
    record = {
        "data": {"hash": _hex(message)},
        "signature": {"content": _b64(signature), "publicKey": {"content": pem}},
    }
    specs = {
        "hashedrekord 0.0.1": record,
        "rekord 0.0.1": record | {"signature": record["signature"] | {"format": "x509"}},
        "hashedrekord 0.0.2": {
            "hashedRekordV002": {
                "data": _sha2(message),
                "signature": {"content": _b64(signature), "verifier": verifier},
            }
        },
        "dsse 0.0.1": {
            "envelopeHash": _hex(envelope),
            "payloadHash": _hex(payload),
            "signatures": [{"signature": _b64(signature), "verifier": pem}],
        },
        "dsse 0.0.2": {
            "dsseV002": {
                "payloadHash": _sha2(payload),
                "signatures": [{"content": _b64(signature), "verifier": verifier}],
            }
        },
        "intoto 0.0.1": {
            "content": {"hash": _hex(envelope), "payloadHash": _hex(payload)},
            "publicKey": pem,
        },
        "intoto 0.0.2": {
            "content": {
                "envelope": {
                    "payloadType": "application/vnd.in-toto+json",
                    "signatures": [{"sig": _b64(_b64(signature).encode()), "publicKey": pem}],
                },
                "hash": _hex(envelope),
                "payloadHash": _hex(payload),
            }
        },
    }
    return json.dumps({"apiVersion": version, "kind": name, "spec": specs[kind]}).encode()


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _folded(raw: bytes) -> str:
    """RFC 7468 3: 64 characters a line."""
    text = _b64(raw)
    return "\n".join(text[at : at + 64] for at in range(0, len(text), 64))


def _hex(raw: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(raw).hexdigest()}


def _sha2(raw: bytes) -> dict[str, str]:
    return {"algorithm": "SHA2_256", "digest": _b64(hashlib.sha256(raw).digest())}
