import json
from datetime import UTC, datetime, timedelta

import pytest

from proxy.oci.digest import Digest
from proxy.policy.decision import Check, Decision, Verdict
from tests.unit.policy.cases import IMAGE, REPOSITORY, rejection

NOW = datetime(2026, 11, 10, tzinfo=UTC)


def decision(verdict=Verdict.ALLOW, expires_at=None):
    inner = Check(
        "signature", "signature", passed=True, summary="signature by team", evidence=(IMAGE,), identities=("key:a",)
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
        rejections=(rejection(),),
        evidence=(IMAGE, Digest.of(b"e", "sha512")),
        identities=("key:a",),
        made_at=NOW,
        expires_at=expires_at,
        is_warned=True,
        exceptions=("INC-1",),
    )


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("expires_at", [None, NOW + timedelta(seconds=1)])
def test_a_decision_is_read_back_as_it_was_recorded(verdict, expires_at):
    made = decision(verdict, expires_at)
    assert Decision.from_record(json.loads(json.dumps(made.to_record()))) == made


@pytest.mark.parametrize("field", sorted(decision().to_record()))
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
