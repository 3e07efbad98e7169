"""Base images: fetched, looked into and judged, because an image says it was built on one. What it says proves nothing.

A base counts as proved when its layers are the first of the image's own (`policy.bases` compares the diff_ids).
"""

from collections.abc import Awaitable
from typing import Protocol

from proxy.errors import Inconclusive, NotAllowed, PratiqueError, StorageError, UpstreamError
from proxy.oci.config import platform_of
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import ImageName, Repository
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.manifests import Manifests
from proxy.policy.checks.bases import diff_ids_of
from proxy.policy.decision import Decision
from proxy.policy.evaluate import BaseImage
from proxy.policy.hearing import Brief
from proxy.policy.rules import Rule


class BaseJudge(Protocol):
    def __call__(
        self, repository: Repository, manifest: Manifest | Index, rule: str, *, is_base: bool
    ) -> Awaitable[Decision]: ...


class Bases:
    def __init__(self, regime: Regime, manifests: Manifests) -> None:
        self._regime = regime
        self._manifests = manifests

    async def look(self, name: str, brief: Brief, rule: Rule, *, judge: BaseJudge) -> BaseImage:
        """What `name@digest` is, and the Decision about it; whatever goes wrong is its `fault`, and proves nothing.

        Raise StorageError at most.
        """
        digest: Digest | None = None
        try:
            found = ImageName.parse(name)
            if not isinstance(found.reference, Digest):
                raise NotAllowed("it is named without a digest, and a tag proves nothing")
            digest = found.reference
            manifest = await self._manifests.of_base(found.repository, digest)
            image = await self._image(found.repository, manifest, brief)
            diff_ids = await self._diff_ids(found.repository, image)
            governing, is_base = self._rule(found.repository, rule)
            decision = await judge(found.repository, manifest, governing, is_base=is_base)
            if decision.is_allow:
                await self._manifests.lay_by(found.repository, (manifest, image))
        except StorageError:
            raise
        except PratiqueError as error:
            is_out_of_reach = isinstance(error, Inconclusive | UpstreamError)
            return BaseImage(name, digest, (), None, error.message, is_out_of_reach=is_out_of_reach)
        return BaseImage(name, digest, diff_ids, decision, None)

    def _rule(self, repository: Repository, rule: Rule) -> tuple[str, bool]:
        """Which rule judges it: what `base` requires, the rule it names, or the one that governs the base's own name."""
        base = rule.base
        if base is not None and base.require is not None:
            return rule.match, True
        if base is not None and base.rule is not None:
            return base.rule, False
        return self._regime.current.rule(repository).match, False

    async def _image(self, repository: Repository, manifest: Manifest | Index, brief: Brief) -> Manifest:
        """Itself; of an Index, the child for the image's platform."""
        if isinstance(manifest, Index):
            platform = _platform(brief.config_raw)
            children = [each for each in manifest.manifests if each.platform == platform and platform is not None]
            if not children:
                raise NotAllowed("it is an index without a child for this platform")
            manifest = await self._manifests.of_base(repository, children[0].digest)
        if isinstance(manifest, Index):
            raise NotAllowed("it is an index in an index; no base image is")
        return manifest

    async def _diff_ids(self, repository: Repository, image: Manifest) -> tuple[str, ...]:
        listed = diff_ids_of(await self._manifests.config(repository, image) or b"")
        if not listed:
            raise NotAllowed("its config lists no layers")
        return listed


def _platform(config_raw: bytes | None) -> Platform | None:
    return platform_of(config_raw) if config_raw else None
