"""Where evidence of a subject may lie, likely places first. Every hint orders; none admits, and none excludes.

A flood by a third party meets the caps, and what is kept under them never depends on a listing's order (T50).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Manifest
from proxy.oci.reference import EvidenceTag, Tag

MAX_REFERRERS = 64  # evidence manifests fetched for one subject
MAX_SIGNATURES = 64  # signature layers read from one evidence manifest
MAX_EVIDENCE = 16 * 1024 * 1024  # bytes of one evidence blob, by counted bytes

SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATES = ("dev.sigstore.cosign/certificate", "dev.cosignproject.cosign/certificate")
_BUNDLE = "application/vnd.dev.sigstore.bundle"


@dataclass(frozen=True, slots=True)
class TagSource:
    """A tag in the subject's repository; absent is an ordinary answer."""

    tag: Tag


@dataclass(frozen=True, slots=True)
class ReferrersSource:
    """The referrers API, and the fallback tag where there is none (distribution-spec, "Listing Referrers")."""


Source: TypeAlias = TagSource | ReferrersSource


class SignatureLayers(NamedTuple):
    """The layers to read, and how many more there were than may be read."""

    layers: tuple[Descriptor, ...]
    skipped: int


def sources(subject: Digest) -> tuple[Source, ...]:
    """Every place where a signature of `subject` may lie, in the order in which one is likely found."""
    return TagSource(EvidenceTag(subject, ".sig").tag), ReferrersSource()


def likely_first(descriptors: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Order referrers by what they say of themselves, then by digest; each digest once."""
    once = {each.digest: each for each in sorted(descriptors, key=_referrer_order, reverse=True)}
    return tuple(sorted(once.values(), key=_referrer_order))


def signature_layers(manifest: Manifest) -> SignatureLayers:
    """The layers that claim to be simple-signing signatures, at most MAX_SIGNATURES, the same whatever their order."""
    claimed = [layer for layer in manifest.layers if mediatype.bare(layer.media_type) == mediatype.SIMPLE_SIGNING]
    once = {
        (layer.digest, layer.annotations.get(SIGNATURE)): layer
        for layer in sorted(claimed, key=_layer_order, reverse=True)
    }
    ordered = sorted(once.values(), key=_layer_order)
    return SignatureLayers(tuple(ordered[:MAX_SIGNATURES]), max(0, len(ordered) - MAX_SIGNATURES))


def _referrer_order(descriptor: Descriptor) -> tuple[int, Digest, str, int]:
    return _referrer_rank(descriptor), descriptor.digest, descriptor.media_type, descriptor.size


def _referrer_rank(descriptor: Descriptor) -> int:
    claimed = mediatype.bare(descriptor.artifact_type or "")
    if claimed in (mediatype.COSIGN_SIGNATURE_ARTIFACT, mediatype.SIMPLE_SIGNING):
        return 0
    # go-containerregistry up to 0.21 wrote the empty config's type here, and some registries write nothing.
    if claimed in ("", mediatype.EMPTY, mediatype.OCI_CONFIG):
        return 1
    return 2 if claimed.startswith(_BUNDLE) else 3


def _layer_order(layer: Descriptor) -> tuple[int, Digest, str, int, list[tuple[str, str]]]:
    signature = layer.annotations.get(SIGNATURE, "")
    has_certificate = any(name in layer.annotations for name in CERTIFICATES)
    rank = 2 if not signature else int(has_certificate)  # a bare key's signatures come without a certificate
    return rank, layer.digest, signature, layer.size, sorted(layer.annotations.items())
