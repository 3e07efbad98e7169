"""One judgement in rounds: the judge says what is wanted, it is gathered, and the judge is asked again. It decides nothing."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from proxy.errors import Inconclusive, PratiqueError, StorageError, UpstreamError
from proxy.facts import ALIASES
from proxy.oci.descriptor import Descriptor
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import Repository
from proxy.pipeline.beside import beside
from proxy.pipeline.court.bench import Bench
from proxy.pipeline.court.standing import Standing
from proxy.pipeline.gathering.gather import Gathered, Gatherer
from proxy.pipeline.manifests import Manifests, platform_in
from proxy.policy.decision import Decision
from proxy.policy.evaluate import BaseImage, Child, Wanted, permits_platform
from proxy.policy.hearing import Brief, Seen, rule_of
from proxy.policy.requirements import AttestationRequirement, ImageRequirement, SignatureRequirement
from proxy.policy.rules import Rule
from proxy.verify.evidence import Target
from proxy.verify.lookup import Wants

_ROUNDS = 10  # each kind of thing is wanted once by what is kept here, and then once by what the upstream has
_CHILDREN = 64  # runnable children judged for an Index; one of a GPU image has two to ten
_BASES = 8  # candidates for the base image that are looked at
_AT_ONCE = 4

# Where evidence is looked for: here alone; here, and where that is not enough at the upstream; here and at the upstream.
Reach: TypeAlias = Literal["here", "near", "upstream"]

ChildJudge = Callable[[Descriptor, Seen, Reach], Awaitable[Decision]]
BaseJudge = Callable[[str, Brief, Rule], Awaitable[BaseImage]]
Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Errands:
    """What a sitting can send for: a child's Decision, a base image, CRLs and OCSP answers."""

    child: ChildJudge
    base: BaseJudge
    ask: Ask


class Sitting:
    """`index` is the admitted Index under which a child is judged; `is_base`: it is judged as a base image.

    `any_name`: it is judged as one too, by a rule that another one names for its bases.
    `above` is what was found about that Index, where it is only now being judged and nothing is kept of it yet.
    `reach`: with "here", nothing is inferred from what is not kept here, so that only an allow is a Decision.
    """

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
        any_name: bool = False,
        reach: Reach = "near",
        above: Seen | None = None,
    ) -> None:
        self._standing = standing
        self._bench = bench
        self._gatherer = gatherer
        self._manifests = manifests
        self._errands = errands
        self._repository = repository
        self._manifest = manifest
        self._index = index
        self._rule = rule_of(standing.policy, rule, is_base=is_base, any_name=any_name)
        self._reach = reach
        self._above = above
        self.gathered = Gathered()
        self.of_index = Gathered()
        self.has_asked_upstream = False
        self.brief = Brief(
            rule=rule,
            manifest=manifest,
            own=Seen(target_of(repository, manifest)),
            now=now,
            index=Seen(target_of(repository, index), raw=index.raw) if index else None,
            was_admitted=was_admitted,
            is_base=is_base,
            any_name=any_name,
        )

    async def decide(self) -> Decision:
        """The Decision, by what is kept here where that is enough. Raise Inconclusive, NotAllowed, or what upstreams raise."""
        if self._rule.platforms and isinstance(self._manifest, Manifest):
            await beside(self._platform(), self._what_is_sure_to_be_asked())
        for _ in range(_ROUNDS):
            outcome = await self._bench.hear(self.brief, self._standing)
            if isinstance(outcome, Wanted):
                await self._provide(outcome)
            elif self._is_final(outcome):
                return outcome
            else:
                await self._fetch()
        raise Inconclusive("the policy wants more than can be gathered; simplify the rule", retry_after=60)

    def learned_nothing(self, decision: Decision) -> bool:
        """Whether a source was out of reach that might have spoken against an admission that holds."""
        return not decision.is_conclusive or (decision.is_allow and bool(self.brief.own.gaps))

    def _is_final(self, decision: Decision) -> bool:
        """What is stored may admit; only what the upstream has as well may refuse."""
        if self._reach == "here" or self.has_asked_upstream or not self.brief.own.gathered:
            return True
        return self._reach == "near" and decision.is_allow and not decision.is_warned

    async def _provide(self, wanted: Wanted) -> None:
        if wanted.kind == "signatures":
            await beside(self._evidence(), self._config_ahead())
        elif wanted.kind == "config":
            await self._config()
        elif wanted.kind == "children":
            children = await self._children()
            self.brief = replace(self.brief, children=children)
        elif wanted.kind == "bases":
            bases = await self._bases(wanted.names)
            self.brief = replace(self.brief, bases=bases)
        else:
            answers = await self._errands.ask(wanted.names)
            self.brief = replace(self.brief, revocation={**self.brief.revocation, **answers})

    async def _platform(self) -> None:
        await self._config()
        if self.brief.config_raw is not None:
            self.brief = replace(self.brief, platform=platform_in(self.brief.config_raw))

    async def _what_is_sure_to_be_asked(self) -> None:
        """The evidence, where no outcome of anything else makes it needless: then it waits for nothing."""
        if any(isinstance(each, SignatureRequirement | AttestationRequirement) for each in self._rule.require.of):
            await self._evidence()

    async def _config(self) -> None:
        raw = await self._manifests.config(self._repository, self._manifest, is_here=self._reach == "here")
        self.brief = replace(self.brief, config_raw=raw)

    async def _config_ahead(self) -> None:
        """The config beside the evidence where it will be asked for; one that cannot be had is asked for again then."""
        asks = self._rule.base is not None or any(
            isinstance(leaf, ImageRequirement) for leaf in self._rule.require.leaves
        )
        if asks and self.brief.config_raw is None:
            with contextlib.suppress(Inconclusive, UpstreamError):
                await self._config()

    async def _evidence(self) -> None:
        """What was kept; where that is nothing, what the upstream has."""
        self.gathered = await self._gatherer.stored(self._repository, self._manifest.digest, index=self._index)
        if self._index is not None:
            self.of_index = await self._gatherer.stored(self._repository, self._index.digest)
            self._see_index()
        if self._reach == "here":
            self.gathered = replace(self.gathered, gaps=("the upstream was not asked",))
        if self.gathered.found or self._reach == "here":
            self.brief = replace(self.brief, own=_seen(self.brief.own.target, self.gathered))
        else:
            await self._fetch()

    async def _fetch(self) -> None:
        """What the upstream has of it, and of the Index that names it where that is judged no more and may be heard."""
        self.has_asked_upstream = True
        is_heard = self._above is None and hears_index(self._rule)
        await beside(self._fetch_own(), *([self._fetch_index(self._index)] if self._index and is_heard else []))

    async def _fetch_index(self, index: Index) -> None:
        fetched = await self._gatherer.fetch(
            self._repository,
            index.digest,
            manifest=index,
            elsewhere=self._rule.evidence_from,
            wants=wants_of(self._rule),
        )
        self.of_index = self.of_index.with_more(fetched)
        self._see_index()

    def _see_index(self) -> None:
        assert self._index is not None
        assert self.brief.index is not None, "it is set with the Index"
        seen = self._above or _seen(self.brief.index.target, self.of_index)
        self.brief = replace(self.brief, index=replace(seen, raw=self._index.raw))  # a signature may be over them

    async def _fetch_own(self) -> None:
        fetched = await self._gatherer.fetch(
            self._repository,
            self._manifest.digest,
            manifest=self._manifest,
            index=self._index,
            elsewhere=self._rule.evidence_from,
            wants=wants_of(self._rule),
        )
        self.gathered = self.gathered.with_more(fetched)
        # Children and bases were judged by less than this: they are asked for again.
        self.brief = replace(self.brief, own=_seen(self.brief.own.target, self.gathered), children=None, bases=None)

    async def _children(self) -> tuple[Child, ...]:
        """A Decision for each child that can run and that the rule permits; one that could not be judged is open."""
        runnable = [
            each
            for each in self._manifest.children
            if not (each.platform and each.platform.is_unknown) and permits_platform(self._rule, each.platform).passed
        ][:_CHILDREN]
        slots = asyncio.Semaphore(_AT_ONCE)
        reach: Reach = "upstream" if self.has_asked_upstream else "near"

        async def judged(child: Descriptor) -> Child:
            async with slots:
                try:
                    return Child(child, await self._errands.child(child, self.brief.own, reach))
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


def hears_index(rule: Rule) -> bool:
    """Whether a child may stand on what is said of its Index: by `covers`, or by statements that excuse findings."""
    asked = [leaf for leaf in rule.require.leaves if isinstance(leaf, SignatureRequirement | AttestationRequirement)]
    return any(leaf.covers != "platform" or (isinstance(leaf, AttestationRequirement) and leaf.vex) for leaf in asked)


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
