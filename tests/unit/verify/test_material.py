"""The fingerprint changes exactly when the trust behind a rule's signers does (promise 5)."""

import dataclasses
from datetime import UTC, datetime

import pytest

from proxy.verify.material import Authority, Log, TrustMaterial, TrustRoot, Window, X509Store
from tests.fakes import pki


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


CA = Authority((pki.root().certificate,), Window(pki.NOW))
LOG = Log(b"l" * 32, pki.key().public_key(), Window(pki.NOW))


def test_t62_what_a_proof_rests_on_is_gone_when_its_root_lists_it_no_more_though_another_root_does():
    used = TrustRoot("corp", b"", (CA,), (LOG,)).resting_on((CA.item, LOG.item))
    other = TrustRoot("other", b"", (CA,), (LOG,))
    for corp, stands in (
        (TrustRoot("corp", b"new", (CA,), (LOG,)), True),
        (TrustRoot("corp", b"", (CA,)), False),
        (TrustRoot("corp", b"", (), (LOG,)), False),
    ):
        held = TrustMaterial({}, roots={"corp": corp, "other": other})
        assert held.items.issuperset(used) is stands


@pytest.mark.parametrize("stricter", [{"logs": (LOG,)}, {"ct_logs": (LOG,)}, {"timestamp_authorities": (CA,)}])
def test_t62_what_a_proof_rests_on_is_gone_when_its_root_requires_more(stricter):
    """What a root lists is what it requires: a proof without a log does not outlive the day on which logs are listed."""
    used = TrustRoot("corp", b"", (CA,)).resting_on((CA.item,))
    assert TrustMaterial({}, roots={"corp": TrustRoot("corp", b"", (CA,))}).items.issuperset(used)
    assert not TrustMaterial({}, roots={"corp": TrustRoot("corp", b"", (CA,), **stricter)}).items.issuperset(used)


def test_a_log_or_authority_more_takes_nothing_from_what_was_proved():
    used = TrustRoot("corp", b"", (CA,), (LOG,)).resting_on((CA.item, LOG.item))
    more = dataclasses.replace(LOG, id=b"m" * 32)
    assert TrustMaterial({}, roots={"corp": TrustRoot("corp", b"", (CA,), (LOG, more))}).items.issuperset(used)


def test_t62_an_anchor_is_its_stores_own():
    (anchor,) = CA.chain
    used = X509Store("vendors", (anchor,)).item(anchor)
    assert TrustMaterial({}, stores={"vendors": X509Store("vendors", (anchor,))}).items == {used}
    assert used not in TrustMaterial({}, stores={"others": X509Store("others", (anchor,))}).items
    for stricter in ({"revocation": "skip"}, {"hosts": frozenset({"crl.test"})}, {"crls": (b"x",)}):
        assert used not in TrustMaterial({}, stores={"vendors": X509Store("vendors", (anchor,), **stricter)}).items
