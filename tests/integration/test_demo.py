"""The drill, run whole: what it shows, what it counts, and that it fails when something is not as it must be."""

import json
import logging
from dataclasses import replace

import pytest
import structlog

from proxy.cli.app import run
from proxy.demo import scenario as scenarios
from proxy.demo.client import OwnClient, Pulled, Skopeo
from proxy.demo.registry import DemoRegistry
from proxy.demo.run import compare, count_untrusted, drill
from proxy.demo.scenario import Expected, prepare
from proxy.oci.digest import Digest

pytestmark = pytest.mark.usefixtures("own_logging")
SERVED = {
    "signed",
    "a tag, first pull",
    "the tag moved",
    "signed, warm",
    "upstream off, signed",
    "upstream off, tag moved",
}


@pytest.fixture
def own_logging():
    """The log of this process is as it was afterwards: commands set it up for themselves."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_every_image_gets_what_it_must_get_with_the_built_in_client(capsys):
    assert run(["demo", "--own-client", "--quiet"]) == 0
    caught = capsys.readouterr()
    assert "untrusted bytes that left the proxy: 0" in caught.out
    assert "Every image got what it must get." in caught.out
    assert caught.err == ""
    for words in (
        "no signature by team (0 found) [r-",
        "no signature by team (1 found) [r-",
        "no rule matches registry.example/other/unlisted",
        "a layer is not what its digest says",
        "the upstream was not asked",
    ):
        assert words in caught.out, words


def test_the_record_tells_each_pull_for_a_script(capsys):
    assert run(["demo", "--own-client", "-o", "json"]) == 0
    caught = capsys.readouterr()
    record = json.loads(caught.out)
    assert record["schemaVersion"] == 1
    assert record["untrustedBytes"] == 0
    assert {pull["title"] for pull in record["pulls"] if pull["answered"].startswith("served")} == SERVED
    assert len(record["pulls"]) == 12
    assert "demo: the registry is switched off" in caught.err


@pytest.mark.skipif(Skopeo.found() is None, reason="skopeo is not installed here; the built-in client was tested")
def test_every_image_gets_what_it_must_get_with_skopeo():
    said: list[str] = []
    report = drill(say=said.append)
    assert report.client == "skopeo"
    assert report.is_as_expected, [pull for pull in report.pulls if not pull.is_as_expected]


def test_an_expectation_that_fails_is_exit_1_and_is_shown(capsys, monkeypatch):
    def sabotaged(registry: DemoRegistry):
        scenario = prepare(registry)
        first, *others = scenario.pulls
        return replace(scenario, pulls=(replace(first, answer="refused", digest=None), *others))

    monkeypatch.setattr(scenarios, "prepare", sabotaged)
    assert run(["demo", "--own-client", "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "do not rely on this proxy" in out
    assert next(line for line in out.splitlines() if line.startswith("signed ")).rstrip().endswith("no")


def test_a_policy_that_lets_everything_in_is_caught_by_the_count_at_the_client(capsys, monkeypatch):
    """The count is of bytes that arrived, so that it is not 0 by definition."""

    class Lenient(scenarios.Scenario):
        @property
        def policy(self):
            digests = [str(digest) for (_, digest), kind in self.untrusted.items() if kind == "manifests"]
            return {"version": 1, "images": [{"match": "registry.example/**", "require": [{"digest": digests}]}]}

    def lenient(registry: DemoRegistry):
        scenario = prepare(registry)
        return Lenient(**{name: getattr(scenario, name) for name in scenario.__dataclass_fields__})

    monkeypatch.setattr(scenarios, "prepare", lenient)
    assert run(["demo", "--own-client", "--quiet", "-o", "json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["untrustedBytes"] > 10_000


@pytest.mark.parametrize(
    ("expected", "pulled", "asks", "is_right"),
    [
        (Expected("x", "r", "1", "served", Digest.of(b"a")), Pulled(Digest.of(b"a"), ""), 3, True),
        (Expected("x", "r", "1", "served", Digest.of(b"a")), Pulled(Digest.of(b"b"), ""), 3, False),
        (Expected("x", "r", "1", "served", Digest.of(b"a")), Pulled(None, "no"), 3, False),
        (
            Expected("x", "r", "1", "served", Digest.of(b"a"), asks_upstream=False),
            Pulled(Digest.of(b"a"), ""),
            1,
            False,
        ),
        (Expected("x", "r", "1", "refused", because="no rule"), Pulled(None, "no rule matches"), 0, True),
        (Expected("x", "r", "1", "refused", because="no rule"), Pulled(None, "timed out"), 0, False),
        (Expected("x", "r", "1", "refused"), Pulled(Digest.of(b"a"), ""), 0, False),
    ],
)
def test_an_outcome_is_right_only_for_the_right_reason(expected, pulled, asks, is_right):
    assert compare(expected, pulled, asks=asks).is_as_expected is is_right


def test_the_drills_registry_hands_out_everything_so_that_only_the_proxy_stands_between():
    with DemoRegistry() as registry:
        scenario = prepare(registry)
        port = int(registry.url.rpartition(":")[2])
        assert count_untrusted(OwnClient("127.0.0.1", port), scenario) > 50_000
        registry.stop()
        assert OwnClient("127.0.0.1", port).get("team/signed", "manifests", "1.0").status == 0
