from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.events import Alarmed
from proxy.oci.digest import Digest
from proxy.pipeline.court.alarms import Alarms, alarms_of
from proxy.policy.decision import Verdict
from proxy.verify.evidence import Rejection
from tests.fakes.clock import HandClock
from tests.unit.policy.test_decision import NOW, decision

DISPUTE = "verifiers disagree: ours proved it, theirs says no"


def calm(verdict=Verdict.ALLOW, **more):
    return replace(decision(verdict), rejections=(), alarms=(), grace_from=None, **more)


def disputed(verdict):
    return replace(calm(verdict), rejections=(Rejection("referrers", None, DISPUTE, "ci", is_alarm=True),) * 2)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_two_verifiers_that_disagree_are_an_alarm_whatever_was_decided(verdict):
    assert list(alarms_of(disputed(verdict), NOW)) == [("verifiers-disagree", DISPUTE)]


def test_grace_is_an_alarm_from_its_first_moment_on_and_of_an_admission_alone():
    graced = replace(calm(), grace_from=NOW, expires_at=NOW + timedelta(days=2))
    assert list(alarms_of(graced, NOW)) == []
    ((kind, message),) = alarms_of(graced, NOW + timedelta(seconds=1))
    assert kind == "grace"
    assert f"until {NOW + timedelta(days=2):%Y-%m-%d}" in message
    assert list(alarms_of(replace(graced, verdict=Verdict.DENY), NOW + timedelta(days=1))) == []


def test_what_is_in_order_is_none():
    assert list(alarms_of(calm(), NOW)) == []
    foreign = replace(calm(), rejections=(Rejection("tag", None, "signed by another key"),))
    assert list(alarms_of(foreign, NOW)) == []


def test_an_alarm_is_said_once_an_hour_for_each_image():
    clock, said = HandClock(NOW), []
    alarms = Alarms(said.append, clock)
    one = disputed(Verdict.DENY)
    two = replace(one, digest=Digest.of(b"two"))
    for each in (one, one, two):
        alarms.of(each)
    assert [(type(each), each.digest, each.alarm) for each in said] == [
        (Alarmed, one.digest, "verifiers-disagree"),
        (Alarmed, two.digest, "verifiers-disagree"),
    ]
    clock.forward(minutes=59)
    alarms.of(one)
    assert len(said) == 2
    clock.forward(minutes=2)
    alarms.of(one)
    assert len(said) == 3
    clock.forward(days=-10)
    alarms.of(one)
    assert len(said) == 4, "a clock that was set back silences nothing"


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("proxy.pipeline.court.alarms._KEPT", 2)
    alarms = Alarms([].append, HandClock(NOW))
    for number in range(5):
        alarms.of(replace(disputed(Verdict.DENY), rejections=(Rejection("x", None, str(number), is_alarm=True),)))
    assert len(alarms._said) == 2
