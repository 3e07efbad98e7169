"""Fetches CRLs and OCSP answers for the judge, from the hosts that a trust store names and from no other (T58).

What comes back is bytes: whether they are an answer at all, whose, and of when, is `verify.revocation`'s to say.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from proxy.errors import PratiqueError, StorageError
from proxy.upstream.fetcher import Fetcher
from proxy.verify.certificates.revocation import ocsp_request
from proxy.verify.material import X509Store

_KEPT_SECONDS = 900.0  # an answer is asked for again after a quarter of an hour; whether it still holds, it says itself
_SILENT_SECONDS = 60.0  # and silence after a minute
_ANSWERS = 256


class Revocations:
    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._answers: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    async def ask(self, keys: Sequence[str], stores: Iterable[X509Store]) -> Mapping[str, bytes]:
        """An answer for every key, side by side: b"" where nobody answered. Raise StorageError at most."""
        hosts = frozenset().union(*(store.hosts for store in stores))
        answers = await asyncio.gather(*(self._answer(key, hosts) for key in keys))
        return dict(zip(keys, answers, strict=True))

    async def _answer(self, key: str, hosts: frozenset[str]) -> bytes:
        kept = self._answers.get(key)
        if kept is not None and time.monotonic() < kept[1]:
            return kept[0]
        try:
            raw = await self._fetch(key, hosts) or b""
        except StorageError:
            raise
        except (PratiqueError, ValueError):
            raw = b""
        self._answers[key] = (raw, time.monotonic() + (_KEPT_SECONDS if raw else _SILENT_SECONDS))
        while len(self._answers) > _ANSWERS:
            self._answers.popitem(last=False)
        return raw

    async def _fetch(self, key: str, hosts: frozenset[str]) -> bytes | None:
        if not key.startswith("ocsp:"):
            return await self._fetcher.get(key, hosts=hosts)
        url, body = ocsp_request(key)
        return await self._fetcher.get(url, hosts=hosts, body=body, content_type="application/ocsp-request")
