"""Media types by their registered names. The lists are closed: what is not on one is not what the list says.

Sources: image-spec media-types.md; distribution's manifest schema 2; cosign SIGNATURE_SPEC, SBOM_SPEC; Sigstore
BUNDLE_SPEC; Notary Project signature specification; buildkit docs/attestations/attestation-storage.md.
"""

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

EMPTY = "application/vnd.oci.empty.v1+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
SIGSTORE_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
JOSE = "application/jose+json"
COSE = "application/cose"
COSIGN_SIGNATURE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
COSIGN_SBOM_ARTIFACT = "application/vnd.dev.cosign.artifact.sbom.v1+json"
NOTARY_SIGNATURE = "application/vnd.cncf.notary.signature"
DOCKER_ATTESTATION = "application/vnd.docker.attestation.manifest.v1+json"  # BuildKit's newer artifactType

MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
IMAGE_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})  # configs of what can be run, and so has a platform
SCHEMA1 = frozenset({DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED})

# What an upstream is asked with for any manifest: the types that clients ask for, and `*/*` for old registries.
ACCEPT_MANIFESTS = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}, */*"

# What a registry says when it does not know: then the document's own mediaType must tell.
_GENERIC = frozenset({"", "application/json", "text/plain", "application/octet-stream", "binary/octet-stream"})

_BUNDLES = frozenset(
    {
        SIGSTORE_BUNDLE,
        "application/vnd.dev.sigstore.bundle.v0.2+json",
        "application/vnd.dev.sigstore.bundle.v0.1+json",
        "application/vnd.dev.sigstore.bundle+json",  # with ;version=0.1 to 0.3
    }
)
# Layers that hold a signature over what they say. What they say, and of what, only proving tells.
_SIGNED = _BUNDLES | {SIMPLE_SIGNING, DSSE, JOSE, COSE}

# face.md, "Evidence": layers of these types cannot be run by any client (T60). A closed list.
_EVIDENCE = _SIGNED | frozenset(
    {
        IN_TOTO,
        "text/spdx",
        "text/spdx+json",
        "application/spdx+json",
        "application/vnd.cyclonedx",
        "application/vnd.cyclonedx+json",
        "application/vnd.cyclonedx+xml",
        "application/vnd.syft+json",  # at `.sbom` tags only
        EMPTY,
    }
)
_EVIDENCE_CONFIGS = _EVIDENCE | {
    OCI_CONFIG,
    DOCKER_CONFIG,
    COSIGN_SIGNATURE_ARTIFACT,
    COSIGN_SBOM_ARTIFACT,
    NOTARY_SIGNATURE,
}

_NONDISTRIBUTABLE = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)


def bare(media_type: str) -> str:
    """Without parameters and in lower case (RFC 9110 8.3.1)."""
    return media_type.partition(";")[0].strip().lower()


def is_index(media_type: str) -> bool:
    return bare(media_type) in INDEXES


def is_generic(media_type: str) -> bool:
    return bare(media_type) in _GENERIC


def is_nondistributable(media_type: str) -> bool:
    """Layers that clients fetch from elsewhere than the registry."""
    return bare(media_type).startswith(_NONDISTRIBUTABLE)


def is_signed(media_type: str) -> bool:
    """Whether a layer of this type claims to carry a signature: simple signing, DSSE, a Sigstore bundle, JOSE or COSE."""
    return bare(media_type) in _SIGNED


def is_bundle(media_type: str) -> bool:
    """Whether this is one of the names under which Sigstore bundles of versions 0.1 to 0.3 travel."""
    return bare(media_type) in _BUNDLES


def is_evidence(media_type: str) -> bool:
    """Whether a layer of this type is on the closed list of evidence that cannot run."""
    return bare(media_type) in _EVIDENCE


def is_evidence_config(media_type: str) -> bool:
    """Whether evidence manifests of the known tools carry such a config."""
    return bare(media_type) in _EVIDENCE_CONFIGS
