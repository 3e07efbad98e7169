"""One upstream: manifests, blobs, referrers, tags. Bytes are what their hash says, and "none" rests on complete answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from proxy.errors import (
    BlobUnknown,
    ContentMismatch,
    DigestInvalid,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    NotAllowed,
    UpstreamRefused,
)
from proxy.events import Event
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest, require_digest
from proxy.oci.manifest import MAX_MANIFEST
from proxy.oci.reference import Reference, Repository, Tag
from proxy.oci.referrers import merge
from proxy.oci.strictjson import parse as parse_json
from proxy.upstream import listed
from proxy.upstream.asking import Asking, Question
from proxy.upstream.attestations import Attestations, is_attestation_api
from proxy.upstream.exchange.answers import ABSENT
from proxy.upstream.exchange.guard import Lookup, system_lookup
from proxy.upstream.exchange.stream import BlobStream, is_useless, opened
from proxy.upstream.exchange.tls import Tls
from proxy.upstream.exchange.wire import Limits, Wire
from proxy.upstream.login.auth import Authorizer
from proxy.upstream.settings import UpstreamSettings
from proxy.upstream.turns import Turns

__all__ = ["BlobStream", "Fetched", "Limits", "Registry", "Upstreams"]

MAX_TAGS = 10_000
# Bytes for which a connection of its own is worth its two or three round trips (docs/adr/0005).
LARGE = 8 * 1024 * 1024
_TAGS_A_PAGE = 1000
_A = TypeVar("_A")
_B = TypeVar("_B")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest's exact bytes; `digest` is computed over them, `content_type` is the upstream's word."""

    raw: bytes = field(repr=False)
    content_type: str
    digest: Digest


class Registry:
    """The upstream of this name. Every method may raise an UpstreamError; what else it raises is said with it."""

    def __init__(
        self,
        name: str,
        settings: UpstreamSettings,
        *,
        emit: Callable[[Event], None],
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        lookup: Lookup = system_lookup,
    ) -> None:
        """Open nothing yet: an upstream that is down does not matter here. Raise ConfigError for a bad TLS file."""
        self.name = name
        limits = limits or Limits()
        tls = Tls(name, settings)
        self._wire = Wire(name, settings, emit=emit, limits=limits, tls=tls, lookup=lookup, clock=clock)
        self._authorizer = Authorizer(name, settings, wire=self._wire, clock=clock)
        self._counts_gets = settings.counts_manifest_gets(name)
        turns = Turns(name, emit=emit, clock=clock, counts_gets=self._counts_gets)
        self._asking = Asking(
            name, wire=self._wire, authorizer=self._authorizer, turns=turns, seconds=limits.answer, wait=wait
        )
        self._transfers = asyncio.Semaphore(limits.blobs)
        self._lacks_listing = False  # it had no referrers API when it was last asked

    async def manifest(self, repository: Repository, reference: Reference, *, is_guess: bool = False) -> Fetched:
        """Fetch once and hash (T01). Raise ManifestUnknown, ManifestInvalid over 4 MiB, ContentMismatch by digest.

        `is_guess`: nobody said that it is there; where a GET counts against a quota, a HEAD asks first.
        """
        question = self._manifest(repository, reference)
        if is_guess and self._counts_gets and not await self._has(question):
            raise ManifestUnknown(f"{repository} has no {reference}")
        async with self._asking.answer(question) as answer:
            if answer.status in ABSENT:
                raise ManifestUnknown(f"{repository} has no {reference}")
            raw = await self._asking.whole(answer, question, MAX_MANIFEST)
            content_type = answer.headers.get("Content-Type", "")
        if isinstance(reference, Digest):
            require_digest(raw, reference)
            return Fetched(raw, content_type, reference)
        return Fetched(raw, content_type, Digest.of(raw))

    async def head(self, repository: Repository, reference: Reference) -> Digest | None:
        """Return which digest the upstream says it would answer: a hint of drift, good for nothing else."""
        question = replace(self._manifest(repository, reference), method="HEAD")
        async with self._asking.answer(question) as answer:
            if answer.status in ABSENT:
                return None
            await self._asking.require(answer, question, {200})
            try:
                return Digest.parse(answer.headers.get("Docker-Content-Digest", ""))
            except DigestInvalid:
                return None

    @asynccontextmanager
    async def blob(
        self, repository: Repository, digest: Digest, *, size: int = 0, start: int = 0, validator: str | None = None
    ) -> AsyncIterator[BlobStream]:
        """Yield the blob from `start`, or from 0 where the upstream cannot or it changed. Raise BlobUnknown.

        `size` is what its manifest says; `validator` is that of an earlier stream of the same blob (RFC 9110 13.1.5).
        """
        async with self._transfers, AsyncExitStack() as stack:
            is_large = size - start >= LARGE
            question = replace(self._part(repository, digest, start, validator), is_large=is_large)
            answer = await stack.enter_async_context(self._asking.answer(question))
            if start and is_useless(answer, start=start, validator=validator):
                await stack.aclose()
                start, question = 0, replace(self._part(repository, digest, 0, None), is_large=is_large)
                answer = await stack.enter_async_context(self._asking.answer(question))
            if answer.status in ABSENT:
                raise BlobUnknown(f"{repository} has no blob {digest}")
            await self._asking.require(answer, question, {200, 206})
            yield opened(answer, start=start)

    async def small_blob(self, repository: Repository, digest: Digest, *, limit: int) -> bytes:
        """Return a whole blob, hashed. Raise BlobUnknown, ContentMismatch for other bytes or more than `limit`."""
        question = self._part(repository, digest, 0, None)
        async with self._asking.answer(question) as answer:
            if answer.status in ABSENT:
                raise BlobUnknown(f"{repository} has no blob {digest}")
            try:
                raw = await self._asking.whole(answer, question, limit)
            except ManifestInvalid as error:
                raise ContentMismatch(f"{digest}: {error.message}") from error
        require_digest(raw, digest)
        return raw

    async def referrers(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        """Return all that is listed for `digest`, by the API and by the fallback tag; sorted by digest.

        The tag is asked where the API is not there or lists nothing: beside it once it was seen to be missing. Return ()
        only where the upstream answered completely that there is none (promise 4).
        """
        if self._lacks_listing:
            by_api, tagged = await _both(
                listed.by_api(self._asking, repository, digest), self._by_tag(repository, digest)
            )
        else:
            by_api = await listed.by_api(self._asking, repository, digest)
            tagged = () if by_api.descriptors else await self._by_tag(repository, digest)
        self._lacks_listing = not by_api.has_api
        return merge(by_api.descriptors, tagged)

    async def _by_tag(self, repository: Repository, digest: Digest) -> tuple[Descriptor, ...]:
        try:
            fetched = await self.manifest(repository, listed.fallback_tag(digest), is_guess=True)
        except (ManifestUnknown, ManifestInvalid):
            return ()  # no such tag, or something of its name that is no listing
        return listed.by_tag(fetched.raw, tagged=fetched.digest, subject=digest)

    async def tags(self, repository: Repository) -> tuple[str, ...]:
        """Return the tags, sorted, at most 10 000. Raise NameUnknown."""
        names: set[str] = set()
        question = self._asking.question("tags", repository, f"tags/list?n={_TAGS_A_PAGE}", Accept="application/json")
        async with aclosing(self._asking.pages(question)) as pages:
            async for answer in pages:
                if answer.status in ABSENT:
                    raise NameUnknown(f"{self.name} does not know {repository.name}")
                before = len(names)
                names |= self._tag_names(await self._asking.whole(answer, question, MAX_MANIFEST))
                if len(names) >= MAX_TAGS or len(names) == before:
                    break
        return tuple(sorted(names)[:MAX_TAGS])

    async def close(self) -> None:
        await self._authorizer.close()
        await self._wire.close()

    async def _has(self, question: Question) -> bool:
        head = replace(question, method="HEAD")
        async with self._asking.answer(head) as answer:
            if answer.status in ABSENT:
                return False
            await self._asking.require(answer, head, {200})
            return True

    def _manifest(self, repository: Repository, reference: Reference) -> Question:
        path = f"manifests/{reference}"
        return self._asking.question("manifest", repository, path, Accept=mediatype.ACCEPT_MANIFESTS)

    def _part(self, repository: Repository, digest: Digest, start: int, validator: str | None) -> Question:
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and validator:
            headers["If_Range"] = validator
        return self._asking.question("blob", repository, f"blobs/{digest}", Accept="*/*", **headers)

    def _tag_names(self, raw: bytes) -> set[str]:
        try:
            document: Any = parse_json(raw, what="list of tags")
        except ManifestInvalid as error:
            raise UpstreamRefused(f"{self.name} answered a list of tags that is none: {error.message}") from error
        entries = document.get("tags") if isinstance(document, dict) else None
        return {each for each in entries if _is_tag(each)} if isinstance(entries, list) else set()


async def _both(one: Awaitable[_A], other: Awaitable[_B]) -> tuple[_A, _B]:
    """Side by side, both to their end; raise what the first one raised, else the second."""
    first, second = await asyncio.gather(one, other, return_exceptions=True)
    if isinstance(first, BaseException):
        raise first
    if isinstance(second, BaseException):
        raise second
    return first, second


def _is_tag(text: Any) -> bool:
    try:
        return isinstance(text, str) and bool(Tag(text))
    except NameInvalid:
        return False


class Upstreams:
    """The operator's upstreams, a closed world. Nothing is asked before somebody asks us."""

    def __init__(
        self,
        settings: Mapping[str, UpstreamSettings],
        *,
        emit: Callable[[Event], None],
        default: str | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        lookup: Lookup = system_lookup,
    ) -> None:
        """Raise ConfigError for TLS files that are of no use."""
        self.default = default
        self._registries: dict[str, Registry] = {}
        self._attestations: dict[str, Attestations] = {}
        for name, each in settings.items():
            if is_attestation_api(name):
                made = Attestations(name, each, emit=emit, limits=limits, clock=clock, wait=wait, lookup=lookup)
                self._attestations[name] = made
            else:
                registry = Registry(name, each, emit=emit, limits=limits, clock=clock, wait=wait, lookup=lookup)
                self._registries[name] = registry
        self.names = frozenset(settings)

    def registry(self, name: str) -> Registry:
        """Return the upstream of this name; raise NotAllowed for any other."""
        found = self._registries.get(name)
        if found is None:
            raise _foreign(name, is_known=name in self._attestations)
        return found

    def attestations(self, name: str) -> Attestations:
        """Return the attestation API of this name, which must be an upstream as well; raise NotAllowed for any other."""
        found = self._attestations.get(name)
        if found is None:
            raise _foreign(name, is_known=name in self._registries)
        return found

    async def close(self) -> None:
        opened: list[Registry | Attestations] = [*self._registries.values(), *self._attestations.values()]
        await asyncio.gather(*(each.close() for each in opened))


def _foreign(name: str, *, is_known: bool) -> NotAllowed:
    if is_known:
        return NotAllowed(f"{name[:80]!r} holds attestations or images, and not what was asked of it")
    return NotAllowed(f"{name[:80]!r} is not an upstream here; add it under upstreams")
