"""Small real images and signatures, made in memory: what a node unpacks and what cosign would have written.

The same arguments give the same bytes: times are the epoch, contents come from the label, signatures are
deterministic (RFC 6979). Only a key made without a seed is random.
"""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.reference import EvidenceTag, Tag
from proxy.oci.referrers import as_json

_EPOCH = "1970-01-01T00:00:00Z"
_SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
_PAYLOAD_TYPE = "cosign container image signature"
_CURVE = ec.SECP256R1()
# The order of that curve's group less one (SEC 2, 2.4.2): a seeded key is a number from 1 to it.
_P256_LAST = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with the type that a manifest gives them."""

    raw: bytes = field(repr=False)
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, Digest.of(self.raw), len(self.raw), annotations=self.annotations)


@dataclass(frozen=True, slots=True)
class Image:
    """`manifest` is the document's bytes, of a manifest or an index; `blobs` are its own, `children` an index's."""

    repository_name: str
    manifest: bytes = field(repr=False)
    digest: Digest
    media_type: str
    blobs: Mapping[Digest, bytes] = field(repr=False, hash=False)
    children: tuple["Image", ...] = ()
    platform: Platform | None = None

    @property
    def size(self) -> int:
        return len(self.manifest)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, self.size, platform=self.platform)

    @property
    def tree(self) -> tuple["Image", ...]:
        """Itself and every manifest below it: what a registry must hold."""
        return (self, *(below for child in self.children for below in child.tree))


def make_image(
    label: str, *, layers: int = 1, layer_size: int = 1024, architecture: str = "amd64", os: str = "linux"
) -> Image:
    """Return an image whose layers each hold one file of `layer_size` bytes that do not compress."""
    archives = [_archive(f"{label}/{architecture}/{number}", number, layer_size) for number in range(layers)]
    config = {
        "architecture": architecture,
        "os": os,
        "created": _EPOCH,
        "config": {"Env": ["PATH=/usr/bin:/bin"], "Labels": {"org.opencontainers.image.title": label}},
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(archive)) for archive in archives]},
        "history": [{"created": _EPOCH, "created_by": f"layer {number}"} for number in range(layers)],
    }
    blobs = [Blob(_compressed(archive), mediatype.OCI_LAYER) for archive in archives]
    image = _assemble(label, config=Blob(_json(config), mediatype.OCI_CONFIG), layers=blobs)
    return replace(image, platform=Platform(os, architecture))


def make_index(images: Sequence[Image], *, media_type: str = mediatype.OCI_INDEX) -> Image:
    """Return the index of these images, each listed under its platform."""
    listed = [as_json(image.descriptor) for image in images]
    raw = _json({"schemaVersion": 2, "mediaType": media_type, "manifests": listed})
    return Image(images[0].repository_name, raw, Digest.of(raw), media_type, {}, tuple(images))


def tampered(image: Image) -> Image:
    """Return the same manifest over a first layer of the same length with other bytes: what a bad upstream holds."""
    first = Digest.parse(json.loads(image.manifest)["layers"][0]["digest"])
    raw = bytearray(image.blobs[first])
    raw[len(raw) // 2] ^= 0xFF
    return replace(image, blobs={**image.blobs, first: bytes(raw)})


def new_key(seed: str | None = None) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """Return a P-256 private key and its public half as PEM; the same one for the same seed."""
    private = ec.generate_private_key(_CURVE) if seed is None else ec.derive_private_key(_number(seed), _CURVE)
    return private, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(
    image_digest: Digest,
    *,
    private: ec.EllipticCurvePrivateKey,
    reference_name: str,
    annotations: Mapping[str, str] | None = None,
    newlines: bool = False,
) -> Image:
    """Return cosign's legacy signature manifest (SIGNATURE_SPEC), to be put at `signature_tag(image_digest)`.

    `reference_name` is the `docker-reference`, such as `nvcr.io/nvidia/x`; `annotations` become signed claims.
    With `newlines` the base64 is broken into lines, as NGC's are.
    """
    payload = {
        "critical": {
            "identity": {"docker-reference": reference_name},
            "image": {"docker-manifest-digest": str(image_digest)},
            "type": _PAYLOAD_TYPE,
        },
        "optional": dict(annotations) if annotations else None,
    }
    raw = _json(payload)
    signature = private.sign(raw, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    encoded = base64.encodebytes(signature) if newlines else base64.b64encode(signature)
    layer = Blob(raw, mediatype.SIMPLE_SIGNING, {_SIGNATURE_ANNOTATION: encoded.decode()})
    return signature_manifest(reference_name, layers=[layer])


def signature_manifest(repository_name: str, *, layers: Sequence[Blob]) -> Image:
    """Return a `.sig` manifest of these layers, with the config that cosign writes."""
    config = {
        "architecture": "",
        "created": "0001-01-01T00:00:00Z",
        "history": [{"created": "0001-01-01T00:00:00Z"} for _ in layers],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer.raw)) for layer in layers]},
        "config": {},
    }
    return _assemble(repository_name, config=Blob(_json(config), mediatype.OCI_CONFIG), layers=layers)


def merge_signatures(*signatures: Image) -> Image:
    """Return one `.sig` manifest with the layers of all of these, in this order."""
    layers = [
        Blob(image.blobs[Digest.parse(layer["digest"])], layer["mediaType"], layer.get("annotations", {}))
        for image in signatures
        for layer in json.loads(image.manifest)["layers"]
    ]
    return signature_manifest(signatures[0].repository_name, layers=layers)


def as_referrer(signature: Image, *, subject: Image) -> Image:
    """Return the same signature in cosign's OCI 1.1 form: a referrer of `subject`, found without a tag."""
    manifest = json.loads(signature.manifest)
    manifest["artifactType"] = manifest["config"]["mediaType"] = mediatype.COSIGN_SIGNATURE_ARTIFACT
    manifest["subject"] = {
        "mediaType": subject.media_type,
        "digest": str(subject.digest),
        "size": subject.size,
    }
    raw = _json(manifest)
    return replace(signature, manifest=raw, digest=Digest.of(raw))


def signature_tag(image_digest: Digest) -> Tag:
    return EvidenceTag(image_digest, ".sig").tag


def _number(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()) % _P256_LAST + 1


def _assemble(repository_name: str, *, config: Blob, layers: Sequence[Blob]) -> Image:
    manifest = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": as_json(config.descriptor),
        "layers": [as_json(layer.descriptor) for layer in layers],
    }
    raw = _json(manifest)
    blobs = {Digest.of(blob.raw): blob.raw for blob in (config, *layers)}
    return Image(repository_name, raw, Digest.of(raw), mediatype.OCI_MANIFEST, blobs)


def _archive(label: str, number: int, size: int) -> bytes:
    content = hashlib.shake_256(label.encode()).digest(size)
    entry = tarfile.TarInfo(f"layer-{number}.bin")
    entry.size, entry.mode = len(content), 0o644
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def _compressed(raw: bytes) -> bytes:
    return gzip.compress(raw, compresslevel=1, mtime=0)


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
