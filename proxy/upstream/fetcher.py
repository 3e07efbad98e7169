"""Documents that no registry serves: TUF metadata, CRLs, OCSP answers. Only from hosts that the operator named (T58).

The address is guarded as an upstream's is; nothing that was found in evidence adds a host. A host that is also under
`upstreams` is asked as it says there: by its CA, through its proxy.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from yarl import URL

from proxy.errors import ManifestInvalid, NotAllowed, UpstreamRefused, UpstreamTimeout, UpstreamUnavailable
from proxy.upstream.exchange.answers import PATIENCE, THROTTLED
from proxy.upstream.exchange.documents import read
from proxy.upstream.exchange.guard import Lookup, system_lookup
from proxy.upstream.exchange.tls import Tls
from proxy.upstream.exchange.wire import Emit, Limits, Wire
from proxy.upstream.settings import UpstreamSettings

_ABSENT = frozenset({403, 404, 410})
_WIRES = 64  # origins with open connections; a site names a handful of hosts, each with any port
MAX_DOCUMENT = 16 * 1024 * 1024  # bytes; the largest CRLs in use are some megabytes


class Fetcher:
    """`settings` are those of `upstreams`, for hosts that stand there too."""

    def __init__(
        self,
        settings: Mapping[str, UpstreamSettings],
        *,
        emit: Emit,
        limits: Limits | None = None,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._limits = limits or Limits()
        self._lookup = lookup
        self._wires: OrderedDict[str, Wire] = OrderedDict()

    async def get(
        self,
        url: str,
        *,
        hosts: Iterable[str],
        limit: int = MAX_DOCUMENT,
        body: bytes | None = None,
        content_type: str = "application/octet-stream",
    ) -> bytes | None:
        """The whole document, of at most `limit` bytes; None where the host answers that there is none.

        That is 404, 410, and 403 as object stores say it.
        With `body` it is a POST. Redirects are not followed: nobody named where they lead. Raise NotAllowed for a host
        that is not among `hosts` (`host` for any port, or `host:port`), ValueError for what is no URL, else an
        UpstreamError.
        """
        target = URL(url, encoded=True)
        host = (target.host or "").lower()
        if not {host, f"{host}:{target.port}"} & {each.lower() for each in hosts}:
            raise NotAllowed(f"{host[:100]!r} is not a host that the policy names; add it under `hosts`")
        wire = await self._wire(target)
        method, headers = ("GET", {}) if body is None else ("POST", {"Content-Type": content_type})
        try:
            async with (
                asyncio.timeout(self._limits.document),
                wire.exchange("document", method, target, headers, raw=body) as answer,
            ):
                if answer.status in _ABSENT:
                    return None
                if answer.status != 200:
                    raise _refused(host, answer.status)
                return await read(answer, min(limit, MAX_DOCUMENT), what="document")
        except TimeoutError:
            raise UpstreamTimeout(f"{host} did not send a document in time", retry_after=PATIENCE) from None
        except ManifestInvalid as error:  # what `read` says of a body that is too large
            raise UpstreamRefused(error.message) from None

    async def _wire(self, url: URL) -> Wire:
        origin = str(url.origin())
        wire = self._wires.get(origin)
        if wire is None:
            wire = self._wires[origin] = self._made(url, origin)
        self._wires.move_to_end(origin)
        while len(self._wires) > _WIRES:
            await self._wires.popitem(last=False)[1].close()
        return wire

    def _made(self, url: URL, origin: str) -> Wire:
        name = url.host or ""
        own = self._settings.get(name) or self._settings.get(f"{name}:{url.port}") or UpstreamSettings()
        changes: dict[str, object] = {"url": origin}
        if URL(own.base_url(name)).origin() != url.origin():  # our certificate is shown to the upstream's origin alone
            changes |= {"client_certificate": None, "client_key": None}
        settings = own.model_copy(update=changes)
        tls = Tls(name, settings)
        return Wire(name, settings, emit=self._emit, limits=self._limits, tls=tls, lookup=self._lookup)

    async def close(self) -> None:
        await asyncio.gather(*(wire.close() for wire in self._wires.values()))


def _refused(host: str, status: int) -> UpstreamRefused | UpstreamUnavailable:
    if status >= 500 or status in (408, THROTTLED):
        return UpstreamUnavailable(f"{host} answered {status} for a document; ask again later", retry_after=PATIENCE)
    return UpstreamRefused(f"{host} answered {status} for a document; see whether its address is right")


def host_of(url: str) -> str:
    """The host of a URL, lower-case, with its port where it names one; "" where it is no http URL."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{(parts.hostname or '').lower()}{port}" if parts.scheme in ("http", "https") else ""
