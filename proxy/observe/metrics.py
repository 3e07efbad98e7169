"""Every metric, in one table; events turned into numbers.

No text of a client, an upstream or a signature becomes a label (T57, CVE-2026-49835): a label's value is a word of the
table, or the name of an upstream or a trust root that the operator configured, and anything else is `other`. So the
number of series never grows with use.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from proxy import events

_OTHER = "other"
_KINDS = ("manifest", "blob", "referrers", "tags", "ping", _OTHER)
_OUTCOMES = ("hit", "miss", "coalesced", "denied", "inconclusive", "absent", "upstream", "storage", "client", _OTHER)
_REFUSED = ("total", "client", "descriptors")
_FILLS = ("stored", "unkept", "mismatch", "failed", "stopped", _OTHER)
_DISK = ("ok", "full", "read-only", "failing", _OTHER)
_ASKED = ("manifest", "blob", "referrers", "tags", "token", "attestations", "document", _OTHER)
_STATUS = ("none", "1xx", "2xx", "3xx", "4xx", "5xx", _OTHER)
_REASONS = (
    "not-allowed",
    "unverified",
    "pin",
    "condition",
    "verifiers-disagree",
    "revoked",
    "inconclusive",
    _OTHER,
)
_UPSTREAMS = ("each upstream in pratique.yaml", _OTHER)
_ROOTS = ("each trust root and store of the policy", _OTHER)
_BREAKER = {"closed": 0, "half-open": 1, "open": 2}
_DRIFTS = ("digest", "rollback", "regression", _OTHER)

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SLOW = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """`labels`: each label with every value it can have."""

    type: str  # counter | gauge | histogram
    help: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()


METRICS: Mapping[str, Metric] = {
    "pratique_requests_total": Metric(
        "counter", "Requests at the registry port that ended.", {"kind": _KINDS, "outcome": _OUTCOMES}
    ),
    "pratique_request_seconds": Metric(
        "histogram", "From a request's head to the last byte of its answer.", {"kind": _KINDS}, _SLOW
    ),
    "pratique_response_bytes_total": Metric("counter", "Body bytes sent to clients.", {"kind": _KINDS}),
    "pratique_hits_total": Metric("counter", "Requests answered from what was stored and admitted.", {"kind": _KINDS}),
    "pratique_coalesced_total": Metric("counter", "Requests that joined a transfer under way.", {"kind": _KINDS}),
    "pratique_inconclusive_total": Metric("counter", "Requests answered 503 because they could not be judged."),
    "pratique_refusals_total": Metric(
        "counter", "Refusals; one for a client, reference and Decision in ten minutes.", {"reason": _REASONS}
    ),
    "pratique_connections": Metric("gauge", "Clients' connections at the registry ports now."),
    "pratique_connections_refused_total": Metric(
        "counter",
        "Connections that got no place: all are taken, or those of one client, or the process may hold no more files.",
        {"why": (*_REFUSED, _OTHER)},
    ),
    "pratique_connections_cut_total": Metric(
        "counter",
        "Connections ended by us: a head without an end, an answer that nobody took, idle while others asked.",
        {"why": ("head", "full", "room", _OTHER)},
    ),
    "pratique_decisions_total": Metric(
        "counter", "Decisions made.", {"verdict": ("allow", "deny", "inconclusive", _OTHER)}
    ),
    "pratique_decisions_ending": Metric(
        "gauge",
        "Admissions that end within 48 hours, since evidence or trust material runs out; each is made again before.",
    ),
    "pratique_alarms_total": Metric(
        "counter",
        "Decisions that somebody must look at: two verifiers disagree, or an admission rests on `grace` alone.",
        {"kind": ("verifiers-disagree", "grace", _OTHER)},
    ),
    "pratique_verification_seconds": Metric("histogram", "Time to gather evidence and judge it.", buckets=_SLOW),
    "pratique_pins_moved_total": Metric(
        "counter", "Pins set or moved.", {"cause": ("first", "follow", "confirm", "restore", _OTHER)}
    ),
    "pratique_drift_total": Metric(
        "counter",
        "Tags seen upstream with another digest than their pin.",
        {"upstream": _UPSTREAMS, "kind": _DRIFTS},
    ),
    "pratique_fills_total": Metric("counter", "Transfers into the content store that ended.", {"outcome": _FILLS}),
    "pratique_fill_bytes_total": Metric("counter", "Bytes that fills received."),
    "pratique_fill_seconds": Metric("histogram", "Duration of fills.", buckets=_SLOW),
    "pratique_fill_resumes_total": Metric("counter", "Times that a broken transfer was taken up again."),
    "pratique_upstream_requests_total": Metric(
        "counter",
        "Requests to upstreams; status none is no answer.",
        {"upstream": _UPSTREAMS, "what": _ASKED, "status": _STATUS},
    ),
    "pratique_upstream_bytes_total": Metric(
        "counter", "Bytes received from upstreams.", {"upstream": _UPSTREAMS, "what": _ASKED}
    ),
    "pratique_upstream_seconds": Metric(
        "histogram", "Duration of requests to upstreams.", {"upstream": _UPSTREAMS, "what": _ASKED}, _SLOW
    ),
    "pratique_upstream_spared_total": Metric(
        "counter",
        "Requests refused here and not sent, since the upstream fails (breaker) or limits our rate (throttle).",
        {"upstream": _UPSTREAMS, "why": ("breaker", "throttle", _OTHER)},
    ),
    "pratique_upstream_held_total": Metric(
        "counter",
        "Times that an account was told to wait: by a 429, or since nothing is left of its quota.",
        {"upstream": _UPSTREAMS, "cause": ("429", "quota", _OTHER)},
    ),
    "pratique_upstream_breaker": Metric(
        "gauge", "0: closed. 1: half open, one request looks. 2: open, left alone.", {"upstream": _UPSTREAMS}
    ),
    "pratique_upstream_quota_limit": Metric(
        "gauge", "The quota that an upstream last spoke of; absent: it speaks of none.", {"upstream": _UPSTREAMS}
    ),
    "pratique_upstream_quota_remaining": Metric("gauge", "What it said is left of it.", {"upstream": _UPSTREAMS}),
    "pratique_policy_loads_total": Metric(
        "counter",
        "Policy loads; kept is one that failed, so that the old policy stays.",
        {"outcome": ("loaded", "kept", _OTHER)},
    ),
    "pratique_policy_rules": Metric("gauge", "Rules of the policy in force."),
    "pratique_content_rotted_total": Metric("counter", "Stored files that were not what their digest says."),
    "pratique_storage_state": Metric(
        "gauge", "1 for how the disk of the content store is now, 0 for what it is not.", {"state": _DISK}
    ),
    "pratique_scrub_bytes_total": Metric("counter", "Bytes hashed again in the background."),
    "pratique_scrub_progress_ratio": Metric("gauge", "How much of the round under way is hashed, 0 to 1."),
    "pratique_scrub_rounds_total": Metric("counter", "Rounds over everything that is stored that ended."),
    "pratique_content_bytes": Metric("gauge", "Bytes in the content store."),
    "pratique_content_blobs": Metric("gauge", "Blobs in the content store."),
    "pratique_content_limit_bytes": Metric(
        "gauge", "Bytes that the content store may hold: maxBytes, or what its disk has room for."
    ),
    "pratique_content_promised_bytes": Metric(
        "gauge", "Bytes that transfers under way have reserved and not received."
    ),
    "pratique_content_evicted_bytes_total": Metric("counter", "Bytes removed to make room."),
    "pratique_content_evicted_blobs_total": Metric("counter", "Blobs and manifests removed to make room."),
    "pratique_content_evicted_images_total": Metric("counter", "Images removed to make room."),
    "pratique_content_unevictable_bytes": Metric(
        "gauge",
        "What the last eviction could not remove: pinned, or used lately (of what it looked at).",
        {"why": ("pinned", "leased", _OTHER)},
    ),
    "pratique_state_lost_total": Metric("counter", "Starts that found content but no state."),
    "pratique_state_distrusted": Metric("gauge", "1 while tags without a pin wait for `pratique pin confirm`."),
    "pratique_trust_refresh_total": Metric(
        "counter",
        "Trust roots asked for by TUF, each time; failed keeps the old one, stale is one past its maxAge.",
        {"root": _ROOTS, "outcome": ("refreshed", "unchanged", "failed", "stale", _OTHER)},
    ),
    "pratique_trust_root_age_seconds": Metric(
        "gauge", "Since a trust root was refreshed, or where it never was, since it was shipped.", {"root": _ROOTS}
    ),
    "pratique_trust_root_ends_timestamp_seconds": Metric(
        "gauge",
        "When nothing new can be verified by a trust root or store, unless it is refreshed; absent: it has no end.",
        {"root": _ROOTS},
    ),
    "pratique_clock_jumps_total": Metric(
        "counter", "Times that the machine's clock was set by more than 5 seconds.", {"direction": ("forward", "back")}
    ),
    "pratique_event_loop_lag_seconds": Metric("histogram", "How late the event loop woke a sleeper.", buckets=_FAST),
    "pratique_workers": Metric("gauge", "Worker processes that serve; one process alone is one."),
    "pratique_worker_ends_total": Metric(
        "counter",
        "Workers that ended and were replaced: killed by a signal, or by themselves.",
        {"cause": ("signal", "exit", _OTHER)},
    ),
    "pratique_build_info": Metric("gauge", "Always 1; the version that runs.", {"version": ("the running version",)}),
}


@dataclass(frozen=True, slots=True)
class RootTimes:
    """Of one trust root: seconds since it was refreshed, and when it ends (seconds since the epoch); None: neither."""

    age: float | None
    ends: float | None


class Metrics:
    """`record` each event, `render` for /metrics. `upstreams`: the configured names, the only ones that become labels."""

    CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, *, upstreams: frozenset[str], version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of no use to anyone here
        self._upstreams = upstreams
        self._registry = CollectorRegistry()
        self._roots: Callable[[], Mapping[str, RootTimes]] = dict
        self._made = {
            name: _make(name, metric, self._registry) for name, metric in METRICS.items() if name not in _OF_ROOTS
        }
        self._registry.register(_Roots(lambda: self._roots()))  # noqa: PLW0108 — `_roots` is replaced later
        self._series: dict[tuple[str, ...], Any] = {}
        self._recorders: dict[type, Callable[[Any], None]] = {
            events.Answered: self._answered,
            events.ConnectionsEnded: self._connections_ended,
            events.Judged: self._judged,
            events.Refused: self._refused,
            events.Alarmed: self._alarmed,
            events.PinMoved: self._pin_moved,
            events.DriftSeen: self._drift_seen,
            events.FillEnded: self._fill_ended,
            events.UpstreamAsked: self._upstream_asked,
            events.UpstreamSpared: self._upstream_spared,
            events.UpstreamHeld: self._upstream_held,
            events.BreakerMoved: self._breaker_moved,
            events.ClockJumped: self._clock_jumped,
            events.PolicyLoaded: self._policy_loaded,
            events.WorkerEnded: self._worker_ended,
            events.ContentRotted: self._content_rotted,
            events.ContentScrubbed: self._content_scrubbed,
            events.StorageChanged: self._storage_changed,
            events.Evicted: self._evicted,
            events.StateLost: self._state_lost,
            events.DistrustLifted: self._distrust_lifted,
            events.TrustRefreshed: self._trust_refreshed,
        }
        for upstream in upstreams:
            self._of("pratique_upstream_breaker", upstream).set(0)
        self._made["pratique_build_info"].labels(version).set(1)
        self._storage_changed(events.StorageChanged("ok", ""))

    def record(self, event: events.Event) -> None:
        self._recorders[type(event)](event)

    def render(self) -> bytes:
        """The text of /metrics, in `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def observe_lag(self, seconds: float) -> None:
        self._of("pratique_event_loop_lag_seconds").observe(seconds)

    def set_content(self, *, held: int, blobs: int, limit: int, promised: int) -> None:
        """What the content store holds, all but `blobs` in bytes."""
        self._of("pratique_content_bytes").set(held)
        self._of("pratique_content_blobs").set(blobs)
        self._of("pratique_content_limit_bytes").set(limit)
        self._of("pratique_content_promised_bytes").set(promised)

    def watch_connections(self, count: Callable[[], int]) -> None:
        """`count` is asked at each render."""
        self._of("pratique_connections").set_function(count)

    def watch_roots(self, roots: Callable[[], Mapping[str, RootTimes]]) -> None:
        """`roots` is asked at each render, and answers at once: the trust roots of the policy that stands, by name."""
        self._roots = roots

    def set_ending(self, admissions: int) -> None:
        self._of("pratique_decisions_ending").set(admissions)

    def set_distrusted(self, distrusted: bool) -> None:  # noqa: FBT001 - the only thing there is to say
        self._of("pratique_state_distrusted").set(distrusted)

    def _connections_ended(self, event: events.ConnectionsEnded) -> None:
        kind = "refused" if event.why in _REFUSED else "cut"
        self._of(f"pratique_connections_{kind}_total", event.why).inc(event.times)

    def _answered(self, event: events.Answered) -> None:
        times = event.times
        self._of("pratique_requests_total", event.kind, event.outcome).inc(times)
        self._of("pratique_request_seconds", event.kind).observe_times(event.seconds, times)
        self._of("pratique_response_bytes_total", event.kind).inc(event.body_bytes * times)
        if event.outcome == "hit":
            self._of("pratique_hits_total", event.kind).inc(times)
        elif event.outcome == "coalesced":
            self._of("pratique_coalesced_total", event.kind).inc()
        elif event.outcome == "inconclusive":
            self._of("pratique_inconclusive_total").inc()

    def _judged(self, event: events.Judged) -> None:
        self._of("pratique_decisions_total", event.verdict).inc()
        self._of("pratique_verification_seconds").observe(event.seconds)

    def _alarmed(self, event: events.Alarmed) -> None:
        self._of("pratique_alarms_total", event.alarm).inc()

    def _refused(self, event: events.Refused) -> None:
        self._of("pratique_refusals_total", event.reason).inc()

    def _pin_moved(self, event: events.PinMoved) -> None:
        self._of("pratique_pins_moved_total", event.cause).inc()

    def _drift_seen(self, event: events.DriftSeen) -> None:
        self._of("pratique_drift_total", event.repository.upstream, event.kind).inc()

    def _fill_ended(self, event: events.FillEnded) -> None:
        self._of("pratique_fills_total", event.outcome).inc()
        self._of("pratique_fill_bytes_total").inc(event.transferred)
        self._of("pratique_fill_seconds").observe(event.seconds)
        self._of("pratique_fill_resumes_total").inc(event.resumed)

    def _upstream_asked(self, event: events.UpstreamAsked) -> None:
        status = f"{event.status // 100}xx" if event.status else "none"
        self._of("pratique_upstream_requests_total", event.upstream, event.what, status).inc()
        self._of("pratique_upstream_bytes_total", event.upstream, event.what).inc(event.received)
        self._of("pratique_upstream_seconds", event.upstream, event.what).observe(event.seconds)

        if event.limit is not None and event.remaining is not None:
            self._of("pratique_upstream_quota_limit", event.upstream).set(event.limit)
            self._of("pratique_upstream_quota_remaining", event.upstream).set(event.remaining)

    def _upstream_spared(self, event: events.UpstreamSpared) -> None:
        self._of("pratique_upstream_spared_total", event.upstream, event.why).inc()

    def _upstream_held(self, event: events.UpstreamHeld) -> None:
        self._of("pratique_upstream_held_total", event.upstream, event.cause).inc()

    def _breaker_moved(self, event: events.BreakerMoved) -> None:
        if event.upstream in self._upstreams:  # hosts of CRLs and TUF have breakers too, and no series of their own
            self._of("pratique_upstream_breaker", event.upstream).set(_BREAKER[event.state])

    def set_workers(self, serving: int) -> None:
        self._of("pratique_workers").set(serving)

    def _worker_ended(self, event: events.WorkerEnded) -> None:
        self._of("pratique_worker_ends_total", event.cause).inc()

    def _clock_jumped(self, event: events.ClockJumped) -> None:
        self._of("pratique_clock_jumps_total", "forward" if event.seconds > 0 else "back").inc()

    def _policy_loaded(self, event: events.PolicyLoaded) -> None:
        self._of("pratique_policy_loads_total", event.outcome).inc()
        if event.outcome == "loaded":
            self._of("pratique_policy_rules").set(event.rules)

    def _content_rotted(self, _: events.ContentRotted) -> None:
        self._of("pratique_content_rotted_total").inc()

    def _content_scrubbed(self, _: events.ContentScrubbed) -> None:
        self._of("pratique_scrub_rounds_total").inc()

    def _storage_changed(self, event: events.StorageChanged) -> None:
        for state in _DISK[:-1]:
            self._of("pratique_storage_state", state).set(state == event.state)

    def count_scrubbed(self, count: int, ratio: float) -> None:
        """So many more bytes were hashed, and so much of the round is done."""
        self._of("pratique_scrub_bytes_total").inc(count)
        self._of("pratique_scrub_progress_ratio").set(ratio)

    def _evicted(self, event: events.Evicted) -> None:
        self._of("pratique_content_evicted_bytes_total").inc(event.freed)
        self._of("pratique_content_evicted_blobs_total").inc(event.blobs)
        self._of("pratique_content_evicted_images_total").inc(event.images)
        self._of("pratique_content_unevictable_bytes", "pinned").set(event.pinned)
        self._of("pratique_content_unevictable_bytes", "leased").set(event.leased)

    def _state_lost(self, event: events.StateLost) -> None:
        self._of("pratique_state_lost_total").inc()
        self.set_distrusted(event.distrusted)

    def _distrust_lifted(self, _: events.DistrustLifted) -> None:
        self.set_distrusted(False)

    def _trust_refreshed(self, event: events.TrustRefreshed) -> None:
        self._of("pratique_trust_refresh_total", event.root, event.outcome).inc()

    def _of(self, name: str, *values: str) -> Any:
        """The series of these label values, each of them bounded. Bounded first: what is remembered is bounded too."""
        labels = METRICS[name].labels
        bounded = tuple(self._bounded(value, allowed) for value, allowed in zip(values, labels.values(), strict=True))
        series = self._series.get((name, *bounded))
        if series is None:
            series = self._made[name].labels(*bounded) if bounded else self._made[name]
            self._series[name, *bounded] = series
        return series

    def _bounded(self, value: str, allowed: tuple[str, ...]) -> str:
        known = self._upstreams if allowed is _UPSTREAMS else self._roots() if allowed is _ROOTS else allowed
        return value if value in known else _OTHER


_OF_ROOTS: Mapping[str, Callable[[RootTimes], float | None]] = {
    "pratique_trust_root_age_seconds": lambda times: times.age,
    "pratique_trust_root_ends_timestamp_seconds": lambda times: times.ends,
}


class _Roots(Collector):
    """Made at each render: a root that a new policy does not name any more leaves no series behind."""

    def __init__(self, roots: Callable[[], Mapping[str, RootTimes]]) -> None:
        self._ask = roots

    def collect(self) -> Iterator[GaugeMetricFamily]:
        roots = self._ask()
        for name, times in _OF_ROOTS.items():
            family = GaugeMetricFamily(name, METRICS[name].help, labels=["root"])
            for root, each in sorted(roots.items()):
                value = times(each)
                if value is not None:
                    family.add_metric([root], value)
            yield family


def table() -> str:
    """The table as Markdown, for docs/metrics.md."""
    lines = ["| name | type | labels | what it says |", "|---|---|---|---|"]
    for name, metric in METRICS.items():
        labels = "<br>".join(f"`{label}`: {', '.join(values)}" for label, values in metric.labels.items())
        lines.append(f"| `{name}` | {metric.type} | {labels} | {metric.help} |")
    return "\n".join(lines) + "\n"


class _Histogram(Histogram):
    """With many equal observations at once: the library counts them one by one, at a microsecond each."""

    def observe_times(self, amount: float, times: int) -> None:
        self._sum.inc(amount * times)
        first = next(index for index, bound in enumerate(self._upper_bounds) if amount <= bound)
        self._buckets[first].inc(times)


def _make(name: str, metric: Metric, registry: CollectorRegistry) -> Any:
    labels = tuple(metric.labels)
    if metric.type == "histogram":
        return _Histogram(name, metric.help, labels, buckets=metric.buckets, registry=registry)
    kind = Counter if metric.type == "counter" else Gauge
    return kind(name, metric.help, labels, registry=registry)
