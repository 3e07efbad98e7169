"""Finds a digest under a root when nothing here names it: a fresh instance, a node that kept the index.

In this order, and within these bounds: children of admitted Indexes that were not fetched yet; pinned and locked roots;
permitted tags. What is found is judged and recorded like any pull; a search ends with the digest named, or without.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from proxy.errors import (
    ContentMismatch,
    Inconclusive,
    ManifestUnknown,
    NameUnknown,
    PolicyError,
    PratiqueError,
    StorageError,
)
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import EvidenceTag, Repository, Tag
from proxy.pipeline.court.judge import Judge, raise_for
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.family.lineage import Lineage
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.manifests import Manifests, require_child
from proxy.pipeline.tags.pins import Pins
from proxy.policy.decision import Verdict
from proxy.policy.evaluate import permits_tag
from proxy.policy.rules import Rule
from proxy.upstream.registry import Upstreams

T = TypeVar("T")

MAX_TAGS = 32
_MAX_CHILDREN = 64  # unfetched children looked at; an index of a GPU image has two to ten
_AT_ONCE = 4
_FRUITLESS_SECONDS = 60.0  # a complete search without result is not begun again for so long


class Finder:
    def __init__(
        self,
        regime: Regime,
        upstreams: Upstreams,
        manifests: Manifests,
        parentage: Parentage,
        lineage: Lineage,
        judge: Judge,
        pins: Pins,
    ) -> None:
        self._regime = regime
        self._upstreams = upstreams
        self._manifests = manifests
        self._parentage = parentage
        self._lineage = lineage
        self._judge = judge
        self._pins = pins
        self._fruitless: dict[tuple[Repository, Digest, int], float] = {}

    async def find(self, repository: Repository, digest: Digest) -> None:
        """Look until something admitted names the digest; raise Inconclusive where an error cut the search short.

        Whoever calls looks at the lineage afterwards: nothing is returned that could be taken for an admission.
        """
        key = (repository, digest, self._regime.current.generation)
        if time.monotonic() < self._fruitless.get(key, 0.0):
            return
        failures: list[PratiqueError] = []
        for step in (self._children, self._pinned, self._tagged):
            await step(repository, digest, failures)
            if await self._is_named(repository, digest):
                return
        if failures:
            raise Inconclusive(
                f"the search for the image that {digest} belongs to was cut short: {failures[0].message}"
            )
        if len(self._fruitless) > 10_000:
            self._fruitless.clear()
        self._fruitless[key] = time.monotonic() + _FRUITLESS_SECONDS

    async def _is_named(self, repository: Repository, digest: Digest) -> bool:
        family = await self._parentage.family(repository)
        return digest in family.parents_of_blob or digest in family.parents_of_manifest

    async def _children(self, repository: Repository, digest: Digest, failures: list[PratiqueError]) -> None:
        family = await self._parentage.family(repository)
        if digest in family.parents_of_manifest:
            return
        unfetched = [child.digest for _, child in family.unfetched()][:_MAX_CHILDREN]
        await self._each(unfetched, failures, lambda child: self._child(repository, child))

    async def _child(self, repository: Repository, child: Digest) -> None:
        stand = await self._lineage.of_manifest(repository, child)
        if stand is None or not stand.is_admitted or stand.descriptor is None:
            return
        manifest = await self._manifests.get(repository, child)
        require_child(manifest, media_type=stand.descriptor.media_type, size=stand.descriptor.size)
        await self._manifests.keep(repository, manifest)
        await self._parentage.remember(repository, manifest, kind="child")

    async def _pinned(self, repository: Repository, digest: Digest, failures: list[PratiqueError]) -> None:
        locked = [found for (name, _), found in self._regime.current.lock.items() if name == repository]
        pinned = [pin.digest for pin in await self._pins.all(repository)]
        roots = list(dict.fromkeys([*locked, *pinned]))
        await self._each(roots, failures, lambda root: self._root(repository, root, digest, failures))

    async def _root(
        self,
        repository: Repository,
        root: Digest,
        digest: Digest,
        failures: list[PratiqueError],
        fetched: Manifest | Index | None = None,
    ) -> None:
        """Judge a root, then look at its children. What could not be judged is no complete answer (promise 4)."""
        decision = (await self._judge.judge(repository, root, fetched=fetched)).decision
        if decision.verdict is Verdict.INCONCLUSIVE:
            raise_for(decision)
        if decision.is_allow:
            await self._below(repository, root, digest, failures)

    async def _below(self, repository: Repository, root: Digest, digest: Digest, failures: list[PratiqueError]) -> None:
        manifest = await self._manifests.get(repository, root)
        if isinstance(manifest, Index) and all(child.digest != digest for child in manifest.manifests):
            children = [child.digest for child in manifest.manifests[:_MAX_CHILDREN]]
            await self._each(children, failures, lambda child: self._child(repository, child))

    async def _tagged(self, repository: Repository, digest: Digest, failures: list[PratiqueError]) -> None:
        rule = self._regime.current.rule(repository)
        if rule.pinning == "locked":
            return  # only what the lock file names, and that was looked at
        try:
            names = await self._upstreams.registry(repository.upstream).tags(repository)
        except (NameUnknown, ManifestUnknown):
            return
        except StorageError:
            raise
        except PratiqueError as error:
            failures.append(error)
            return
        settled = {pin.tag.name for pin in await self._pins.all(repository)}  # what they stand for was looked at
        settled |= {name for locked, name in self._regime.current.lock if locked == repository}
        permitted = [name for name in sorted(names, reverse=True) if name not in settled and _is_permitted(rule, name)]
        await self._each(
            permitted[:MAX_TAGS], failures, lambda name: self._tag(repository, Tag(name), digest, failures)
        )

    async def _tag(self, repository: Repository, tag: Tag, digest: Digest, failures: list[PratiqueError]) -> None:
        """Judge what a permitted tag leads to, but only if it names the digest: looking pins nothing."""
        manifest = await self._manifests.fetch(repository, tag)
        if await self._names(repository, manifest, digest, failures):
            await self._root(repository, manifest.digest, digest, failures, fetched=manifest)

    async def _names(
        self, repository: Repository, manifest: Manifest | Index, digest: Digest, failures: list[PratiqueError]
    ) -> bool:
        if any(each.digest == digest for each in (*manifest.children, *manifest.blobs)):
            return True
        naming: list[Digest] = []

        async def look(child: Digest) -> None:
            inner = await self._manifests.get(repository, child)
            if any(each.digest == digest for each in inner.blobs):
                naming.append(child)

        await self._each([child.digest for child in manifest.children[:_MAX_CHILDREN]], failures, look)
        return bool(naming)

    async def _each(
        self, items: Sequence[T], failures: list[PratiqueError], look: Callable[[T], Awaitable[None]]
    ) -> None:
        """Side by side, a few at once. A refusal or an absence is a complete answer; every other error cuts it short."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(item: T) -> None:
            try:
                async with slots:
                    await look(item)
            except (PolicyError, ManifestUnknown, ContentMismatch):
                return
            except StorageError:
                raise
            except PratiqueError as error:
                failures.append(error)

        await asyncio.gather(*(one(item) for item in items))


def _is_permitted(rule: Rule, name: str) -> bool:
    """An evidence tag leads to no image: a repository of signed images has as many of them as of images."""
    try:
        permits_tag(rule, Tag(name))
    except PratiqueError:
        return False
    return EvidenceTag.parse(Tag(name)) is None
