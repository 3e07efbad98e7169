"""What whoever pulls or verifies behind the proxy reads of it: whole images and all the evidence of one, each byte held."""

import json
from typing import Any

from proxy.events import Judged
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, parse_manifest
from proxy.oci.reference import EvidenceTag
from tests.fakes.house import House
from tests.fakes.layouts import Layout


def judged(house: House, subject: Digest) -> list[Judged]:
    """Each time that this image was judged as an image of its own, oldest first."""
    return [
        each
        for each in house.events
        if isinstance(each, Judged) and each.digest == subject and each.record["index"] is None
    ]


async def pull(house: House, name: str, reference: object, layout: Layout) -> dict[str, bytes]:
    """Everything under this manifest, as a client takes it: by HEAD and GET, each byte held against its digest."""
    head = await house.manifest(name, reference, method="HEAD")
    got = await house.manifest(name, reference)
    digest = Digest.of(got.body)
    assert (head.status, got.status) == (200, 200), (got, got.body)
    assert head.headers["Docker-Content-Digest"] == got.headers["Docker-Content-Digest"] == str(digest)
    assert got.headers["Content-Type"] == head.headers["Content-Type"] == layout.manifests[digest][1]
    assert got.body == layout.manifests[digest][0]
    found = {str(digest): got.body}
    document = parse_manifest(got.body, digest=digest, content_type=got.headers["Content-Type"])
    if isinstance(document, Index):
        for child in document.manifests:
            found |= await pull(house, name, child.digest, layout)
    return found | await _blobs(house, name, document)


async def _blobs(house: House, name: str, document: Any) -> dict[str, bytes]:
    found = {}
    for each in document.blobs:
        blob = await house.blob(name, each.digest)
        assert blob.status == 200, (each.digest, blob)
        assert (Digest.of(blob.body, each.digest.algorithm), len(blob.body)) == (each.digest, each.size)
        found[str(each.digest)] = blob.body
    return found


async def evidence(house: House, name: str, subject: Digest, layout: Layout) -> dict[str, set[Digest]]:
    """Where evidence of `subject` is answered, and by which manifests: `api`, `fallback` and the suffixes of its tags.

    Each manifest is read with all its blobs, as cosign, notation and oras read them.
    """
    listed = await house.get(f"/v2/{name}/referrers/{subject}?ns=reg.test")
    assert listed.status == 200, (listed, listed.body)
    found = {"api": await _listed(house, name, listed.body, layout)}
    for suffix in (".sig", ".att", ""):
        tag = EvidenceTag(subject, suffix).tag.name
        got = await house.manifest(name, tag)
        if got.status == 404:
            continue
        assert got.status == 200, (tag, got, got.body)
        if suffix:
            assert got.body == layout.manifests[layout.tags[tag]][0]
            found[suffix] = {await _whole(house, name, Digest.of(got.body), layout)}
        else:
            found["fallback"] = await _listed(house, name, got.body, layout)
    return found


async def _listed(house: House, name: str, raw: bytes, layout: Layout) -> set[Digest]:
    return {await _whole(house, name, Digest.parse(each["digest"]), layout) for each in json.loads(raw)["manifests"]}


async def _whole(house: House, name: str, digest: Digest, layout: Layout) -> Digest:
    got = await house.manifest(name, digest)
    raw, media_type = layout.manifests[digest]
    assert (got.status, got.body) == (200, raw), (digest, got)
    await _blobs(house, name, parse_manifest(raw, digest=digest, content_type=media_type))
    return digest


def expected(subject: Digest, layout: Layout) -> dict[str, set[Digest]]:
    """The same as the upstream has it; the fallback tag that we write is there wherever something refers to the image."""
    referring = set()
    for digest, (raw, media_type) in layout.manifests.items():
        names = parse_manifest(raw, digest=digest, content_type=media_type).subject
        if names is not None and names.digest == subject:
            referring.add(digest)
    tags = {suffix: EvidenceTag(subject, suffix).tag.name for suffix in (".sig", ".att")}
    found = {suffix: {layout.tags[tag]} for suffix, tag in tags.items() if tag in layout.tags}
    return found | {"api": referring} | ({"fallback": referring} if referring else {})
