"""What stands now: the policy, the trust material and the lock, replaced together or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.evaluate import permits_repository
from proxy.policy.rules import Policy, Rule
from proxy.verify.material import TrustMaterial


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

    def rule(self, repository: Repository) -> Rule:
        """The rule that governs; raises NotAllowed. Remembered, since a policy never changes: only permitted names are."""
        rule = self._rules.get(repository)
        if rule is None:
            rule = permits_repository(self.policy, repository)
            if len(self._rules) < 10_000:  # as many repositories as any site has; beyond it each is matched again
                self._rules[repository] = rule
        return rule

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
