"""Where evidence of a subject may lie, likely places first. Every hint orders; none admits, and none excludes.

A flood by a third party meets the caps, and what is kept under them never depends on a listing's order (T50).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import EvidenceTag, Tag

MAX_REFERRERS = 64  # evidence manifests fetched for one subject
MAX_CARRIER_REFERRERS = 8  # the same for one that only carries statements: who signs it signs it once or twice
MAX_SIGNATURES = 64  # layers read from one evidence manifest
MAX_REFERRER_LAYERS = 8  # the same of one that refers to a subject: a bundle is one, cosign's OCI 1.1 form has a few
MAX_MANIFEST = 1024 * 1024  # bytes of an evidence manifest; with 64 signatures and their certificates it is 600 KiB
MAX_MANIFESTS = 64 * 1024 * 1024  # bytes of all evidence manifests of one image
MAX_EVIDENCE = 16 * 1024 * 1024  # bytes of one evidence blob, by counted bytes
MAX_TOTAL = 64 * 1024 * 1024  # bytes of all evidence blobs of one image
# A simple-signing payload is some hundred bytes, a Notation envelope some ten thousand.
_LIMITS = {mediatype.SIMPLE_SIGNING: 64 * 1024, mediatype.JOSE: 1024 * 1024, mediatype.COSE: 1024 * 1024}

SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATES = ("dev.sigstore.cosign/certificate", "dev.cosignproject.cosign/certificate")
SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
# How bundles' manifests, `.att` layers and in-toto layers tell what they state (evidence.md 1.2, 1.5, 1.8).
_PREDICATE_TYPES = ("dev.sigstore.bundle.predicateType", "predicateType", "in-toto.io/predicate-type")
_REFERENCE_TYPE = "vnd.docker.reference.type"
_REFERENCE_DIGEST = "vnd.docker.reference.digest"
# go-containerregistry up to 0.21 wrote the empty config's type, and some registries write nothing.
_TELLS_NOTHING = frozenset({"", mediatype.EMPTY, mediatype.OCI_CONFIG})
_SIGNATURE_ARTIFACTS = frozenset({mediatype.COSIGN_SIGNATURE_ARTIFACT, mediatype.SIMPLE_SIGNING})
_ATTESTATION_ARTIFACTS = frozenset({mediatype.DSSE, mediatype.IN_TOTO, mediatype.DOCKER_ATTESTATION})


@dataclass(frozen=True, slots=True)
class Wants:
    """What a rule can use, so that this is read first. `predicate_types`: None is any, the empty set is none."""

    signatures: bool = True
    predicate_types: frozenset[str] | None = None

    @property
    def has_attestations(self) -> bool:
        return self.predicate_types is None or bool(self.predicate_types)

    def covers(self, predicate_type: str) -> bool:
        if predicate_type == SIGN_PREDICATE and self.signatures:
            return True
        return self.predicate_types is None or predicate_type in self.predicate_types


ANYTHING = Wants()


@dataclass(frozen=True, slots=True)
class TagSource:
    """A tag in the subject's repository; absent is an ordinary answer."""

    tag: Tag


@dataclass(frozen=True, slots=True)
class ReferrersSource:
    """The referrers API, and the fallback tag where there is none (distribution-spec, "Listing Referrers")."""


Source: TypeAlias = TagSource | ReferrersSource


class Layers(NamedTuple):
    """The layers to read, and how many more there were than may be read."""

    layers: tuple[Descriptor, ...]
    skipped: int


def sources(subject: Digest) -> tuple[Source, ...]:
    """Every place where evidence of `subject` may lie. `.sbom` is none: nothing signs what lies there."""
    return (*carrier_sources(subject)[:1], TagSource(EvidenceTag(subject, ".att").tag), ReferrersSource())


def carrier_sources(carrier: Digest) -> tuple[Source, ...]:
    """Every place where a signature of a manifest that carries statements may lie (evidence.md 5, dhi.io)."""
    return TagSource(EvidenceTag(carrier, ".sig").tag), ReferrersSource()


def likely_first(descriptors: Iterable[Descriptor], wants: Wants = ANYTHING) -> tuple[Descriptor, ...]:
    """Order referrers by what they say of themselves, each digest once.

    Each kind takes its turn, so that a flood that looks like one kind pushes out nothing of another; what looks like
    nothing that is wanted comes last (T50).
    """
    ranked = sorted(((_kind(each, wants), _order(each), each) for each in descriptors), key=lambda each: each[:2])
    once: dict[Digest, tuple[_Kind, Descriptor]] = {}
    for kind, _, each in ranked:
        once.setdefault(each.digest, (kind, each))
    kinds: dict[_Kind, list[Descriptor]] = {}
    for kind, each in once.values():
        kinds.setdefault(kind, []).append(each)
    unlikely = kinds.pop(_UNLIKELY, [])
    return (*_in_turn(kinds), *unlikely)


def signature_layers(manifest: Manifest, wants: Wants = ANYTHING) -> Layers:
    """The layers that claim to carry a signature of their own, at most MAX_SIGNATURES, the same whatever their order."""
    return _chosen(
        (layer for layer in manifest.layers if mediatype.is_signed(layer.media_type)), wants, _most(manifest)
    )


def evidence_layers(manifest: Manifest, wants: Wants = ANYTHING) -> Layers:
    """The same, and bare statements with them where any is wanted: their carrier may be signed."""
    claimed = (
        layer
        for layer in manifest.layers
        if mediatype.is_signed(layer.media_type) or (is_statement(layer) and wants.has_attestations)
    )
    return _chosen(claimed, wants, _most(manifest))


def is_statement(layer: Descriptor) -> bool:
    """Whether a layer claims to be a statement that nothing in it signs (evidence.md 1.8)."""
    return mediatype.bare(layer.media_type) == mediatype.IN_TOTO


def has_statements(manifest: Manifest) -> bool:
    return any(is_statement(layer) for layer in manifest.layers)


def size_limit(layer: Descriptor) -> int:
    """How many bytes a layer of this type may have."""
    return _LIMITS.get(mediatype.bare(layer.media_type), MAX_EVIDENCE)


def predicate_hint(annotations: Mapping[str, str]) -> str | None:
    """The predicate type that a descriptor or manifest says of itself; None where it says nothing, as it may."""
    return next((annotations[name] for name in _PREDICATE_TYPES if annotations.get(name)), None)


def layer_rank(layer: Descriptor, wants: Wants) -> int:
    """How likely a layer is what is wanted: less is likelier."""
    if mediatype.bare(layer.media_type) == mediatype.SIMPLE_SIGNING:
        has_certificate = any(name in layer.annotations for name in CERTIFICATES)
        # A bare key's signatures come without a certificate.
        return int(has_certificate) if layer.annotations.get(SIGNATURE) else 3
    said = predicate_hint(layer.annotations)
    return 1 if said is None else 0 if wants.covers(said) else 2


def attestations_in(index: Index, child: Digest) -> tuple[Descriptor, ...]:
    """BuildKit's attestation manifests that this Index lists for one of its children (evidence.md 1.8)."""
    listed = {
        each.digest: each
        for each in index.manifests
        if each.annotations.get(_REFERENCE_TYPE) == "attestation-manifest"
        and each.annotations.get(_REFERENCE_DIGEST) == str(child)
    }
    return tuple(listed[digest] for digest in sorted(listed))[:MAX_REFERRERS]


_Kind: TypeAlias = tuple[int, str]
_UNLIKELY: _Kind = (9, "")


def _kind(descriptor: Descriptor, wants: Wants) -> _Kind:
    """What a listing says a referrer is. The numbers are the order in which the kinds take their turns."""
    claimed = mediatype.bare(descriptor.artifact_type or "")
    said = predicate_hint(descriptor.annotations)
    late = 0 if wants.signatures else 5
    if claimed in _SIGNATURE_ARTIFACTS:
        return late, "cosign"
    if claimed == mediatype.NOTARY_SIGNATURE:
        return late, "notation"
    if said is not None:
        if not wants.covers(said):
            return _UNLIKELY
        # One turn for each type that is asked for by name; what is only not excluded shares one.
        return (late, "sign") if said == SIGN_PREDICATE else (1, said if wants.predicate_types else "")
    if mediatype.is_bundle(claimed) or claimed in _ATTESTATION_ARTIFACTS:
        return 2, claimed
    return (3, claimed) if claimed in _TELLS_NOTHING else _UNLIKELY


def _in_turn(kinds: Mapping[_Kind, list[Descriptor]]) -> Iterator[Descriptor]:
    for turn in zip_longest(*(kinds[kind] for kind in sorted(kinds))):
        yield from (each for each in turn if each is not None)


def _order(descriptor: Descriptor) -> tuple[Digest, str, int]:
    return descriptor.digest, descriptor.media_type, descriptor.size


def _most(manifest: Manifest) -> int:
    """Referrers are many, and anybody who can push makes them: each may hold a few (T50)."""
    return MAX_SIGNATURES if manifest.subject is None else MAX_REFERRER_LAYERS


def _chosen(claimed: Iterable[Descriptor], wants: Wants, most: int) -> Layers:
    # One blob with two signatures beside it is two layers; the same one twice is one.
    once = {(layer.digest, *sorted(layer.annotations.items())): layer for layer in claimed}
    ordered = sorted(once.values(), key=lambda layer: _layer_order(layer, wants))
    return Layers(tuple(ordered[:most]), max(0, len(ordered) - most))


def _layer_order(layer: Descriptor, wants: Wants) -> tuple[int, Digest, str, int, list[tuple[str, str]]]:
    annotations = sorted(layer.annotations.items())
    return layer_rank(layer, wants), layer.digest, layer.media_type, layer.size, annotations
