"""Who we are to an upstream: Basic, or Bearer tokens from a realm that was named for it, and from no other (T09).

A challenge is a hint. The scope is written here, for this repository and to pull; a token is kept for its life, fetched
once by however many ask, and thrown away when the upstream says 401.
"""

import asyncio
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from yarl import URL

from proxy.errors import ManifestInvalid, UpstreamRefused
from proxy.oci.challenge import Challenge, parse
from proxy.oci.strictjson import parse as parse_json
from proxy.upstream.exchange.answer import Answer
from proxy.upstream.exchange.answers import credentials_refused, realm_refused
from proxy.upstream.exchange.documents import read, refusal
from proxy.upstream.exchange.wire import Wire
from proxy.upstream.login.credentials import Credential, Credentials
from proxy.upstream.settings import UpstreamSettings

_DEFAULT_LIFE = 60  # seconds; distribution's token specification, "expires_in"
_LONGEST_LIFE = 24 * 3600
_SKEW = 30.0  # seconds before the end at which a token is fetched anew, or a fifth of its life
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=:-]+")  # RFC 6750 2.1, and the colon that some write
_TOKEN_LIMIT = 256 * 1024
_KEPT = 4096  # tokens
# How a token server says that it does not take GET.
_TRY_POST = frozenset({404, 405, 501})


@dataclass(frozen=True, slots=True)
class Plan:
    """How to get tokens. `scope` is None where it is the repository's own."""

    realm: URL  # with what its query held besides scope and service
    service: str | None
    scope: str | None


@dataclass(frozen=True, slots=True)
class Token:
    value: str
    refresh_at: float


_Key: TypeAlias = tuple[Plan, str, Credential | None]


class Authorizer:
    """The Authorization header for one upstream. `clock` gives seconds that never run backwards."""

    def __init__(self, upstream: str, settings: UpstreamSettings, *, wire: Wire, clock: Callable[[], float]) -> None:
        self._upstream = upstream
        self._wire = wire
        self._clock = clock
        self._credentials = Credentials(upstream, settings.credentials)
        self._realms = frozenset(str(URL(realm)) for realm in settings.all_realms(upstream))
        self._plan: Plan | str | None = None  # "basic", or nothing known yet
        self._tokens: dict[_Key, Token] = {}
        self._fetching: dict[_Key, asyncio.Task[Token]] = {}

    def has_credentials(self, name: str) -> bool:
        return self._credentials.of(name) is not None

    def account(self, name: str) -> str | None:
        """Whose rate a question about this repository counts against; None is nobody in particular."""
        return self._credentials.username(name)

    async def header(self, name: str) -> str | None:
        """Return what to send for this repository, as far as earlier challenges tell; raise an UpstreamError."""
        if self._plan is None:
            return None
        credential = self._credentials.of(name)
        if isinstance(self._plan, str):
            return credential.basic if credential else None
        token = await self._token((self._plan, self._plan.scope or f"repository:{name}:pull", credential))
        return f"Bearer {token.value}"

    def challenged(self, name: str, headers: Iterable[str], *, sent: str | None) -> None:
        """Learn from a 401 what to send; `sent` is what was refused. Raise UpstreamRefused where nothing is left to try."""
        found = [challenge for header in headers for challenge in parse(header)]
        credential = self._credentials.of(name, again=sent is not None)
        bearer = next((each for each in found if each.scheme == "bearer"), None)
        if bearer is not None:
            self._plan = self._planned(bearer)
            self._forget(sent)
        elif any(each.scheme == "basic" for each in found):
            if credential is None or credential.basic == sent:
                raise credentials_refused(self._upstream, has_credentials=credential is not None)
            self._plan = "basic"
        else:
            raise UpstreamRefused(f"{self._upstream} asks for a kind of login other than Basic and Bearer")

    def _planned(self, challenge: Challenge) -> Plan:
        text = challenge.parameters.get("realm", "")
        try:
            realm = URL(text)
            bare = realm.with_query(None).with_fragment(None)
            is_good = bool(realm.host) and realm.scheme in ("http", "https") and not (realm.user or realm.password)
        except ValueError:
            raise UpstreamRefused(f"{self._upstream} names a token server that is no URL") from None
        if not is_good or not (self._wire.is_own(bare) or str(bare) in self._realms):
            raise realm_refused(self._upstream, text)
        scope = challenge.parameters.get("scope") or realm.query.get("scope") or ""
        service = challenge.parameters.get("service") or realm.query.get("service")
        kept = [(key, value) for key, value in realm.query.items() if key not in ("scope", "service")]
        # A scope of another kind (ECR Public's `aws`) is passed on; one that names repositories is always our own.
        is_ours = not scope or scope.startswith(("repository:", "registry:"))
        return Plan(bare.with_query(kept), service, None if is_ours else scope)

    def _forget(self, sent: str | None) -> None:
        for key in [key for key, token in self._tokens.items() if f"Bearer {token.value}" == sent]:
            del self._tokens[key]

    async def _token(self, key: _Key) -> Token:
        held = self._tokens.get(key)
        if held is not None and self._clock() < held.refresh_at:
            return held
        task = self._fetching.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(key))
            self._fetching[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)

    def _keep(self, key: _Key, task: asyncio.Task[Token]) -> None:
        self._fetching.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._tokens.pop(key, None)
        self._tokens[key] = task.result()
        while len(self._tokens) > _KEPT:
            del self._tokens[next(iter(self._tokens))]

    async def _fetch(self, key: _Key) -> Token:
        plan, scope, credential = key
        began = self._clock()
        query = {"service": plan.service, "scope": scope}
        wanted = {name: value for name, value in query.items() if value}
        headers = {"Authorization": credential.basic} if credential else {}
        async with self._wire.exchange("token", "GET", plan.realm.update_query(wanted), headers) as answer:
            if credential is None or answer.status not in _TRY_POST:
                return await self._read(answer, began, credential)
        form = {"grant_type": "password", "client_id": "pratique", **wanted}
        form |= {"username": credential.username, "password": credential.password}
        async with self._wire.exchange("token", "POST", plan.realm, {}, form=form) as answer:
            return await self._read(answer, began, credential)

    async def _read(self, answer: Answer, began: float, credential: Credential | None) -> Token:
        if answer.status in (400, 401, 403):
            raise credentials_refused(
                self._upstream,
                has_credentials=credential is not None,
                detail=f"the token server {answer.url.host} answered {answer.status}",
            )
        if answer.status != 200:
            raise await refusal(answer, has_credentials=credential is not None)
        try:
            document = parse_json(await read(answer, _TOKEN_LIMIT, what="token"), what="token")
        except ManifestInvalid:
            document = None
        token = _token_of(document, began)
        if token is None:
            host = answer.url.host
            raise UpstreamRefused(f"the token server of {self._upstream} ({host}) answered without a token")
        return token

    async def close(self) -> None:
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _token_of(document: Any, began: float) -> Token | None:
    """Return the token of a token server's answer, to be refreshed well before its end."""
    if not isinstance(document, dict):
        return None
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        return None
    life = document.get("expires_in")
    if not isinstance(life, int | float) or isinstance(life, bool) or not 0 < life < math.inf:
        life = _DEFAULT_LIFE
    seconds = float(min(life, _LONGEST_LIFE))
    return Token(value, began + seconds - min(_SKEW, seconds / 5))
