"""Ports that several processes of ours share: kept before any of them starts, and refused where somebody else listens.

SO_REUSEPORT (socket(7)) lets every process of one user listen on a port, so that the kernel would say nothing of a proxy
that was started apart: it is asked once without it. The kept sockets never listen, so that no connection comes to them.
"""

import contextlib
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass

from proxy.errors import ConfigError
from proxy.web.settings import Address, ListenSettings


@dataclass(frozen=True, slots=True)
class Ports:
    """`listen` names the ports that were taken, also where 0 let the system choose; `addresses` by the listener's name."""

    listen: ListenSettings
    addresses: dict[str, Address]
    sockets: contextlib.ExitStack

    def close(self) -> None:
        """Let go. Whoever listens goes on."""
        self.sockets.close()


def keep_ports(listen: ListenSettings) -> Ports:
    """Raise ConfigError for an address that cannot be used; then none is kept."""
    addresses: dict[str, Address] = {}
    with contextlib.ExitStack() as stack:

        def keep(name: str, field: str, address: Address) -> Address:
            try:
                kept = stack.enter_context(_kept(address))
            except OSError as error:
                raise unavailable(field, address, error) from error
            addresses[name] = Address(address.host, kept.getsockname()[1])
            return addresses[name]

        resolved = _resolved(listen, keep)
        return Ports(resolved, addresses, stack.pop_all())


def _resolved(listen: ListenSettings, keep: Callable[[str, str, Address], Address]) -> ListenSettings:
    registry, admin, health = listen.registry, listen.admin, listen.health
    mirrors = [
        mirror.model_copy(
            update={"address": keep(f"mirror {mirror.upstream}", f"listen.mirrors.{index}.address", mirror.address)}
        )
        for index, mirror in enumerate(listen.mirrors)
    ]
    found = {
        "registry": registry.model_copy(
            update={"address": keep("registry", "listen.registry.address", registry.address)}
        ),
        "mirrors": tuple(mirrors),
        "admin": admin.model_copy(update={"address": keep("admin", "listen.admin.address", admin.address)}),
    }
    if health.address is not None:
        kept = keep("health", "listen.health.address", health.address)
        found["health"] = health.model_copy(update={"address": kept})
    return listen.model_copy(update=found)


def _kept(address: Address) -> socket.socket:
    if address.port:
        _bound(address, socket.SO_REUSEADDR).close()  # what is in TIME_WAIT is nobody's
    return _bound(address, socket.SO_REUSEADDR, socket.SO_REUSEPORT)


def _bound(address: Address, *options: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        for option in options:
            made.setsockopt(socket.SOL_SOCKET, option, 1)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as those that listen do
        made.bind((address.host, address.port))
    except BaseException:
        made.close()
        raise
    return made


def unavailable(field: str, address: Address, error: OSError) -> ConfigError:
    """Why an address cannot be listened on. `field` is the setting that a person would change."""
    match error.errno:
        case errno.EADDRINUSE:
            why = "is taken by another program; stop that one, or write another port"
        case errno.EADDRNOTAVAIL:
            why = "is not an address of this machine; write one that is"
        case errno.EACCES | errno.EPERM:
            why = "may not be used by this user; write a port above 1023"
        case _:
            why = f"cannot be listened on ({error.strerror}); write another address"
    return ConfigError(f"{field}: {address} {why}")
