"""One judgement in rounds: the judge says what is wanted, it is gathered, and the judge is asked again. It decides nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from proxy.errors import Inconclusive, PratiqueError, StorageError
from proxy.facts import ALIASES
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.pipeline.court.bench import Bench
from proxy.pipeline.court.standing import Standing
from proxy.pipeline.gathering.gather import Gathered, Gatherer
from proxy.pipeline.manifests import Manifests
from proxy.policy.decision import Decision
from proxy.policy.evaluate import BaseImage, Child, Wanted, permits_platform
from proxy.policy.hearing import Brief, Seen, rule_of
from proxy.policy.requirements import AttestationRequirement
from proxy.policy.rules import Rule
from proxy.verify.evidence import Target
from proxy.verify.lookup import Wants

_ROUNDS = 8  # each kind of thing is wanted once, and evidence twice: from here, then from upstream
_CHILDREN = 64  # runnable children judged for an Index; one of a GPU image has two to ten
_BASES = 8  # candidates for the base image that are looked at
_AT_ONCE = 4

ChildJudge = Callable[[Descriptor, Digest], Awaitable[Decision]]
BaseJudge = Callable[[str, Brief, Rule], Awaitable[BaseImage]]
Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Errands:
    """What a sitting can send for: a child's Decision, a base image, CRLs and OCSP answers."""

    child: ChildJudge
    base: BaseJudge
    ask: Ask


class Sitting:
    """`index` is the admitted Index under which a child is judged; `is_base`: it is judged as a base image."""

    def __init__(
        self,
        standing: Standing,
        bench: Bench,
        gatherer: Gatherer,
        manifests: Manifests,
        errands: Errands,
        *,
        repository: Repository,
        manifest: Manifest | Index,
        rule: str,
        now: datetime,
        index: Index | None = None,
        was_admitted: bool = False,
        is_base: bool = False,
    ) -> None:
        self._standing = standing
        self._bench = bench
        self._gatherer = gatherer
        self._manifests = manifests
        self._errands = errands
        self._repository = repository
        self._manifest = manifest
        self._index = index
        self._rule = rule_of(standing.policy, rule, is_base=is_base)
        self.gathered = Gathered()
        self._has_asked_upstream = False
        self.brief = Brief(
            rule=rule,
            manifest=manifest,
            own=Seen(target_of(repository, manifest)),
            now=now,
            index=Seen(target_of(repository, index)) if index else None,
            was_admitted=was_admitted,
            is_base=is_base,
        )

    async def decide(self, *, is_fresh: bool = False) -> Decision:
        """The Decision, by what is kept here where that is enough; with `is_fresh`, the upstream is asked in any case."""
        if self._rule.platforms:
            platform = await self._manifests.platform(self._repository, self._manifest)
            self.brief = replace(self.brief, platform=platform)
        for _ in range(_ROUNDS):
            outcome = await self._bench.hear(self.brief, self._standing)
            if isinstance(outcome, Wanted):
                await self._provide(outcome)
            elif self._is_final(outcome, is_fresh=is_fresh):
                return outcome
            else:
                await self._fetch()
        raise Inconclusive("the policy wants more than can be gathered; simplify the rule", retry_after=60)

    def _is_final(self, decision: Decision, *, is_fresh: bool) -> bool:
        """What is stored may admit; only what the upstream has as well may refuse."""
        if self._has_asked_upstream or not self.brief.own.gathered:
            return True
        return decision.is_allow and not decision.is_warned and not is_fresh

    async def _provide(self, wanted: Wanted) -> None:
        if wanted.kind == "signatures":
            await self._evidence()
        elif wanted.kind == "config":
            raw = await self._manifests.config(self._repository, self._manifest)
            self.brief = replace(self.brief, config_raw=raw)
        elif wanted.kind == "children":
            self.brief = replace(self.brief, children=await self._children())
        elif wanted.kind == "bases":
            self.brief = replace(self.brief, bases=await self._bases(wanted.names))
        else:
            answers = await self._errands.ask(wanted.names)
            self.brief = replace(self.brief, revocation={**self.brief.revocation, **answers})

    async def _evidence(self) -> None:
        """What was kept; where that is nothing, what the upstream has."""
        self.gathered = await self._gatherer.stored(self._repository, self._manifest.digest, index=self._index)
        if self._index is not None:
            of_index = await self._gatherer.stored(self._repository, self._index.digest)
            assert self.brief.index is not None, "it is set with the Index"
            seen = _seen(self.brief.index.target, of_index)
            self.brief = replace(self.brief, index=seen)
        if self.gathered.found:
            self.brief = replace(self.brief, own=_seen(self.brief.own.target, self.gathered))
        else:
            await self._fetch()

    async def _fetch(self) -> None:
        self._has_asked_upstream = True
        fetched = await self._gatherer.fetch(
            self._repository,
            self._manifest.digest,
            manifest=self._manifest,
            index=self._index,
            elsewhere=self._rule.evidence_from,
            wants=wants_of(self._rule),
        )
        self.gathered = self.gathered.with_more(fetched)
        self.brief = replace(self.brief, own=_seen(self.brief.own.target, self.gathered))

    async def _children(self) -> tuple[Child, ...]:
        """A Decision for each child that can run and that the rule permits; one that could not be judged is open."""
        runnable = [
            each
            for each in self._manifest.children
            if not (each.platform and each.platform.is_unknown) and permits_platform(self._rule, each.platform).passed
        ][:_CHILDREN]
        slots = asyncio.Semaphore(_AT_ONCE)

        async def judged(child: Descriptor) -> Child:
            async with slots:
                try:
                    return Child(child, await self._errands.child(child, self._manifest.digest))
                except StorageError:
                    raise
                except PratiqueError as error:
                    return Child(child, None, error.message)

        return tuple(await asyncio.gather(*(judged(each) for each in runnable)))

    async def _bases(self, names: Sequence[str]) -> tuple[BaseImage, ...]:
        found = await asyncio.gather(
            *(self._errands.base(name, self.brief, self._rule) for name in dict.fromkeys(names[:_BASES]))
        )
        return tuple(found)


def wants_of(rule: Rule) -> Wants:
    """What the rule can use; it orders what is fetched, and excludes nothing that is signed."""
    attestations = [leaf for leaf in rule.require.leaves if isinstance(leaf, AttestationRequirement)]
    types = {each for leaf in attestations for each in (*leaf.types, *(ALIASES["vex"] if leaf.vex else ()))}
    asks_base = rule.base is not None  # provenance says what it was built on
    return Wants(signatures=True, predicate_types=None if asks_base else frozenset(types))


def target_of(repository: Repository, manifest: Manifest | Index) -> Target:
    return Target(repository, manifest.digest, manifest.media_type, len(manifest.raw))


def _seen(target: Target, gathered: Gathered) -> Seen:
    return Seen(target, gathered.found, gathered.rejections, gathered.gaps, gathered=True)
