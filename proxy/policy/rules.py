"""The policy as values: what `document` made of the file, and what `evaluate` judges by. Law: frozen, checked, complete."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.exceptions import ExceptionGrant
from proxy.policy.match import Glob, TextPattern
from proxy.policy.requirements import All, Covers

Mode = Literal["enforce", "warn"]
Pinning = Literal["first", "follow", "locked"]
Strictness = Literal["allow", "warn", "deny"]
Revocation = Literal["enforce", "log", "skip"]

REFRESH = timedelta(hours=24)  # face.md: how often a TUF repository is asked
BASE = "base"  # what `waive` and reports call the base image's requirement
SHIPPED_ROOTS = frozenset({"sigstore", "github"})  # known without an entry under trustRoots


@dataclass(frozen=True, slots=True)
class SignerSpec:
    """Who may speak, as the file says it: exactly one of `key`, `preset`, `issuer` with `subject`, and `x509`.

    `key` is a path as written, `preset` a name that `trust` knows. Times are aware UTC.
    """

    name: str
    key: str | None = None
    preset: str | None = None
    hash: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    log: str | None = None  # none | required, of a key or a certificate
    timestamp: bool = False  # required, of a key or a certificate
    trust_root: str | None = None
    issuer: str | None = None
    subject: TextPattern | None = None
    extensions: Mapping[str, TextPattern] = field(default_factory=dict, hash=False)
    x509: str | None = None
    x509_subject: tuple[tuple[str, str], ...] = ()
    san: TextPattern | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class TrustRootSpec:
    """Who runs the machinery: a Sigstore root by `file` or by `tuf`, or an X.509 store by `certificates`.

    All but `tuf` and `hosts` are paths as written.
    """

    name: str
    file: str | None = None
    sha256: str | None = None
    tuf: str | None = None
    root: str | None = None
    refresh: timedelta = REFRESH
    max_age: timedelta | None = None
    certificates: str | None = None
    timestamps: str | None = None
    revocation: Revocation = "enforce"
    hosts: tuple[str, ...] = ()
    crls: tuple[str, ...] = ()

    @property
    def is_store(self) -> bool:
        """Whether it is an X.509 store, and no Sigstore root."""
        return self.certificates is not None


@dataclass(frozen=True, slots=True)
class Base:
    """What a base image must satisfy: `require`, the rule whose `match` is `rule`, or with neither of them its own rule.

    `signers` are all whose word may decide about it. `stands_on` changes with all else in the policy that may.
    """

    require: All | None = None
    rule: str | None = None
    signers: frozenset[str] = frozenset()
    stands_on: str = ""

    @property
    def is_own(self) -> bool:
        return self.require is None and self.rule is None

    def plain(self) -> Any:
        require = self.require.plain() if self.require is not None else None
        return {"require": require, "rule": self.rule, "standsOn": self.stands_on}


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `images`. `tags` None permits every tag; no `platforms` permit every platform.

    `evidence_from` are `host/repository`, or `api.github.com/` and repos/<owner>/<name>, orgs/<name> or users/<name>.
    """

    glob: Glob
    mode: Mode
    tags: tuple[Glob, ...] | None
    pinning: Pinning
    ttl: timedelta
    platforms: tuple[Platform, ...]
    require: All
    signed_as: tuple[Glob, ...] = ()
    covers: Covers = "index"
    rollback: Strictness = "allow"
    regression: Strictness = "warn"
    recheck: timedelta | None = None
    after: timedelta | None = None
    evidence_from: tuple[str, ...] = ()
    base: Base | None = None

    @property
    def match(self) -> str:
        return self.glob.text

    @property
    def waivable(self) -> tuple[str, ...]:
        """The names of what an exception may waive, as often as they are given: requirements, and the base image."""
        return (*(each.name for each in self.require.of), *((BASE,) if self.base else ()))

    @property
    def signer_names(self) -> frozenset[str]:
        """All whose word may decide, that about a base image included."""
        return self.require.signer_names | (self.base.signers if self.base else frozenset())

    @property
    def fingerprint(self) -> str:
        """Of everything that changes a Decision. Tags, pins and moves do not: they are asked at every resolve."""
        parts = [
            self.match,
            self.mode,
            sorted(map(str, self.platforms)),
            sorted(pattern.text for pattern in self.signed_as),
            self.require.plain(),
            self.covers,
            sorted(self.evidence_from),
            self.base.plain() if self.base else None,
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
    trust_roots: Mapping[str, TrustRootSpec] = field(default_factory=dict)
    revoked_identities: tuple[tuple[str, TextPattern, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it permits nothing at all."""
        return not self.rules


def most_specific(rules: Sequence[Rule], repository: Repository) -> Rule | None:
    """The rule that governs `repository`, or None: nothing that matches is a deny."""
    name = str(repository)
    matching = [rule for rule in rules if rule.glob.matches(name)]
    return min(matching, key=lambda rule: rule.glob.specificity, default=None)
