"""Attestations that GitHub keeps in its API, put into the form in which registries keep them (evidence.md 1.5, 1.7).

So they are stored, proved and served like any other; the manifest is ours, and the same for the same bundle.
"""

import base64
import binascii
import json
from typing import Any

from proxy.errors import ManifestInvalid, PratiqueError
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Manifest, parse_manifest
from proxy.oci.reference import Repository
from proxy.oci.referrers import as_json
from proxy.oci.strictjson import parse as parse_json
from proxy.pipeline.gathering.catch import Catch, Claim, Opened
from proxy.pipeline.gathering.proofs import EMPTY_JSON, REFERRERS, Proof
from proxy.upstream.attestations import Attestations, Bundle
from proxy.verify import lookup


async def borrow(catch: Catch, api: Attestations, source: Repository, subject: Descriptor, *, origin: str) -> None:
    """Everything that the API holds for the image, as referrers of it; what is out of reach is a gap."""
    try:
        async with catch.slots:
            held = await api.bundles(source, subject.digest)
    except PratiqueError as error:
        catch.miss(origin, error)
        return
    if held.absent:
        catch.gaps.add(f"{origin}: {held.absent} attestations are kept elsewhere than in the answer, and were not read")
    if held.foreign:
        catch.reject(origin, None, f"{held.foreign} attestations are no Sigstore bundles")
    if held.is_cut:
        catch.reject(origin, None, "there are more attestations than the limit; the rest was not read")
    for bundle in held.bundles.values():
        _open(catch, source, bundle, subject, origin)


def _open(catch: Catch, source: Repository, bundle: Bundle, subject: Descriptor, origin: str) -> None:
    try:
        manifest = as_referrer(bundle, subject)
    except ManifestInvalid as error:
        catch.reject(origin, Digest.of(bundle.raw), error.message)
        return
    claims: list[Claim] = []
    for layer in manifest.layers:
        if layer.size > lookup.size_limit(layer):
            catch.reject(origin, layer.digest, "it is larger than evidence of its kind is")
            continue
        claim = catch.claim(source, layer, rank=(1, lookup.layer_rank(layer, catch.wants)), place=origin)
        catch.hold(claim, bundle.raw)
        claims.append(claim)
    proof = Proof(manifest, {}, slots=(REFERRERS,), origin=origin, source=None)
    catch.open(Opened(proof, tuple(claims), {manifest.config.digest: EMPTY_JSON}))


def as_referrer(bundle: Bundle, subject: Descriptor) -> Manifest:
    """The manifest that cosign writes for a bundle, without its signer's clock. Raise ManifestInvalid."""
    content, predicate_type = _told(bundle.raw)
    layer = Descriptor(bundle.media_type, Digest.of(bundle.raw), len(bundle.raw))
    empty = Descriptor(
        mediatype.EMPTY, Digest.parse(Digest.EMPTY_JSON), len(EMPTY_JSON), artifact_type=bundle.media_type
    )
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "artifactType": bundle.media_type,
        "config": as_json(empty),
        "layers": [as_json(layer)],
        "subject": as_json(Descriptor(subject.media_type, subject.digest, subject.size)),
        "annotations": {"dev.sigstore.bundle.content": content}
        | ({"dev.sigstore.bundle.predicateType": predicate_type} if predicate_type else {}),
    }
    raw = json.dumps(document, separators=(",", ":")).encode()
    return parse_manifest(raw, digest=Digest.of(raw), content_type=mediatype.OCI_MANIFEST)  # type: ignore[return-value]


def _told(raw: bytes) -> tuple[str, str]:
    """What the bundle holds, and the predicate type that its statement names: hints for readers of the annotations."""
    bundle = parse_json(raw, what="bundle")
    envelope = bundle.get("dsseEnvelope")
    if not isinstance(envelope, dict):
        return "message-signature", ""
    try:
        statement = parse_json(base64.b64decode(envelope.get("payload", ""), validate=True), what="statement")
        told = statement.get("predicateType")
    except (ManifestInvalid, binascii.Error, TypeError, ValueError, AttributeError):
        told = None
    return "dsse-envelope", told if isinstance(told, str) and len(told) <= 1024 else ""
