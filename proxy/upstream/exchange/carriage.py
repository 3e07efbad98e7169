"""Which bodies threads carry, and where their connections go: to addresses that the guard let pass, and nowhere else.

Who answers with a body, and who with a redirect, is learnt: the client library keeps connections to a registry that leads
elsewhere, and where it leads, or where a registry sends blobs itself, threads carry.
"""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from yarl import URL

from proxy.upstream.exchange.carrier import Carrier, Dialled
from proxy.upstream.exchange.guard import GuardedResolver
from proxy.upstream.exchange.tls import Tls

_KEPT = 256  # origins that are remembered; storage in the cloud has a handful of names


class Carriage:
    """Of one upstream. `threads`: transfers at once; each has one while it waits for bytes."""

    def __init__(self, *, resolver: GuardedResolver, tls: Tls, threads: int, connect: float, stall: float) -> None:
        self._resolver = resolver
        self._tls = tls
        self._connect = connect
        self._stall = stall
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="carry")
        self._carried: dict[URL, bool] = {}  # whether threads carry what this origin sends

    def suits(self, url: URL, *, is_own: bool) -> bool:
        return self._carried.get(url.origin(), not is_own)

    def learn(self, url: URL, status: int, *, has_length: bool) -> None:
        """How a blob was answered: with a body, which threads carry if it is counted, or with a redirect."""
        if not (status in (200, 206) or 300 <= status < 400):
            return
        self._carried.pop(url.origin(), None)
        self._carried[url.origin()] = status < 300 and has_length
        if len(self._carried) > _KEPT:
            del self._carried[next(iter(self._carried))]

    async def begin(self, url: URL, headers: Mapping[str, str], *, is_own: bool) -> Carrier:
        """Ask for it. Raise UpstreamRefused for an address that may not be connected to, and what `Carrier.begin` raises."""
        found = await self._resolver.resolve(url.raw_host or "", url.port or 0, socket.AF_UNSPEC)
        places = tuple((each["family"], each["host"]) for each in found)
        tls = self._tls.context(is_own=is_own) if url.scheme == "https" else None
        carrier = Carrier(url, Dialled(places, tls, self._connect, self._stall), self._pool)
        try:
            await carrier.begin(headers)
        except BaseException:
            carrier.close()
            raise
        return carrier

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
