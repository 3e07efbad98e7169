"""A client that pulls whole images through a proxy, as a node would, keeps nothing, and hashes everything that it is given.

What stands here already, proved, is not asked for again. Blocking; one connection for each worker.
"""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from proxy.errors import ContentMismatch, PratiqueError, RequestError
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest, Hasher
from proxy.oci.manifest import Index, Manifest, parse_manifest
from proxy.oci.mediatype import ACCEPT_MANIFESTS
from proxy.oci.reference import ImageName, Reference, Repository

_SECONDS = 300.0  # without a byte: a cold blob of an upstream that is throttled takes its time
_PIECE = 1024 * 1024
_AT_ONCE = 4
_SAID = 64 * 1024  # bytes of an error's body that are read

Add = Callable[[int, int], None]  # bytes proved now, bytes more to come


@dataclass(slots=True)
class Warmed:
    """One reference. `outcome`: warm | refused | absent | unavailable | mismatch; `why` says more where it is not warm.

    `proved` bytes stand here, proved; `fetched` of them came now. `refusal` is the id that `pratique explain` takes.
    """

    image: str
    outcome: str = "warm"
    why: str = ""
    digest: str | None = None
    proved: int = 0
    fetched: int = 0
    blobs: int = 0
    status: int = 200


@dataclass(frozen=True, slots=True)
class Door:
    """Where the proxy answers. `context`: of its certificate; None is plain HTTP. `stored`: bytes of what stands here, proved."""

    host: str
    port: int
    context: ssl.SSLContext | None
    stored: Callable[[Digest], int | None]
    platforms: Callable[[Repository], Sequence[Platform]]
    add: Add = lambda _proved, _of: None
    local: threading.local = field(default_factory=threading.local)
    opened: list[http.client.HTTPConnection] = field(default_factory=list)


class _Failed(Exception):
    def __init__(self, outcome: str, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.status = status


def warm_all(door: Door, images: Iterable[ImageName]) -> list[Warmed]:
    """Each of them, a few blobs at a time. Raises nothing for what a proxy answers."""
    try:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="warm") as pool:
            return [_warm(door, image, pool) for image in images]
    finally:
        for connection in door.opened:
            connection.close()


def _warm(door: Door, image: ImageName, pool: ThreadPoolExecutor) -> Warmed:
    warmed = Warmed(str(image))
    try:
        _manifest(door, image.repository, image.reference, warmed, pool)
    except _Failed as failed:
        warmed.outcome, warmed.why, warmed.status = failed.outcome, str(failed), failed.status
    return warmed


def _manifest(
    door: Door, repository: Repository, reference: Reference, warmed: Warmed, pool: ThreadPoolExecutor
) -> None:
    raw, media_type = _get_manifest(door, repository, reference)
    digest = Digest.of(raw, reference.algorithm) if isinstance(reference, Digest) else Digest.of(raw)
    if isinstance(reference, Digest) and digest != reference:
        raise _Failed("mismatch", f"the proxy answered {digest} for {reference}")
    warmed.digest = warmed.digest or str(digest)
    warmed.proved += len(raw)
    try:
        manifest = parse_manifest(raw, digest=digest, content_type=media_type)
    except RequestError as error:
        raise _Failed("mismatch", error.message) from error
    if isinstance(manifest, Index):
        for child in _wanted(manifest, door.platforms(repository)):
            _manifest(door, repository, child.digest, warmed, pool)
    else:
        _blobs(door, repository, manifest, warmed, pool)


def _wanted(index: Index, platforms: Sequence[Platform]) -> list[Descriptor]:
    """The children that the rule permits; where it names no platform every image, and no attestation."""
    named = [child for child in index.manifests if child.platform is None or not child.platform.is_unknown]
    if not platforms:
        return named
    return [
        child for child in named if child.platform is None or any(each.covers(child.platform) for each in platforms)
    ]


def _blobs(door: Door, repository: Repository, manifest: Manifest, warmed: Warmed, pool: ThreadPoolExecutor) -> None:
    blobs = {blob.digest: blob for blob in manifest.blobs}
    door.add(0, sum(blob.size for blob in blobs.values()))
    jobs = [pool.submit(_blob, door, repository, blob) for blob in blobs.values()]
    failures: list[_Failed] = []
    for job in jobs:
        try:
            proved, fetched = job.result()
        except _Failed as failed:
            failures.append(failed)
        else:
            warmed.proved, warmed.fetched, warmed.blobs = (
                warmed.proved + proved,
                warmed.fetched + fetched,
                warmed.blobs + 1,
            )
    if failures:
        raise failures[0]


def _blob(door: Door, repository: Repository, blob: Descriptor) -> tuple[int, int]:
    """(bytes proved, bytes fetched)."""
    if door.stored(blob.digest) == blob.size:
        door.add(blob.size, 0)
        return blob.size, 0
    hasher = Hasher(blob.digest)
    with _Asked(door, repository, "blobs", str(blob.digest)) as answer:
        while piece := answer.read(_PIECE):
            hasher.update(piece)
            door.add(len(piece), 0)
        if hasher.count != blob.size:
            raise _Failed("unavailable", f"{blob.digest} ended after {hasher.count} of {blob.size} bytes")
    try:
        hasher.prove()
    except ContentMismatch as error:
        raise _Failed("mismatch", error.message) from error
    return hasher.count, hasher.count


def _get_manifest(door: Door, repository: Repository, reference: Reference) -> tuple[bytes, str]:
    with _Asked(door, repository, "manifests", str(reference)) as answer:
        return answer.read(), answer.headers.get("Content-Type", "")


class _Asked:
    """One GET. Raises _Failed for every answer but 200, and for whatever breaks while it is read."""

    def __init__(self, door: Door, repository: Repository, kind: str, reference: str) -> None:
        self._door = door
        self._path = f"/v2/{repository.name}/{kind}/{reference}?ns={repository.upstream}"

    def __enter__(self) -> http.client.HTTPResponse:
        self._connection = _connection(self._door)
        is_kept = self._connection.sock is not None
        try:
            return self._ask()
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()
            if not is_kept:  # else the proxy may have ended a connection that was idle: a GET may be asked again
                raise _Failed("unavailable", f"the proxy does not answer ({type(error).__name__})") from error
        return self.__enter__()

    def _ask(self) -> http.client.HTTPResponse:
        self._connection.request("GET", self._path, headers={"Accept": ACCEPT_MANIFESTS, "User-Agent": "pratique"})
        answer = self._connection.getresponse()
        if answer.status == 200:
            return answer
        said = _said(answer.status, answer.read(_SAID))
        self._connection.close()
        raise said

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._connection.close()
        if isinstance(error, http.client.HTTPException | OSError):
            raise _Failed("unavailable", f"the transfer was cut ({type(error).__name__})") from error


def _connection(door: Door) -> http.client.HTTPConnection:
    """This thread's own, kept alive; http.client opens it again where it was closed."""
    found: http.client.HTTPConnection | None = getattr(door.local, "connection", None)
    if found is None:
        if door.context is None:
            found = http.client.HTTPConnection(door.host, door.port, timeout=_SECONDS)
        else:
            found = http.client.HTTPSConnection(door.host, door.port, timeout=_SECONDS, context=door.context)
        door.local.connection = found
        door.opened.append(found)
    return found


def _said(status: int, body: bytes) -> _Failed:
    """What the proxy said of it: 403 refused, 404 absent, anything else for now."""
    try:
        why = str(json.loads(body)["errors"][0]["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        why = f"the proxy answered {status}"
    outcome = {400: "refused", 403: "refused", 404: "absent"}.get(status, "unavailable")
    return _Failed(outcome, why, status)


def parsed(names: Iterable[str]) -> list[ImageName]:
    """Each once, in this order; raise NameInvalid or DigestInvalid, saying which."""
    found: dict[ImageName, None] = {}
    for name in names:
        try:
            found[ImageName.parse(name)] = None
        except PratiqueError as error:
            raise type(error)(f"{name}: {error.message}") from error
    return list(found)
