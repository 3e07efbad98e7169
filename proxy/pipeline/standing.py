"""What stands now: the policy, the trust material and the lock, replaced together or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.evaluate import permits_repository
from proxy.policy.rules import Policy, Rule
from proxy.verify.material import KeySigner, TrustMaterial


@dataclass(frozen=True)
class Standing:
    """One consistent snapshot. `generation` grows with each replacement."""

    policy: Policy
    material: TrustMaterial
    lock: Mapping[tuple[Repository, str], Digest]
    generation: int = 0
    _rules: dict[Repository, Rule] = field(default_factory=dict, repr=False)

    def rule(self, repository: Repository) -> Rule:
        """The rule that governs; raises NotAllowed. Remembered, since a policy never changes: only permitted names are."""
        rule = self._rules.get(repository)
        if rule is None:
            rule = permits_repository(self.policy, repository)
            if len(self._rules) < 10_000:  # as many repositories as any site has; beyond it each is matched again
                self._rules[repository] = rule
        return rule

    def signers(self, rule: Rule) -> tuple[KeySigner, ...]:
        return tuple(self.material.signers[name] for name in sorted(rule.signer_names) if name in self.material.signers)


class Regime:
    """Holds the current Standing and tells who asked to be told when it is replaced."""

    def __init__(self, policy: Policy, material: TrustMaterial, lock: Mapping[tuple[Repository, str], Digest]) -> None:
        self.current = Standing(policy, material, lock)
        self._watchers: list[Callable[[], None]] = []

    def on_change(self, watcher: Callable[[], None]) -> None:
        self._watchers.append(watcher)

    def replace(self, policy: Policy, material: TrustMaterial, lock: Mapping[tuple[Repository, str], Digest]) -> None:
        """Atomic: the next request, hit or miss, sees all of the new one."""
        self.current = Standing(policy, material, lock, self.current.generation + 1)
        for watcher in self._watchers:
            watcher()
