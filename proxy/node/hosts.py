"""containerd's certs.d tree, closed against a bypass. Pure: names in, file texts out.

Two facts force this shape (clients.md 2.2): containerd appends the image's own registry unless `server` names another,
so `server` is a proxy, the last one; and 1.6 and 1.7.0 to 1.7.31 ignore a file without a host table, so each proxy has
one too, at the price of a repeated request for what is refused. The first directory that exists wins, even an empty
one, so every upstream has an identical file beside `_default`. `referrers` is not a capability that old ones know, and
one unknown word makes them drop the whole file: pull and resolve alone.
"""

import json
import re
from collections.abc import Mapping, Sequence

from proxy.errors import ConfigError
from proxy.node.proxies import ProxyAddress, parse_proxies

CERTS_D = "/etc/containerd/certs.d"
_CAPABILITIES = 'capabilities = ["pull", "resolve"]'
# Names of one registry: each may have a directory of its own on the node.
_ALIASES = {"docker.io": ("docker.io", "index.docker.io", "registry-1.docker.io")}
_DIRECTORY = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9_.:\[\]-]*")
_IMAGES_PLUGIN = {1: "io.containerd.grpc.v1.cri", 2: "io.containerd.cri.v1.images"}


def hosts_tree(
    *,
    proxies: Sequence[str],
    upstreams: Sequence[str],
    ca: str | None = None,
    client: tuple[str, str] | None = None,
    directories: Sequence[str] = (),
) -> Mapping[str, str]:
    """Relative path → text of each hosts.toml.

    `proxies` are URLs in the order to try. `upstreams` are registry hosts as images name them. `ca` and `client`
    (certificate, key) are paths on the node. `directories` are names that stand in certs.d already, and would win over
    `_default`. Raises ConfigError for a name that is no host or directory, and for TLS files without an https proxy.
    """
    addresses = parse_proxies(proxies)
    if (ca or client) and not any(address.is_tls for address in addresses):
        raise ConfigError("certificates do nothing for an http:// proxy; name it by https:// or leave them out")
    text = _hosts_toml(addresses, ca=ca, client=client)
    names = {"_default", *directories, *(name for upstream in upstreams for name in _directories(upstream))}
    for name in names:
        if not _DIRECTORY.fullmatch(name) or len(name) > 255:
            raise ConfigError(f"{name[:80]!r} is not a registry host; correct it in upstreams or on the command line")
    return {f"{name}/hosts.toml": text for name in sorted(names)}


def containerd_config(*, major: int, folder: str = CERTS_D) -> str:
    """Return the fragment of config.toml that makes CRI read the tree.

    One folder only: a list `a:b` makes containerd 2.1 and later go upstream (clients.md 2.2).
    """
    if ":" in folder or not folder.startswith("/"):
        raise ConfigError(f"{folder!r} is not one absolute folder; containerd goes upstream for a list of them")
    plugin = _IMAGES_PLUGIN[major]
    return "\n".join(
        [
            f"# containerd {major}.x: merge into /etc/containerd/config.toml and restart containerd once.",
            "# Exactly one folder. A list (a:b), or none, makes containerd go upstream without a word.",
            "# Remove every registry.mirrors and registry.configs: they exclude config_path.",
            f"version = {major + 1}",
            "",
            f'[plugins."{plugin}".registry]',
            f"  config_path = {_quoted(folder)}",
            "",
        ]
    )


def _hosts_toml(addresses: Sequence[ProxyAddress], *, ca: str | None, client: tuple[str, str] | None) -> str:
    lines = [
        "# Written by `pratique node hosts`. Every line is needed: without `server` containerd appends the image's own",
        "# registry, and without the host tables containerd before 1.7.32 ignores the file and goes upstream.",
        "# Read at each pull; no restart. The egress rule that lets this node reach only the proxy is the other half.",
        f"server = {_quoted(addresses[-1].url)}",
        *_access(addresses[-1], ca=ca, client=client),
    ]
    for address in addresses:
        access = _access(address, ca=ca, client=client)
        lines += ["", f"[host.{_quoted(address.url)}]", *(f"  {line}" for line in access)]
    return "\n".join(lines) + "\n"


def _access(address: ProxyAddress, *, ca: str | None, client: tuple[str, str] | None) -> list[str]:
    lines = [_CAPABILITIES]
    if ca and address.is_tls:
        lines.append(f"ca = {_quoted(ca)}")
    if client and address.is_tls:
        lines.append(f"client = [[{_quoted(client[0])}, {_quoted(client[1])}]]")
    return lines


def _directories(upstream: str) -> tuple[str, ...]:
    """Of one registry, as containerd looks for them (config/hosts.go): `host_port_`, then `host:port`, both ours."""
    host, colon, port = upstream.rpartition(":")
    if colon and port.isdigit():
        return f"{host}_{port}_", upstream
    return _ALIASES.get(upstream, (upstream,))


def _quoted(text: str) -> str:
    """Make a TOML basic string, whose escapes are those of JSON."""
    if not text.isprintable():
        raise ConfigError(f"{text!r} holds characters that no path or host has; correct it")
    return json.dumps(text, ensure_ascii=False)
