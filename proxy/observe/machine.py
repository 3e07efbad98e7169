"""/metrics of one machine, of what each of its processes counted: sums of counters and histograms, gauges by their meaning.

Samples are the lines of Prometheus' text, name and labels to value. What a process that ended had counted stays counted:
a counter that falls would be taken for a restart, and all that the others counted for new.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from prometheus_client.utils import floatToGoString

from proxy.observe.metrics import METRICS

Samples: TypeAlias = Mapping[str, float]

_PARTS = ("_bucket", "_sum", "_count")  # of a histogram
# Known by the process that looks for all of them.
_OF_THE_FIRST = frozenset(
    {
        "pratique_decisions_ending",
        "pratique_content_bytes",
        "pratique_content_blobs",
        "pratique_content_limit_bytes",
        "pratique_content_promised_bytes",
        "pratique_scrub_progress_ratio",
    }
)
# The one that refreshes a root knows best how old it is. Of any other gauge, the greatest is what must be looked at.
_LEAST = frozenset(
    {
        "pratique_trust_root_age_seconds",
        "pratique_trust_root_ends_timestamp_seconds",
        "pratique_upstream_quota_remaining",
        'pratique_storage_state{state="ok"}',  # of one disk: well is what every process finds well
    }
)
_SUMS = frozenset({"pratique_connections"})
# What a supervisor knows beside its counters.
_OF_THE_SUPERVISOR = frozenset({"pratique_workers", "pratique_policy_rules"})


def samples(text: bytes) -> dict[str, float]:
    """Read what `Metrics.render` wrote."""
    found: dict[str, float] = {}
    for line in text.decode().splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.rpartition(" ")
            found[key] = float(value)
    return found


def joined(processes: Iterable[Samples]) -> dict[str, float]:
    """All of them as one; the first is of the process that looks after what is looked after once."""
    found: dict[str, float] = {}
    for each in processes:
        for key, value in each.items():
            found[key] = _joined(key, found[key], value) if key in found else value
    return found


def counted(process: Samples) -> dict[str, float]:
    """What stays of a process that ended: its counters and histograms."""
    return {key: value for key, value in process.items() if METRICS[_metric(key)].type != "gauge"}


def supervised(process: Samples) -> dict[str, float]:
    """What a supervisor adds, which serves nothing itself: all else that it would say is of nobody."""
    return counted(process) | {key: value for key, value in process.items() if key in _OF_THE_SUPERVISOR}


def render(machine: Samples) -> bytes:
    """Prometheus' text."""
    by_metric: dict[str, list[str]] = {}
    for key, value in machine.items():
        by_metric.setdefault(_metric(key), []).append(f"{key} {floatToGoString(value)}\n")  # type: ignore[no-untyped-call]
    return "".join(_block(name, by_metric[name]) for name in METRICS if name in by_metric).encode()


def _joined(key: str, one: float, other: float) -> float:
    name = _metric(key)
    if METRICS[name].type != "gauge" or name in _SUMS:
        return one + other
    if name in _OF_THE_FIRST:
        return one
    return min(one, other) if _LEAST & {name, key} else max(one, other)


def _metric(key: str) -> str:
    name = key.partition("{")[0]
    for part in _PARTS:
        if name.endswith(part) and name.removesuffix(part) in METRICS:
            return name.removesuffix(part)
    return name


def _block(name: str, lines: list[str]) -> str:
    metric = METRICS[name]
    return f"# HELP {name} {metric.help}\n# TYPE {name} {metric.type}\n{''.join(lines)}"
