"""Under which admitted root a digest stands, looked up at each request and by nothing else (promise 1)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from proxy.errors import PolicyError, PratiqueError, StorageError
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.court.judge import Judge, raise_for
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.family.parentage import Family, Known, Parentage
from proxy.pipeline.manifests import Manifests
from proxy.policy.decision import Decision, Verdict
from proxy.policy.evaluate import permits_platform
from proxy.policy.hearing import asks_of_children
from proxy.policy.requirements import soonest

_DEPTH = 4  # index in index in index: no tool nests deeper


@dataclass(frozen=True, slots=True)
class Stand:
    """`decision` is the root's, or the child's own where the rule asks something of each child.

    `descriptor` is what the admitted parent says of the digest; None for a root itself. Where the Decision is no allow, or
    the platform is not permitted, `refusal` says why in one line. `until`: when the first of all that it stands on ends.
    """

    root: Digest
    decision: Decision
    descriptor: Descriptor | None
    refusal: str | None = None
    until: datetime | None = None

    @property
    def is_admitted(self) -> bool:
        return self.decision.is_allow and self.refusal is None


Walk: TypeAlias = Callable[["Look"], Awaitable[Stand | None]]


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
        return await self._stand(repository, lambda look: look.manifest(digest, depth=0))

    async def of_blob(self, repository: Repository, digest: Digest) -> Stand | None:
        """The same for a config or layer, under the manifests that name it."""
        return await self._stand(repository, lambda look: look.blob(digest))

    async def recall_blob(self, repository: Repository, digest: Digest) -> Stand | None:
        """The same where recorded Decisions admit it: no network, no judging. None where it takes more than that."""
        look = await self._look(repository, is_recalling=True)
        return await look.blob(digest)

    async def _stand(self, repository: Repository, walk: Walk) -> Stand | None:
        """What is recorded first: a root that must be judged again never holds up what stands under another one."""
        recalled = await walk(await self._look(repository, is_recalling=True))
        if recalled is not None:
            return recalled
        look = await self._look(repository, is_recalling=False)
        return look.result(await walk(look))

    async def _look(self, repository: Repository, *, is_recalling: bool) -> "Look":
        family = await self._parentage.family(repository)
        return Look(self._regime, family, repository, self._judge, self._manifests, is_recalling=is_recalling)


class Look:
    """One walk from a digest up to its roots. The first admitting root ends it; refusals and failures are kept until then.

    `is_recalling`: only recorded Decisions count, and nothing is fetched.
    """

    def __init__(
        self,
        regime: Regime,
        family: Family,
        repository: Repository,
        judge: Judge,
        manifests: Manifests,
        *,
        is_recalling: bool,
    ) -> None:
        self._standing = regime.current
        self._family = family
        self._repository = repository
        self._judge = judge
        self._manifests = manifests
        self._is_recalling = is_recalling
        self._refused: Stand | None = None
        self._denial: PolicyError | None = None
        self._failure: PratiqueError | None = None

    def result(self, admitted: Stand | None) -> Stand | None:
        if admitted is None and self._failure is not None:
            raise self._failure
        if admitted is None and self._refused is None and self._denial is not None:
            raise self._denial
        return admitted or self._refused

    async def blob(self, digest: Digest) -> Stand | None:
        if self._is_revoked(digest):
            return None
        for parent, descriptor in self._family.parents_of(digest):
            stand = await self.manifest(parent, depth=0)
            if stand is not None:
                return replace(stand, descriptor=descriptor, refusal=None)
        return None

    async def manifest(self, digest: Digest, *, depth: int) -> Stand | None:
        if self._is_revoked(digest):
            return None
        known = self._family.known.get(digest)
        if known is not None and known.kind == "root":
            stand = await self._root(digest)
            if stand is not None:
                return stand
        if depth >= _DEPTH:
            return None
        return await self._child(digest, known, depth) or await self._evidence(known, depth)

    async def _root(self, digest: Digest) -> Stand | None:
        """Whatever is wrong with one root is no reason to refuse what stands under another."""
        try:
            decision = await self._decision(digest)
            if decision is None:
                return None
            if decision.is_allow:
                return Stand(digest, decision, None, until=decision.expires_at)
            if decision.verdict is Verdict.INCONCLUSIVE:
                raise_for(decision)
            self._refused = self._refused or Stand(digest, decision, None, decision.summary)
        except StorageError:
            raise
        except PolicyError as error:
            self._denial = self._denial or error
        except PratiqueError as error:
            self._failure = self._failure or error
        return None

    async def _decision(self, digest: Digest) -> Decision | None:
        if self._is_recalling:
            return await self._judge.remembered(self._repository, digest)
        return (await self._judge.judge(self._repository, digest)).decision

    async def _child(self, digest: Digest, known: Known | None, depth: int) -> Stand | None:
        for parent, descriptor in list(self._family.parents_of_manifest.get(digest, {}).items()):
            stand = await self.manifest(parent, depth=depth + 1)
            if stand is None:
                continue
            refusal = await self._platform_refusal(known, descriptor)
            found = replace(stand, descriptor=descriptor, refusal=refusal)
            if refusal is None and self._is_judged_alone(known, descriptor):
                judged = await self._judged_child(digest, parent, found)
                if judged is None:
                    continue
                found = judged
            if found.is_admitted:
                return found
            self._refused = self._refused or found
        return None

    def _is_judged_alone(self, known: Known | None, child: Descriptor) -> bool:
        """Whether the rule asks something of each child; an attestation is no image, and is asked nothing."""
        return not _is_attestation(known, child) and asks_of_children(self._standing.rule(self._repository))

    async def _judged_child(self, digest: Digest, parent: Digest, stand: Stand) -> Stand | None:
        """Its own Decision as that Index's child; None where there is none, or none could be made."""
        try:
            if self._is_recalling:
                decision = await self._judge.remembered(self._repository, digest, index=parent)
                if decision is None:
                    return None
            else:
                decision = (await self._judge.judge(self._repository, digest, index=parent)).decision
            if decision.verdict is Verdict.INCONCLUSIVE:
                raise_for(decision)
        except StorageError:
            raise
        except PolicyError as error:
            self._denial = self._denial or error
            return None
        except PratiqueError as error:
            self._failure = self._failure or error
            return None
        until = soonest([stand.until, decision.expires_at])
        refusal = None if decision.is_allow else decision.summary
        return replace(stand, decision=decision, refusal=refusal, until=until)

    async def _evidence(self, known: Known | None, depth: int) -> Stand | None:
        for parent in dict.fromkeys(parent for parent, _ in known.proves) if known else ():
            stand = await self.manifest(parent, depth=depth + 1)
            if stand is not None and known is not None:
                own = Descriptor(known.media_type, known.digest, known.size)
                return replace(stand, descriptor=own, refusal=None)
        return None

    async def _platform_refusal(self, known: Known | None, child: Descriptor) -> str | None:
        """Why the rule does not permit this child of an Index; one that names no platform is asked for its config."""
        rule = self._standing.rule(self._repository)
        is_named = child.platform is not None and (not child.platform.is_unknown or _is_attestation(known, child))
        platform = child.platform if is_named else None
        if platform is None and rule.platforms and known is None:
            return None  # it was not fetched yet: whoever fetches it looks again
        if platform is None and rule.platforms and known is not None and not known.is_index:
            if self._is_recalling:
                return "its config must be looked at"
            manifest = await self._manifests.get(self._repository, child.digest)
            platform = await self._manifests.platform(self._repository, manifest)
        check = permits_platform(rule, platform, is_child=True)
        return None if check.passed else check.summary

    def _is_revoked(self, digest: Digest) -> bool:
        try:
            self._judge.require_not_revoked(self._repository, digest)
        except PolicyError as error:
            self._denial = self._denial or error
            return True
        return False


def _is_attestation(known: Known | None, child: Descriptor) -> bool:
    """What an Index marks `unknown/unknown` is no image only where nobody can run it: the mark is anybody's word (T10).

    Of what was not fetched yet the mark is all that is known: whoever fetches it looks again.
    """
    is_marked = child.platform is not None and child.platform.is_unknown
    return is_marked and (known is None or known.is_inert)
