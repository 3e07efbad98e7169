"""A question to one upstream until it is answered: logged in, asked again where that may help, never before its time.

An answer's status is the caller's to read, but for 429, which every later question to this upstream then respects.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from yarl import URL

from proxy.errors import UpstreamRefused, UpstreamThrottled, UpstreamUnavailable
from proxy.oci.reference import Repository
from proxy.upstream.answers import PATIENCE, THROTTLED
from proxy.upstream.documents import read, refusal
from proxy.upstream.link import next_page
from proxy.upstream.retry import TRIES, Budget, NotBefore, pause
from proxy.upstream.wire import REDIRECTS, Answer, Wire

MAX_PAGES = 300
_CHALLENGES = 2  # one to learn how to log in, one for a token or password that is no longer good
# An upstream that says when to come back is not asked before.
_PASSING = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Question:
    what: str  # manifest | blob | referrers | tags | attestations
    repository: Repository
    url: URL
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    follow: frozenset[int] = REDIRECTS


class Login(Protocol):
    """Who we are to one upstream; see `auth.Authorizer`."""

    def has_credentials(self, name: str) -> bool: ...

    async def header(self, name: str) -> str | None: ...

    def challenged(self, name: str, headers: Iterable[str], *, sent: str | None) -> None: ...


class Asking:
    """All questions to one upstream. `wait` is handed in so that tests need not."""

    def __init__(
        self,
        upstream: str,
        *,
        wire: Wire,
        authorizer: Login,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._upstream = upstream
        self._wire = wire
        self._authorizer = authorizer
        self._clock = clock
        self._wait = wait
        self._not_before = NotBefore(upstream)
        self._budget = Budget()

    def question(self, what: str, repository: Repository, path: str, **headers: str) -> Question:
        """Return the GET of `/v2/<name>/<path>`; underscores in the headers' names are hyphens."""
        url = self._wire.base.join(URL(f"/v2/{repository.name}/{path}", encoded=True))
        return Question(what, repository, url, headers={name.replace("_", "-"): each for name, each in headers.items()})

    @asynccontextmanager
    async def answer(self, question: Question) -> AsyncIterator[Answer]:
        """Yield the answer, open; leaving ends it. Raise an UpstreamError where there is none."""
        async with AsyncExitStack() as stack:
            self._budget.earn()
            yield await self._obtain(stack, question)

    async def pages(self, question: Question, *, under: str = "/v2/") -> AsyncGenerator[Answer, None]:
        """Yield each page's answer; a Link is followed within the origin that answered, `under` a path, and never twice."""
        seen: set[URL] = set()
        while len(seen) < MAX_PAGES:
            seen.add(question.url)
            async with self.answer(question) as answer:
                yield answer
                target = next_page(answer.headers.getall("Link", [])) if answer.status == 200 else None
                if target is None:
                    return
                url = self._wire.target(answer, target)
            if url in seen or url.origin() != answer.url.origin() or not url.path.startswith(under):
                raise UpstreamRefused(f"{self._upstream} leads from a page of a listing to where no other page is")
            question = replace(question, url=url)
        raise UpstreamRefused(f"{self._upstream} offers more than {MAX_PAGES} pages; no listing is that long")

    async def whole(self, answer: Answer, question: Question, limit: int) -> bytes:
        """Return a 200's body. Raise what any other status stands for; ManifestInvalid beyond `limit` bytes."""
        await self.require(answer, question, {200})
        return await read(answer, limit, what=question.what)

    async def require(self, answer: Answer, question: Question, statuses: set[int]) -> None:
        if answer.status not in statuses:
            has_credentials = self._authorizer.has_credentials(question.repository.name)
            raise await refusal(answer, has_credentials=has_credentials)

    async def _obtain(self, stack: AsyncExitStack, question: Question) -> Answer:
        tries = challenges = 0
        while True:
            self._not_before.require(now=self._clock())
            try:
                answer, sent = await self._once(stack, question)
            except UpstreamThrottled as error:
                self._not_before.hold(error.retry_after or PATIENCE, now=self._clock())
                raise
            except UpstreamUnavailable:
                tries += 1
                if not self._may_retry(tries):
                    raise
            else:
                if answer.status == 401 and not answer.is_elsewhere and challenges < _CHALLENGES:
                    challenges += 1
                    said = answer.headers.getall("WWW-Authenticate", [])
                    self._authorizer.challenged(question.repository.name, said, sent=sent)
                    await stack.aclose()
                    continue
                tries += 1
                if answer.status not in _PASSING or "Retry-After" in answer.headers or not self._may_retry(tries):
                    return answer
            await stack.aclose()
            await self._wait(pause(tries, jitter=random.random()))  # noqa: S311 jitter keeps no secret

    async def _once(self, stack: AsyncExitStack, question: Question) -> tuple[Answer, str | None]:
        sent = await self._authorizer.header(question.repository.name)
        answer = await stack.enter_async_context(
            self._wire.ask(
                question.what,
                question.url,
                method=question.method,
                headers=question.headers,
                authorization=sent,
                follow=question.follow,
            )
        )
        if answer.status == THROTTLED:
            await self.require(answer, question, set())
        return answer, sent

    def _may_retry(self, tries: int) -> bool:
        return tries < TRIES and self._budget.spend()
