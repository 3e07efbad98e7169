"""The drill asks for each way in which a node could get what it must not."""

from proxy.demo.registry import DemoRegistry
from proxy.demo.scenario import prepare


def test_each_refused_image_is_held_by_the_registry_and_counted_as_untrusted():
    with DemoRegistry() as registry:
        scenario = prepare(registry)
        for pull in scenario.pulls:
            if pull.before:
                pull.before(registry)
        for (repository, digest), kind in scenario.untrusted.items():
            assert registry.find(repository, kind, str(digest)) is not None
        refused = [pull.repository for pull in scenario.pulls if pull.answer == "refused"]
        assert refused == ["team/unsigned", "team/tampered", "team/copied", "other/unlisted", "team/stable"]


def test_the_tag_moves_only_when_its_turn_comes():
    with DemoRegistry() as registry:
        scenario = prepare(registry)
        (move,) = [pull.before for pull in scenario.pulls if pull.before]
        before = registry.find("team/stable", "manifests", "1.0")
        move(registry)
        assert registry.find("team/stable", "manifests", "1.0") != before


def test_every_reason_that_is_expected_is_a_reason_of_its_own():
    with DemoRegistry() as registry:
        pulls = prepare(registry).pulls
    assert all(pull.because or pull.meaning for pull in pulls if pull.answer == "refused")
    assert all(pull.digest is not None for pull in pulls if pull.answer == "served")
