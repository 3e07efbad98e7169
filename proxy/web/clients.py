"""Who asks, and whether they may ask at all. Nothing that a client writes is believed: an address, and no header.

Nobody is ever challenged: a 401 here would make containerd hand over the pod's pull secret (clients.md 1.6).
"""

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from proxy.errors import NotAllowed
from proxy.events import Client
from proxy.web.settings import Address, Network

_UNKNOWN = Client("unknown")


class Clients:
    """The clients of one listener. Beyond loopback only the networks of `clients.open` may ask.

    Under TLS, where no network is named, everyone may.

    A peer on loopback may ask there too: it is on this host, as if it used a loopback listener.
    """

    def __init__(self, *, address: Address, is_sealed: bool, open_networks: Sequence[Network]) -> None:
        self._is_for_all = address.is_loopback or (is_sealed and not open_networks)
        self._open = tuple(open_networks)

    def who(self, request: web.BaseRequest) -> Client:
        return client_of(request.transport) if request.transport else _UNKNOWN

    def admit(self, client: Client) -> None:
        """Raise NotAllowed for who may not ask at this listener."""
        if self._is_for_all:
            return
        if client is not _UNKNOWN:
            address = ipaddress.ip_address(client.address)
            if address.is_loopback or any(address in network for network in self._open):
                return
        raise NotAllowed(f"{client} may not ask here; add its network to clients.open")


def client_of(transport: asyncio.BaseTransport) -> Client:
    """By the address that the kernel knows; nothing that was sent is looked at."""
    return client_at(transport.get_extra_info("peername"))


def client_at(peer: Any) -> Client:
    """`peer` is the address as a socket tells it; None where it was gone already."""
    return Client(str(plain_address(peer[0]))) if peer else _UNKNOWN


def plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Without zone, and IPv4 as IPv4 where it came through a socket of both families."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
