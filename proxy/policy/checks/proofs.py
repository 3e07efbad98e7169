"""What a requirement is told, and what it answers. Law: it hears only evidence about the manifest that it covers.

`covers` decides whose evidence counts (face.md): an Index's own for `index`, each platform's own for `platform`, either
for `any`; under an admitted Index never a sibling's, and of an Image under none its own for all three.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Self, TypeAlias

from proxy.errors import RequestError
from proxy.facts import Facts, read
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import ImageName, Repository
from proxy.policy.decision import Check, Decision
from proxy.policy.match import Glob
from proxy.verify.evidence import Evidence, Rejection

Covers: TypeAlias = Literal["index", "platform", "any"]
WantedKind: TypeAlias = Literal["signatures", "config", "children", "bases", "revocation"]

# How cosign and older clients spell Docker Hub in a signed payload.
HUB = ("index.docker.io/", "registry-1.docker.io/")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be gathered before it can be judged. `names`: base images as `name@digest`, or URLs of revocation."""

    kind: WantedKind
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Child:
    """A manifest that the Index lists, and what was decided of it under this Index.

    `fault` says why there is no Decision: it could not be judged.
    """

    descriptor: Descriptor
    decision: Decision | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Footing:
    """What an answer rests on, so that a Decision ends with the first of it. `attested_at`: of lasting attestations.

    `unasked`: whose revocation should be asked before it counts, though it would count without an answer too.
    """

    until: datetime | None = None
    signed_at: datetime | None = None
    attested_at: datetime | None = None
    rests_on: tuple[str, ...] = ()
    opinions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    grace_from: datetime | None = None
    sources: tuple[Digest, ...] = ()
    identities: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        is_signature = evidence.kind == "signature"
        return cls(
            until=evidence.valid_until,
            signed_at=evidence.proved_at if is_signature else None,
            attested_at=None if is_signature else evidence.proved_at,
            rests_on=evidence.rests_on,
            opinions=evidence.opinions,
            warnings=evidence.warnings,
            sources=evidence.sources,
            identities=(evidence.identity,),
            unasked=evidence.unasked,
        )

    @classmethod
    def of_decision(cls, decision: Decision) -> Self:
        return cls(
            until=decision.expires_at,
            signed_at=decision.proved_at,
            rests_on=decision.rests_on,
            opinions=decision.opinions,
            warnings=decision.warnings,
            alarms=decision.alarms,
            grace_from=decision.grace_from,
            sources=decision.evidence,
            identities=decision.identities,
        )

    @classmethod
    def all_of(cls, footings: Iterable["Footing"]) -> Self:
        """What rests on each of these: it ends with the first, and is as new as the newest."""
        each = tuple(footings)
        return cls(
            until=soonest(one.until for one in each),
            signed_at=_latest(one.signed_at for one in each),
            attested_at=_latest(one.attested_at for one in each),
            rests_on=_sorted(item for one in each for item in one.rests_on),
            opinions=_sorted(item for one in each for item in one.opinions),
            warnings=_sorted(item for one in each for item in one.warnings),
            alarms=_sorted(item for one in each for item in one.alarms),
            grace_from=soonest(one.grace_from for one in each),
            sources=tuple(dict.fromkeys(digest for one in each for digest in one.sources)),
            identities=_sorted(item for one in each for item in one.identities),
            unasked=_sorted(item for one in each for item in one.unasked),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A Check and what it rests on. `choices` are the ways to pass, by distinct identity (T30).

    `wants` is what it would have to know, where that could still make it pass. `by_facts`: what it asks for was
    proved, and does not say what the rule asks.
    """

    check: Check
    footing: Footing = Footing()
    choices: Mapping[str, Footing] = field(default_factory=dict)
    wants: Wanted | None = None
    by_facts: bool = False


@dataclass(frozen=True, slots=True)
class Proofs:
    """What is known about one manifest. `gaps` are sources that were out of reach.

    `signed_as` and `platforms` are the rule's. `index` is the admitted Index that names it, `children` what was decided
    of those that it lists itself, `config_raw` the bytes of its config; None where they were not asked for yet.
    """

    digest: Digest
    repository: Repository
    manifest: Manifest | Index
    evidence: tuple[Evidence, ...]
    rejections: tuple[Rejection, ...]
    gaps: tuple[str, ...]
    gathered: bool
    now: datetime
    signed_as: tuple[Glob, ...] = ()
    platforms: tuple[Platform, ...] = ()
    config_raw: bytes | None = None
    index: Digest | None = None
    index_evidence: tuple[Evidence, ...] = ()
    children: tuple[Child, ...] | None = None
    wanted_urls: tuple[str, ...] = ()
    was_admitted: bool = False
    is_alone: bool = False
    _read: dict[tuple[str, int], Facts] = field(default_factory=dict, compare=False, repr=False)

    def alone(self) -> "Proofs":
        """The same, but that no child may stand for an Index."""
        return replace(self, is_alone=True)

    def heard(self, covers: Covers) -> tuple[Evidence, ...]:
        """The evidence that counts for what covers this much, each about the right subject."""
        own = tuple(each for each in self.evidence if each.subject == self.digest)
        above = tuple(each for each in self.index_evidence if self.index is not None and each.subject == self.index)
        if self.manifest.is_index:
            return () if covers == "platform" else own
        if self.index is None or covers == "platform":
            return own
        return above if covers == "index" else (*above, *own)

    @property
    def wants_config(self) -> bool:
        """Whether its config is still to be read; what is no image has none to ask for."""
        if isinstance(self.manifest, Index) or self.config_raw is not None:
            return False
        return mediatype.bare(self.manifest.config.media_type) in mediatype.IMAGE_CONFIGS

    def facts_of(self, evidence: Evidence) -> Facts:
        """What its predicate says, read once for all requirements; raise facts.Unreadable."""
        mark = evidence.predicate_type, id(evidence.predicate)  # which lives as long as this does
        if mark not in self._read:
            self._read[mark] = read(evidence.predicate_type, evidence.predicate)
        return self._read[mark]

    def asks_children(self, covers: Covers) -> bool:
        """Whether a child may stand for it: at an Index, for what is not of the Index alone."""
        return self.manifest.is_index and covers != "index" and not self.is_alone

    def permits_name(self, name: str) -> bool:
        """Whether a payload that names `name` speaks of this repository, which is always a right name for itself."""
        known = canonical_name(name)
        return known == str(self.repository) or any(pattern.matches(known) for pattern in self.signed_as)

    def misnamed(self, evidence: Evidence, what: str) -> str | None:
        """What is wrong with the names in the signed bytes; None too for forms that have no place for one."""
        if evidence.names is None or any(self.permits_name(name) for name in evidence.names):
            return None
        named = sorted({canonical_name(name) for name in evidence.names if name})
        if not named:
            return f"{what} names no repository; it may be of any"
        return f'{what} names {named[0]}, not this repository; add "signedAs: [{named[0]}]"'

    def found(self, kind: str) -> int:
        """How much of this kind was found, proved or not."""
        heard = (*self.evidence, *self.index_evidence)
        return len({each.sources for each in heard if each.kind == kind}) + len(self.rejections)

    def unproved(
        self, *, name: str, word: str, summary: str, signers: Iterable[str] = (), by_facts: bool = False
    ) -> Answer:
        """The Answer that it failed, or that it is open where something was not read, or not read completely."""
        is_open, wants = bool(self.gaps) or not self.gathered, None
        if not self.gathered:
            summary = f"signatures were not looked for yet; {' and '.join(signers)} must have signed"
            wants = Wanted("signatures")
        elif self.wanted_urls:
            is_open, wants = True, Wanted("revocation", self.wanted_urls)
        elif self.gaps:
            summary = f"{summary}, and not all could be read: {self.gaps[0]}"
        alarm = None if is_open else self._disagreement(frozenset(signers))
        check = Check(name, word, passed=False, summary=alarm or summary, is_open=is_open, is_alarm=alarm is not None)
        return Answer(check, wants=wants, by_facts=by_facts and alarm is None)

    def _disagreement(self, signers: frozenset[str]) -> str | None:
        """Why two verifiers disagree about something by one of these signers (evidence.md 0)."""
        alarms = [each.reason for each in self.rejections if each.is_alarm and each.signer in (None, *signers)]
        return min(alarms, default=None)


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


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _sorted(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(items)))
