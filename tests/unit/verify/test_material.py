"""The fingerprint changes exactly when the trust behind a rule's signers does (promise 5)."""

import dataclasses
from datetime import UTC, datetime

import pytest

from proxy.verify.material import TrustMaterial


def material(*signers) -> TrustMaterial:
    return TrustMaterial({each.name: each for each in signers})


@pytest.mark.parametrize(
    "change",
    [
        {"spki": "00"},
        {"hash": "sha512"},
        {"valid_from": datetime(2026, 1, 1, tzinfo=UTC)},
        {"valid_until": datetime(2026, 1, 1, tzinfo=UTC)},
        {"signed_as": ("x.example/**",)},
    ],
)
def test_every_field_that_decides_changes_the_fingerprint(lab, change):
    before = material(lab.signer())
    after = material(dataclasses.replace(lab.signer(), **change))
    names = frozenset({"team"})
    assert before.fingerprint(names) != after.fingerprint(names)


def test_a_signer_whom_the_rule_does_not_name_changes_nothing(lab):
    names = frozenset({"team"})
    assert material(lab.signer()).fingerprint(names) == material(lab.signer(), lab.signer("other")).fingerprint(names)


def test_a_signer_who_is_gone_changes_the_fingerprint(lab):
    names = frozenset({"team", "other"})
    both = material(lab.signer(), lab.signer("other"))
    assert both.fingerprint(names) != material(lab.signer()).fingerprint(names)
