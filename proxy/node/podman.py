"""A registries.conf drop-in for podman, CRI-O, skopeo and buildah that cannot be bypassed. Pure.

`blocked = true` forbids the registry itself, while its mirrors are still asked: with the proxy as the only mirror a
refusal is final (clients.md 7). These clients send no `ns`, so the mirror's location carries the upstream's name as a
path; a port stands there as `_port`, since a colon is not legal in a repository name.
"""

import json
import re
from collections.abc import Sequence

from proxy.errors import ConfigError
from proxy.node.proxies import ProxyAddress, parse_proxies

DROP_IN = "/etc/containers/registries.conf.d/50-pratique.conf"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")


def registries_conf(*, proxies: Sequence[str], upstreams: Sequence[str]) -> str:
    """Return the text of the drop-in. `proxies` are URLs in the order to try; `upstreams` hosts as images name them."""
    addresses = parse_proxies(proxies)
    lines = [
        f"# Written by `pratique node hosts`, for {DROP_IN}.",
        "# `blocked` forbids the registry itself; the mirror below it is still asked, and its refusal is final.",
        "# Only what is listed here is closed: the egress rule closes every other registry.",
    ]
    if any(address.is_tls for address in addresses):
        lines.append("# The proxy's CA goes to /etc/containers/certs.d/<proxy host:port>/ca.crt.")
    for upstream in sorted(set(upstreams)):
        lines += ["", *_registry(upstream, addresses)]
    return "\n".join(lines) + "\n"


def _registry(upstream: str, addresses: Sequence[ProxyAddress]) -> list[str]:
    if not _HOST.fullmatch(upstream):
        raise ConfigError(f"{upstream[:80]!r} cannot be a path on the proxy; use a host name, with a port if need be")
    lines = ["[[registry]]", f"prefix = {json.dumps(upstream)}", f"location = {json.dumps(upstream)}", "blocked = true"]
    for address in addresses:
        location = f"{address.authority}/{upstream.replace(':', '_').lower()}"
        lines += ["", "[[registry.mirror]]", f"location = {json.dumps(location)}"]
        lines.append(f"insecure = {'false' if address.is_tls else 'true'}")
    return lines
