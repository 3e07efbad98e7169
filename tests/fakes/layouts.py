"""OCI image layouts: read whole, each byte held against its digest, and written for tools that read them."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from proxy.demo.images import Image
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, parse_manifest
from proxy.oci.reference import EvidenceTag

ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("PRATIQUE_VECTORS") or ROOT.parent / "shared" / "vectors")
LAB = VECTORS / "lab"
needs_vectors = pytest.mark.skipif(
    not LAB.is_dir(), reason="the vectors are not here; name their folder in PRATIQUE_VECTORS"
)
_NAMES_TAG = "org.opencontainers.image.ref.name"
_COSIGN_KIND = "dev.cosignproject.cosign/atts"


@dataclass
class Layout:
    """`manifests` in an order in which a registry takes them: children before what names them. `roots` are index.json's."""

    blobs: dict[Digest, bytes] = field(default_factory=dict)
    manifests: dict[Digest, tuple[bytes, str]] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)
    roots: list[Digest] = field(default_factory=list)

    def put_in(self, registry, name: str) -> None:
        """Into a FakeRegistry."""
        for raw in self.blobs.values():
            registry.put_blob(name, raw)
        for raw, media_type in self.manifests.values():
            registry.put_manifest(name, raw, media_type)
        for tag, digest in self.tags.items():
            registry.tag(name, tag, digest)


def read_layout(folder: Path) -> Layout:
    """Everything that index.json leads to. cosign's own layouts mark attestations by an annotation: they get their tag."""
    layout = Layout()
    for entry in json.loads((folder / "index.json").read_text())["manifests"]:
        digest = Digest.parse(entry["digest"])
        _read(folder, layout, digest, entry["mediaType"])
        annotations = entry.get("annotations", {})
        if _NAMES_TAG in annotations:
            layout.tags[annotations[_NAMES_TAG]] = digest
        if annotations.get("kind") == _COSIGN_KIND:
            layout.tags[EvidenceTag(layout.roots[0], ".att").tag.name] = digest
        layout.roots.append(digest)
    return layout


def _read(folder: Path, layout: Layout, digest: Digest, media_type: str) -> None:
    raw = _blob(folder, digest)
    document = parse_manifest(raw, digest=digest, content_type=media_type)
    if isinstance(document, Index):
        for child in document.manifests:
            _read(folder, layout, child.digest, child.media_type)
    for each in document.blobs:
        layout.blobs[each.digest] = _blob(folder, each.digest)
    layout.manifests[digest] = (raw, media_type)


def _blob(folder: Path, digest: Digest) -> bytes:
    raw = (folder / "blobs" / digest.algorithm / digest.hex).read_bytes()
    assert Digest.of(raw, digest.algorithm) == digest
    return raw


def write_layout(image: Image, folder: Path, *, tag: str) -> Path:
    """Write an image or index as a layout that `skopeo copy oci:<folder>:<tag>` reads."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    blobs = {digest: raw for each in image.tree for digest, raw in each.blobs.items()}
    blobs |= {each.digest: each.manifest for each in image.tree}
    for digest, raw in blobs.items():
        (folder / "blobs" / "sha256" / digest.hex).write_bytes(raw)
    entry = {"mediaType": image.media_type, "digest": str(image.digest), "size": image.size}
    entry["annotations"] = {_NAMES_TAG: tag}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return folder
