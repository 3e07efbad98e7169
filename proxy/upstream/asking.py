"""A question to one upstream until it is answered: logged in, asked again where that may help, never before its time.

An answer's status is the caller's to read, but for 429, which later questions of the same account then respect (`turns`).
From the question to the answer's head no more passes than a client waits for it, log-ins, redirects and tries included.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from yarl import URL

from proxy.errors import UpstreamRefused, UpstreamTimeout, UpstreamUnavailable
from proxy.oci.reference import Repository
from proxy.upstream.exchange.answer import Answer
from proxy.upstream.exchange.answers import PATIENCE, THROTTLED
from proxy.upstream.exchange.documents import read, refusal
from proxy.upstream.exchange.wire import REDIRECTS, Wire
from proxy.upstream.link import next_page
from proxy.upstream.restraint.retry import TRIES, Budget, pause
from proxy.upstream.turns import Turns

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
    is_large: bool = False  # so many bytes that a connection of its own is worth it


class Login(Protocol):
    """Who we are to one upstream; see `auth.Authorizer`."""

    def has_credentials(self, name: str) -> bool: ...

    async def header(self, name: str) -> str | None: ...

    def account(self, name: str) -> str | None: ...

    def challenged(self, name: str, headers: Iterable[str], *, sent: str | None) -> None: ...


class Asking:
    """All questions to one upstream. `seconds`: until an answer's head. `wait` is handed in so that tests need not."""

    def __init__(
        self,
        upstream: str,
        *,
        wire: Wire,
        authorizer: Login,
        turns: Turns,
        seconds: float,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._upstream = upstream
        self._wire = wire
        self._authorizer = authorizer
        self._turns = turns
        self._seconds = seconds
        self._wait = wait
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
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await self._obtain(stack, question)
            except TimeoutError:
                raise UpstreamTimeout(f"{self._upstream} did not answer in time", retry_after=PATIENCE) from None
            yield answer

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
            try:
                answer, sent = await self._once(stack, question)
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
        account = self._authorizer.account(question.repository.name)
        async with self._turns.take(question.what, account=account, method=question.method):
            sent = await self._authorizer.header(question.repository.name)
            answer = await stack.enter_async_context(
                self._wire.ask(
                    question.what,
                    question.url,
                    method=question.method,
                    headers=question.headers,
                    authorization=sent,
                    follow=question.follow,
                    is_large=question.is_large,
                )
            )
            if answer.status == THROTTLED:
                await self.require(answer, question, set())
        self._turns.note(answer.quota, account=account)
        return answer, sent

    def _may_retry(self, tries: int) -> bool:
        return tries < TRIES and self._budget.spend()
