"""What stands now: the policy, the trust material and the lock, replaced together or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.evaluate import exceptions_in_force, permits_repository
from proxy.policy.hearing import key_of
from proxy.policy.rules import Policy, Rule
from proxy.verify.evidence import Target
from proxy.verify.material import TrustMaterial

_KEYS = 20_000  # some 400 bytes each


@dataclass(frozen=True)
class Standing:
    """One consistent snapshot. `generation` grows with each replacement."""

    policy: Policy
    material: TrustMaterial
    lock: Mapping[tuple[Repository, str], Digest]
    generation: int = 0
    snapshot: Any = (
        None  # what policy and material were made of (`config.policy.Snapshot`); a floor above knows its shape
    )
    _rules: dict[Repository, Rule] = field(default_factory=dict, repr=False)
    _keys: dict[tuple[Repository, Digest, Digest | None, tuple[str, ...]], str] = field(
        default_factory=dict, repr=False
    )

    def rule(self, repository: Repository) -> Rule:
        """The rule that governs; raises NotAllowed. Remembered, since a policy never changes: only permitted names are."""
        rule = self._rules.get(repository)
        if rule is None:
            rule = permits_repository(self.policy, repository)
            if len(self._rules) < 10_000:  # as many repositories as any site has; beyond it each is matched again
                self._rules[repository] = rule
        return rule

    def key(self, repository: Repository, digest: Digest, now: datetime, *, index: Digest | None = None) -> str:
        """What a Decision is looked up by; raises NotAllowed. Asked for at each request, and so remembered as well."""
        rule = self.rule(repository)
        grants = exceptions_in_force(self.policy, repository=repository, digest=digest, now=now, index=index)
        mark = repository, digest, index, tuple(grant.fingerprint for grant in grants)
        key = self._keys.get(mark)
        if key is None:
            # The media type and size are the digest's own: they are no part of the key.
            target = Target(repository, digest, "", 0)
            key = key_of(self.policy, self.material, rule, target, now, index=index)
            if len(self._keys) >= _KEYS:
                self._keys.clear()
            self._keys[mark] = key
        return key

    @cached_property
    def items(self) -> frozenset[str]:
        """All that a Decision may rest on."""
        return self.material.items


class Regime:
    """Holds the current Standing and tells who asked to be told when it is replaced."""

    def __init__(
        self,
        policy: Policy,
        material: TrustMaterial,
        lock: Mapping[tuple[Repository, str], Digest],
        snapshot: Any = None,
    ) -> None:
        self.current = Standing(policy, material, lock, snapshot=snapshot)
        self._watchers: list[Callable[[], None]] = []

    def on_change(self, watcher: Callable[[], None]) -> None:
        self._watchers.append(watcher)

    def replace(
        self,
        policy: Policy,
        material: TrustMaterial,
        lock: Mapping[tuple[Repository, str], Digest],
        snapshot: Any = None,
    ) -> None:
        """Atomic: the next request, hit or miss, sees all of the new one."""
        self.current = Standing(policy, material, lock, self.current.generation + 1, snapshot)
        for watcher in self._watchers:
            watcher()
