"""Forged evidence in a registry, where the tools of its form would have put it, beside the image that it is about."""

import json
from collections.abc import Sequence
from typing import Any

from proxy.demo.images import Blob, Image, signature_manifest
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, parse_manifest
from proxy.verify.evidence import Found
from tests.fakes.gathering import evidence
from tests.fakes.lab import Case
from tests.fakes.layouts import LAB, Layout, read_layout
from tests.fakes.registry import FakeRegistry

_ARTIFACTS = {
    mediatype.SIMPLE_SIGNING: mediatype.COSIGN_SIGNATURE_ARTIFACT,
    mediatype.JOSE: mediatype.NOTARY_SIGNATURE,
    mediatype.COSE: mediatype.NOTARY_SIGNATURE,
}


def lay_one(registry: FakeRegistry, repo: str, image: Image, found: Found) -> None:
    """An image and the one piece of evidence of it."""
    registry.put_image(repo, image)
    if found.place == "referrers":
        refers = {"mediaType": image.media_type, "digest": str(image.digest), "size": image.size}
        _lay_referrer(registry, repo, found, refers)
    else:
        registry.put_image(repo, signature_manifest("x", layers=[_blob(found)]), tag=found.place)


def lay(registry: FakeRegistry, repo: str, case: Case, founds: Sequence[Found]) -> Digest:
    """The case's image alone, tagged as it is, with this evidence of it and no other. Return its digest."""
    layout, subject = read_layout(LAB / case["folder"]), Digest.parse(case["digest"])
    _lay_image(registry, repo, layout, subject)
    registry.tag(repo, case["tag"], subject)
    raw, media_type = layout.manifests[subject]
    tagged: dict[str, list[Found]] = {}
    for found in founds:
        if found.place == "referrers":
            _lay_referrer(registry, repo, found, {"mediaType": media_type, "digest": str(subject), "size": len(raw)})
        else:
            tagged.setdefault(found.place, []).append(found)
    for place, layers in tagged.items():
        registry.put_image(repo, signature_manifest("x", layers=[_blob(each) for each in layers]), tag=place)
    return subject


def _lay_image(registry: FakeRegistry, repo: str, layout: Layout, digest: Digest) -> None:
    raw, media_type = layout.manifests[digest]
    document = parse_manifest(raw, digest=digest, content_type=media_type)
    if isinstance(document, Index):
        for child in document.manifests:
            _lay_image(registry, repo, layout, child.digest)
    for each in document.blobs:
        registry.put_blob(repo, layout.blobs[each.digest])
    registry.put_manifest(repo, raw, media_type)


def _lay_referrer(registry: FakeRegistry, repo: str, found: Found, subject: dict[str, Any]) -> None:
    kind = mediatype.bare(found.media_type)
    made = evidence(_blob(found), artifact_type=_ARTIFACTS.get(kind, found.media_type))
    for digest, raw in made.blobs.items():
        assert registry.put_blob(repo, raw) == digest
    document = json.loads(made.manifest) | {"subject": subject}
    registry.put_manifest(repo, json.dumps(document).encode(), mediatype.OCI_MANIFEST)


def _blob(found: Found) -> Blob:
    return Blob(found.payload, found.media_type, found.annotations)
