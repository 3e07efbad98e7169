"""The images that `compare.py` pulls: big random layers under small signed manifests, written as files that nginx can serve."""

import hashlib
import json
import os
import pathlib
from dataclasses import dataclass, field

from proxy.demo import images
from proxy.oci import mediatype
from proxy.oci.digest import Digest

UPSTREAM = "upstream.example"
SIGNER = "bench"
TAG = "v1"
MIB = 2**20


@dataclass(frozen=True)
class Picture:
    """`blob` is the path of its big layer, `size` that layer's length in bytes."""

    name: str
    digest: str
    blob: str
    size: int

    @property
    def by_tag(self) -> str:
        return f"/v2/{self.name}/manifests/{TAG}"

    @property
    def by_digest(self) -> str:
        return f"/v2/{self.name}/manifests/{self.digest}"


@dataclass
class Gallery:
    """Everything that the upstream holds, below `root`."""

    root: pathlib.Path
    digests: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._private, self.public_key = images.new_key()
        self._noise = os.urandom(MIB)

    def add(self, label: str, mebibytes: int) -> Picture:
        """One layer of that size, and seven small ones, so that the manifest is as long as a usual one (1.5 KB)."""
        name = f"bench/{label}"
        small = images.make_image(label, layers=7)
        layer = self._layer(name, mebibytes)
        manifest = json.loads(small.manifest)
        manifest["layers"].append(layer)
        raw = json.dumps(manifest).encode()
        for digest, blob in small.blobs.items():
            self._write(f"/v2/{name}/blobs/{digest}", blob)
        self._write_manifest(name, TAG, raw)
        self._sign(name, Digest.of(raw))
        return Picture(name, str(Digest.of(raw)), f"/v2/{name}/blobs/{layer['digest']}", layer["size"])

    def _sign(self, name: str, subject: Digest) -> None:
        signature = images.sign(subject, private=self._private, reference_name=f"{UPSTREAM}/{name}")
        for digest, blob in signature.blobs.items():
            self._write(f"/v2/{name}/blobs/{digest}", blob)
        self._write_manifest(name, str(images.signature_tag(subject)), signature.manifest)

    def _layer(self, name: str, mebibytes: int) -> dict[str, object]:
        chunks = [hashlib.sha256(name.encode()).digest(), *[self._noise] * mebibytes]
        hasher, path = hashlib.sha256(), self.root / "layer"
        with path.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
                hasher.update(chunk)
        size = path.stat().st_size
        digest = f"sha256:{hasher.hexdigest()}"
        path.rename(self._place(f"/v2/{name}/blobs/{digest}"))
        return {"mediaType": mediatype.OCI_LAYER.removesuffix("+gzip"), "digest": digest, "size": size}

    def _write_manifest(self, name: str, tag: str, raw: bytes) -> None:
        digest = str(Digest.of(raw))
        for reference in (tag, digest):
            self._write(f"/v2/{name}/manifests/{reference}", raw)
        self.digests[f"/v2/{name}/manifests/{tag}"] = digest

    def _write(self, path: str, raw: bytes) -> None:
        self._place(path).write_bytes(raw)

    def _place(self, path: str) -> pathlib.Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place
