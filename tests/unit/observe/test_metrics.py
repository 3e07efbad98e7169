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
    (events.PolicyLoaded("loaded", 7, ""), 'pratique_policy_loads_total{outcome="loaded"}', 1),
    (events.PolicyLoaded("loaded", 7, ""), "pratique_policy_rules", 7),
    (events.PolicyLoaded("kept", 9, ""), "pratique_policy_rules", 0),
    (events.ContentRotted(DIGEST, "x"), "pratique_content_rotted_total", 1),
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
    assert seen | {f"pratique_{name}" for name in by_hand} == set(METRICS)


def test_gauges_ask_when_they_are_read():
    metrics = made()
    held = [1, 2]
    metrics.watch_content(stored_bytes=lambda: held[0], stored_blobs=lambda: held[1])
    held[:] = [500, 5]
    assert value(metrics, "pratique_content_bytes") == 500
    assert value(metrics, "pratique_content_blobs") == 5


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
