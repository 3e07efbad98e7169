"""Where we may connect to: public addresses, and what the operator named. The address checked is the one connected to.

Redirects, realms and Links come from outside, and must not lead into the operator's network (T09, T58). Behind an egress
proxy we resolve nothing, so that names are checked instead.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from proxy.errors import UpstreamRefused

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup: TypeAlias = Callable[[str, int, int], Awaitable[Iterable[tuple[int, str]]]]

# Public to the library and yet private by use: Azure's host agent, IETF's own (RFC 6890; a cloud's metadata stands
# there), local-use NAT64 (RFC 8215), site-local (RFC 3879).
_ALSO_PRIVATE = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24", "64:ff9b:1::/48", "fec0::/10")))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_COMPATIBLE = ipaddress.ip_network("::/96")
# Names that never mean a public host (RFC 6761, RFC 8375, RFC 9476 and common use).
_PRIVATE_NAMES = (
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "home.arpa",
    "alt",
)


def is_public(address: _Address) -> bool:
    """Whether it is a unicast address of the Internet, with whatever IPv4 address it embeds."""
    if any(address.version == each.version and address in each for each in _ALSO_PRIVATE):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        embedded = _embedded(address)
        if embedded:
            return all(is_public(each) for each in embedded)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if address in _NAT64 or address in _COMPATIBLE:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


class Guard:
    """The rule for one upstream. `named` are the operator's: `host` for any port, or `host:port`."""

    def __init__(self, upstream: str, named: Iterable[str], *, is_proxied: bool = False) -> None:
        self._upstream = upstream
        self._named = frozenset(each.lower() for each in named)
        self._is_proxied = is_proxied

    def is_named(self, host: str, port: int) -> bool:
        host = host.lower().rstrip(".")
        bracketed = f"[{host}]" if ":" in host else host
        return bool(self._named & {host, bracketed, f"{bracketed}:{port}"})

    def require(self, url: URL) -> None:
        """Raise UpstreamRefused unless the URL may be asked, as far as it tells before its host is resolved."""
        if url.scheme not in ("http", "https") or not url.host or url.user or url.password:
            raise self._refused(url.host or "")
        if self.is_named(url.host, url.port or 0):
            return
        try:
            literal = ipaddress.ip_address(url.host.partition("%")[0])
        except ValueError:
            if not _is_plain_name(url.host) or (self._is_proxied and not _is_public_name(url.host)):
                raise self._refused(url.host) from None
            return
        if not is_public(literal):
            raise self._refused(url.host)

    def permitted(self, host: str, port: int, addresses: Iterable[str]) -> list[str]:
        """Return those addresses that may be connected to; raise UpstreamRefused where there are some, and none may."""
        found = list(addresses)
        if self.is_named(host, port):
            return found
        good = [each for each in found if is_public(ipaddress.ip_address(each.partition("%")[0]))]
        if found and not good:
            raise self._refused(host)
        return good

    def _refused(self, host: str) -> UpstreamRefused:
        return UpstreamRefused(
            f"{self._upstream} leads to {host[:100]!r}, which is no public address; if that is meant, "
            f"name the host under upstreams.{self._upstream}.redirects"
        )


def _is_plain_name(host: str) -> bool:
    """Whether it can be nothing but a name: aiohttp connects to digits and dots without asking the resolver."""
    last = host.lower().rstrip(".").rpartition(".")[2]
    # A last label of digits is an IPv4 address in an unusual spelling (WHATWG URL, "ends in a number").
    return bool(last) and not last.isdigit() and not last.startswith("0x") and not {"%", ":"} & set(host)


def _is_public_name(host: str) -> bool:
    name = host.lower().rstrip(".")
    return "." in name and not any(name.endswith(f".{each}") for each in _PRIVATE_NAMES)


async def system_lookup(host: str, port: int, family: int) -> Iterable[tuple[int, str]]:
    """Ask the system's resolver: (family, address) pairs."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
    return [(entry[0], str(entry[4][0])) for entry in found]


class GuardedResolver(AbstractResolver):
    """Resolves, checks, and hands the checked addresses themselves to the connector."""

    def __init__(self, guard: Guard, lookup: Lookup = system_lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raise UpstreamRefused for private addresses, OSError where the name has none."""
        found = dict.fromkeys((address, kind) for kind, address in await self._lookup(host, port, family))
        good = set(self._guard.permitted(host, port, (address for address, _ in found)))
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for address, kind in found
            if address in good
        ]

    async def close(self) -> None:
        """Nothing is held."""
