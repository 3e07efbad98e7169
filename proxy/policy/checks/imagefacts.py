"""What the image itself is, as a requirement. Law: facts come from the proved manifest and config, never from a descriptor.

They are of one platform, so an Index passes where a child that it lists does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from proxy import facts
from proxy.errors import ConfigError
from proxy.policy.checks.attestation import told
from proxy.policy.checks.children import with_children
from proxy.policy.checks.conditions import Unanswered, compiled, image_variables
from proxy.policy.checks.details import shown
from proxy.policy.checks.proofs import Answer, Footing, Proofs, Wanted
from proxy.policy.checks.where import Where
from proxy.policy.decision import Check


@dataclass(frozen=True, slots=True)
class ImageRequirement:
    """The image's own facts are as `where` and `condition` ask, and it is not older than `max_age` by its config."""

    name: str
    where: tuple[Where, ...] = ()
    condition: str | None = None
    max_age: timedelta | None = None

    def answer(self, proofs: Proofs) -> Answer:
        """Passed or failed, once the config is known; of an Index, as its children are."""
        if proofs.manifest.is_index:
            return with_children(None, proofs, name=self.name, word="image")
        if proofs.wants_config:
            summary = "the image's config was not read yet"
            return Answer(
                Check(self.name, "image", passed=False, summary=summary, is_open=True), wants=Wanted("config")
            )
        try:
            values = facts.image_facts(proofs.manifest, proofs.config_raw, now=proofs.now)
            fault, until = self._fault(values, proofs.now)
        except (facts.Unreadable, Unanswered, ConfigError) as error:
            fault, until = f"the image cannot be judged: {error}", None
        if fault is not None:
            return Answer(Check(self.name, "image", passed=False, summary=fault), by_facts=True)
        footing = Footing(until=until)
        check = Check(self.name, "image", passed=True, summary="image facts", details=_shown(values))
        return Answer(check, footing, {"image": footing})

    def plain(self) -> Any:
        """What the fingerprint of a rule is made of."""
        return {
            "image": [each.plain() for each in self.where],
            "condition": self.condition,
            "maxAge": self.max_age.total_seconds() if self.max_age is not None else None,
            "name": self.name,
        }

    def _fault(self, values: Mapping[str, Any], now: datetime) -> tuple[str | None, datetime | None]:
        """What is wrong, or None, and until when it is not."""
        until = None
        if self.max_age is not None:
            if values["age"] is None:
                return "the image does not tell when it was made, so that maxAge cannot be asked", None
            until = datetime.fromisoformat(values["created"]) + self.max_age
            if now > until:
                return (
                    f"the image is {values['age'] // 86400} days old; the rule asks for {self.max_age.days} at most",
                    None,
                )
        for each in self.where:
            if not each.matches(values.get(each.field)):
                return f"the image's {told(values, each)}", None
        if self.condition is None or compiled(self.condition, image_variables()).holds({**values, "image": values}):
            return None, until
        return f"condition {shown(self.condition)[:80]!r} is not met by the image", None


def _shown(values: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: shown(values[name]) for name in ("created", "user") if values.get(name) is not None}
