"""GitHub's attestation API: Sigstore bundles by the digest that they speak of (evidence.md 1.7). A hint like any listing.

Only bundles that come inline are read: no URL in an answer is ever fetched (T58), but the next page at the same origin.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from proxy.errors import ManifestInvalid, NotAllowed, UpstreamRefused
from proxy.events import Event
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.oci.strictjson import parse as parse_json
from proxy.upstream.asking import Asking, Question
from proxy.upstream.exchange.answer import Answer
from proxy.upstream.exchange.answers import ABSENT, credentials_refused
from proxy.upstream.exchange.guard import Lookup, system_lookup
from proxy.upstream.exchange.tls import Tls
from proxy.upstream.exchange.wire import Limits, Wire
from proxy.upstream.login.credentials import Credentials
from proxy.upstream.settings import UpstreamSettings
from proxy.upstream.turns import Turns

# github.com's own, and those of tenants with data residency.
_HOSTS = re.compile(r"api\.github\.com|api\.[a-z0-9-]{1,63}\.ghe\.com")
_SOURCE = re.compile(r"repos/[^/]{1,100}/[^/]{1,100}|(?:orgs|users)/[^/]{1,100}")
_A_PAGE = 30
_PAGE_LIMIT = 48 * 1024 * 1024  # bytes: a bundle may hold a predicate of 16 MB, in base64
_MOST = 64 * 1024 * 1024  # bytes of bundles held; one more page may come before it is seen
MAX_BUNDLES = 64
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle in compact JSON, the same bytes for the same bundle: the API gives it as a part of a larger document."""

    media_type: str
    raw: bytes = field(repr=False)


@dataclass(slots=True)
class Bundles:
    """What the API holds for one digest.

    `foreign`: entries that are no Sigstore bundle; `absent`: those whose bundle lies elsewhere, by URL; `is_cut`: there
    are more than are read.
    """

    bundles: dict[bytes, Bundle] = field(default_factory=dict)
    foreign: int = 0
    absent: int = 0
    is_cut: bool = False

    def add(self, entry: Any) -> None:
        inline = entry.get("bundle") if isinstance(entry, dict) else None
        media_type = inline.get("mediaType") if isinstance(inline, dict) else None
        if inline is None:
            self.absent += 1
        elif isinstance(media_type, str) and mediatype.is_bundle(media_type):
            raw = json.dumps(inline, sort_keys=True, separators=(",", ":")).encode()
            self.bundles[raw] = Bundle(media_type, raw)
        else:
            self.foreign += 1

    @property
    def is_full(self) -> bool:
        return len(self.bundles) >= MAX_BUNDLES or sum(map(len, self.bundles)) > _MOST


def is_attestation_api(upstream: str) -> bool:
    """Whether an upstream of this name is asked for attestations and holds no images."""
    return _HOSTS.fullmatch(upstream) is not None


class TokenLogin:
    """The Authorization header for the API: the operator's password as a Bearer token, else nothing."""

    def __init__(self, upstream: str, credentials: Credentials) -> None:
        self._upstream = upstream
        self._credentials = credentials

    def has_credentials(self, name: str) -> bool:
        return self._credentials.of(name) is not None

    def account(self, name: str) -> str | None:
        return self._credentials.username(name)

    async def header(self, name: str) -> str | None:
        credential = self._credentials.of(name)
        return None if credential is None else f"Bearer {credential.password}"

    def challenged(self, name: str, headers: Iterable[str], *, sent: str | None) -> None:  # noqa: ARG002 the protocol's: no challenge is followed here
        """A token that was replaced is read again; else raise UpstreamRefused."""
        credential = self._credentials.of(name, again=True)
        if credential is None or sent == f"Bearer {credential.password}":
            raise credentials_refused(self._upstream, has_credentials=credential is not None)


class Attestations:
    """The attestation API of this name. Every method may raise an UpstreamError."""

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
        """Open nothing yet. Raise ConfigError for a bad TLS file."""
        self.name = name
        limits, tls = limits or Limits(), Tls(name, settings)
        self._wire = Wire(name, settings, emit=emit, limits=limits, tls=tls, lookup=lookup, clock=clock)
        login = TokenLogin(name, Credentials(name, settings.credentials))
        turns = Turns(name, emit=emit, clock=clock, counts_gets=False)
        self._asking = Asking(name, wire=self._wire, authorizer=login, turns=turns, seconds=limits.answer, wait=wait)

    async def bundles(self, source: Repository, subject: Digest) -> Bundles:
        """Everything that `source` (`repos/<owner>/<name>`, `orgs/<name>`, `users/<name>`) holds for this digest.

        Nothing is a complete answer of none. Raise NotAllowed for a source of another kind.
        """
        if not _SOURCE.fullmatch(source.name):
            raise NotAllowed(f"{source} is no source of attestations; write {self.name}/repos/<owner>/<name>")
        found = Bundles()
        question = self._question(source, subject)
        async with aclosing(self._asking.pages(question, under="/")) as pages:
            async for answer in pages:
                if found.is_full:
                    found.is_cut = True
                    break
                if answer.status in ABSENT:  # how it says that it holds none
                    break
                for entry in await self._entries(answer, question):
                    found.add(entry)
        return found

    async def close(self) -> None:
        await self._wire.close()

    def _question(self, source: Repository, subject: Digest) -> Question:
        path = f"/{source.name}/attestations/{subject}?per_page={_A_PAGE}"
        return Question("attestations", source, self._wire.base.join(URL(path, encoded=True)), headers=_HEADERS)

    async def _entries(self, answer: Answer, question: Question) -> list[Any]:
        try:
            document: Any = parse_json(await self._asking.whole(answer, question, _PAGE_LIMIT), what="answer")
        except ManifestInvalid as error:
            raise UpstreamRefused(f"{self.name} answered what holds no attestations: {error.message}") from error
        entries = document.get("attestations") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise UpstreamRefused(f"{self.name} answered what holds no attestations")
        return entries
