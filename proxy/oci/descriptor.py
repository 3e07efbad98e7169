"""Descriptor and Platform (OCI image-spec, descriptor.md and image-index.md), as found inside a parsed manifest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from proxy.errors import NameInvalid
from proxy.oci.digest import Digest

# GOARCH spellings that `docker` and `uname` users write; normalised as containerd's platforms package does.
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Platform:
    """`os/architecture[/variant]`. `unknown/unknown` marks BuildKit's attestation children, never an image."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise NameInvalid(f"{text!r} is not a platform; write os/architecture, such as linux/amd64")
        return cls(parts[0], _ARCHITECTURES.get(parts[1], parts[1]), parts[2] if len(parts) == 3 else "")

    @property
    def is_unknown(self) -> bool:
        return self.os == "unknown" and self.architecture == "unknown"

    def covers(self, other: "Platform") -> bool:
        """Whether `other` is this platform; without a variant every variant is meant."""
        same = (self.os, _ARCHITECTURES.get(self.architecture, self.architecture)) == (
            other.os,
            _ARCHITECTURES.get(other.architecture, other.architecture),
        )
        return same and self.variant in ("", other.variant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of a child, a config, a layer or a subject. Sizes are bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
