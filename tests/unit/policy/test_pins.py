from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError, PinMismatch
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.pins import AskUpstream, choose, parse_lock, render_lock
from tests.unit.policy.cases import IMAGE, OTHER, simple

FIRST = simple().rules[0]
FOLLOW = simple(more="pinning: follow\nttl: 10m").rules[0]
LOCKED = simple(more="pinning: locked").rules[0]


def chosen(rule, *, pin=None, locked=None, age=None, is_distrusted=False):
    return choose(rule, pin=pin, locked=locked, age=age, is_distrusted=is_distrusted)


def test_t02_a_pinned_tag_is_answered_with_its_pin_for_ever():
    assert chosen(FIRST, pin=IMAGE, age=timedelta(days=4000)) == IMAGE


def test_the_first_pull_asks_the_upstream():
    assert chosen(FIRST) == AskUpstream()


@pytest.mark.parametrize("rule", [FIRST, FOLLOW, LOCKED])
def test_a_lock_entry_wins_over_the_state(rule):
    assert chosen(rule, pin=OTHER, locked=IMAGE, age=timedelta(0), is_distrusted=True) == IMAGE


@pytest.mark.parametrize("pin", [None, IMAGE])
def test_locked_serves_only_what_the_lock_file_names(pin):
    with pytest.raises(PinMismatch, match="lock file names"):
        chosen(LOCKED, pin=pin)


def test_first_never_trusts_anew_after_a_loss_until_it_is_confirmed():
    with pytest.raises(PinMismatch, match="pratique pin confirm"):
        chosen(FIRST, is_distrusted=True)
    assert chosen(FIRST, pin=IMAGE, is_distrusted=True) == IMAGE


@pytest.mark.parametrize(
    ("age", "answer"),
    [
        (timedelta(minutes=9), IMAGE),
        (timedelta(minutes=10), AskUpstream(but_keep=IMAGE)),
        (None, AskUpstream(but_keep=IMAGE)),
        (timedelta(minutes=-1), AskUpstream(but_keep=IMAGE)),
    ],
)
def test_follow_asks_again_after_its_ttl_and_when_the_clock_jumped_back(age, answer):
    assert chosen(FOLLOW, pin=IMAGE, age=age) == answer


def test_follow_asks_after_a_loss():
    assert chosen(FOLLOW, is_distrusted=True) == AskUpstream()


def test_the_default_ttl_is_five_minutes():
    assert simple(more="pinning: follow").rules[0].ttl == timedelta(minutes=5)


HOST = st.sampled_from(["nvcr.io", "docker.io", "10.0.0.7:5000", "localhost"])
REPOSITORIES = st.builds(Repository, HOST, st.sampled_from(["library/a", "nvidia/b", "c/d/e"]))
LOCKS = st.dictionaries(
    st.tuples(REPOSITORIES, st.sampled_from(["24.10", "1", "latest", "true", "1e3", "2026-01-01", "_x"])),
    st.sampled_from([IMAGE, OTHER, Digest.of(b"x", "sha512")]),
    max_size=8,
)


@given(lock=LOCKS)
def test_a_lock_file_says_again_what_was_locked(lock):
    assert parse_lock(render_lock(lock), file="pins.lock.yaml") == lock
    assert render_lock(dict(reversed(lock.items()))) == render_lock(lock)


def test_a_lock_file_is_readable_and_stable():
    text = render_lock({(Repository("nvcr.io", "nvidia/x"), "24.10-py3"): IMAGE})
    assert text.splitlines()[1:] == ["version: 1", "pins:", "  nvcr.io/nvidia/x:", f"    24.10-py3: {IMAGE}"]
    assert parse_lock("", file="pins.lock.yaml") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pins: {}\n", "write `version: 1`"),
        ("version: 2\n", "write `version: 1`"),
        ("version: true\n", "write `version: 1`"),
        ("[]\n", "write `version: 1`"),
        ("version: 1\npin: {}\n", "no such field"),
        ("version: 1\npins: []\n", "is not a repository"),
        ("version: 1\npins:\n", "is not a repository"),
        ("version: 1\npins: { a.io/b: {} }\n", "write its tags under it"),
        ("version: 1\npins: { a.io/b: x }\n", "write its tags under it"),
        (f"version: 1\npins: {{ a.io: {{ v1: '{IMAGE}' }} }}\n", "write host/name"),
        (f"version: 1\npins: {{ docker.io/busybox: {{ v1: '{IMAGE}' }} }}\n", "docker.io/library/busybox"),
        (f"version: 1\npins: {{ a.io/B: {{ v1: '{IMAGE}' }} }}\n", "is not a repository name"),
        (f"version: 1\npins: {{ a.io/b: {{ 'v 1': '{IMAGE}' }} }}\n", "is not a tag"),
        ("version: 1\npins: { a.io/b: { v1: sha256:12 } }\n", "is not a digest"),
        ("version: 1\npins: { a.io/b: { v1: 12 } }\n", "is not a digest"),
        ("version: 1\npins: { a.io/b: { v1: } }\n", "is not a digest"),
    ],
)
def test_t27_a_mistake_in_the_lock_file_is_refused_with_its_line(text, says):
    with pytest.raises(ConfigError) as caught:
        parse_lock(text, file="pins.lock.yaml")
    assert any(says in problem and problem.startswith("pins.lock.yaml:") for problem in caught.value.problems)


def test_every_problem_of_the_lock_file_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_lock("version: 1\npins:\n  a.io/b: { v1: x, v2: y }\n  C/d: { v: z }\n", file="pins.lock.yaml")
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["3", "3", "4"]
