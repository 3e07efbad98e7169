"""Under which admitted root a digest stands, looked up at each request and by nothing else (promise 1)."""

from dataclasses import dataclass

from proxy.errors import Inconclusive, PratiqueError, Revoked, UpstreamError
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.judge import Judge, raise_for
from proxy.pipeline.manifests import Manifests
from proxy.pipeline.parentage import Family, Known, Parentage
from proxy.pipeline.standing import Regime
from proxy.policy.decision import Decision, Verdict
from proxy.policy.evaluate import permits_platform, revoked_reason

_DEPTH = 4  # index in index in index: no tool nests deeper


@dataclass(frozen=True, slots=True)
class Stand:
    """`decision` is the root's. `descriptor` is what the admitted parent says of the digest; None for a root itself.

    Where the root's Decision is no allow, or the platform is not permitted, `refusal` says why in one line.
    """

    root: Digest
    decision: Decision
    descriptor: Descriptor | None
    refusal: str | None = None

    @property
    def is_admitted(self) -> bool:
        return self.decision.is_allow and self.refusal is None


class Lineage:
    def __init__(self, regime: Regime, parentage: Parentage, judge: Judge, manifests: Manifests) -> None:
        self._regime = regime
        self._parentage = parentage
        self._judge = judge
        self._manifests = manifests

    async def of_manifest(self, repository: Repository, digest: Digest) -> Stand | None:
        """Its own recorded Decision, an admitted Index that names it, or what it is evidence of; None where nothing is.

        Raise Revoked, and what made a root's Decision impossible where no other root admits it.
        """
        look = await self._look(repository)
        return look.result(await look.manifest(digest, depth=0))

    async def of_blob(self, repository: Repository, digest: Digest) -> Stand | None:
        """The same for a config or layer, under the manifests that name it."""
        look = await self._look(repository)
        return look.result(await look.blob(digest))

    async def _look(self, repository: Repository) -> "Look":
        family = await self._parentage.family(repository)
        return Look(self._regime, family, repository, self._judge, self._manifests)


class Look:
    """One walk from a digest up to its roots. The first admitting root ends it; refusals and failures are kept until then."""

    def __init__(
        self, regime: Regime, family: Family, repository: Repository, judge: Judge, manifests: Manifests
    ) -> None:
        self._standing = regime.current
        self._family = family
        self._repository = repository
        self._judge = judge
        self._manifests = manifests
        self._refused: Stand | None = None
        self._failure: PratiqueError | None = None

    def result(self, admitted: Stand | None) -> Stand | None:
        if admitted is None and self._failure is not None:
            raise self._failure
        return admitted or self._refused

    async def blob(self, digest: Digest) -> Stand | None:
        self._require_not_revoked(digest)
        for parent, descriptor in list(self._family.parents_of_blob.get(digest, {}).items()):
            stand = await self.manifest(parent, depth=0)
            if stand is not None:
                return Stand(stand.root, stand.decision, descriptor)
        return None

    async def manifest(self, digest: Digest, *, depth: int) -> Stand | None:
        self._require_not_revoked(digest)
        known = self._family.known.get(digest)
        if known is not None and known.kind == "root":
            stand = await self._root(digest)
            if stand is not None:
                return stand
        if depth >= _DEPTH:
            return None
        return await self._child(digest, known, depth) or await self._evidence(known, depth)

    async def _root(self, digest: Digest) -> Stand | None:
        try:
            decision = (await self._judge.judge(self._repository, digest)).decision
            if decision.is_allow:
                return Stand(digest, decision, None)
            self._refused = self._refused or Stand(digest, decision, None, decision.summary)
            if decision.verdict is Verdict.INCONCLUSIVE:
                raise_for(decision)
        except (Inconclusive, UpstreamError) as error:
            self._failure = error
        return None

    async def _child(self, digest: Digest, known: Known | None, depth: int) -> Stand | None:
        for parent, descriptor in list(self._family.parents_of_manifest.get(digest, {}).items()):
            stand = await self.manifest(parent, depth=depth + 1)
            if stand is None:
                continue
            refusal = await self._platform_refusal(known, descriptor)
            found = Stand(stand.root, stand.decision, descriptor, refusal)
            if refusal is None:
                return found
            self._refused = self._refused or found
        return None

    async def _evidence(self, known: Known | None, depth: int) -> Stand | None:
        if known is None or known.parent is None:
            return None
        stand = await self.manifest(known.parent, depth=depth + 1)
        if stand is None:
            return None
        return Stand(stand.root, stand.decision, Descriptor(known.media_type, known.digest, known.size))

    async def _platform_refusal(self, known: Known | None, child: Descriptor) -> str | None:
        """Why the rule does not permit this child of an Index; one that names no platform is asked for its config."""
        rule = self._standing.rule(self._repository)
        platform = child.platform
        if platform is None and rule.platforms and known is not None and not known.is_index:
            manifest = await self._manifests.get(self._repository, child.digest)
            platform = await self._manifests.platform(self._repository, manifest)
        check = permits_platform(rule, platform, is_child=True)
        return None if check.passed else check.summary

    def _require_not_revoked(self, digest: Digest) -> None:
        if reason := revoked_reason(self._standing.policy, digest):
            raise Revoked(f"revoked: {reason}")
