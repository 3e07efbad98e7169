"""What facts are, and which predicate types have which. Law: one alias, one documented set of facts, whatever the format.

A fact that a predicate does not tell is None, never a guess: whoever compares must take None for "no".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal


class Unreadable(ValueError):
    """A proved predicate does not say what its type promises. The text is one sentence that an operator can act on."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one proved predicate says.

    `alias` is the policy's word for its type, None where no reader knows it. `values` are plain: str, int, bool, list,
    dict and None; times are RFC 3339 texts in UTC; `predicate` among them is the predicate as it was proved. `created`
    is the time that the predicate itself claims, which nothing proves.
    """

    alias: str | None
    predicate_type: str
    values: Mapping[str, Any] = field(hash=False)
    created: datetime | None = None


Word = Literal["string", "int", "bool", "time", "list", "map"]


@dataclass(frozen=True, slots=True)
class Field:
    """One fact: its name in `where` and in conditions, its type, and a sentence for docs/policy.md."""

    name: str
    type: Word
    doc: str


ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "slsa-provenance": ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"),
        # in-toto's spdx3.md has a type of its own; it is here so that a Rejection names the version (evidence.md 5).
        "sbom": (
            "https://spdx.dev/Document",
            "https://spdx.dev/Document/v2.2",
            "https://spdx.dev/Document/v2.3",
            "https://spdx.dev/Document/v3",
            "https://cyclonedx.org/bom",
            "https://cyclonedx.org/bom/v1.4",
            "https://cyclonedx.org/bom/v1.5",
            "https://cyclonedx.org/bom/v1.6",
            "https://cyclonedx.org/bom/v1.7",
        ),
        "vuln": (
            "https://cosign.sigstore.dev/attestation/vuln/v1",
            "https://in-toto.io/attestation/vulns/v0.1",
            "https://in-toto.io/attestation/vulns/v0.2",
        ),
        "vex": ("https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"),
        "test": ("https://in-toto.io/attestation/test-result/v0.1",),
        "vsa": ("https://slsa.dev/verification_summary/v1", "https://slsa.dev/verification_summary/v0.2"),
        "sign": ("https://sigstore.dev/cosign/sign/v1",),
        "custom": ("https://cosign.sigstore.dev/attestation/v1",),
    }
)

_ALIAS = {predicate_type: alias for alias, types in ALIASES.items() for predicate_type in types}


def alias_of(predicate_type: str) -> str | None:
    """The policy's word for a predicate type; None for one that no reader knows."""
    return _ALIAS.get(predicate_type)
