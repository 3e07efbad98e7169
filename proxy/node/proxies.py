"""The proxies that a node asks, as URLs. Pure: a wrong one is refused before anything is written to a node."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.errors import ConfigError

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """`scheme://authority`, and nothing behind it: the registry port answers at the root."""

    scheme: str
    host: str
    port: int | None

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """`host[:port]` as registries.conf wants it, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def connects_to(self) -> int:
        return self.port or _PORTS[self.scheme]


def parse_proxies(urls: Sequence[str]) -> tuple[ProxyAddress, ...]:
    """Keep the order, which is the order in which a node tries them; raise ConfigError with every wrong one."""
    problems, found = [], []
    for url in urls:
        try:
            found.append(_parse(url))
        except ValueError as error:
            problems.append(f"--proxy {_shown(url)}: {error}")
    if not urls:
        problems.append("name at least one proxy, such as --proxy https://proxy.internal:5000")
    if len(set(found)) != len(found):
        problems.append("the same proxy is named twice; name each once")
    if problems:
        raise ConfigError("; ".join(problems), problems=problems)
    return tuple(found)


def _parse(url: str) -> ProxyAddress:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise ValueError("write http:// or https:// and a host, such as https://proxy.internal:5000")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL with a user is not written to nodes; use a client certificate")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("the proxy answers at the root; remove what follows the host")
    if parts.port == 0:
        raise ValueError("port 0 is no port to connect to; write the port the proxy listens on")
    return ProxyAddress(parts.scheme, parts.hostname, parts.port)


def _shown(url: str) -> str:
    return repr(re.sub(r"//[^/@]*@", "//…@", url)[:120])
