import json
from datetime import UTC, datetime, timedelta

import pytest

from proxy.oci.digest import Digest
from proxy.policy.decision import Check, Decision, Verdict
from tests.unit.policy.cases import IMAGE, REPOSITORY, rejection

NOW = datetime(2026, 11, 10, tzinfo=UTC)


def decision(verdict=Verdict.ALLOW, expires_at=None):
    inner = Check(
        "signature",
        "signature",
        passed=True,
        summary="signature by team",
        evidence=(IMAGE,),
        identities=("key:a",),
        is_alarm=True,
        details={"identity": "key:a", "logIndex": "7"},
    )
    outer = Check("at-least", "at-least", passed=False, summary="1 of 2", is_open=True, is_waived=True, checks=(inner,))
    return Decision(
        key="k",
        verdict=verdict,
        repository=REPOSITORY,
        digest=IMAGE,
        rule="ghcr.io/**",
        mode="enforce",
        summary="because",
        reason="allowed",
        checks=(outer,),
        rejections=(rejection(), rejection("they disagree", signer="team", is_alarm=True)),
        evidence=(IMAGE, Digest.of(b"e", "sha512")),
        identities=("key:a",),
        made_at=NOW,
        expires_at=expires_at,
        is_warned=True,
        exceptions=("INC-1",),
        proved_at=NOW - timedelta(days=1),
        rests_on=("ca:1", "log:2"),
        opinions=("pratique",),
        bases=("nvcr.io/nvidia/cuda@sha256:ab",),
        warnings=("a CRL was out of reach",),
        alarms=("the scan is old",),
        grace_from=NOW,
    )


# What the first version recorded; the rest may be missing.
FIRST = sorted(
    {
        *("key", "verdict", "upstream", "repository", "digest", "rule", "mode", "summary", "reason", "checks"),
        *("rejections", "evidence", "identities", "madeAt", "expiresAt", "isWarned", "exceptions"),
    }
)


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("expires_at", [None, NOW + timedelta(seconds=1)])
def test_a_decision_is_read_back_as_it_was_recorded(verdict, expires_at):
    made = decision(verdict, expires_at)
    assert Decision.from_record(json.loads(json.dumps(made.to_record()))) == made


@pytest.mark.parametrize("field", FIRST)
def test_a_record_that_misses_a_field_is_no_decision(field):
    record = decision().to_record()
    del record[field]
    with pytest.raises(KeyError):
        Decision.from_record(record)


def test_a_decision_holds_until_it_expires_and_an_inconclusive_one_never():
    assert decision(expires_at=None).holds(NOW)
    assert decision(expires_at=NOW + timedelta(seconds=1)).holds(NOW)
    assert not decision(expires_at=NOW).holds(NOW)
    assert not decision(Verdict.INCONCLUSIVE).holds(NOW)
    assert not decision(Verdict.INCONCLUSIVE).is_conclusive
    assert decision(Verdict.DENY).is_conclusive
    assert not decision(Verdict.DENY).is_allow


def test_a_record_of_the_first_version_is_read_with_what_it_did_not_know_yet_empty():
    record = {name: value for name, value in decision().to_record().items() if name in FIRST}
    record["checks"] = [
        {name: value for name, value in check.items() if name not in ("isAlarm", "details")}
        for check in record["checks"]
    ]
    record["rejections"] = [
        {name: value for name, value in each.items() if name != "isAlarm"} for each in record["rejections"]
    ]
    read = Decision.from_record(record)
    assert (read.proved_at, read.rests_on, read.opinions, read.bases) == (None, (), (), ())
    assert (read.warnings, read.alarms, read.grace_from) == ((), (), None)
    assert not read.is_alarm
    assert not any(each.is_alarm for each in read.rejections)
    assert read.checks[0].details == {}


def test_a_decision_stands_by_grace_from_the_moment_on_and_an_alarm_is_told():
    assert decision().is_alarm
    assert not decision().is_in_grace(NOW)
    assert decision().is_in_grace(NOW + timedelta(seconds=1))
