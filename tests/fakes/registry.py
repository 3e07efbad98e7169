"""An in-memory upstream registry on loopback: real HTTP, real sockets, and knobs for all that a registry may do wrong.

    async with FakeRegistry() as upstream:
        upstream.put_image("acme/app", image, tag="v1")        # image: proxy.demo.images.Image
        digest = upstream.put_manifest("acme/app", raw, media_type, tag="v2")
        upstream.put_blob("acme/app", b"…")
        upstream.knobs.fail(503, kinds={"manifest"}, times=1)
        … ask upstream.url …
        assert upstream.count("manifest") == 2                 # also .requests (each a Seen), .sent("blob") in bytes

Kinds of requests: ping, manifest, blob, referrers, tags, token, storage (where blob redirects lead), attestations
(GitHub's API: `put_attestation`), other.

Knobs (`upstream.knobs.<name>`; all may be turned at any time; `Knobs` says what each does and what it starts as):
    who may ask     auth, users, is_anonymous_allowed, realm, challenge, is_ngc, token_methods, token_seconds, token_field, token_body
    failing         fail(status, kinds, times, retry_after), drop(kinds, times), delay, delay_kinds, headers
    lying           sequences, swapped, digest_header, content_type, content_encoding, etag
    broken bodies   cut_at + cut_times, hold_at + hold, rate, chunk, has_length, extra_length, flood_kinds, ignores_range, content_range,
                    trickle_kinds + trickle
    elsewhere       redirect (a status) + redirect_to (a base URL; None is ourselves), redirect_kinds, location
    listings        page, link, has_referrers_api, lacks_api, referrers_status, referrers_type, extra_referrers, lists_nothing,
                    lists_backwards
    quirks          fallback_is_subject (GHCR, GitLab), missing_by_digest (registry.k8s.io), api_token (GitHub)
"""

import asyncio
import base64
import gzip
import json
import re
import ssl
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import hdrs, web

from proxy.demo.images import Image
from proxy.oci.digest import Digest

INDEX = "application/vnd.oci.image.index.v1+json"
DATA_KINDS = frozenset({"ping", "manifest", "blob", "referrers", "tags"})
_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|referrers|tags)/(?P<reference>[^/]+)")
_ATTESTATIONS = re.compile(r"/(?P<name>(?:repos/[^/]+/[^/]+)|(?:orgs|users)/[^/]+)/attestations/(?P<subject>[^/]+)")
_FALLBACK = re.compile(r"(sha256|sha512)-([0-9a-f]{64,128})")
_KINDS = {"manifests": "manifest", "blobs": "blob", "referrers": "referrers", "tags": "tags"}


@dataclass
class Seen:
    """One request as it arrived; `status` and `sent` (body bytes) are what became of it; status 0 is no answer."""

    kind: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str = ""
    status: int = 0
    sent: int = 0

    @property
    def authorization(self) -> str:
        return self.headers.get("Authorization", "")


@dataclass
class Knobs:
    """What this registry does wrong."""

    # Who may ask. auth: None, "basic" or "bearer". users: name -> password.
    auth: str | None = None
    users: dict[str, str] = field(default_factory=dict)
    is_anonymous_allowed: bool = True  # the token server gives tokens to nobody in particular
    realm: str | None = None  # another realm than our own /token
    challenge: str | None = None  # the whole WWW-Authenticate header, as is
    is_ngc: bool = False  # no service; the scope inside the realm's query
    token_methods: frozenset[str] = frozenset({"GET", "POST"})  # others get 405
    token_seconds: int | None = 300  # expires_in; None leaves it out
    token_field: str = "token"  # or access_token
    token_body: str | None = None  # the token server's whole answer, as is

    # Failing: see fail() and drop().
    fail_status: int | None = None
    fail_kinds: frozenset[str] = DATA_KINDS
    fail_times: int | None = None
    retry_after: str | None = None
    drop_kinds: frozenset[str] = frozenset()
    drop_times: int | None = None
    delay: float = 0.0  # seconds before the head, for delay_kinds
    delay_kinds: frozenset[str] = DATA_KINDS
    headers: dict[str, str] = field(default_factory=dict)  # added to each answer (a flood of headers, for instance)

    # Lying.
    sequences: dict[tuple[str, str], list[Digest]] = field(
        default_factory=dict
    )  # (repo, reference): who is answered, one a request; the last stays
    swapped: dict[Digest, bytes] = field(default_factory=dict)  # other bytes for this digest, manifest or blob
    digest_header: str | None = None  # a Docker-Content-Digest of our own; "" leaves it out
    content_type: str | None = None  # of manifests; "" leaves it out
    content_encoding: str | None = None  # on manifests and blobs; "gzip" really encodes
    etag: str | None = "strong"  # "strong" is the digest in quotes; None leaves it out; anything else is sent as is

    # Broken bodies, of blobs (and of storage).
    cut_at: int | None = None  # the connection is aborted after this many bytes of the answer's body …
    cut_times: int | None = None  # … this often; None: always
    hold_at: int | None = None  # after this many bytes of the body wait until `hold` is set
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    rate: float | None = None  # bytes a second
    chunk: int = 256 * 1024
    has_length: bool = True  # False: chunked, without Content-Length
    extra_length: int = 0  # Content-Length says so many more than there are; the connection ends early
    flood_kinds: frozenset[str] = frozenset()  # an endless chunked body
    ignores_range: bool = False
    content_range: str | None = None  # of each 206, as is
    trickle_kinds: frozenset[str] = frozenset()  # a chunked body that never ends, a byte at a time …
    trickle: float = 0.02  # … and so many seconds between two of them

    # Elsewhere.
    redirect: int | None = None  # 307 and the like, for redirect_kinds, to <redirect_to>/storage/<digest>
    redirect_to: str | None = None  # the base URL of another server; None is ourselves
    redirect_kinds: frozenset[str] = frozenset({"blob"})
    location: str | None = None  # the whole Location; "" leaves it out

    # Listings.
    page: int | None = None  # entries a page of tags and referrers, with Link rel=next
    link: str | None = None  # the target of Link, whatever the page: endless or foreign
    has_referrers_api: bool = True  # False: 404
    lacks_api: set[str] = field(default_factory=set)  # repositories of which alone it says 404
    referrers_status: int | None = None
    referrers_type: str = INDEX
    extra_referrers: list[dict[str, Any]] = field(default_factory=list)
    lists_nothing: bool = False  # the API is there, and its list is empty
    lists_backwards: bool = False  # what was pushed last comes first, in the API and in `put_fallback`

    # Quirks of one registry each.
    fallback_is_subject: bool = False  # a fallback tag that is missing is answered with the image itself
    missing_by_digest: set[Digest] = field(default_factory=set)  # manifests that only their tag leads to
    api_token: str | None = None  # the Bearer token without which the attestation API says 401

    def fail(
        self,
        status: int | None,
        *,
        kinds: Iterable[str] = DATA_KINDS,
        times: int | None = None,
        retry_after: str | None = None,
    ) -> None:
        """Answer `kinds` with `status`, so many times (None: until fail(None))."""
        self.fail_status, self.fail_kinds, self.fail_times, self.retry_after = (
            status,
            frozenset(kinds),
            times,
            retry_after,
        )

    def drop(self, kinds: Iterable[str] = DATA_KINDS, *, times: int | None = None) -> None:
        """Close the connection without an answer, so many times (None: always)."""
        self.drop_kinds, self.drop_times = frozenset(kinds), times


@dataclass
class Repo:
    manifests: dict[Digest, tuple[bytes, str]] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)


class FakeRegistry:
    """A registry to be asked over HTTP at `url`; TLS with a context of the caller's."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.knobs = Knobs()
        self.repos: dict[str, Repo] = {}
        self.requests: list[Seen] = []
        self.tokens: set[str] = set()
        self.attestations: dict[tuple[str, Digest], list[Any]] = {}
        self.url = ""
        self._tls = tls
        self._issued = 0

    # What is here.

    def put_blob(self, repo: str, raw: bytes) -> Digest:
        digest = Digest.of(raw)
        self._repo(repo).blobs[digest] = raw
        return digest

    def put_manifest(
        self, repo: str, raw: bytes, media_type: str, tag: str | None = None, *, algorithm: str = "sha256"
    ) -> Digest:
        digest = Digest.of(raw, algorithm)
        self._repo(repo).manifests[digest] = (raw, media_type)
        if tag:
            self._repo(repo).tags[tag] = digest
        return digest

    def put_image(self, repo: str, image: Image, tag: str | None = None) -> Digest:
        """Put an image or index, with its blobs and children. Return its digest."""
        for child in image.children:
            self.put_image(repo, child)
        self._repo(repo).blobs.update(image.blobs)
        return self.put_manifest(repo, image.manifest, image.media_type, tag)

    def tag(self, repo: str, tag: str, digest: Digest) -> None:
        self._repo(repo).tags[tag] = digest

    def put_fallback(
        self, repo: str, subject: Digest, *, artifact_type: str | None = None, tells: bool = True
    ) -> Digest:
        """Write the fallback tag `sha256-<hex>` with everything in `repo` that names `subject`.

        As clients write it: each entry under another `artifact_type`, or without annotations (not `tells`).
        """
        listed = [dict(each) for each in self._referrers(repo, subject)]
        if self.knobs.lists_backwards:
            listed.reverse()
        for each in listed:
            each["artifactType"] = artifact_type or each["artifactType"]
            each["annotations"] = each["annotations"] if tells else {}
        raw = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
        return self.put_manifest(repo, raw, INDEX, f"{subject.algorithm}-{subject.hex[:64]}")

    def put_attestation(self, source: str, subject: Digest, bundle: Any) -> None:
        """Into GitHub's attestation API, at `source` (repos/<owner>/<name>); None is a bundle that lies elsewhere."""
        entry = {"bundle": bundle, "bundle_url": "https://blobs.example/x", "repository_id": 1}
        self.attestations.setdefault((source, subject), []).append(entry)

    def expire_tokens(self) -> None:
        self.tokens.clear()

    # What was asked.

    def seen(self, kind: str, method: str | None = None) -> list[Seen]:
        return [seen for seen in self.requests if seen.kind == kind and method in (None, seen.method)]

    def count(self, kind: str, method: str | None = None) -> int:
        return len(self.seen(kind, method))

    def sent(self, kind: str) -> int:
        """Body bytes written for this kind of request."""
        return sum(seen.sent for seen in self.seen(kind))

    @property
    def counts(self) -> Counter[str]:
        return Counter(seen.kind for seen in self.requests)

    def forget(self) -> None:
        self.requests.clear()

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    # The server.

    async def __aenter__(self) -> Self:
        server = web.Server(self._answer, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", getattr(self, "_port", 0), ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Go away; `start` comes back on the same port."""
        await self._runner.cleanup()

    async def start(self) -> None:
        await self.__aenter__()

    def _repo(self, name: str) -> Repo:
        return self.repos.setdefault(name, Repo())

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        found = _ROUTE.fullmatch(path)
        kind = _KINDS[found["kind"]] if found else {"/v2/": "ping", "/token": "token"}.get(path, "other")
        if path.startswith("/storage/"):
            kind = "storage"
        if _ATTESTATIONS.fullmatch(path):
            kind = "attestations"
        seen = Seen(kind, request.method, path, request.rel_url.raw_query_string, dict(request.headers))
        self.requests.append(seen)
        response = await self._respond(request, seen, found)
        dropped = request.transport is None or request.transport.is_closing()
        seen.status = seen.status or (0 if dropped else response.status)
        return response

    async def _respond(self, request: web.BaseRequest, seen: Seen, found: re.Match[str] | None) -> web.StreamResponse:
        knobs, kind = self.knobs, seen.kind
        if knobs.delay and kind in knobs.delay_kinds:
            await asyncio.sleep(knobs.delay)
        if kind in knobs.drop_kinds and self._spend("drop_times"):
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        if knobs.fail_status is not None and kind in knobs.fail_kinds and self._spend("fail_times"):
            extra = {"Retry-After": knobs.retry_after} if knobs.retry_after is not None else {}
            return self._error(seen, knobs.fail_status, "UNAVAILABLE", "the knob says so", extra)
        if knobs.redirect and kind in knobs.redirect_kinds and kind == "token":
            return web.Response(status=knobs.redirect, headers={"Location": knobs.location or ""})
        if kind == "token":
            return await self._token(request, seen)
        if kind == "attestations":
            return self._attested(request, seen)
        if kind == "storage":
            digest = Digest.parse(seen.path.rpartition("/")[2])
            raw = next((repo.blobs[digest] for repo in self.repos.values() if digest in repo.blobs), None)
            return await self._body(request, seen, digest, raw, "application/octet-stream")
        if kind in DATA_KINDS and not self._may(seen):
            return self._error(seen, 401, "UNAUTHORIZED", "who are you", {"WWW-Authenticate": self._challenge(found)})
        if kind in knobs.flood_kinds:
            return await self._flood(request, seen, b" " * knobs.chunk)
        if kind in knobs.trickle_kinds:
            return await self._flood(request, seen, b" ", every=knobs.trickle)
        if kind == "ping":
            return self._json(seen, {})
        if found is None:
            return self._error(seen, 404, "UNSUPPORTED", "nothing is here")
        if knobs.redirect and kind in knobs.redirect_kinds:
            target = (
                knobs.location
                if knobs.location is not None
                else f"{knobs.redirect_to or self.url}/storage/{found['reference']}"
            )
            return web.Response(status=knobs.redirect, headers={"Location": target} if target else {})
        answer = {"manifest": self._manifest, "blob": self._blob, "tags": self._tags, "referrers": self._listing}[kind]
        return await answer(request, seen, found["name"], found["reference"])

    def _spend(self, counter: str) -> bool:
        left = getattr(self.knobs, counter)
        if left is not None:
            setattr(self.knobs, counter, max(0, left - 1))
        return left is None or left > 0

    # Who may ask.

    def _may(self, seen: Seen) -> bool:
        scheme, _, value = seen.authorization.partition(" ")
        if self.knobs.auth == "basic":
            return scheme == "Basic" and self._knows(value)
        return self.knobs.auth is None or (scheme == "Bearer" and value in self.tokens)

    def _knows(self, basic: str) -> bool:
        name, _, password = base64.b64decode(basic).decode().partition(":")
        return self.knobs.users.get(name) == password

    def _challenge(self, found: re.Match[str] | None) -> str:
        knobs = self.knobs
        if knobs.challenge is not None:
            return knobs.challenge
        if knobs.auth == "basic":
            return 'Basic realm="fake"'
        realm = knobs.realm or f"{self.url}/token"
        scope = f"repository:{found['name']}:pull" if found else ""
        if knobs.is_ngc:
            return f'Bearer realm="{realm}' + (f'?scope={scope}"' if scope else '"')
        return f'Bearer realm="{realm}",service="fake",scope="{scope}"'

    async def _token(self, request: web.BaseRequest, seen: Seen) -> web.StreamResponse:
        knobs = self.knobs
        seen.body = await request.text()
        if request.method not in knobs.token_methods:
            return self._error(seen, 405, "UNSUPPORTED", "not this way")
        if request.method == "POST":
            form = await request.post()
            is_known = knobs.users.get(str(form.get("username"))) == form.get("password")
        else:
            scheme, _, value = seen.authorization.partition(" ")
            is_known = self._knows(value) if scheme == "Basic" else knobs.is_anonymous_allowed
        if not is_known:
            return self._error(seen, 401, "UNAUTHORIZED", "wrong password")
        self._issued += 1
        token = f"token-{self._issued}"
        self.tokens.add(token)
        if knobs.token_body is not None:
            return web.Response(body=knobs.token_body.encode(), content_type="application/json")
        answer: dict[str, Any] = {knobs.token_field: token}
        if knobs.token_seconds is not None:
            answer["expires_in"] = knobs.token_seconds
        return self._json(seen, answer)

    # What is asked for.

    async def _manifest(self, request: web.BaseRequest, seen: Seen, name: str, reference: str) -> web.StreamResponse:
        repo = self.repos.get(name, Repo())
        line = self.knobs.sequences.get((name, reference))
        if line:
            digest: Digest | None = line.pop(0) if len(line) > 1 else line[0]
        else:
            digest = self._found(repo, reference)
        if digest is None or digest not in repo.manifests:
            return self._error(seen, 404, "MANIFEST_UNKNOWN", "no such manifest")
        raw, media_type = repo.manifests[digest]
        if self.knobs.content_type is not None:
            media_type = self.knobs.content_type
        return await self._body(request, seen, digest, raw, media_type)

    def _found(self, repo: Repo, reference: str) -> Digest | None:
        if ":" in reference:
            digest = Digest.parse(reference)
            return None if digest in self.knobs.missing_by_digest else digest
        fallback = _FALLBACK.fullmatch(reference)
        if fallback and self.knobs.fallback_is_subject and reference not in repo.tags:
            return Digest(fallback[1], fallback[2])
        return repo.tags.get(reference)

    def _attested(self, request: web.BaseRequest, seen: Seen) -> web.StreamResponse:
        if self.knobs.api_token is not None and seen.authorization != f"Bearer {self.knobs.api_token}":
            return self._error(seen, 401, "UNAUTHORIZED", "Bad credentials")
        found = _ATTESTATIONS.fullmatch(seen.path)
        assert found is not None
        held = self.attestations.get((found["name"], Digest.parse(found["subject"])))
        if held is None:
            return self._error(seen, 404, "NOT_FOUND", "Not Found")
        page, headers = self._paged(request, held)
        return self._json(seen, {"attestations": page}, headers=headers)

    async def _blob(self, request: web.BaseRequest, seen: Seen, name: str, reference: str) -> web.StreamResponse:
        digest = Digest.parse(reference)
        return await self._body(
            request, seen, digest, self.repos.get(name, Repo()).blobs.get(digest), "application/octet-stream"
        )

    async def _tags(self, request: web.BaseRequest, seen: Seen, name: str, reference: str) -> web.StreamResponse:
        if name not in self.repos:
            return self._error(seen, 404, "NAME_UNKNOWN", "no such repository")
        names, headers = self._paged(request, sorted(self.repos[name].tags))
        return self._json(seen, {"name": name, "tags": names}, headers=headers)

    async def _listing(self, request: web.BaseRequest, seen: Seen, name: str, reference: str) -> web.StreamResponse:
        if self.knobs.referrers_status is not None:
            return self._error(seen, self.knobs.referrers_status, "UNSUPPORTED", "the knob says so")
        if not self.knobs.has_referrers_api or name in self.knobs.lacks_api:
            return self._error(seen, 404, "UNSUPPORTED", "no referrers API")
        held = [] if self.knobs.lists_nothing else self._referrers(name, Digest.parse(reference))
        listed = held + self.knobs.extra_referrers
        if self.knobs.lists_backwards:
            listed.reverse()
        page, headers = self._paged(request, listed)
        return self._json(
            seen,
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": page},
            media_type=self.knobs.referrers_type,
            headers=headers,
        )

    def _referrers(self, name: str, subject: Digest) -> list[dict[str, Any]]:
        """Descriptors of everything in the repository whose `subject` is this digest."""
        listed = []
        for digest, (raw, media_type) in self._repo(name).manifests.items():
            try:
                document = json.loads(raw)
            except ValueError:
                continue
            if (document.get("subject") or {}).get("digest") == str(subject):
                artifact_type = document.get("artifactType") or (document.get("config") or {}).get("mediaType")
                listed.append(
                    {
                        "mediaType": media_type,
                        "digest": str(digest),
                        "size": len(raw),
                        "artifactType": artifact_type,
                        "annotations": document.get("annotations") or {},
                    }
                )
        return listed

    def _paged(self, request: web.BaseRequest, entries: list[Any]) -> tuple[list[Any], dict[str, str]]:
        knobs = self.knobs
        start = int(request.rel_url.query.get("from", "0"))
        stop = start + (knobs.page or len(entries))
        target = knobs.link
        if target is None and stop < len(entries):
            target = f"{request.rel_url.raw_path}?from={stop}"
        return entries[start:stop], ({"Link": f'<{target}>; rel="next"'} if target else {})

    # Bodies.

    async def _body(
        self, request: web.BaseRequest, seen: Seen, digest: Digest, raw: bytes | None, media_type: str
    ) -> web.StreamResponse:
        knobs = self.knobs
        if raw is None:
            return self._error(seen, 404, "BLOB_UNKNOWN", "no such blob")
        raw = knobs.swapped.get(digest, raw)
        is_blob = seen.kind in ("blob", "storage")
        start, status = 0, 200
        headers: dict[str, str] = dict(knobs.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        etag = f'"{digest}"' if knobs.etag == "strong" else knobs.etag
        if wanted and is_blob and not knobs.ignores_range and request.headers.get("If-Range", etag) == etag:
            start = int(wanted[1])
            if start >= len(raw):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(raw)}"})
            status = 206
            headers["Content-Range"] = knobs.content_range or f"bytes {start}-{len(raw) - 1}/{len(raw)}"
        if etag:
            headers["ETag"] = etag
        if media_type:
            headers["Content-Type"] = media_type
        said = str(digest) if knobs.digest_header is None else knobs.digest_header
        if said:
            headers["Docker-Content-Digest"] = said
        if knobs.content_encoding:
            headers["Content-Encoding"] = knobs.content_encoding
            raw = gzip.compress(raw, mtime=0) if knobs.content_encoding == "gzip" else raw
        response = web.StreamResponse(status=status, headers=headers)
        if not media_type:
            response.headers.popall(hdrs.CONTENT_TYPE, None)
        body = raw[start:]
        if knobs.has_length or request.method == "HEAD":
            response.content_length = len(body) + knobs.extra_length
        seen.status = status
        await response.prepare(request)
        if request.method != "HEAD":
            await self._write(request, response, seen, body, is_blob=is_blob)
        return response

    async def _write(
        self, request: web.BaseRequest, response: web.StreamResponse, seen: Seen, body: bytes, *, is_blob: bool
    ) -> None:
        knobs = self.knobs
        cut = (
            knobs.cut_at
            if is_blob and knobs.cut_at is not None and knobs.cut_at < len(body) and self._spend("cut_times")
            else None
        )
        hold = knobs.hold_at if is_blob else None
        end = len(body) if cut is None else cut
        while seen.sent < end:
            stop = min(end, seen.sent + knobs.chunk)
            if hold is not None and seen.sent <= hold < stop:
                stop = hold
            if hold is not None and seen.sent >= hold:
                hold = None
                await knobs.hold.wait()
                continue
            await response.write(body[seen.sent : stop])
            seen.sent = stop
            if is_blob and knobs.rate:
                await asyncio.sleep(knobs.chunk / knobs.rate)
        if cut is not None or knobs.extra_length > 0:
            await _leave(request)
        else:
            await response.write_eof()

    async def _flood(
        self, request: web.BaseRequest, seen: Seen, junk: bytes, *, every: float = 0.0
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": self.knobs.content_type or INDEX, **self.knobs.headers})
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            while True:
                await response.write(junk)
                seen.sent += len(junk)
                await asyncio.sleep(every)
        except ConnectionError:
            return response

    def _json(
        self,
        seen: Seen,
        document: Any,
        *,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        raw = json.dumps(document).encode()
        seen.sent = len(raw)
        return web.Response(body=raw, headers={"Content-Type": media_type, **(headers or {}), **self.knobs.headers})

    def _error(
        self, seen: Seen, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        raw = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
        seen.sent = len(raw)
        return web.Response(
            status=status,
            body=raw,
            headers={"Content-Type": "application/json", **(headers or {}), **self.knobs.headers},
        )


async def _leave(request: web.BaseRequest) -> None:
    """End the connection in the middle of a body; what was written is delivered first."""
    transport = request.transport
    assert transport is not None
    while transport.get_write_buffer_size():
        await asyncio.sleep(0.001)
    transport.close()
