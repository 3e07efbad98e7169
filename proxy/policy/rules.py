"""The policy as values: what `document` made of the file, and what `evaluate` judges by. Law: frozen, checked, complete."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.exceptions import ExceptionGrant
from proxy.policy.match import Glob
from proxy.policy.requirements import All

Mode = Literal["enforce", "warn"]
Pinning = Literal["first", "follow", "locked"]


@dataclass(frozen=True, slots=True)
class SignerSpec:
    """Who may speak, as the file says it: `key` is a path as written, `preset` a name that `trust` knows."""

    name: str
    key: str | None = None
    preset: str | None = None
    hash: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `images`. `tags` None permits every tag; no `platforms` permit every platform."""

    glob: Glob
    mode: Mode
    tags: tuple[Glob, ...] | None
    pinning: Pinning
    ttl: timedelta
    platforms: tuple[Platform, ...]
    require: All
    signed_as: tuple[Glob, ...] = ()

    @property
    def match(self) -> str:
        return self.glob.text

    @property
    def signer_names(self) -> frozenset[str]:
        return self.require.signer_names

    @property
    def fingerprint(self) -> str:
        """Of everything that changes a Decision. Tags and pins do not: they are asked at every resolve."""
        parts = [
            self.match,
            self.mode,
            sorted(map(str, self.platforms)),
            sorted(pattern.text for pattern in self.signed_as),
            self.require.plain(),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Policy:
    """`rules` stand most specific first. `revoked_keys` are (key file as written or SPKI sha256 in hex, reason)."""

    rules: tuple[Rule, ...] = ()
    signers: Mapping[str, SignerSpec] = field(default_factory=dict)
    exceptions: tuple[ExceptionGrant, ...] = ()
    revoked_digests: Mapping[Digest, str] = field(default_factory=dict)
    revoked_keys: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it permits nothing at all."""
        return not self.rules


def most_specific(rules: Sequence[Rule], repository: Repository) -> Rule | None:
    """The rule that governs `repository`, or None: nothing that matches is a deny."""
    name = str(repository)
    matching = [rule for rule in rules if rule.glob.matches(name)]
    return min(matching, key=lambda rule: rule.glob.specificity, default=None)
