"""Which repository of which upstream a client means. Pure: a closed world, and no question to the network.

Four addressings of one key (clients.md 7): `?ns=`, the upstream's host as first component of the name, a listener bound
to one upstream, the default upstream.
"""

from proxy.errors import NameInvalid, NameUnknown, NotAllowed
from proxy.oci.reference import Repository

DOCKER = "docker.io"
_DOCKER_ALIASES = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})


def resolve(*, name: str, ns: str | None, bound: str | None, names: frozenset[str], default: str | None) -> Repository:
    """Return the one canonical key.

    `name` and `ns` are the client's, `bound` the listener's upstream, `names` the operator's upstreams. Raise NotAllowed
    for a host that is no upstream here, NameInvalid where ns, prefix and listener disagree or the name is none, and
    NameUnknown where nothing says which upstream is meant.
    """
    said = bound
    if ns is not None:
        said = _agreed(said, _known(ns, names), name)
    first, slash, rest = name.partition("/")
    prefix = _upstream(first, names) if slash else None
    if prefix is not None:
        return _repository(_agreed(said, prefix, name), rest)
    if said is None and slash and ("." in first or ":" in first):
        _known(first, names)
    upstream = said or default
    if upstream is None:
        raise NameUnknown(f"{name[:80]!r} does not say which upstream; ask for <host>/{name[:80]}")
    return _repository(upstream, name)


def alias(upstream: str) -> str:
    """How `host:port` is written within a repository name, where a colon cannot stand."""
    return upstream.replace(":", "_")


def _upstream(host: str, names: frozenset[str]) -> str | None:
    host = host.lower()
    if host in names:
        return host
    if host in _DOCKER_ALIASES and DOCKER in names:
        return DOCKER
    return next((each for each in sorted(names) if alias(each) == host), None)


def _known(host: str, names: frozenset[str]) -> str:
    found = _upstream(host, names)
    if found is None:
        raise NotAllowed(f"{host[:80]!r} is not an upstream here; add it under upstreams")
    return found


def _agreed(one: str | None, other: str, name: str) -> str:
    if one is not None and one != other:
        raise NameInvalid(f"the request names {one} and {other} for {name[:80]!r}; name one upstream only")
    return other


def _repository(upstream: str, name: str) -> Repository:
    if upstream == DOCKER and "/" not in name:
        name = f"library/{name}"
    return Repository(upstream, name)
