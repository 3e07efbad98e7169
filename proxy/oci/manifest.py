"""Bytes become a Manifest or an Index, once, or are refused. The bytes are kept: they are what is served (T36).

A document has one meaning only (T05, CVE-2021-41190): its shape, its mediaType and its Content-Type agree, whatever
`Accept` a later request names. Config, layer and artifact types that we do not know pass unchanged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from proxy.errors import ManifestInvalid
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.document import read_annotations, read_descriptor, read_media_type, read_text
from proxy.oci.strictjson import as_object, parse

MAX_MANIFEST = 4 * 1024 * 1024  # distribution-spec, "Pushing Manifests": at least 4 MiB; containerd stops soon after it
MAX_ENTRIES = 10_000
MAX_PARTS = 250_000  # of an index with so many entries, each with a platform and annotations
MAX_EVIDENCE = 16 * 1024 * 1024  # face.md, "Evidence"

_FIELDS = frozenset(
    {
        "schemaVersion",
        "mediaType",
        "artifactType",
        "config",
        "layers",
        "manifests",
        "subject",
        "annotations",
        "fsLayers",
    }
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image or artifact (image-spec manifest.md)."""

    raw: bytes = field(repr=False)
    digest: Digest
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_index: ClassVar[bool] = False

    @property
    def children(self) -> tuple[Descriptor, ...]:
        return ()

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        return (self.config, *self.layers)


@dataclass(frozen=True, slots=True)
class Index:
    """A list of manifests (image-spec image-index.md)."""

    raw: bytes = field(repr=False)
    digest: Digest
    media_type: str
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_index: ClassVar[bool] = True

    @property
    def children(self) -> tuple[Descriptor, ...]:
        return self.manifests

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        return ()


Document: TypeAlias = Manifest | Index


def parse_manifest(raw: bytes, *, digest: Digest, content_type: str) -> Document:
    """Return what `raw` says, or raise ManifestInvalid. The caller has hashed `raw`; `digest` is recorded.

    `content_type` is the upstream's header; where it is generic or empty the document's own mediaType must tell.
    """
    if len(raw) > MAX_MANIFEST:
        raise ManifestInvalid(f"the manifest is larger than {MAX_MANIFEST} bytes")
    document = as_object(parse(raw, what="manifest", limit_parts=MAX_PARTS), what="manifest", names=_FIELDS)
    media_type = _media_type(document, content_type)
    _require_shape(document, media_type)
    subject = document.get("subject")
    shared: dict[str, Any] = {
        "raw": raw,
        "digest": digest,
        "media_type": media_type,
        "subject": None if subject is None else read_descriptor(subject, what="subject"),
        "artifact_type": read_text(document.get("artifactType"), what="artifactType of the manifest"),
        "annotations": read_annotations(document.get("annotations"), what="manifest"),
    }
    if media_type in mediatype.INDEXES:
        manifests = _read_all(document["manifests"], what="manifests")
        _require_one_size(manifests)
        return Index(manifests=manifests, **shared)
    config = read_descriptor(document["config"], what="config")
    layers = _read_all(document["layers"], what="layers")
    _require_one_size((config, *layers))
    return Manifest(config=config, layers=layers, **shared)


def is_evidence_manifest(manifest: Document, *, size_limit: int = MAX_EVIDENCE) -> bool:
    """Whether it can be nothing but evidence (T60): small, with at least one layer, and every type on the closed list."""
    if isinstance(manifest, Index) or not manifest.layers:
        return False
    return (
        sum(blob.size for blob in manifest.blobs) <= size_limit
        and mediatype.is_evidence_config(manifest.config.media_type)
        and all(mediatype.is_evidence(layer.media_type) for layer in manifest.layers)
    )


def _media_type(document: dict[str, Any], content_type: str) -> str:
    told = mediatype.bare(content_type)
    own = document.get("mediaType")
    if own is not None:
        own = read_media_type(own, what="manifest")
    if document.get("schemaVersion") == 1 or "fsLayers" in document or {told, own} & mediatype.SCHEMA1:
        raise ManifestInvalid("the manifest is of Docker's schema 1, which cannot be verified; push the image again")
    if type(document.get("schemaVersion")) is not int or document["schemaVersion"] != 2:
        raise ManifestInvalid("the manifest's schemaVersion is not 2")
    if mediatype.is_generic(told):
        if own is None:
            raise ManifestInvalid("neither the Content-Type nor the manifest says what the manifest is")
        told = own
    if told not in mediatype.MANIFESTS | mediatype.INDEXES:
        raise ManifestInvalid(f"{told[:80]!r} is not a type of manifest that may be served")
    if own not in (None, told):
        raise ManifestInvalid(f"the manifest says that it is {own[:80]!r}, its Content-Type says {told!r}")
    return told


def _require_shape(document: dict[str, Any], media_type: str) -> None:
    # The keys count, not their values: containerd's own check refuses a `null` here as well.
    is_index = media_type in mediatype.INDEXES
    wanted = {"manifests"} if is_index else {"config", "layers"}
    foreign = {"config", "layers"} if is_index else {"manifests"}
    if foreign & document.keys():
        raise ManifestInvalid("the document could be read both as a manifest and as an index")
    if not wanted <= document.keys():
        raise ManifestInvalid(f"the document is not shaped as {media_type}")


def _read_all(value: Any, *, what: str) -> tuple[Descriptor, ...]:
    # Go writes an empty list that was never made as null.
    entries = [] if value is None else value
    if not isinstance(entries, list):
        raise ManifestInvalid(f"the {what} are not a list")
    if len(entries) > MAX_ENTRIES:
        raise ManifestInvalid(f"the manifest lists more than {MAX_ENTRIES} {what}")
    return tuple(read_descriptor(entry, what=f"entry {number} of {what}") for number, entry in enumerate(entries))


def _require_one_size(descriptors: Iterable[Descriptor]) -> None:
    sizes: dict[Digest, int] = {}
    for descriptor in descriptors:
        if sizes.setdefault(descriptor.digest, descriptor.size) != descriptor.size:
            raise ManifestInvalid(f"the manifest gives {descriptor.digest} two sizes")
