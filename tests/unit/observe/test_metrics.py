"""Each metric is what the table says, and nothing that a stranger sends becomes a label."""

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy import events
from proxy.observe.metrics import METRICS, Metrics, RootTimes, table
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository

DIGEST = Digest.of(b"x")
REPOSITORY = Repository("nvcr.io", "nvidia/x")
CLIENT = events.Client("10.0.0.1")


def made() -> Metrics:
    metrics = Metrics(upstreams=frozenset({"nvcr.io", "docker.io"}), version="1.2.3")
    metrics.watch_roots(lambda: {"sigstore": RootTimes(3600.0, 1_800_000_000.0), "corp": RootTimes(None, None)})
    return metrics


def answered(kind="blob", outcome="hit", reference="24.10", repository=REPOSITORY, message=None) -> events.Answered:
    return events.Answered("id", CLIENT, "GET", kind, repository, reference, 200, outcome, 0.2, 100, None, message)


def value(metrics: Metrics, series: str) -> float | None:
    found = re.search(rf"^{re.escape(series)} (\S+)$", metrics.render().decode(), re.MULTILINE)
    return float(found[1]) if found else None


def series_of(metrics: Metrics) -> set[str]:
    return {line.rpartition(" ")[0] for line in metrics.render().decode().splitlines() if not line.startswith("#")}


ALARMS = 'pratique_alarms_total{kind="%s"}'
_REFUSED = 'pratique_refusals_total{reason="%s"}'
_REFRESHED = 'pratique_trust_refresh_total{outcome="%s",root="%s"}'
EVICTED = events.Evicted(2, 12, 500, wanted=600, pinned=70, leased=30)
EXAMPLES = [
    (answered(), 'pratique_requests_total{kind="blob",outcome="hit"}', 1),
    (answered(), 'pratique_hits_total{kind="blob"}', 1),
    (answered(), 'pratique_response_bytes_total{kind="blob"}', 100),
    (answered(), 'pratique_request_seconds_sum{kind="blob"}', 0.2),
    (answered(outcome="coalesced"), 'pratique_coalesced_total{kind="blob"}', 1),
    (answered(outcome="inconclusive"), "pratique_inconclusive_total", 1),
    (events.Judged(REPOSITORY, DIGEST, "deny", "r", 0.5, {}), 'pratique_decisions_total{verdict="deny"}', 1),
    (events.Judged(REPOSITORY, DIGEST, "deny", "r", 0.5, {}), "pratique_verification_seconds_sum", 0.5),
    (events.Refused("r-1", CLIENT, "x:1", "pin", "m", {}), 'pratique_refusals_total{reason="pin"}', 1),
    (events.PinMoved(REPOSITORY, "t", None, DIGEST, "first", "x"), 'pratique_pins_moved_total{cause="first"}', 1),
    (events.Alarmed(REPOSITORY, DIGEST, "verifiers-disagree", "m"), ALARMS % "verifiers-disagree", 1),
    (events.Alarmed(REPOSITORY, DIGEST, "grace", "m"), ALARMS % "grace", 1),
    (events.Refused("r-1", CLIENT, "x:1", "verifiers-disagree", "m", {}), _REFUSED % "verifiers-disagree", 1),
    (events.DriftSeen(REPOSITORY, "t", DIGEST, DIGEST), 'pratique_drift_total{kind="digest",upstream="nvcr.io"}', 1),
    (
        events.DriftSeen(REPOSITORY, "t", DIGEST, DIGEST, "rollback", "older than the pin"),
        'pratique_drift_total{kind="rollback",upstream="nvcr.io"}',
        1,
    ),
    (
        events.DriftSeen(REPOSITORY, "t", DIGEST, DIGEST, "regression", "fewer signers"),
        'pratique_drift_total{kind="regression",upstream="nvcr.io"}',
        1,
    ),
    (events.FillEnded(DIGEST, "stored", 700, 1.0, 2), 'pratique_fills_total{outcome="stored"}', 1),
    (events.FillEnded(DIGEST, "stored", 700, 1.0, 2), "pratique_fill_bytes_total", 700),
    (events.FillEnded(DIGEST, "stored", 700, 1.0, 2), "pratique_fill_seconds_count", 1),
    (events.FillEnded(DIGEST, "stored", 700, 1.0, 2), "pratique_fill_resumes_total", 2),
    (
        events.UpstreamAsked("nvcr.io", "blob", 206, 9, 0.1),
        'pratique_upstream_requests_total{status="2xx",upstream="nvcr.io",what="blob"}',
        1,
    ),
    (
        events.UpstreamAsked("nvcr.io", "token", 0, 9, 0.1),
        'pratique_upstream_requests_total{status="none",upstream="nvcr.io",what="token"}',
        1,
    ),
    (
        events.UpstreamAsked("nvcr.io", "blob", 206, 9, 0.1),
        'pratique_upstream_bytes_total{upstream="nvcr.io",what="blob"}',
        9,
    ),
    (
        events.UpstreamAsked("nvcr.io", "blob", 206, 9, 0.1),
        'pratique_upstream_seconds_count{upstream="nvcr.io",what="blob"}',
        1,
    ),
    (
        events.UpstreamAsked("nvcr.io", "manifest", 200, 9, 0.1, limit=100, remaining=76),
        'pratique_upstream_quota_remaining{upstream="nvcr.io"}',
        76,
    ),
    (
        events.UpstreamAsked("nvcr.io", "manifest", 200, 9, 0.1, limit=100, remaining=76),
        'pratique_upstream_quota_limit{upstream="nvcr.io"}',
        100,
    ),
    (
        events.UpstreamSpared("nvcr.io", "blob", "breaker"),
        'pratique_upstream_spared_total{upstream="nvcr.io",why="breaker"}',
        1,
    ),
    (
        events.UpstreamHeld("nvcr.io", "429", 30),
        'pratique_upstream_held_total{cause="429",upstream="nvcr.io"}',
        1,
    ),
    (events.BreakerMoved("nvcr.io", "open"), 'pratique_upstream_breaker{upstream="nvcr.io"}', 2),
    (events.BreakerMoved("nvcr.io", "half-open"), 'pratique_upstream_breaker{upstream="nvcr.io"}', 1),
    (events.BreakerMoved("nvcr.io", "closed"), 'pratique_upstream_breaker{upstream="nvcr.io"}', 0),
    (events.BreakerMoved("crl.example", "open"), 'pratique_upstream_breaker{upstream="nvcr.io"}', 0),
    (events.ConnectionsEnded("client", 3, 9), 'pratique_connections_refused_total{why="client"}', 3),
    (events.ConnectionsEnded("descriptors", 1, 9), 'pratique_connections_refused_total{why="descriptors"}', 1),
    (events.ConnectionsEnded("head", 2, 9), 'pratique_connections_cut_total{why="head"}', 2),
    (events.ClockJumped(60.0), 'pratique_clock_jumps_total{direction="forward"}', 1),
    (events.ClockJumped(-60.0), 'pratique_clock_jumps_total{direction="back"}', 1),
    (events.PolicyLoaded("loaded", 7, ""), 'pratique_policy_loads_total{outcome="loaded"}', 1),
    (events.PolicyLoaded("loaded", 7, ""), "pratique_policy_rules", 7),
    (events.PolicyLoaded("kept", 9, ""), "pratique_policy_rules", 0),
    (events.WorkerEnded(0, 4711, "signal", 9), 'pratique_worker_ends_total{cause="signal"}', 1),
    (events.ContentRotted(DIGEST, "x"), "pratique_content_rotted_total", 1),
    (EVICTED, "pratique_content_evicted_bytes_total", 500),
    (EVICTED, "pratique_content_evicted_blobs_total", 12),
    (EVICTED, "pratique_content_evicted_images_total", 2),
    (EVICTED, 'pratique_content_unevictable_bytes{why="pinned"}', 70),
    (EVICTED, 'pratique_content_unevictable_bytes{why="leased"}', 30),
    (events.ContentScrubbed(9, 100, 1, 2.0), "pratique_scrub_rounds_total", 1),
    (events.StorageChanged("full", ""), 'pratique_storage_state{state="full"}', 1),
    (events.StorageChanged("full", ""), 'pratique_storage_state{state="ok"}', 0),
    (events.StorageChanged("ok", ""), 'pratique_storage_state{state="ok"}', 1),
    (events.StateLost(3, True), "pratique_state_lost_total", 1),
    (events.StateLost(3, True), "pratique_state_distrusted", 1),
    (events.DistrustLifted("ops"), "pratique_state_distrusted", 0),
    (events.TrustRefreshed("sigstore", "refreshed", ""), _REFRESHED % ("refreshed", "sigstore"), 1),
    (events.TrustRefreshed("corp", "unchanged", ""), _REFRESHED % ("unchanged", "corp"), 1),
    (events.TrustRefreshed("corp", "failed", "rolled back"), _REFRESHED % ("failed", "corp"), 1),
    (events.TrustRefreshed("corp", "failed", "rolled back", is_repeated=True), _REFRESHED % ("failed", "corp"), 1),
    (events.TrustRefreshed("corp", "stale", "too old"), _REFRESHED % ("stale", "corp"), 1),
    (
        events.UpstreamAsked("nvcr.io", "attestations", 200, 9, 0.1),
        'pratique_upstream_requests_total{status="2xx",upstream="nvcr.io",what="attestations"}',
        1,
    ),
    (
        events.UpstreamAsked("tuf.corp.example", "document", 200, 9, 0.1),
        'pratique_upstream_requests_total{status="2xx",upstream="other",what="document"}',
        1,
    ),
]


@pytest.mark.parametrize(("event", "series", "expected"), EXAMPLES)
def test_an_event_becomes_its_numbers(event, series, expected):
    metrics = made()
    metrics.record(event)
    assert value(metrics, series) == expected


def test_every_event_has_an_example_here():
    assert {type(event) for event, _, _ in EXAMPLES} == set(get_args(events.Event))


def test_every_metric_of_the_table_has_an_example_here():
    seen = {re.sub(r"(_sum|_count)?(\{.*)?$", "", series) for _, series, _ in EXAMPLES}
    by_hand = {"content_bytes", "content_blobs", "event_loop_lag_seconds", "build_info", "decisions_ending"}
    by_hand |= {"trust_root_age_seconds", "trust_root_ends_timestamp_seconds"}
    by_hand |= {"content_limit_bytes", "content_promised_bytes", "connections"}
    by_hand |= {"workers", "scrub_bytes_total", "scrub_progress_ratio"}
    assert seen | {f"pratique_{name}" for name in by_hand} == set(METRICS)


def test_connections_are_counted_when_they_are_asked_for():
    metrics, crowd = made(), [1, 2, 3]
    metrics.watch_connections(lambda: len(crowd))
    crowd.append(4)
    assert value(metrics, "pratique_connections") == 4


def test_what_the_content_store_holds_is_told():
    metrics = made()
    metrics.set_content(held=500, blobs=5, limit=1000, promised=20)
    assert value(metrics, "pratique_content_bytes") == 500
    assert value(metrics, "pratique_content_blobs") == 5
    assert value(metrics, "pratique_content_limit_bytes") == 1000
    assert value(metrics, "pratique_content_promised_bytes") == 20


def test_how_many_workers_serve_is_told():
    metrics = made()
    metrics.set_workers(3)
    assert value(metrics, "pratique_workers") == 3


def test_how_far_the_scrub_is_is_told():
    metrics = made()
    metrics.count_scrubbed(70, 0.25)
    metrics.count_scrubbed(30, 0.5)
    assert value(metrics, "pratique_scrub_bytes_total") == 100
    assert value(metrics, "pratique_scrub_progress_ratio") == 0.5


def test_admissions_that_end_soon_are_told():
    metrics = made()
    assert value(metrics, "pratique_decisions_ending") == 0
    metrics.set_ending(3)
    assert value(metrics, "pratique_decisions_ending") == 3
    metrics.set_ending(0)
    assert value(metrics, "pratique_decisions_ending") == 0


def test_each_root_of_the_policy_tells_its_age_and_its_end_where_it_has_them():
    metrics = made()
    assert value(metrics, 'pratique_trust_root_age_seconds{root="sigstore"}') == 3600
    assert value(metrics, 'pratique_trust_root_ends_timestamp_seconds{root="sigstore"}') == 1_800_000_000
    assert 'root="corp"' not in metrics.render().decode()


def test_a_root_that_a_new_policy_names_no_more_leaves_no_series_and_becomes_other():
    metrics = made()
    metrics.watch_roots(lambda: {"github": RootTimes(1.0, None)})
    assert value(metrics, 'pratique_trust_root_age_seconds{root="github"}') == 1
    metrics.record(events.TrustRefreshed("sigstore", "refreshed", ""))
    assert value(metrics, _REFRESHED % ("refreshed", "other")) == 1
    assert 'root="sigstore"' not in metrics.render().decode()


def test_before_a_policy_is_loaded_there_are_no_roots():
    metrics = Metrics(upstreams=frozenset(), version="1")
    assert "pratique_trust_root_age_seconds{" not in metrics.render().decode()


def test_the_lag_of_the_event_loop_is_observed():
    metrics = made()
    metrics.observe_lag(0.02)
    assert value(metrics, 'pratique_event_loop_lag_seconds_bucket{le="0.01"}') == 0
    assert value(metrics, 'pratique_event_loop_lag_seconds_bucket{le="0.025"}') == 1


def test_the_version_and_the_end_of_distrust_are_told():
    metrics = made()
    assert value(metrics, 'pratique_build_info{version="1.2.3"}') == 1
    metrics.set_distrusted(True)
    metrics.set_distrusted(False)
    assert value(metrics, "pratique_state_distrusted") == 0


def test_what_is_rendered_has_its_content_type_and_no_other_names():
    text = made().render().decode()
    assert Metrics.CONTENT_TYPE.startswith("text/plain; version=0.0.4")
    assert set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)) == set(METRICS)


def test_t57_ten_thousand_different_requests_make_no_new_series():
    metrics = made()

    def strange(number: int) -> None:
        word = f'evil{number}"}}\n x{{'
        repository = Repository(f"host{number}.example", f"repository{number}")
        metrics.record(answered(kind=word, outcome=word, reference=word, repository=repository, message=word))
        metrics.record(events.Judged(repository, Digest.of(word.encode()), word, word, 0.1, {"identities": [word]}))
        metrics.record(events.Refused(word, events.Client(word, word), word, word, word, {}))
        metrics.record(events.PinMoved(repository, word, None, DIGEST, word, word))
        metrics.record(events.DriftSeen(repository, word, DIGEST, DIGEST, word, word))
        metrics.record(events.TrustRefreshed(word, word, word))
        metrics.record(events.FillEnded(DIGEST, word, 1, 0.1, 0))
        metrics.record(events.UpstreamAsked(word, word, number, 1, 0.1))
        metrics.record(events.PolicyLoaded(word, 1, word))

    for number in range(1000):
        strange(number)
    before = series_of(metrics)
    for number in range(1000, 10_000):
        strange(number)
    assert series_of(metrics) == before
    assert "evil" not in metrics.render().decode()
    assert "example" not in metrics.render().decode()
    assert len(metrics._series) < 200


@settings(max_examples=30)
@given(st.text(), st.text(), st.integers(0, 10**6))
def test_t57_every_label_value_is_a_word_of_the_table(upstream, word, status):
    metrics = made()
    metrics.record(events.UpstreamAsked(upstream, word, status, 1, 0.1))
    metrics.record(answered(kind=word, outcome=word))
    allowed = {"le", "1.2.3", "nvcr.io", "docker.io", "sigstore", "corp"}.union(
        *(words for metric in METRICS.values() for words in metric.labels.values())
    )
    found = re.findall(r'(\w+)="([^"]*)"', metrics.render().decode())
    assert {label_value for label, label_value in found if label != "le"} <= allowed


def test_the_names_follow_prometheus_customs():
    for name, metric in METRICS.items():
        assert re.fullmatch(r"pratique_[a-z_]+", name)
        assert (metric.type == "counter") == name.endswith("_total")
        assert metric.help.endswith(".")
        assert bool(metric.buckets) == (metric.type == "histogram")


def test_the_page_of_metrics_is_current():
    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    assert table() in page.read_text()
