"""Files and sockets that this process may hold (RLIMIT_NOFILE, getrlimit(2)), and how many connections that is.

Law: clients never use the last descriptor. What stores, upstreams and the health port need is kept apart.
"""

import resource
from collections.abc import Iterator

# While a blob leaves: its socket, the descriptor of our own that nobody else can close, and the file.
_EACH = 3
_OWN = 512  # the state, the audit, fills, upstreams, the health port
_ENOUGH = 1_048_576  # where there is no limit at all: Linux' own nr_open (proc(5))


def raise_limit() -> None:
    """As many as this process may have. Children get the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def holdable() -> int:
    """So many connections can be held by as many descriptors as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(8, ((_ENOUGH if hard == resource.RLIM_INFINITY else hard) - _OWN) // _EACH)


def doubts(connections: int) -> Iterator[str]:
    """Yield why so many connections cannot be held, and what to do."""
    most = holdable()
    if connections > most:
        yield (
            f"{connections} connections need {connections * _EACH + _OWN} descriptors, and this process may have fewer: "
            f"it will hold {most}; raise the hard limit (ulimit -Hn, LimitNOFILE= in systemd), or write {most} or less"
        )
