"""`pratique pin`: what stands, what drifted, and what an operator may say."""

import re

import pytest

from proxy.observe.audit import read, restore_pins
from proxy.oci.digest import Digest
from proxy.pipeline.tags.pins import Pins

A, B = (Digest.of(text) for text in (b"a", b"b"))
IMAGE = "reg.test/acme/app:1.0"


def test_ls_shows_pins_and_what_the_upstream_offers_with_its_judgement(desk):
    desk.pin(offered=B, summary="deny: no signature by team (0 found)")
    said = desk("pin", "ls")
    assert said.code == 0
    assert IMAGE in said.out
    assert f"sha256:{A.hex[:12]}" in said.out
    assert f"sha256:{B.hex[:12]} deny: no signature by team (0 found)" in said.out
    (pin,) = desk("pin", "ls", "-o", "json").document["pins"]
    assert (pin["digest"], pin["offered"], pin["isLocked"]) == (str(A), str(B), False)
    assert pin["offeredJudgement"] == "deny: no signature by team (0 found)"


def test_ls_shows_that_a_lock_entry_wins_over_the_state(desk, tmp_path):
    desk.pin()
    (tmp_path / "pins.lock.yaml").write_text(
        f"version: 1\npins:\n  reg.test/acme/app:\n    '1.0': {B}\n    '1.1': {A}\n"
    )
    pins = desk("pin", "ls", "-o", "json").document["pins"]
    assert [(pin["tag"], pin["digest"], pin["isLocked"]) for pin in pins] == [
        ("1.0", str(B), True),
        ("1.1", str(A), True),
    ]
    assert "lock file" in desk("pin", "ls").out
    confirmed = desk("pin", "confirm", f"{IMAGE}@{A}")
    assert confirmed.code == 64
    assert "the lock file decides" in confirmed.err


def test_ls_of_nothing_says_how_pins_come_about(desk):
    desk.state(lambda store: store.get("pins", "none"))
    said = desk("pin", "ls")
    assert said.code == 0
    assert "the first admitted digest of a tag becomes its pin" in said.out


def test_confirm_sets_the_pin_and_a_dry_run_only_says_so(desk):
    desk.pin()
    plan = desk("pin", "confirm", f"{IMAGE}@{B}", "--dry-run")
    assert plan.code == 2
    assert f"Would pin {IMAGE} to {B} (before: {A})." in plan.out
    assert desk("pin", "ls", "-o", "json").document["pins"][0]["digest"] == str(A)
    assert desk("pin", "confirm", f"{IMAGE}@{B}").code == 0
    (pin,) = desk("pin", "ls", "-o", "json").document["pins"]
    assert (pin["digest"], pin["cause"]) == (str(B), "confirm")
    assert pin["by"]
    again = desk("pin", "confirm", f"{IMAGE}@{B}", "--dry-run")
    assert (again.code, "already" in again.out) == (0, True)


def test_confirm_sets_a_pin_where_there_was_none(desk):
    desk.pin()
    said = desk("pin", "confirm", f"reg.test/acme/app:1.1@{B}")
    assert said.code == 0
    assert "it had no pin" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 64, "or --all"),
        ((IMAGE, "--all"), 64, "or --all"),
        ((f"reg.test/acme/app@{A}",), 64, "names no tag"),
        (("reg.test/acme/app",), 64, "names no tag"),
        ((f"{IMAGE}@sha256:12",), 64, "digest"),
        ((f"reg.test/other/app:1.0@{A}",), 1, "no rule matches"),
        ((f"reg.test/acme/app:2.0@{A}",), 1, "is not permitted"),
    ],
)
def test_confirm_refuses_what_no_pull_could_use(desk, arguments, code, words):
    desk.pin()
    said = desk("pin", "confirm", *arguments)
    assert said.code == code
    assert words in said.err


def test_confirm_without_a_digest_needs_the_upstream(desk):
    desk.pin()
    assert desk("pin", "confirm", IMAGE).code == 69


def test_all_lifts_the_distrust_of_a_lost_state(desk):
    desk.state(lambda store: Pins(store, None).distrust(is_distrusted=True))
    assert "warning: the state was lost" in desk("pin", "ls").err
    assert desk("pin", "confirm", "--all", "--dry-run").code == 2
    assert desk("pin", "ls", "-o", "json").document["distrusted"] is True
    assert desk("pin", "confirm", "--all").code == 0
    assert desk("pin", "ls", "-o", "json").document["distrusted"] is False
    assert "Nothing to confirm" in desk("pin", "confirm", "--all").out


def test_a_confirmed_pin_is_on_the_audit_from_which_pins_come_back(desk, tmp_path):
    desk.pin()
    desk("pin", "confirm", f"{IMAGE}@{B}")
    restored = restore_pins(tmp_path / "data" / "audit")
    assert restored == {("reg.test", "acme/app", "1.0"): B}


def test_lifting_the_distrust_is_on_the_audit_with_who_did_it_and_a_dry_run_is_not(desk, tmp_path):
    desk.state(lambda store: Pins(store, None).distrust(is_distrusted=True))
    audit = tmp_path / "data" / "audit"
    desk("pin", "confirm", "--all", "--dry-run")
    assert not audit.exists()
    desk("pin", "confirm", "--all")
    (lifted,) = [record for record in read(audit) if record["kind"] == "distrustLifted"]
    assert lifted["by"]
    desk("pin", "confirm", "--all")
    assert len([record for record in read(audit) if record["kind"] == "distrustLifted"]) == 1


def test_ls_of_nothing_does_not_say_that_pins_come_about_while_they_are_distrusted(desk):
    desk.state(lambda store: Pins(store, None).distrust(is_distrusted=True))
    said = desk("pin", "ls")
    assert said.out == "No tag is pinned yet.\n"
    assert "warning: the state was lost" in said.err
    assert "`pratique pin confirm --all`" in said.err


@pytest.mark.parametrize(("locked", "since"), [(B, "-"), (A, "2026-01-02 03:04:05 UTC")])
def test_ls_tells_since_when_only_where_the_lock_names_the_digest_of_the_pin(desk, tmp_path, locked, since):
    desk.pin()
    (tmp_path / "pins.lock.yaml").write_text(f"version: 1\npins:\n  reg.test/acme/app:\n    '1.0': {locked}\n")
    row = next(line for line in desk("pin", "ls").out.splitlines() if line.startswith(IMAGE))
    assert re.split(r"  +", row.strip()) == [IMAGE, f"sha256:{locked.hex[:12]}", since, "lock file", "-"]
    (pin,) = desk("pin", "ls", "-o", "json").document["pins"]
    assert (pin["pinnedAt"] is None) == (since == "-")


@pytest.mark.parametrize("option", [(), ("--dry-run",)])
def test_confirm_with_a_digest_notes_on_stderr_that_it_was_not_judged(desk, option):
    desk.pin()
    said = desk("pin", "confirm", f"{IMAGE}@{B}", *option)
    assert said.err.startswith("note: that digest was not judged")
    assert f"`pratique verify reg.test/acme/app@{B}` judges it" in said.err
    assert said.err.count("\n") == 1
    assert "note" not in said.out


def test_confirm_of_what_stands_already_notes_nothing(desk):
    desk.pin()
    assert desk("pin", "confirm", f"{IMAGE}@{A}").err == ""
