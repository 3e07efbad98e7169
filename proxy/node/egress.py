"""The rule that must go with the tree: a node reaches no registry but the proxy. Pure.

No status code makes containerd fail closed, and a `ctr` without `--hosts-dir` never reads certs.d (clients.md 1, 2.3):
what the network does not allow is the only thing that a node cannot do.
"""

import ipaddress
from collections.abc import Sequence

from proxy.errors import ConfigError
from proxy.node.proxies import ProxyAddress, parse_proxies


def explain_egress(*, proxies: Sequence[str]) -> str:
    """Return three sentences for a person: why, what to allow, and what stays open by nature."""
    names = " and ".join(f"{address.host} port {address.connects_to}" for address in parse_proxies(proxies))
    return (
        "These files steer containerd and podman, but a node that can reach a registry can still pull from it: `ctr` "
        "ignores them, and a later change of a file goes unnoticed. "
        f"Allow nodes, and pods that build images, to open connections to {names} and to the networks of your own "
        "cluster, and to nothing else that serves images; `nftables` below is one way. "
        "Images that a node already has are not asked for again: start from clean nodes, or remove them."
    )


def nftables(*, proxies: Sequence[str], site: Sequence[str] = ("10.0.0.0/8",)) -> str:
    """Return an example ruleset. `site` are the networks that nodes need besides: API server, DNS, storage.

    It binds root, as whom containerd and podman pull, and what pods send on. nft resolves host names once,
    at load. Raises ConfigError for what is no network.
    """
    addresses = parse_proxies(proxies)
    try:
        networks = [ipaddress.ip_network(network) for network in site]
    except ValueError as error:
        raise ConfigError(f"{error}; write a network such as 10.0.0.0/8") from error
    allowed = [f"        {_accept(address)}" for address in addresses if not _is_loopback(address.host)]
    allowed += [f"        {_family(network)} daddr {network} accept" for network in networks]
    return "\n".join(
        [
            "#!/usr/sbin/nft -f",
            "# Nodes reach the proxy and the site's own networks; every other registry is out of reach.",
            "table inet pratique {",
            "    chain allowed {",
            "        ct state established,related accept",
            *allowed,
            "    }",
            "    chain output {",
            "        type filter hook output priority filter; policy accept;",
            '        oif "lo" accept',
            "        meta skuid != 0 accept # containerd and podman pull as root",
            "        jump allowed",
            "        meta l4proto tcp counter reject with tcp reset",
            "    }",
            "    chain forward { # pods that build images pull by themselves",
            "        type filter hook forward priority filter; policy accept;",
            "        jump allowed",
            "        tcp dport { 80, 443, 5000, 8443 } counter reject with tcp reset",
            "    }",
            "}",
            "",
        ]
    )


def _accept(address: ProxyAddress) -> str:
    family = "ip6" if ":" in address.host else "ip"
    return f"{family} daddr {address.host} tcp dport {address.connects_to} accept"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _family(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return "ip6" if network.version == 6 else "ip"
