"""What clients were told, with an id that log, audit and `pratique explain` share.

One id for one client, reference and Decision for ten minutes: a client asks two to four times (clients.md 4).
"""

import contextlib
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from proxy.errors import Inconclusive, PolicyError, StorageError
from proxy.events import Event, Refused
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.answers import Asker
from proxy.pipeline.books import Book
from proxy.pipeline.clock import Clock
from proxy.state.store import StateStore

_WINDOW = timedelta(minutes=10)
_KEPT = timedelta(days=30)
_LIMIT = 10_000  # refusals in memory; beyond it the oldest gets a new id when it comes again
_NEW = 1_000  # ids for one client in ten minutes: no node asks for so much that it may not have
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that a tired person reads as something else

Refusable = TypeVar("Refusable", bound=PolicyError | Inconclusive)


class Refusals:
    def __init__(self, store: StateStore, emit: Callable[[Event], None], clock: Clock) -> None:
        self._book = Book(store, "refusals", limit=1_000)
        self._ids = Book(store, "refusal-ids", limit=0)  # what `_lately` holds, for every process
        self._emit = emit
        self._clock = clock
        self._lately: OrderedDict[tuple[str, str, str], tuple[str, float]] = OrderedDict()
        self._new: OrderedDict[str, tuple[int, float]] = OrderedDict()  # ids given to a client, until when they count
        self._by_root: OrderedDict[tuple[Repository, Digest], str] = OrderedDict()
        self._named: OrderedDict[tuple[Repository, Digest], PolicyError] = OrderedDict()

    async def say(self, asker: Asker, *, name: str, reference: str, error: Refusable) -> Refusable:
        """The error as the client gets it: the reference in front, the id behind; recorded once in ten minutes."""
        mark = "@" if ":" in reference else ":"
        asked = f"{name}{mark}{reference}"
        message = error.message if error.message.startswith(name) else f"{asked}: {error.message}"
        if error.refusal is not None:  # told and recorded before, under its root's name
            return self._worded(error, message, error.refusal)
        record = dict(error.record or {})
        subject = str(record.get("key") or error.message)
        key = (str(asker.client), asked, subject)
        if is_flood := self._floods(key):
            key = (str(asker.client), "*", "flood")
        refusal, is_new = await self._identify(key)
        if is_new:
            recorded = f"{message}; and more, of which this is one: see the log" if is_flood else message
            try:
                await self._record(refusal, asker, asked=asked, error=error, message=recorded, record=record)
            except StorageError:  # it stays a refusal (T56), and is recorded when it comes again
                self._lately.pop(key, None)
        return self._worded(error, message, refusal)

    def _floods(self, key: tuple[str, str, str]) -> bool:
        """Whether this client was refused so much else lately that one id stands for the rest: each is kept for a month."""
        if key in self._lately:
            return False
        now = self._clock.now().timestamp()
        count, until = self._new.get(key[0], (0, 0.0))
        if not now < until <= now + _WINDOW.total_seconds():
            count, until = 0, now + _WINDOW.total_seconds()
        self._new[key[0]] = (count + 1, until)
        self._new.move_to_end(key[0])
        while len(self._new) > _LIMIT:
            self._new.popitem(last=False)
        return count >= _NEW

    @staticmethod
    def _worded(error: Refusable, message: str, refusal: str) -> Refusable:
        said = type(error)(message, detail=error.detail, refusal=refusal, record=error.record)
        said.retry_after = error.retry_after
        return said

    def name(self, repository: Repository, blobs: Iterable[Descriptor], error: PolicyError) -> None:
        """Remember why the image was refused that names these blobs: nothing else of it is kept."""
        for blob in blobs:
            self._named[(repository, blob.digest)] = error
            self._named.move_to_end((repository, blob.digest))
        while len(self._named) > _LIMIT:
            self._named.popitem(last=False)

    def of_blob(self, repository: Repository, digest: Digest) -> PolicyError | None:
        """The refusal of the image that names this blob, where one was refused lately."""
        error = self._named.get((repository, digest))
        return type(error)(error.message, record=error.record) if error else None

    def of_root(self, repository: Repository, digest: Digest) -> str | None:
        return self._by_root.get((repository, digest))

    async def _identify(self, key: tuple[str, str, str]) -> tuple[str, bool]:
        """The id, and whether it is new on this machine."""
        now = self._clock.now().timestamp()
        refusal, until = self._lately.get(key, ("", 0.0))
        if now < until:
            return refusal, False
        refusal = "r-" + "".join(secrets.choice(_ALPHABET) for _ in range(6))
        self._lately[key] = (refusal, now + _WINDOW.total_seconds())
        self._lately.move_to_end(key)
        while len(self._lately) > _LIMIT:
            self._lately.popitem(last=False)
        told = await self._told_elsewhere(key, refusal, until=now + _WINDOW.total_seconds())
        if told is None:
            return refusal, True
        refusal, until, is_recorded = told
        self._lately[key] = (refusal, until)
        return refusal, not is_recorded

    async def _told_elsewhere(
        self, key: tuple[str, str, str], refusal: str, *, until: float
    ) -> tuple[str, float, bool] | None:
        """The id that another process gave, its end, and whether it is recorded; None where ours is the first."""
        name = hashlib.sha256("\0".join(key).encode("utf-8", "replace")).hexdigest()
        with contextlib.suppress(StorageError):  # it stays a refusal (T56)
            if await self._ids.compare_and_set(name, {"id": refusal}, expected=None, expires_at=until):
                return None
            found = await self._ids.fresh(name)
            if found is not None and isinstance(found[0].get("id"), str):
                given: str = found[0]["id"]
                is_recorded = await self._book.get(given) is not None  # who gave it may have met a full disk, or died
                return given, found[2] or until, is_recorded
        return None

    async def _record(
        self, refusal: str, asker: Asker, *, asked: str, error: PolicyError | Inconclusive, message: str, record: Any
    ) -> None:
        now = self._clock.now()
        entry = {
            "id": refusal,
            "at": now.isoformat(),
            "client": str(asker.client),
            "requestId": asker.request_id,
            "asked": asked,
            "reason": error.reason,
            "message": message,
            "decision": record or None,
        }
        repository = _repository(record)
        is_root_refused = record.get("verdict") != "allow"  # an admitted root has children that are refused
        if repository is not None and is_root_refused:
            self._by_root[(repository, Digest.parse(record["digest"]))] = refusal
            while len(self._by_root) > _LIMIT:
                self._by_root.popitem(last=False)
        self._emit(Refused(refusal, asker.client, asked, error.reason, message, entry))
        await self._book.put(refusal, entry, expires_at=(now + _KEPT).timestamp())


def _repository(record: Any) -> Repository | None:
    return Repository(record["upstream"], record["repository"]) if record and "upstream" in record else None


async def read_refusal(store: StateStore, refusal: str) -> Any | None:
    """What was recorded under this id, for `pratique explain`."""
    found = await Book(store, "refusals", limit=0).get(refusal)
    return found[0] if found else None
