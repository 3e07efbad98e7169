"""Listings of referrers: hints where evidence may lie, never evidence (distribution-spec, "Listing Referrers").

An entry that is no proper descriptor names nothing that could be fetched and is left out; a document that is no index
is refused, since "no referrers" must be proved by a complete answer.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from proxy.errors import ManifestInvalid
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.document import read_descriptor
from proxy.oci.manifest import MAX_MANIFEST, MAX_PARTS
from proxy.oci.strictjson import as_object, parse

_MAX_TYPE = 255  # characters (RFC 6838 4.2)
_MAX_ANNOTATIONS = 4 * 1024  # characters of one entry's; those of bundles take some hundred
_FIELDS = frozenset({"schemaVersion", "mediaType", "manifests", "config", "layers"})


def parse_listing(raw: bytes) -> tuple[Descriptor, ...]:
    """Return the entries of one page of the referrers API, or of a fallback tag's index; raise ManifestInvalid."""
    if len(raw) > MAX_MANIFEST:
        raise ManifestInvalid(f"the listing of referrers is larger than {MAX_MANIFEST} bytes")
    listing = parse(raw, what="listing of referrers", limit_parts=MAX_PARTS)
    document = as_object(listing, what="listing of referrers", names=_FIELDS)
    entries = document.get("manifests")
    is_index = document.get("mediaType") in (None, *mediatype.INDEXES) and not {"config", "layers"} & document.keys()
    if not is_index or "manifests" not in document or not isinstance(entries, list | None):
        raise ManifestInvalid("the listing of referrers is not an index")
    return tuple(found for entry in entries or () if (found := _entry(entry)) is not None)


def merge(*listings: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """One entry a digest, the first one seen, sorted by digest: the order of arrival decides nothing (T50)."""
    found: dict[Digest, Descriptor] = {}
    for listing in listings:
        for descriptor in listing:
            found.setdefault(descriptor.digest, descriptor)
    return tuple(found[digest] for digest in sorted(found))


def filtered(descriptors: Iterable[Descriptor], artifact_type: str | None) -> tuple[Descriptor, ...]:
    """Those of that artifactType; all where none was asked for."""
    return tuple(each for each in descriptors if artifact_type is None or each.artifact_type == artifact_type)


def build_index(descriptors: Iterable[Descriptor]) -> bytes:
    """Return the OCI index of these descriptors, the same bytes for the same descriptors."""
    document = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_INDEX,
        "manifests": [as_json(descriptor) for descriptor in descriptors],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def as_json(descriptor: Descriptor) -> dict[str, Any]:
    """Return a descriptor as the spec writes it, empty fields left out."""
    entry: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if descriptor.artifact_type:
        entry["artifactType"] = descriptor.artifact_type
    if descriptor.platform:
        platform = descriptor.platform
        entry["platform"] = {"architecture": platform.architecture, "os": platform.os}
        if platform.variant:
            entry["platform"]["variant"] = platform.variant
    if descriptor.annotations:
        entry["annotations"] = dict(sorted(descriptor.annotations.items()))
    return entry


def _entry(value: Any) -> Descriptor | None:
    """What an entry says beside its digest is a hint; one that is longer than hints are is left out, and not held (T08)."""
    try:
        entry = read_descriptor(value, what="entry")
    except ManifestInvalid:
        return None
    length = sum(len(name) + len(text) for name, text in entry.annotations.items())
    kind = entry.artifact_type if len(entry.artifact_type or "") <= _MAX_TYPE else None
    return replace(entry, artifact_type=kind, annotations=entry.annotations if length <= _MAX_ANNOTATIONS else {})
