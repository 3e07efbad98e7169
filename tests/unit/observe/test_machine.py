"""/metrics of one machine: what each process counted, as one."""

from prometheus_client.parser import text_string_to_metric_families

from proxy.events import Answered, Client, WorkerEnded
from proxy.observe import machine
from proxy.observe.metrics import METRICS, Metrics


def process(*, requests: int = 0, seconds: float = 0.01) -> Metrics:
    metrics = Metrics(upstreams=frozenset({"reg.test"}), version="1.0")
    for _ in range(requests):
        metrics.record(
            Answered("r", Client("10.0.0.1"), "GET", "manifest", None, "v1", 200, "hit", seconds, body_bytes=10)
        )
    return metrics


def test_samples_read_what_a_process_renders():
    metrics = process(requests=2)
    found = machine.samples(metrics.render())
    assert found['pratique_requests_total{kind="manifest",outcome="hit"}'] == 2
    assert found['pratique_request_seconds_bucket{kind="manifest",le="+Inf"}'] == 2
    assert machine.samples(machine.render(found)) == found


def test_counters_and_histograms_are_sums():
    one, other = process(requests=2), process(requests=3, seconds=100.0)
    found = machine.joined(machine.samples(each.render()) for each in (one, other))
    assert found['pratique_requests_total{kind="manifest",outcome="hit"}'] == 5
    assert found['pratique_request_seconds_count{kind="manifest"}'] == 5
    assert found['pratique_request_seconds_sum{kind="manifest"}'] == 300.02
    assert found['pratique_request_seconds_bucket{kind="manifest",le="60.0"}'] == 2


def test_gauges_are_joined_by_what_they_mean():
    one = {
        "pratique_content_bytes": 10.0,
        "pratique_connections": 3.0,
        'pratique_storage_state{state="ok"}': 1.0,
        'pratique_storage_state{state="full"}': 0.0,
        "pratique_state_distrusted": 0.0,
        'pratique_trust_root_age_seconds{root="corp"}': 50.0,
    }
    other = {
        "pratique_content_bytes": 70.0,
        "pratique_connections": 4.0,
        'pratique_storage_state{state="ok"}': 0.0,
        'pratique_storage_state{state="full"}': 1.0,
        "pratique_state_distrusted": 1.0,
        'pratique_trust_root_age_seconds{root="corp"}': 20.0,
    }
    assert machine.joined((one, other)) == {
        "pratique_content_bytes": 10.0,
        "pratique_connections": 7.0,
        'pratique_storage_state{state="ok"}': 0.0,
        'pratique_storage_state{state="full"}': 1.0,
        "pratique_state_distrusted": 1.0,
        'pratique_trust_root_age_seconds{root="corp"}': 20.0,
    }


def test_every_gauge_with_a_meaning_of_its_own_is_one():
    named = machine._OF_THE_FIRST | machine._LEAST | machine._SUMS | machine._OF_THE_SUPERVISOR
    assert {METRICS[machine._metric(name)].type for name in named} == {"gauge"}


def test_of_a_supervisor_only_what_it_knows_is_told():
    metrics = process()
    metrics.set_workers(3)
    metrics.record(WorkerEnded(0, 4711, "exit", 1))
    found = machine.supervised(machine.samples(metrics.render()))
    gauges = {key for key in found if METRICS[machine._metric(key)].type == "gauge"}
    assert gauges == {"pratique_workers", "pratique_policy_rules"}
    assert found['pratique_worker_ends_total{cause="exit"}'] == 1


def test_what_a_process_that_ended_had_counted_stays_and_its_gauges_go():
    metrics = process(requests=2)
    metrics.set_workers(3)
    kept = machine.counted(machine.samples(metrics.render()))
    assert kept['pratique_requests_total{kind="manifest",outcome="hit"}'] == 2
    assert not any(METRICS[machine._metric(key)].type == "gauge" for key in kept)


def test_what_is_rendered_is_prometheus_text_with_every_type_and_help():
    metrics = process(requests=1)
    metrics.record(WorkerEnded(0, 4711, "signal", 9))
    text = machine.render(machine.joined([machine.samples(metrics.render())] * 2)).decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    assert found["pratique_requests"].type == "counter"
    assert found["pratique_request_seconds"].type == "histogram"
    assert found["pratique_workers"].documentation == METRICS["pratique_workers"].help
    (ended,) = found["pratique_worker_ends"].samples
    assert (ended.labels, ended.value) == ({"cause": "signal"}, 2.0)
    assert found["pratique_build_info"].samples[0].value == 1.0
    by_itself = {
        family.name: family.documentation for family in text_string_to_metric_families(metrics.render().decode())
    }
    assert {name: family.documentation for name, family in found.items()} | by_itself == by_itself
