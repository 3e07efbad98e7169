"""Well-known signers kept with the program, each with its source and the hash of its file. See keys/README.md."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

from proxy.errors import ConfigError
from proxy.trust.settings import KeySource

_PARAMETER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")


@dataclass(frozen=True, slots=True)
class Preset:
    """A publisher's key, or its identity. `registries` says where it signs, as patterns for a rule's `match`; it limits nothing.

    By key: `file` in proxy/trust/keys with its `sha256`. By identity: `issuer`, and `subject` over the whole SAN, a
    glob or with `is_regex` an RE2 expression in which `{name}` stands for a parameter that the policy gives.
    """

    name: str
    title: str
    source: str
    date: str  # the month for which the source was read
    registries: tuple[str, ...]
    file: str = ""
    sha256: str = ""
    spki: str = ""
    hash: str | None = None
    signed_as: tuple[str, ...] = ()
    valid_until: datetime | None = None
    root: str = "sigstore"
    issuer: str = ""
    subject: str = ""
    is_regex: bool = False
    parameters: tuple[str, ...] = ()

    @property
    def is_key(self) -> bool:
        return bool(self.file)

    def source_for(self, signer: str) -> KeySource:
        """A KeySource for the policy's signer of that name; raise ConfigError where the shipped file was changed."""
        try:
            pem = resources.files("proxy.trust").joinpath("keys", self.file).read_bytes()
        except OSError:
            pem = b""
        if hashlib.sha256(pem).hexdigest() != self.sha256:
            raise ConfigError(
                f"the key of preset {self.name} is not the one that was shipped; install the program again"
            )
        return KeySource(name=signer, pem=pem, hash=self.hash, valid_until=self.valid_until, signed_as=self.signed_as)

    def subject_for(self, given: Mapping[str, str]) -> str:
        """The subject with the policy's parameters in it, each taken literally; raise ConfigError for one too many or few."""
        for name in self.parameters:
            if not given.get(name):
                raise ConfigError(f"preset {self.name} needs the parameter {name!r}; write it under `parameters`")
        for name in given:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise ConfigError(f"preset {self.name} has no parameter {name!r}; it has {known}")
        subject = self.subject
        for name in self.parameters:
            if not _PARAMETER.fullmatch(given[name]):
                raise ConfigError(
                    f"the parameter {name!r} holds more than letters, digits, and . _ - /; write it as it is"
                )
            subject = subject.replace(f"{{{name}}}", given[name].replace(".", r"\.") if self.is_regex else given[name])
        return subject


_ALL = (
    Preset(
        name="nvidia-ngc",
        title="NVIDIA NGC containers",
        file="nvidia-ngc.pub",
        sha256="45b1c1021e3cd59dce24285014a2063aa44531beec94d52a7d66f87be607fbc0",
        spki="bc37f80d78c8e82fa6d313a1af457943f32ea9f15a2dd634e20992339a2fbe23",
        source="https://api.ngc.nvidia.com/v2/catalog/containers/public-key, as kept in "
        "github.com/confidential-containers/guest-components at 8246e5e",
        date="2026-03",
        registries=("nvcr.io/nvidia/**", "nvcr.io/nim/**"),
    ),
    Preset(
        name="docker-hardened-images",
        title="Docker Hardened Images, key 2",
        file="docker-hardened-images.pub",
        sha256="1d02bbccf149283ae6288d96264dcad3fb23ee1911d90324a48eab28e4cb8a5f",
        spki="118ba556dd52f4aec67018efd316c285c783cd3e54cc0f4527605715c643887c",
        source="https://dhi.io/keyring/latest.pub, as kept in github.com/docker-hardened-images/keyring (dhi-2)",
        date="2026-10",
        registries=("dhi.io/**",),
    ),
    Preset(
        name="distroless-key",
        title="Distroless, the key that ended in September 2023",
        file="distroless-key.pub",
        sha256="755a154a00334fb8ea0618dcd666b38f74ebfb86c6cb361b3223248992205039",
        spki="24fdfa934dfb52d404a2f75676fd3285e6a51b08fafbb550b023f948490ddc76",
        source="https://github.com/GoogleContainerTools/distroless, README and cosign.pub",
        date="2023-09",
        registries=("gcr.io/distroless/**",),
        valid_until=datetime(2023, 10, 1, tzinfo=UTC),
    ),
    Preset(
        name="kubernetes",
        title="registry.k8s.io",
        source="kubernetes-sigs/promo-tools options.go; kubernetes.io, verify signed artifacts",
        date="2026-10",
        registries=("registry.k8s.io/**",),
        issuer="https://accounts.google.com",
        subject="krel-trust@k8s-releng-prod.iam.gserviceaccount.com",
        # Old images name the registry that they were promoted from (kubernetes/website#39775).
        signed_as=(
            "registry.k8s.io/**",
            "us.gcr.io/k8s-artifacts-prod/**",
            "eu.gcr.io/k8s-artifacts-prod/**",
            "asia.gcr.io/k8s-artifacts-prod/**",
            "europe-west1-docker.pkg.dev/k8s-artifacts-prod/**",
            "us-central1-docker.pkg.dev/k8s-artifacts-prod/**",
        ),
    ),
    Preset(
        name="distroless",
        title="Distroless, keyless",
        source="github.com/GoogleContainerTools/distroless, README",
        date="2026-10",
        registries=("gcr.io/distroless/**",),
        issuer="https://accounts.google.com",
        subject="keyless@distroless.iam.gserviceaccount.com",
    ),
    Preset(
        name="chainguard",
        title="Chainguard's public images",
        source="github.com/chainguard-dev/edu, verifying images",
        date="2026-10",
        registries=("cgr.dev/chainguard/**",),
        issuer="https://token.actions.githubusercontent.com",
        subject="https://github.com/chainguard-images/images/.github/workflows/release.yaml@refs/heads/main",
    ),
    Preset(
        name="chainguard-custom",
        title="Chainguard's images for one organisation: two identities of that organisation, from chainctl",
        source="github.com/chainguard-dev/edu, verifying private images",
        date="2026-10",
        registries=("cgr.dev/*/**",),
        issuer="https://issuer.enforce.dev",
        subject="https://issuer\\.enforce\\.dev/({imageSyncer}|{customImageBuilder})",
        is_regex=True,
        parameters=("imageSyncer", "customImageBuilder"),
    ),
    Preset(
        name="flux",
        title="Flux controllers",
        source="github.com/kyverno/policies, verify Flux images",
        date="2026-10",
        registries=("ghcr.io/fluxcd/**",),
        issuer="https://token.actions.githubusercontent.com",
        subject=r"https://github\.com/fluxcd/[^/]+/\.github/workflows/release\.yml@refs/tags/.*",
        is_regex=True,
    ),
    Preset(
        name="cilium",
        title="Cilium releases",
        source="docs.cilium.io, image signature verification",
        date="2026-10",
        registries=("quay.io/cilium/**",),
        issuer="https://token.actions.githubusercontent.com",
        subject=r"https://github\.com/cilium/cilium/\.github/workflows/build-images-releases\.yaml@refs/tags/v.*",
        is_regex=True,
    ),
    Preset(
        name="sidero",
        title="Talos and other Sidero Labs images",
        source="github.com/siderolabs/talos, image verification tests",
        date="2026-10",
        registries=("ghcr.io/siderolabs/**",),
        issuer="https://accounts.google.com",
        subject="releasemgr-svc@talos-production.iam.gserviceaccount.com",
    ),
    Preset(
        name="sigstore-cosign",
        title="cosign's own images (reported in public threads; not confirmed by its documentation)",
        source="public threads",
        date="2026-10",
        registries=("ghcr.io/sigstore/cosign/**",),
        issuer="https://accounts.google.com",
        subject="keyless@projectsigstore.iam.gserviceaccount.com",
    ),
    Preset(
        name="slsa-github-generator",
        title="Provenance by the SLSA GitHub generator for containers",
        source="github.com/slsa-framework/slsa-github-generator; verified on its published images",
        date="2026-10",
        registries=(),
        issuer="https://token.actions.githubusercontent.com",
        subject=r"https://github\.com/slsa-framework/slsa-github-generator/\.github/workflows/"
        r"generator_container_slsa3\.yml@refs/tags/v\d+\.\d+\.\d+",
        is_regex=True,
    ),
    Preset(
        name="nvidia-aicr",
        title="NVIDIA AI Cluster Runtime",
        source="github.com/NVIDIA/aicr, SECURITY.md",
        date="2026-10",
        registries=("ghcr.io/nvidia/aicr/**",),
        issuer="https://token.actions.githubusercontent.com",
        subject="https://github.com/NVIDIA/aicr/.github/workflows/on-tag.yaml@refs/tags/**",
    ),
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _ALL}


def preset(name: str) -> Preset:
    """Raise ConfigError with the known names where `name` is none of them."""
    found = PRESETS.get(name)
    if found is None:
        raise ConfigError(f"preset {name!r} is not known; write one of {', '.join(sorted(PRESETS))}")
    return found
