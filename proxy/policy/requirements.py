"""Requirements: evidence in, a Check out. Law: a requirement passes only by evidence that proves it, never by a list being empty.

Three answers: passed, failed, or open, where some source could not be read completely or was not read yet. Foreign evidence
changes no answer, and neither does the order of evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from proxy.oci.digest import Digest
from proxy.policy.checks.attestation import AttestationRequirement
from proxy.policy.checks.children import with_children
from proxy.policy.checks.details import details_of
from proxy.policy.checks.imagefacts import ImageRequirement
from proxy.policy.checks.proofs import HUB, Answer, Covers, Footing, Proofs, canonical_name, soonest
from proxy.policy.decision import Check
from proxy.verify.evidence import Evidence

__all__ = [
    "HUB",
    "All",
    "Answer",
    "AtLeast",
    "AttestationRequirement",
    "Covers",
    "DigestRequirement",
    "ImageRequirement",
    "Leaf",
    "Proofs",
    "Requirement",
    "SignatureRequirement",
    "canonical_name",
    "soonest",
]

_NEVER = datetime.min.replace(tzinfo=UTC)
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SignatureRequirement:
    """Signed by `signer`, for this repository, with these claims in the signed payload."""

    name: str
    signer: str
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)
    covers: Covers = "index"

    def answer(self, proofs: Proofs) -> Answer:
        """Passed, failed, or open; what the children say for an Index included."""
        if not proofs.asks_children(self.covers):
            return self._own_answer(proofs)
        own = self._own_answer(proofs) if self.covers == "any" else None
        return with_children(own, proofs, name=self.name, word="signature")

    @property
    def signer_names(self) -> frozenset[str]:
        return frozenset({self.signer})

    def concerns(self, evidence: Evidence) -> bool:
        """Whether its answer may hang on this."""
        return evidence.kind == "signature" and evidence.signer == self.signer

    def plain(self) -> Any:
        return {"signature": self.signer, "claims": dict(self.claims), "covers": self.covers, "name": self.name}

    def _own_answer(self, proofs: Proofs) -> Answer:
        passing = [each for each in self._own(proofs) if self._fault(each, proofs) is None]
        if not passing:
            return self._failed(proofs)
        choices = {each.identity: Footing.of(each) for each in sorted(passing, key=_worth)}
        best = max(passing, key=_worth)
        check = Check(
            self.name,
            "signature",
            passed=True,
            summary=f"signature by {self.signer}",
            evidence=Footing.all_of((Footing.of(best), *choices.values())).sources,
            identities=tuple(sorted(choices)),
            details=details_of(best),
        )
        return Answer(check, Footing.of(best), choices)

    def _own(self, proofs: Proofs) -> list[Evidence]:
        return [each for each in proofs.heard(self.covers) if self.concerns(each)]

    def _fault(self, evidence: Evidence, proofs: Proofs) -> str | None:
        what = f"signature by {self.signer}"
        if evidence.valid_until is not None and evidence.valid_until <= proofs.now:
            return f"{what} was valid until {evidence.valid_until:%Y-%m-%d}"
        misnamed = proofs.misnamed(evidence, what)
        if misnamed is not None:
            return misnamed
        for claim, wanted in sorted(self.claims.items()):
            said = evidence.claims.get(claim)
            if said != wanted:
                tells = "does not claim" if said is None else f"claims {claim}={said}, not"
                return f"{what} {tells} {claim}={wanted}"
        return None

    def _failed(self, proofs: Proofs) -> Answer:
        faults = sorted(fault for each in self._own(proofs) if (fault := self._fault(each, proofs)))
        summary = faults[0] if faults else f"no signature by {self.signer} ({proofs.found('signature')} found)"
        return proofs.unproved(name=self.name, word="signature", summary=summary, signers=(self.signer,))


@dataclass(frozen=True, slots=True)
class DigestRequirement:
    """One of the digests that somebody reviewed; a reviewed Index covers what it lists."""

    name: str
    digests: frozenset[Digest]

    def answer(self, proofs: Proofs) -> Answer:
        if {proofs.digest, proofs.index} & self.digests:
            check = Check(self.name, "digest", passed=True, summary="a reviewed digest")
            return Answer(check, choices={"digest": Footing()})
        summary = f"{proofs.digest.algorithm}:{proofs.digest.hex[:12]} is not a reviewed digest"
        return Answer(Check(self.name, "digest", passed=False, summary=summary))

    @property
    def signer_names(self) -> frozenset[str]:
        return frozenset()

    def plain(self) -> Any:
        return {"digest": sorted(map(str, self.digests)), "name": self.name}


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`count` of these, by as many distinct identities: one key under two names counts once (T30).

    At an Index, where one of them is of the platforms, a child that passes whole passes it too.
    """

    name: str
    count: int
    of: "tuple[SignatureRequirement | DigestRequirement | AttestationRequirement, ...]"

    def answer(self, proofs: Proofs) -> Answer:
        own = self._own_answer(proofs.alone())
        leaves = [each for each in self.of if not isinstance(each, DigestRequirement)]
        if not any(proofs.asks_children(each.covers) for each in leaves):
            return own
        return with_children(own, proofs, name=self.name, word="at-least")

    def plain(self) -> Any:
        return {"atLeast": self.count, "of": [each.plain() for each in self.of], "name": self.name}

    def _own_answer(self, proofs: Proofs) -> Answer:
        answers = [each.answer(proofs) for each in self.of]
        chosen = _distinct(answers, self.count)
        checks = tuple(answer.check for answer in answers)
        if len(chosen) < self.count or not chosen:
            return self._failed(answers, len(chosen))
        footing = Footing.all_of(chosen.values())
        check = Check(
            self.name,
            "at-least",
            passed=True,
            summary=f"{len(chosen)} of {self.count} distinct signers needed",
            # Of all that passed, not only of those that it takes: a tag that moves is held against them (`policy.moves`).
            evidence=tuple(dict.fromkeys(each for check in checks if check.passed for each in check.evidence)),
            identities=tuple(sorted({each for check in checks if check.passed for each in check.identities})),
            checks=checks,
            is_alarm=bool(footing.alarms),
        )
        return Answer(check, footing)

    def _failed(self, answers: Sequence[Answer], passed: int) -> Answer:
        checks = tuple(answer.check for answer in answers)
        openings = [answer for answer in answers if answer.check.is_open]
        missing = "; ".join(check.summary for check in checks if not check.passed)
        missing = missing or "the same key stands under several names"
        is_open = passed + len(openings) >= self.count > 0
        check = Check(
            self.name,
            "at-least",
            passed=False,
            summary=f"{passed} of the {self.count} distinct signers needed: {missing}",
            is_open=is_open,
            checks=checks,
            is_alarm=any(check.is_alarm for check in checks),
        )
        wants = next((answer.wants for answer in openings if answer.wants is not None), None)
        return Answer(check, wants=wants if is_open else None)


Leaf: TypeAlias = SignatureRequirement | DigestRequirement | AttestationRequirement | ImageRequirement
Requirement: TypeAlias = Leaf | AtLeast


@dataclass(frozen=True, slots=True)
class All:
    """A rule's `require`: each of them. The loader sees to it that there is one; an empty one fails."""

    of: tuple[Requirement, ...]

    def answers(self, proofs: Proofs, waived: frozenset[str]) -> tuple[Answer, ...]:
        """One answer each; a waived one passes, and says so."""
        return tuple(waive(each.answer(proofs)) if each.name in waived else each.answer(proofs) for each in self.of)

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """What each asks for in the end, those inside `atLeast` too."""
        return tuple(leaf for each in self.of for leaf in (each.of if isinstance(each, AtLeast) else (each,)))

    @property
    def signer_names(self) -> frozenset[str]:
        named = (leaf.signer_names for leaf in self.leaves if not isinstance(leaf, ImageRequirement))
        return frozenset[str]().union(*named)

    def plain(self) -> Any:
        return [each.plain() for each in self.of]


def waive(answer: Answer) -> Answer:
    """The same, passed by an exception and by nothing else; what passes by itself stays."""
    check = answer.check
    if check.passed:
        return answer
    summary = f"waived: {check.summary}"
    return Answer(Check(check.name, check.word, passed=True, summary=summary, is_waived=True, checks=check.checks))


def _worth(evidence: Evidence) -> tuple[datetime, datetime, Sequence[Digest], str]:
    """What lasts longest, and of that the newest: a tag must not go back behind it (T12)."""
    return evidence.valid_until or _FOREVER, evidence.proved_at or _NEVER, evidence.sources, evidence.identity


def _distinct(answers: Sequence[Answer], count: int) -> dict[str, Footing]:
    """Identities, each standing for another requirement: augmenting paths, until `count` are found."""
    holders: dict[str, int] = {}

    def seat(index: int, tried: set[str]) -> bool:
        for identity in sorted(answers[index].choices):
            if identity in tried:
                continue
            tried.add(identity)
            if identity not in holders or seat(holders[identity], tried):
                holders[identity] = index
                return True
        return False

    def worth(index: int) -> tuple[datetime, datetime]:
        footing = answers[index].footing
        return footing.until or _FOREVER, footing.signed_at or _NEVER

    for index in sorted(range(len(answers)), key=worth, reverse=True):
        if len(holders) < count:
            seat(index, set())
    return {identity: answers[index].choices[identity] for identity, index in sorted(holders.items())}
