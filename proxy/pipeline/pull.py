"""One pull, as numbered steps. One path for hit and miss, by tag and by digest, HEAD and GET.

(0) route     the request is a value already: GetManifest, GetBlob, ListReferrers, ListTags
(1) allow     is this repository, and this tag, on the allow-list? no network was used until here
(2) resolve   a tag becomes a digest: its pin, else the upstream. A child or a blob stands under the root that names it
(3) remember  a Decision that still holds?
(4) gather    the evidence
(5) judge     a Decision with every Check
(6) record    the Decision, the refusal, the pin
(7) fill      from the store, or from the upstream to client and store at once
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import NoReturn, Self, TypeVar

from proxy.errors import BlobUnknown, Inconclusive, ManifestUnknown, NameInvalid, NotAllowed, PolicyError, PratiqueError
from proxy.oci import mediatype, referrers
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.reference import EvidenceTag, Reference, Repository, Tag
from proxy.oci.route import GetBlob, GetManifest, ListReferrers, ListTags
from proxy.pipeline.ahead import Ahead
from proxy.pipeline.answers import Asker, BlobAnswer, ListingAnswer, ManifestAnswer, TagsAnswer
from proxy.pipeline.clock import Clock
from proxy.pipeline.court.judge import Judge, Judgement, raise_for
from proxy.pipeline.court.standing import Regime
from proxy.pipeline.elsewhere import Elsewhere
from proxy.pipeline.family.lineage import Lineage, Stand
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.family.search import Finder
from proxy.pipeline.fill import Fills
from proxy.pipeline.gathering.referrers import Witnesses, Written
from proxy.pipeline.manifests import Manifests, require_child
from proxy.pipeline.refusals import Refusals
from proxy.pipeline.singleflight import Flights
from proxy.pipeline.table import Table
from proxy.pipeline.tags.resolve import Resolver
from proxy.policy.decision import Decision
from proxy.policy.evaluate import permits_tag
from proxy.policy.rules import Rule
from proxy.upstream import routing
from proxy.upstream.registry import Upstreams

T = TypeVar("T")
_TAGS = 1_000  # names in one page where the client names no number


@dataclass(frozen=True, slots=True)
class Admission:
    """An admitted manifest, the Decision of the root it stands under, and when to look again (epoch seconds)."""

    manifest: Manifest | Index | Written
    decision: Decision
    is_fresh: bool
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a pull works with; put together by `bootstrap`."""

    regime: Regime
    upstreams: Upstreams
    manifests: Manifests
    parentage: Parentage
    judge: Judge
    lineage: Lineage
    finder: Finder
    resolver: Resolver
    witnesses: Witnesses
    fills: Fills
    ahead: Ahead
    refusals: Refusals
    table: Table
    clock: Clock
    elsewhere: Elsewhere | None = None  # where other processes of this machine work on the same directory


class Pull:
    """The door's counterpart: every method raises only from the error tree, refusals with their id."""

    def __init__(self, rooms: Rooms, *, request_seconds: float, gather_seconds: float) -> None:
        self._rooms = rooms
        self._request_seconds = request_seconds
        self._flights = Flights(work_seconds=gather_seconds)

    async def close(self) -> None:
        await self._flights.close()
        await self._rooms.judge.close()

    async def admit_ahead(self, repository: Repository, digest: Digest) -> None:
        """Admit a child before a client asks for it; nobody waits, and nobody is told."""
        with contextlib.suppress(PratiqueError):
            await self._join(("manifest", repository, digest), lambda: self._admit(repository, digest))

    @property
    def generation(self) -> int:
        return self._rooms.table.generation

    # What the door calls ---------------------------------------------------------------------------------------------

    async def manifest(self, asker: Asker, request: GetManifest) -> ManifestAnswer:
        key = (asker.bound, request.name, request.ns, str(request.reference))
        ready = self._rooms.table.get(key, self._rooms.clock.now().timestamp())
        if ready is not None:
            return ready
        generation = self._rooms.table.generation
        async with _Refusing(self._rooms.refusals, asker, _asked(request), str(request.reference)) as refusing:
            repository = self._route(asker, request.name, request.ns, refusing)
            admission, is_joined = await self._join(
                ("manifest", repository, request.reference), lambda: self._admit(repository, request.reference)
            )
        outcome = "coalesced" if is_joined else "miss" if admission.is_fresh else "hit"
        answer = _manifest_answer(admission, repository, outcome)
        until = _until(admission)
        warm = replace(_manifest_answer(admission, repository, "hit"), repeats=(generation, until))
        self._rooms.table.put(key, warm, until=until, generation=generation)
        return answer

    async def blob(self, asker: Asker, request: GetBlob) -> BlobAnswer:
        deadline = time.monotonic() + self._request_seconds
        async with _Refusing(self._rooms.refusals, asker, _asked(request), str(request.digest)) as refusing:
            repository = self._route(asker, request.name, request.ns, refusing)
            stand = await self._blob_stand(repository, request.digest)
            descriptor = stand.descriptor
            assert descriptor is not None, "a blob stands under what names it"
            if request.is_head:
                await _within(deadline, self._rooms.fills.require_unmismatched(request.digest))
                return BlobAnswer(request.digest, descriptor.size, repository, "hit", None)
            body, outcome = await _within(deadline, self._rooms.fills.body(repository, descriptor))
        return BlobAnswer(request.digest, descriptor.size, repository, outcome, body)

    async def referrers(self, asker: Asker, request: ListReferrers) -> ListingAnswer:
        async with _Refusing(self._rooms.refusals, asker, _asked(request), str(request.digest)) as refusing:
            repository = self._route(asker, request.name, request.ns, refusing)
            found, _ = await self._join(
                ("referrers", repository, request.digest), lambda: self._listed(repository, request.digest)
            )
        chosen = referrers.filtered(found, request.artifact_type)
        return ListingAnswer(referrers.build_index(chosen), repository, is_filtered=request.artifact_type is not None)

    async def tags(self, asker: Asker, request: ListTags) -> TagsAnswer:
        async with _Refusing(self._rooms.refusals, asker, _asked(request), "tags/list") as refusing:
            repository = self._route(asker, request.name, request.ns, refusing)
            names, _ = await self._join(("tags", repository), lambda: self._permitted_tags(repository))
        after = [name for name in names if request.last is None or name > request.last]
        count = _TAGS if request.n is None else min(request.n, _TAGS)
        page = after[:count]
        return TagsAnswer(tuple(page), bool(page) and len(after) > count, repository, request.name)

    # (0, 1) -----------------------------------------------------------------------------------------------------------

    def _route(self, asker: Asker, name: str, ns: str | None, refusing: "_Refusing") -> Repository:
        """Raise NotAllowed for what no upstream and no rule names: it costs no upstream request."""
        upstreams = self._rooms.upstreams
        repository = routing.resolve(
            name=name, ns=ns, bound=asker.bound, names=upstreams.names, default=upstreams.default
        )
        refusing.name = str(repository)
        self._rooms.regime.current.rule(repository)
        return repository

    async def _join(self, key: tuple[object, ...], work: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """One work for all who ask for the same under the same policy; each waits as long as a client may."""
        generation = self._rooms.table.generation  # it grows with each policy, and with each pin that moves (T62)
        return await self._flights.join((*key, generation), work, wait_seconds=self._request_seconds)

    # (2-6) for a manifest ---------------------------------------------------------------------------------------------

    async def _admit(self, repository: Repository, reference: Reference) -> Admission:
        if self._rooms.elsewhere is None:
            return await self._admit_here(repository, reference)
        return await self._rooms.elsewhere.once(repository, reference, lambda: self._admit_here(repository, reference))

    async def _admit_here(self, repository: Repository, reference: Reference) -> Admission:
        if isinstance(reference, Digest):
            return await self._by_digest(repository, reference)
        evidence = EvidenceTag.parse(reference)
        if evidence is not None:
            return await self._evidence(repository, evidence)
        permits_tag(self._rooms.regime.current.rule(repository), reference)
        return await self._by_tag(repository, reference)

    async def _by_tag(self, repository: Repository, tag: Tag) -> Admission:
        resolved = await self._rooms.resolver.resolve(repository, tag)
        if not resolved.judgement.decision.is_allow:
            self._refuse(repository, resolved.judgement)
        manifest = resolved.judgement.manifest or await self._rooms.manifests.get(repository, resolved.digest)
        self._rooms.ahead.offer(repository, manifest)
        return Admission(
            manifest, resolved.judgement.decision, resolved.judgement.is_fresh, until=resolved.asks_again_at
        )

    async def _by_digest(self, repository: Repository, digest: Digest) -> Admission:
        """Under an admitted root that names it; else by its own evidence; else under a root that a search finds."""
        if digest in (await self._rooms.parentage.family(repository)).known:
            self._rooms.manifests.used(digest)  # before it is looked up, so that who makes room sees it
        written = self._rooms.witnesses.written(repository, digest)
        if written is not None:
            subject = await self._by_digest(repository, written.subject)
            return Admission(written, subject.decision, is_fresh=False, until=subject.until)
        stand = await self._rooms.lineage.of_manifest(repository, digest)
        if stand is None or not stand.is_admitted:
            judgement = await self._rooms.judge.judge(repository, digest)
            if judgement.decision.is_allow:
                manifest = judgement.manifest or await self._rooms.manifests.get(repository, digest)
                self._rooms.ahead.offer(repository, manifest)
                return Admission(manifest, judgement.decision, judgement.is_fresh)
            if stand is None:
                await self._rooms.finder.find(repository, digest)
                stand = await self._rooms.lineage.of_manifest(repository, digest)
            if stand is None or not stand.is_admitted:
                return self._refuse(repository, judgement, under=stand)
        return await self._child(repository, digest, stand)

    async def _listed(self, repository: Repository, subject: Digest) -> tuple[Descriptor, ...]:
        """What refers to an admitted subject; admitting it and looking are one wait for a client."""
        try:
            await self._join(("manifest", repository, subject), lambda: self._admit(repository, subject))
            return await self._rooms.witnesses.listing(repository, subject)
        except ManifestUnknown:  # distribution-spec: a digest that nobody knows has no referrers, and is no error
            return ()

    def _refuse(self, repository: Repository, judgement: Judgement, *, under: Stand | None = None) -> NoReturn:
        """Raise what the Decision says; its blobs, asked for by themselves, are refused for the same reason.

        Of the child of an admitted Index it is what was said of it as that: nobody means it to be admitted by itself.
        """
        is_child = under is not None and under.decision.index is not None and judgement.decision.is_conclusive
        try:
            raise_for(under.decision if under is not None and is_child else judgement.decision)
        except PolicyError as error:
            if judgement.manifest is not None:
                self._rooms.refusals.name(repository, judgement.manifest.blobs, error)
            raise
        raise AssertionError("only what was not allowed is refused")

    async def _child(self, repository: Repository, digest: Digest, stand: Stand) -> Admission:
        """What an admitted root names, fetched where it is not here, must be what that root says of it."""
        family = await self._rooms.parentage.family(repository)
        is_fresh = digest not in family.known
        manifest = await self._rooms.manifests.get(repository, digest)
        if stand.descriptor is not None:
            require_child(manifest, media_type=stand.descriptor.media_type, size=stand.descriptor.size)
        for name in Digest.all_of(manifest.raw):
            self._rooms.judge.require_not_revoked(repository, name)
        if is_fresh:
            await self._rooms.manifests.keep(repository, manifest)
            await self._rooms.parentage.remember(repository, manifest, kind="child")
        if is_fresh or (stand.descriptor is not None and _is_untold(stand.descriptor.platform)):
            # What it is, is known only now.
            stand = _require_admitted(await self._rooms.lineage.of_manifest(repository, digest))
        self._rooms.ahead.offer(repository, manifest)
        until = stand.until.timestamp() if stand.until else None
        return Admission(manifest, stand.decision, is_fresh, until=until)

    async def _evidence(self, repository: Repository, evidence: EvidenceTag) -> Admission:
        """Evidence of an admitted subject, outside tags and pins; it admits nothing (T60)."""
        subject = await self._by_digest(repository, evidence.subject)
        found = await self._rooms.witnesses.at_tag(repository, evidence)
        again = self._rooms.clock.now().timestamp() + self._rooms.witnesses.refresh_seconds
        until = again if subject.until is None else min(again, subject.until)
        return Admission(found, subject.decision, is_fresh=False, until=until)

    # (2) for a blob ---------------------------------------------------------------------------------------------------

    async def _blob_stand(self, repository: Repository, digest: Digest) -> Stand:
        """By what is recorded, at once; else judged and searched for, as long as a client waits."""
        stand = await self._rooms.lineage.recall_blob(repository, digest)
        if stand is not None:
            return stand
        try:
            stand, _ = await self._join(("blob", repository, digest), lambda: self._find_blob(repository, digest))
            if stand is None:
                raise self._rooms.refusals.of_blob(repository, digest) or BlobUnknown(
                    f"no admitted image of {repository} names {digest}; pull its manifest first"
                )
            _require_admitted(stand)
        except PolicyError as error:
            error.refusal = self._told_before(repository, error)
            raise
        return stand

    async def _find_blob(self, repository: Repository, digest: Digest) -> Stand | None:
        stand = await self._rooms.lineage.of_blob(repository, digest)
        if stand is None and not await self._is_manifest(repository, digest):
            await self._rooms.finder.find(repository, digest)
            stand = await self._rooms.lineage.of_blob(repository, digest)
        return stand

    async def _is_manifest(self, repository: Repository, digest: Digest) -> bool:
        """A manifest is never answered as a blob: containerd 2.1 would store it as one (clients.md 4)."""
        family = await self._rooms.parentage.family(repository)
        return digest in family.known or digest in family.parents_of_manifest

    def _told_before(self, repository: Repository, error: PolicyError) -> str | None:
        """The id under which the root of a refused blob was refused; None where its root is admitted, or was not asked for."""
        record = error.record or {}
        if "digest" not in record or record.get("verdict") == "allow":
            return None
        return self._rooms.refusals.of_root(repository, Digest.parse(str(record["digest"])))

    async def _permitted_tags(self, repository: Repository) -> tuple[str, ...]:
        """Only what policy permits; under `locked`, only what the lock file names."""
        standing = self._rooms.regime.current
        rule = standing.rule(repository)
        if rule.pinning == "locked":
            locked = {name for each, name in standing.lock if each == repository}
            return tuple(sorted(name for name in locked if _is_listed(rule, name)))
        names = await self._rooms.upstreams.registry(repository.upstream).tags(repository)
        return tuple(sorted(name for name in set(names) if _is_listed(rule, name)))


class _Refusing:
    """Turns a refusal into what the client is told: named, recorded, with its id."""

    def __init__(self, refusals: Refusals, asker: Asker, name: str, reference: str) -> None:
        self._refusals = refusals
        self._asker = asker
        self.name = name
        self._reference = reference

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PolicyError | Inconclusive):
            raise await self._refusals.say(self._asker, name=self.name, reference=self._reference, error=error)


def _asked(request: GetManifest | GetBlob | ListReferrers | ListTags) -> str:
    """The repository as the client named it, until its one canonical name is known."""
    return f"{request.ns}/{request.name}" if request.ns else request.name


def _require_admitted(stand: Stand | None) -> Stand:
    if stand is None:
        raise NotAllowed("nothing admitted names it any more")
    raise_for(stand.decision)
    if stand.refusal is not None:
        raise NotAllowed(stand.refusal, record=stand.decision.to_record())
    return stand


def _is_untold(platform: Platform | None) -> bool:
    """Whether an Index leaves open what its child is; BuildKit's mark for attestations is anybody's word."""
    return platform is None or platform.is_unknown


def _is_listed(rule: Rule, name: str) -> bool:
    try:
        tag = Tag(name)
        permits_tag(rule, tag)
    except (NotAllowed, NameInvalid):
        return False
    return EvidenceTag.parse(tag) is None


def _manifest_answer(admission: Admission, repository: Repository, outcome: str) -> ManifestAnswer:
    warning = admission.decision.summary if admission.decision.is_warned else None
    manifest = admission.manifest
    return ManifestAnswer(
        manifest.raw, mediatype.bare(manifest.media_type), manifest.digest, repository, outcome, warning
    )


def _until(admission: Admission) -> float | None:
    ends = [admission.decision.expires_at.timestamp()] if admission.decision.expires_at else []
    return min([*ends, *([] if admission.until is None else [admission.until])], default=None)


async def _within(deadline: float, work: Awaitable[T]) -> T:
    """Bound what a client waits for; the fill itself is nobody's who waits, and goes on."""
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            return await work
    except TimeoutError:
        raise Inconclusive("the upstream has not begun to answer; the transfer goes on, ask again") from None
