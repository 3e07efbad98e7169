"""Fetches CRLs and OCSP answers for the judge, from the hosts that a trust store names and from no other (T58).

What comes back is bytes: whether they are an answer at all, whose, and of when, is `verify.certificates.revocation`'s to
say. An answer is kept for a while, within its own time; silence and what is no answer are asked again soon.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from proxy.errors import PratiqueError, StorageError
from proxy.pipeline.singleflight import Flights
from proxy.upstream.fetcher import Fetcher
from proxy.verify.certificates.revocation import ends, ocsp_request
from proxy.verify.material import X509Store

_OCSP = "ocsp:"
_KEPT = timedelta(minutes=15)  # an answer is asked for again after a quarter of an hour, whatever time it gives itself
_SILENT = timedelta(minutes=1)  # and silence, or what is no answer, after a minute
_ANSWERS = 256
_BYTES = 64 * 1024 * 1024  # of all answers that are kept; the largest CRLs in use are some megabytes
_MAX_ANSWER = 64 * 1024  # bytes of an OCSP answer
# Notation proposes 2 and 5 seconds; a pull waits 20 for all of it.
_OCSP_SECONDS, _CRL_SECONDS = 3.0, 8.0


class Revocations:
    def __init__(
        self, fetcher: Fetcher, *, ocsp_seconds: float = _OCSP_SECONDS, crl_seconds: float = _CRL_SECONDS
    ) -> None:
        self._fetcher = fetcher
        self._ocsp_seconds = ocsp_seconds
        self._flights = Flights(work_seconds=crl_seconds)
        self._wait_seconds = 2 * crl_seconds
        self._answers: OrderedDict[str, tuple[bytes, datetime]] = OrderedDict()
        self._held = 0

    async def ask(self, keys: Sequence[str], stores: Iterable[X509Store], *, now: datetime) -> Mapping[str, bytes]:
        """An answer for every key, side by side: b"" where nobody answered. `now` is aware UTC. Raise StorageError at most."""
        hosts = frozenset().union(*(store.hosts for store in stores))
        answers = await asyncio.gather(*(self._answer(key, hosts, now) for key in keys))
        return dict(zip(keys, answers, strict=True))

    async def _answer(self, key: str, hosts: frozenset[str], now: datetime) -> bytes:
        kept = self._answers.get(key)
        if kept is not None and now < kept[1] and not _has_ended(key, kept[0], now):
            self._answers.move_to_end(key)
            return kept[0]
        try:
            raw, _ = await self._flights.join(
                (key, hosts), lambda: self._fetch(key, hosts), wait_seconds=self._wait_seconds
            )
        except StorageError:
            raise
        except (PratiqueError, ValueError):
            raw = b""
        self._keep(key, raw, now)
        return raw

    def _keep(self, key: str, raw: bytes, now: datetime) -> None:
        is_answer = ends(key, raw) is not None and not _has_ended(key, raw, now)
        self._drop(key)
        self._answers[key] = (raw, now + (_KEPT if is_answer else _SILENT))
        self._held += len(raw)
        while self._answers and (len(self._answers) > _ANSWERS or self._held > _BYTES):
            self._drop(next(iter(self._answers)))

    def _drop(self, key: str) -> None:
        raw = self._answers.pop(key)[0] if key in self._answers else b""
        self._held -= len(raw)

    async def _fetch(self, key: str, hosts: frozenset[str]) -> bytes:
        """Raise an UpstreamError, NotAllowed, Inconclusive or ValueError; b"" where the host has nothing."""
        if not key.startswith(_OCSP):
            return await self._fetcher.get(key, hosts=hosts) or b""
        url, body = ocsp_request(key)
        try:
            async with asyncio.timeout(self._ocsp_seconds):
                found = await self._fetcher.get(
                    url, hosts=hosts, limit=_MAX_ANSWER, body=body, content_type="application/ocsp-request"
                )
        except TimeoutError:
            return b""
        return found or b""


def _has_ended(key: str, raw: bytes, now: datetime) -> bool:
    """Whether a newer answer must be there by now: by its own word, which nobody has proved yet."""
    end = ends(key, raw) if raw else None
    return end is not None and end < now
