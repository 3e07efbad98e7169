"""Well-known signers kept with the program, each with its source and the hash of its file. See keys/README.md."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources

from proxy.errors import ConfigError
from proxy.trust.settings import KeySource


@dataclass(frozen=True, slots=True)
class Preset:
    """A publisher's key. `registries` says where it signs, as patterns for a rule's `match`; it limits nothing."""

    name: str
    title: str
    file: str  # in proxy/trust/keys
    sha256: str  # of the file
    spki: str
    source: str
    date: str  # the month for which the source was read
    registries: tuple[str, ...]
    hash: str | None = None
    signed_as: tuple[str, ...] = ()
    valid_until: datetime | None = None

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
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _ALL}


def preset(name: str) -> Preset:
    """Raise ConfigError with the known names where `name` is none of them."""
    found = PRESETS.get(name)
    if found is None:
        raise ConfigError(f"preset {name!r} is not known; write one of {', '.join(sorted(PRESETS))}")
    return found
