"""Requirements: evidence in, a Check out. Law: a requirement passes only by evidence that proves it, never by a list being empty.

Three answers: passed, failed, or open, where some source could not be read completely or was not read yet. Foreign evidence
changes no answer, and neither does the order of evidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from proxy.errors import RequestError
from proxy.oci.digest import Digest
from proxy.oci.reference import ImageName, Repository
from proxy.policy.decision import Check
from proxy.policy.match import Glob
from proxy.verify.evidence import Evidence

_FOREVER = datetime.max.replace(tzinfo=UTC)
# How cosign and older clients spell Docker Hub in a signed payload.
HUB = ("index.docker.io/", "registry-1.docker.io/")


@dataclass(frozen=True, slots=True)
class Proofs:
    """What is known about one image. `found` counts signatures that were found, proved or not.

    `signed_as` are the rule's patterns.
    """

    digest: Digest
    repository: Repository
    evidence: tuple[Evidence, ...]
    found: int
    gaps: tuple[str, ...]
    gathered: bool
    now: datetime
    signed_as: tuple[Glob, ...] = ()

    def permits_name(self, name: str) -> bool:
        """Whether a payload that names `name` speaks of this repository, which is always a right name for itself."""
        known = canonical_name(name)
        return known == str(self.repository) or any(pattern.matches(known) for pattern in self.signed_as)


@dataclass(frozen=True, slots=True)
class Answer:
    """A Check, and until when what it used is valid. `choices` are the ways to pass, by distinct identity."""

    check: Check
    until: datetime | None = None
    choices: Mapping[str, Evidence | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignatureRequirement:
    """Signed by `signer`, for this repository, with these claims in the signed payload."""

    name: str
    signer: str
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)

    def answer(self, proofs: Proofs) -> Answer:
        passing = [each for each in self._own(proofs) if self._fault(each, proofs) is None]
        if not passing:
            return Answer(self._failed(proofs))
        choices: dict[str, Evidence | None] = {each.identity: each for each in sorted(passing, key=_worth)}
        best = max(passing, key=_worth)
        summary = f"signature by {self.signer}"
        check = Check(
            self.name, "signature", passed=True, summary=summary, evidence=best.sources, identities=(best.identity,)
        )
        return Answer(check, best.valid_until, choices)

    def plain(self) -> Any:
        return {"signature": self.signer, "claims": dict(self.claims), "name": self.name}

    def _own(self, proofs: Proofs) -> list[Evidence]:
        return [
            each
            for each in proofs.evidence
            if each.kind == "signature" and each.signer == self.signer and each.subject == proofs.digest
        ]

    def _fault(self, evidence: Evidence, proofs: Proofs) -> str | None:
        if evidence.valid_until is not None and evidence.valid_until <= proofs.now:
            return f"signature by {self.signer} was valid until {evidence.valid_until:%Y-%m-%d}"
        if not any(proofs.permits_name(name) for name in evidence.names):
            return _wrong_name(self.signer, evidence.names)
        for claim, wanted in sorted(self.claims.items()):
            said = evidence.claims.get(claim)
            if said != wanted:
                tells = "does not claim" if said is None else f"claims {claim}={said}, not"
                return f"signature by {self.signer} {tells} {claim}={wanted}"
        return None

    def _failed(self, proofs: Proofs) -> Check:
        faults = sorted(fault for each in self._own(proofs) if (fault := self._fault(each, proofs)))
        summary = faults[0] if faults else f"no signature by {self.signer} ({proofs.found} found)"
        if not proofs.gathered:
            summary = f"signatures were not looked for yet; {self.signer} must have signed"
        elif proofs.gaps:
            summary = f"{summary}, and not all could be read: {proofs.gaps[0]}"
        is_open = bool(proofs.gaps) or not proofs.gathered
        return Check(self.name, "signature", passed=False, summary=summary, is_open=is_open)


@dataclass(frozen=True, slots=True)
class DigestRequirement:
    """One of the digests that somebody reviewed."""

    name: str
    digests: frozenset[Digest]

    def answer(self, proofs: Proofs) -> Answer:
        if proofs.digest in self.digests:
            return Answer(Check(self.name, "digest", passed=True, summary="a reviewed digest"), None, {"digest": None})
        summary = f"{proofs.digest.algorithm}:{proofs.digest.hex[:12]} is not a reviewed digest"
        return Answer(Check(self.name, "digest", passed=False, summary=summary))

    def plain(self) -> Any:
        return {"digest": sorted(map(str, self.digests)), "name": self.name}


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`count` of these, by as many distinct identities: one key under two names counts once (T30)."""

    name: str
    count: int
    of: tuple[SignatureRequirement | DigestRequirement, ...]

    def answer(self, proofs: Proofs) -> Answer:
        answers = [each.answer(proofs) for each in self.of]
        chosen = _distinct(answers, self.count)
        checks = tuple(answer.check for answer in answers)
        if len(chosen) < self.count:
            openings = sum(check.is_open for check in checks)
            summary = f"{len(chosen)} of the {self.count} distinct signers needed: {_missing(checks)}"
            is_open = len(chosen) + openings >= self.count
            check = Check(self.name, "at-least", passed=False, summary=summary, is_open=is_open, checks=checks)
            return Answer(check)
        used = [evidence for evidence in chosen.values() if evidence is not None]
        check = Check(
            self.name,
            "at-least",
            passed=True,
            summary=f"{len(chosen)} of {self.count} distinct signers needed",
            evidence=_unique(digest for each in used for digest in each.sources),
            identities=tuple(sorted({each.identity for each in used})),
            checks=checks,
        )
        return Answer(check, soonest(each.valid_until for each in used))

    def plain(self) -> Any:
        return {"atLeast": self.count, "of": [each.plain() for each in self.of], "name": self.name}


Requirement: TypeAlias = SignatureRequirement | DigestRequirement | AtLeast


@dataclass(frozen=True, slots=True)
class All:
    """A rule's `require`: each of them. The loader sees to it that there is one; an empty one fails."""

    of: tuple[Requirement, ...]

    def answers(self, proofs: Proofs, waived: frozenset[str]) -> tuple[Answer, ...]:
        """One answer each; a waived one passes, and says so."""
        return tuple(_waive(each.answer(proofs)) if each.name in waived else each.answer(proofs) for each in self.of)

    @property
    def leaves(self) -> tuple[SignatureRequirement | DigestRequirement, ...]:
        """What each asks for in the end, those inside `atLeast` too."""
        return tuple(leaf for each in self.of for leaf in (each.of if isinstance(each, AtLeast) else (each,)))

    @property
    def signer_names(self) -> frozenset[str]:
        return frozenset(leaf.signer for leaf in self.leaves if isinstance(leaf, SignatureRequirement))

    def plain(self) -> Any:
        return [each.plain() for each in self.of]


def canonical_name(name: str) -> str:
    """The repository that a signed payload names, as we write it: docker.io, `library/`, without tag or digest."""
    for spelling in HUB:
        if name.startswith(spelling):
            name = "docker.io/" + name.removeprefix(spelling)
    try:
        return str(ImageName.parse(name).repository)
    except RequestError:
        return name


def soonest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of the moments that are set, or None."""
    return min((moment for moment in moments if moment is not None), default=None)


def _waive(answer: Answer) -> Answer:
    check = answer.check
    if check.passed:
        return answer
    summary = f"waived: {check.summary}"
    return Answer(Check(check.name, check.word, passed=True, summary=summary, is_waived=True, checks=check.checks))


def _worth(evidence: Evidence) -> tuple[datetime, Sequence[Digest], str]:
    return evidence.valid_until or _FOREVER, evidence.sources, evidence.identity


def _distinct(answers: Sequence[Answer], count: int) -> dict[str, Evidence | None]:
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

    lasting = sorted(range(len(answers)), key=lambda index: answers[index].until or _FOREVER, reverse=True)
    for index in lasting:
        if len(holders) < count:
            seat(index, set())
    return {identity: answers[index].choices[identity] for identity, index in sorted(holders.items())}


def _missing(checks: Sequence[Check]) -> str:
    return "; ".join(check.summary for check in checks if not check.passed) or "the same key stands under several names"


def _unique(digests: Iterable[Digest]) -> tuple[Digest, ...]:
    return tuple(dict.fromkeys(digests))


def _wrong_name(signer: str, names: Sequence[str]) -> str:
    named = sorted({canonical_name(name) for name in names if name})
    if not named:
        return f"signature by {signer} names no repository; it may be of any"
    return f'signature by {signer} names {named[0]}, not this repository; add "signedAs: [{named[0]}]"'
