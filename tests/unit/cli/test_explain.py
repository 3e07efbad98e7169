"""`pratique explain`: from the record alone, in words that can be acted on."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.config.both import load_both
from proxy.errors import Inconclusive, NotAllowed, PinMismatch, Revoked, Unverified
from proxy.events import Client
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.answers import Asker
from proxy.pipeline.clock import SystemClock
from proxy.pipeline.court.decisions import Decisions
from proxy.pipeline.refusals import Refusals
from proxy.policy.decision import Check, Decision, Verdict
from proxy.policy.pins import choose
from proxy.upstream.registry import Upstreams
from proxy.verify.evidence import Rejection

A = Digest.of(b"a")
NAME, IMAGE = "reg.test/acme/app", "reg.test/acme/app:1.0"
OTHER_KEY = "it was made by another key than team, or its payload was changed"
ASKER = Asker(Client("10.0.0.7", "node-7"), "request-1")


def decision(verdict: Verdict, *, check: Check, age: timedelta = timedelta(0)) -> Decision:
    now = SystemClock().now() - age
    return Decision(
        key="k",
        verdict=verdict,
        repository=Repository("reg.test", "acme/app"),
        digest=A,
        rule="reg.test/acme/**",
        mode="enforce",
        summary=check.summary,
        reason={"allow": "allowed", "deny": "unverified"}.get(verdict, "inconclusive"),
        checks=(check,),
        rejections=(Rejection("tag x.sig", A, OTHER_KEY, "team"),) if verdict is Verdict.DENY else (),
        evidence=(),
        identities=(),
        made_at=now,
        expires_at=None,
    )


def refuse(desk, error) -> str:
    said = []

    async def work(store) -> None:
        refusals = Refusals(store, lambda _event: None, SystemClock())
        said.append(await refusals.say(ASKER, name=NAME, reference="1.0", error=error))

    desk.state(work)
    return said[0].refusal


FAILED = Check("signature", "signature", passed=False, summary="no signature by team (1 found)")


def test_it_says_what_was_asked_by_whom_when_why_and_what_next(desk):
    made = decision(Verdict.DENY, check=FAILED)
    refusal = refuse(desk, Unverified(made.summary, record=made.to_record()))
    said = desk("explain", f"[{refusal}]")
    assert said.code == 0
    for words in (
        f"Refused: {IMAGE}: no signature by team (1 found)",
        f"asked   {IMAGE}",
        "by      node-7 (request request-1)",
        "when    20",
        "UTC",
        f"id      {refusal}",
        f"digest  {A}",
        "failed  signature: no signature by team (1 found)",
        "none of it is a good signature by whom the policy names",
        "It is signed by another key than the policy has",
        "Compare the key that the policy names",
        f"  - tag x.sig {str(A)[:19]}: {OTHER_KEY} (tried as team)",
        f"pratique verify {IMAGE}",
        f'require: [ {{ digest: ["{A}"] }} ]',
        "waive: [signature]",
    ):
        assert words in said.out, words


def test_a_refusal_without_a_decision_is_told_too(desk):
    refusal = refuse(desk, NotAllowed(f"no rule matches {NAME}"))
    said = desk("explain", refusal)
    assert said.code == 0
    assert "Is the name right?" in said.out
    assert "checked" not in said.out


def test_inconclusive_is_not_called_a_refusal(desk):
    said = desk("explain", refuse(desk, Inconclusive("the referrers could not be read")))
    assert said.out.startswith("Not judged yet: ")
    assert "Wait a minute" in said.out


def test_a_reference_shows_the_latest_that_is_recorded(desk):
    refusal = refuse(desk, NotAllowed("tag 1.0 is not permitted"))
    assert desk("explain", IMAGE, "-o", "json").document["id"] == refusal
    passed = Check("signature", "signature", passed=True, summary="signature by team")

    async def allow(store) -> None:
        await asyncio.sleep(0.002)
        made = decision(Verdict.ALLOW, check=passed)
        await Decisions(store).keep(made)

    desk.state(allow)
    desk.pin()
    said = desk("explain", IMAGE)
    assert said.out.startswith(f"Allowed: {IMAGE}: signature by team")
    by_digest = desk("explain", f"{NAME}@{A}")
    assert by_digest.out.startswith("Allowed: ")


def test_what_is_not_recorded_is_exit_1_and_says_where_to_look(desk):
    desk.pin()
    unknown = desk("explain", "r-222222")
    assert unknown.code == 1
    assert "is --config that one's?" in unknown.err
    never = desk("explain", "reg.test/acme/never:1.0")
    assert never.code == 1
    assert "`pratique verify reg.test/acme/never:1.0` judges it now" in never.err


def test_control_characters_in_a_record_are_shown_and_not_obeyed(desk):
    said = desk("explain", refuse(desk, NotAllowed("no \x1b[2J rule")))
    assert "\x1b" not in said.out


def test_a_revoked_digest_is_refused_as_long_as_the_policy_revokes_it(desk):
    check = Check("revoked", "revoked", passed=False, summary="revoked: it leaks")
    made = decision(Verdict.DENY, check=check)
    revoked = replace(made, reason="revoked", expires_at=made.made_at + timedelta(minutes=1))
    said = desk("explain", refuse(desk, Revoked(revoked.summary, record=revoked.to_record())))
    assert said.code == 0
    assert "  holds   as long as the policy revokes it\n" in said.out
    assert "no exception helps" in said.out


def test_a_host_that_is_no_upstream_is_told_from_a_name_that_no_rule_permits(desk):
    with pytest.raises(NotAllowed) as raised:
        Upstreams({}, emit=lambda _event: None).registry("reg.test")
    said = desk("explain", refuse(desk, raised.value))
    assert "Add reg.test under upstreams in pratique.yaml" in said.out


def test_a_lost_pin_is_told_from_one_that_does_not_match(desk):
    _, loaded = load_both(Path("pratique.yaml"), env={}, now=SystemClock().now())
    with pytest.raises(PinMismatch) as raised:
        choose(loaded.policy.rules[0], pin=None, locked=None, age=None, is_distrusted=True)
    said = desk("explain", refuse(desk, raised.value))
    assert f"pratique pin confirm {IMAGE}; or what did run: {IMAGE}@sha256:" in said.out
