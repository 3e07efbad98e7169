"""Where the proxy listens, and who may ask. A word that this version cannot honour is an error, never ignored."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from proxy.settings import Settings

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a port; port 0 lets the system choose one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError unless `text` is `address:port`, `[address]:port` or `localhost:port`."""
        host, colon, port = text.rpartition(":")
        host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
        try:
            ipaddress.ip_address(host)
        except ValueError:
            colon = ""
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is not an address to listen on; write 127.0.0.1:5000 or [::1]:5000")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: Any) -> Any:
    return Address.parse(value) if isinstance(value, str) else value


def _network(value: Any) -> Any:
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a network; write one such as 10.0.0.0/8") from None


def _unsupported(value: Any) -> Any:
    if value is not None:
        raise ValueError("this is not supported by this version; leave it out")
    return value


def _require(value: Any) -> Any:
    if value in ("mtls", "header"):
        raise ValueError(
            f"`require: {value}` is not supported by this version; write none, and say in `open` who may ask"
        )
    if value != "none":
        raise ValueError(f"{value!r} is not a way to know clients; write none")
    return value


ListenAddress = Annotated[
    Address, BeforeValidator(_address), WithJsonSchema({"type": "string", "examples": ["127.0.0.1:5000"]})
]
OpenNetwork = Annotated[
    Network, BeforeValidator(_network), WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8"]})
]
Unsupported = Annotated[None, BeforeValidator(_unsupported)]


class TlsSettings(Settings):
    certificate: Path
    key: Path
    client_ca: Unsupported = None


class RegistryListener(Settings):
    address: ListenAddress = Address("127.0.0.1", 5000)
    tls: TlsSettings | None = None


class MirrorListener(Settings):
    """A port bound to one upstream, for clients that send neither `ns` nor a prefix."""

    address: ListenAddress
    upstream: str
    tls: TlsSettings | None = None


class AdminListener(Settings):
    address: ListenAddress = Address("127.0.0.1", 5001)
    tokens: Unsupported = None


class HealthListener(Settings):
    """Only /livez, /readyz and /metrics; without an address there is none."""

    address: ListenAddress | None = None


class ListenSettings(Settings):
    registry: RegistryListener = RegistryListener()
    mirrors: tuple[MirrorListener, ...] = ()
    admin: AdminListener = AdminListener()
    health: HealthListener = HealthListener()
    express_lane: bool = True


class ClientsSettings(Settings):
    """`open`: networks that may ask without TLS beyond loopback."""

    require: Annotated[str, BeforeValidator(_require), WithJsonSchema({"enum": ["none"]})] = "none"
    mtls: Unsupported = None
    header: Unsupported = None
    open: Annotated[tuple[OpenNetwork, ...], Field(default=())] = ()
