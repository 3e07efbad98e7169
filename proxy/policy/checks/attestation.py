"""An attestation as a requirement. Law: only a proved statement of the wanted type, by the named signer, about this image.

With `maxAge` the newest proved one decides, so that an old good scan never hides a new bad one; without it any passing
one does. What a time is not proved for counts for no age.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from proxy import facts
from proxy.errors import ConfigError
from proxy.policy.checks.children import with_children
from proxy.policy.checks.conditions import Unanswered, compiled, variables_of
from proxy.policy.checks.details import details_of, shown
from proxy.policy.checks.loops import names_in
from proxy.policy.checks.proofs import Answer, Covers, Footing, Proofs
from proxy.policy.checks.where import Where
from proxy.policy.decision import Check
from proxy.policy.match import TextPattern
from proxy.verify.evidence import Evidence

_NEVER = datetime.min.replace(tzinfo=UTC)
_FOREVER = datetime.max.replace(tzinfo=UTC)
_FEW = 3  # things of a list that a sentence names
# Lists that tell nothing where nothing is in them, and the fact that says that this is meant.
_TELLING = {
    "components": "count",
    "statements": "count",
    "materials": "materialsComplete",
    "levels": "",
    "tools": "",
    "passedTests": "",
}


@dataclass(frozen=True, slots=True)
class _Passed:
    evidence: Evidence
    footing: Footing
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttestationRequirement:
    """`signer` attested one of `types`, and the facts are as `where` and `condition` ask.

    `kind` is the alias or the URI as written. `levels` map builders to SLSA levels: (pattern, level), the first that
    matches. `vex` is the signer whose VEX statements take findings out of the counts.
    """

    name: str
    kind: str
    types: tuple[str, ...]
    signer: str
    where: tuple[Where, ...] = ()
    condition: str | None = None
    max_age: timedelta | None = None
    grace: timedelta | None = None
    covers: Covers = "index"
    levels: tuple[tuple[str, int], ...] = ()
    vex: str | None = None

    def answer(self, proofs: Proofs) -> Answer:
        """Passed, failed, or open; what the children say for an Index included."""
        if not proofs.asks_children(self.covers):
            return self._own_answer(proofs)
        own = self._own_answer(proofs) if self.covers == "any" else None
        return with_children(own, proofs, name=self.name, word="attestation")

    @property
    def signer_names(self) -> frozenset[str]:
        return frozenset({self.signer} | ({self.vex} if self.vex else set()))

    def concerns(self, evidence: Evidence) -> bool:
        """Whether its answer may hang on this."""
        return self._is_mine(evidence) or self._is_vex(evidence)

    def plain(self) -> Any:
        """What the fingerprint of a rule is made of."""
        return {
            "attestation": self.kind,
            "types": list(self.types),
            "by": self.signer,
            "where": [each.plain() for each in self.where],
            "condition": self.condition,
            "maxAge": self.max_age.total_seconds() if self.max_age is not None else None,
            "grace": self.grace.total_seconds() if self.grace is not None else None,
            "covers": self.covers,
            "levels": [list(each) for each in self.levels],
            "vex": self.vex,
            "name": self.name,
        }

    @property
    def _what(self) -> str:
        return f"{self.kind} by {self.signer}"

    def _own_answer(self, proofs: Proofs) -> Answer:
        mine = sorted((each for each in proofs.heard(self.covers) if self._is_mine(each)), key=_newness, reverse=True)
        named = [each for each in mine if proofs.misnamed(each, self._what) is None]
        passed, faults = self._heard_all(self._deciding(named), proofs)
        if not passed:
            return self._failed(mine, named, faults, proofs)
        best = max(passed, key=lambda each: (each.footing.until or _FOREVER, _newness(each.evidence)))
        choices: dict[str, Footing] = {}
        for each in sorted(passed, key=lambda each: each.footing.until or _FOREVER, reverse=True):
            choices.setdefault(each.evidence.identity, each.footing)
        check = Check(
            self.name,
            "attestation",
            passed=True,
            summary=self._what if not best.footing.alarms else f"{self._what}, by grace alone",
            evidence=Footing.all_of((best.footing, *choices.values())).sources,
            identities=tuple(sorted(choices)),
            is_alarm=bool(best.footing.alarms),
            details={**details_of(best.evidence), **best.details},
        )
        return Answer(check, best.footing, choices)

    def _is_mine(self, evidence: Evidence) -> bool:
        """An image signature of cosign's is a statement too, whose type must then be the one that is asked for."""
        is_statement = evidence.kind == "attestation" or evidence.predicate_type in facts.ALIASES["sign"]
        return is_statement and evidence.predicate_type in self.types and evidence.signer == self.signer

    def _is_vex(self, evidence: Evidence) -> bool:
        is_vex = evidence.kind == "attestation" and evidence.predicate_type in facts.ALIASES["vex"]
        return is_vex and self.vex is not None and evidence.signer == self.vex

    def _deciding(self, named: Sequence[Evidence]) -> Sequence[Evidence]:
        if self.max_age is None:
            return named
        newest = max((each.proved_at for each in named if each.proved_at is not None), default=None)
        return [each for each in named if newest is not None and each.proved_at == newest]

    def _heard_all(self, deciding: Sequence[Evidence], proofs: Proofs) -> tuple[list[_Passed], list[str]]:
        """One that passes for each identity, the newest first; with `maxAge` all of the one newest time must."""
        passed: dict[str, _Passed] = {}
        faults: list[str] = []
        for each in deciding:
            if each.identity in passed and self.max_age is None:
                continue
            heard = self._heard(each, proofs)
            if isinstance(heard, str):
                faults.append(heard)
            else:
                passed.setdefault(each.identity, heard)
        return ([] if faults and self.max_age is not None else list(passed.values())), faults

    def _heard(self, evidence: Evidence, proofs: Proofs) -> "_Passed | str":
        """What it passes by, or why it does not."""
        if evidence.valid_until is not None and evidence.valid_until <= proofs.now:
            return f"{self._what} was valid until {evidence.valid_until:%Y-%m-%d}"
        aged = self._aged(evidence, proofs)
        if isinstance(aged, str):
            return aged
        try:
            values, more = self._values(evidence, proofs)
            fault = self._emptiness(values) or self._fault(values)
        except (facts.Unreadable, Unanswered, ConfigError) as error:
            fault = f"{self._what} cannot be read: {error}"
        if fault is not None:
            return fault
        details = {"suppressed": _listed(values["suppressed"])} if more else {}
        return _Passed(evidence, Footing.all_of((aged, *(Footing.of(each) for each in more))), details)

    def _aged(self, evidence: Evidence, proofs: Proofs) -> Footing | str:
        """What it rests on if it is young enough, or was when it admitted the image; else why not."""
        footing = Footing.of(evidence)
        if self.max_age is None:
            return footing
        assert evidence.proved_at is not None, "only those with a proved time decide"
        fresh_until = evidence.proved_at + self.max_age
        until = fresh_until + (self.grace or timedelta(0))
        age = f"{self._what} is of {evidence.proved_at:%Y-%m-%dT%H:%MZ}, older than {_span(self.max_age)}"
        is_fresh, is_graced = proofs.now <= fresh_until, proofs.was_admitted and proofs.now <= until
        if not is_fresh and not is_graced:
            return age
        return replace(
            footing,
            until=min(until, footing.until or _FOREVER),
            signed_at=None,
            attested_at=None,  # what is attested again and again tells nothing of the image's own age
            grace_from=fresh_until if self.grace else None,
            alarms=() if is_fresh else (f"{age}; {self.signer} must attest again before {until:%Y-%m-%dT%H:%MZ}",),
        )

    def _values(self, evidence: Evidence, proofs: Proofs) -> tuple[Mapping[str, Any], tuple[Evidence, ...]]:
        """The facts, and the VEX evidence that took something out of them. Raise facts.Unreadable."""
        read = proofs.facts_of(evidence)
        used: tuple[Evidence, ...] = ()
        if self.vex is not None:
            read, used = self._without_suppressed(read, proofs)
        levels = [(TextPattern.glob(pattern), number) for pattern, number in self.levels]
        return {**read.values, "level": facts.level(read, levels)}, used

    def _without_suppressed(self, scan: facts.Facts, proofs: Proofs) -> tuple[facts.Facts, tuple[Evidence, ...]]:
        """Statements about the image itself and about the Index that lists it count alike; what cannot be read does not."""
        spoken: list[Evidence] = []
        statements: list[Mapping[str, Any]] = []
        for each in sorted(proofs.heard("any"), key=_newness):
            is_valid = each.valid_until is None or each.valid_until > proofs.now
            if not (self._is_vex(each) and is_valid and proofs.misnamed(each, "vex") is None):
                continue
            try:
                statements += proofs.facts_of(each).values["statements"]
            except facts.Unreadable:
                continue
            spoken.append(each)
        digests = {str(digest) for digest in (proofs.digest, proofs.index) if digest is not None}
        left = facts.apply_vex(scan, statements, digests=digests, repository=str(proofs.repository))
        took = len(left.values.get("suppressed") or ()) > len(scan.values.get("suppressed") or ())
        return left, tuple(spoken) if took else ()

    def _emptiness(self, values: Mapping[str, Any]) -> str | None:
        """T23: nothing banned is in a list with nothing in it, and all of it is as it should be; so it must tell something."""
        named = names_in(self.condition or "")
        asked = named | {each.field for each in self.where}
        for name, instead in _TELLING.items():
            is_looked_at = name in named or (name == "components" and "predicate" in named)
            if values.get(name) == [] and is_looked_at and not asked & {instead, "size"}:
                more = f"`{instead}`" if instead else f"`size({name})`"
                return f"{self._what} lists no {name}, so that it tells nothing of them; if that is right, ask for {more} too"
        return None

    def _fault(self, values: Mapping[str, Any]) -> str | None:
        for each in self.where:
            if not each.matches(values.get(each.field)):
                return f"{self._what}: {told(values, each)}"
        if self.condition is None:
            return None
        try:
            if compiled(self.condition, variables_of(self.kind)).holds(values):
                return None
        except Unanswered as error:
            return f"{self._what}: condition {shown(self.condition)[:80]!r} has no answer: {error}"
        return f"{self._what}: condition {shown(self.condition)[:80]!r} is not met"

    def _failed(
        self, mine: Sequence[Evidence], named: Sequence[Evidence], faults: Sequence[str], proofs: Proofs
    ) -> Answer:
        if faults:
            summary = faults[0]
        elif named:
            summary = f"nothing proves when {self.signer} attested {self.kind}, so that maxAge cannot be asked"
        elif mine:
            summary = min(filter(None, (proofs.misnamed(each, self._what) for each in mine)))
        else:
            summary = f"no {self._what} ({proofs.found('attestation')} found)"
        return proofs.unproved(
            name=self.name, word="attestation", summary=summary, signers=(self.signer,), by_facts=bool(faults)
        )


def told(values: Mapping[str, Any], asked: Where) -> str:
    """Why a fact is not as asked, in words."""
    value = values.get(asked.field)
    if value is None:
        return f"{asked.field} is not told; the rule asks for {asked.text}"
    return f"{asked.field} is {_as_written(value)}; the rule asks for {asked.text}"


def _as_written(value: Any) -> str:
    """As the policy would write it: texts in quotes, numbers and flags without."""
    if isinstance(value, list | tuple):
        return _listed(value) or "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f"{shown(value)[:80]!r}"


def _listed(values: Sequence[Any]) -> str:
    names = [shown(each.get("id") or "" if isinstance(each, Mapping) else each)[:80] for each in values[:_FEW]]
    more = len(values) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _span(span: timedelta) -> str:
    return f"{span.days}d" if span.days and not span.seconds else f"{int(span.total_seconds() // 60)}m"


def _newness(evidence: Evidence) -> tuple[datetime, Sequence[Any], str]:
    return evidence.proved_at or _NEVER, evidence.sources, evidence.identity
