"""Whether the fields of pratique.yaml agree with one another. Pure: every sentence says what to change.

The rules that keep a secret or a private image from leaving by mistake stand here (face.md, last point of Semantics):
credentials in the clear, a port beyond this host without TLS, private images for whoever can reach the port.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from proxy.config.layout import ConfigFile
from proxy.settings import spell
from proxy.web.settings import Address, MirrorListener, RegistryListener
from proxy.yamlfile import Document, Path

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?|\[[0-9a-f:.]+\](?::[0-9]{1,5})?")
_DOCKER_ALIASES = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


def disagreements(settings: ConfigFile, document: Document, *, unsure: AbstractSet[str] = frozenset()) -> Iterator[str]:
    """Yield one sentence for each, with file and line; none that looks at the sections in `unsure`, which are not whole."""
    for found, sections in _RULES.items():
        for at, text in found(settings) if unsure.isdisjoint(sections) else ():
            yield _placed(document, at, text)


def doubts(settings: ConfigFile, document: Document) -> Iterator[str]:
    """Yield what may stand, and is worth a second look."""
    for index, network in enumerate(settings.clients.open):
        if network.prefixlen == 0:
            yield _placed(document, ("clients", "open", index), f"{network} is everyone who can reach the port")


def _placed(document: Document, at: Path, text: str) -> str:
    return f"{document.where(at)}: {spell(at)}: {text}"


def _names(settings: ConfigFile) -> Iterator[tuple[Path, str]]:
    in_paths: dict[str, str] = {}
    for name in settings.upstreams:
        at = ("upstreams", name)
        if name in _DOCKER_ALIASES:
            yield at, "images name it docker.io, and so does everything here; write docker.io"
        elif not _HOST.fullmatch(name):
            yield at, "not a registry host in lower case; write the host that images name, such as nvcr.io"
        elif "." not in name and ":" not in name and name != "localhost":
            yield (
                at,
                f"images cannot name this host, {name}/app means docker.io/{name}/app; use a name with a dot or a port",
            )
        other = in_paths.setdefault(name.replace(":", "_"), name)
        if other != name:
            yield at, f"in a path this and {other} are the same; keep one of them"


def _clear_text(settings: ConfigFile) -> Iterator[tuple[Path, str]]:
    for name, upstream in settings.upstreams.items():
        for url in upstream.clear_text_urls(name):
            yield (
                ("upstreams", name),
                f"credentials would go to {url} in the clear; use https, or remove the credentials",
            )


def _listeners(settings: ConfigFile) -> Iterator[tuple[Path, RegistryListener | MirrorListener]]:
    yield ("listen", "registry"), settings.listen.registry
    for index, mirror in enumerate(settings.listen.mirrors):
        yield ("listen", "mirrors", index), mirror


def _open_ports(settings: ConfigFile) -> Iterator[tuple[Path, str]]:
    for at, listener in _listeners(settings):
        if not listener.address.is_loopback and listener.tls is None and not settings.clients.open:
            text = (
                f"{listener.address} is beyond this host and has no TLS; add tls: {{ certificate, key }}, or say in "
                "clients.open which networks may do without"
            )
            yield (*at, "address"), text
    if not settings.listen.admin.address.is_loopback:
        text = (
            f"{settings.listen.admin.address} is beyond this host, and this version has no tokens to guard it; "
            "write 127.0.0.1, and use listen.health for probes and metrics"
        )
        yield ("listen", "admin", "address"), text


def _private_images(settings: ConfigFile) -> Iterator[tuple[Path, str]]:
    """Whoever reaches a listener that knows nobody has what our credentials have."""
    private = {name for name, each in settings.upstreams.items() if each.has_credentials or each.client_certificate}
    for at, listener in _listeners(settings):
        reached = private & {listener.upstream} if isinstance(listener, MirrorListener) else private
        if reached and not listener.address.is_loopback and not settings.clients.open:
            names = ", ".join(sorted(reached))
            text = (
                f"whoever reaches {listener.address} could pull what our credentials for {names} can; say in "
                "clients.open which networks may"
            )
            yield (*at, "address"), text


def _unknown_upstreams(settings: ConfigFile) -> Iterator[tuple[Path, str]]:
    known = ", ".join(sorted(settings.upstreams))
    if settings.default_upstream is not None and settings.default_upstream not in settings.upstreams:
        yield (
            ("defaultUpstream",),
            f"{settings.default_upstream} is not under upstreams; add it there, or write one of {known}",
        )
    for index, mirror in enumerate(settings.listen.mirrors):
        if mirror.upstream not in settings.upstreams:
            at = ("listen", "mirrors", index, "upstream")
            yield at, f"{mirror.upstream} is not under upstreams; add it there, or write one of {known}"


def _shared_addresses(settings: ConfigFile) -> Iterator[tuple[Path, str]]:
    listeners: list[tuple[Path, Address]] = [(at, listener.address) for at, listener in _listeners(settings)]
    listeners.append((("listen", "admin"), settings.listen.admin.address))
    if settings.listen.health.address:
        listeners.append((("listen", "health"), settings.listen.health.address))
    by_port: dict[int, list[str]] = defaultdict(list)
    for at, address in listeners:
        hosts = by_port[address.port]
        if address.port and (address.host in hosts or (hosts and {"0.0.0.0", "::"} & {address.host, *hosts})):  # noqa: S104 compared, not bound
            yield (*at, "address"), f"port {address.port} has another listener; give each its own"
        hosts.append(address.host)


def _limits(settings: ConfigFile) -> Iterator[tuple[Path, str]]:
    limits = settings.limits
    if limits.gather_seconds < limits.request_seconds:
        yield ("limits", "gatherSeconds"), "shorter than requestSeconds; work goes on after the client was answered"


# Each rule, and the sections that it looks at.
_RULES: Mapping[Callable[[ConfigFile], Iterator[tuple[Path, str]]], frozenset[str]] = {
    _names: frozenset({"upstreams"}),
    _clear_text: frozenset({"upstreams"}),
    _open_ports: frozenset({"listen", "clients"}),
    _private_images: frozenset({"listen", "clients", "upstreams"}),
    _unknown_upstreams: frozenset({"listen", "upstreams", "defaultUpstream"}),
    _shared_addresses: frozenset({"listen"}),
    _limits: frozenset({"limits"}),
}
