"""How many files this process may hold, and how many connections that is."""

import resource

from proxy.web.connections import descriptors


def limited(monkeypatch, *, soft=1024, hard):
    limits, asked = [soft, hard], []
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: asked.append(wanted))
    return asked


def test_the_limit_is_raised_to_the_hard_one(monkeypatch):
    asked = limited(monkeypatch, hard=20_000)
    descriptors.raise_limit()
    assert asked == [(20_000, 20_000)]


def test_where_there_is_no_limit_as_many_are_asked_for_as_the_kernel_gives(monkeypatch):
    asked = limited(monkeypatch, hard=resource.RLIM_INFINITY)
    descriptors.raise_limit()
    assert asked == [(1_048_576, resource.RLIM_INFINITY)]
    assert descriptors.holdable() > 300_000


def test_what_is_high_already_stays(monkeypatch):
    for soft in (20_000, resource.RLIM_INFINITY):
        asked = limited(monkeypatch, soft=soft, hard=20_000)
        descriptors.raise_limit()
        assert asked == []


def test_what_cannot_be_held_is_said_with_what_to_do(monkeypatch):
    limited(monkeypatch, hard=4096)
    (doubt,) = descriptors.doubts(4096)
    assert doubt.startswith("4096 connections need 12800 descriptors")
    assert f"write {descriptors.holdable()} or less" in doubt
    assert "LimitNOFILE" in doubt
    assert list(descriptors.doubts(descriptors.holdable())) == []


def test_some_can_always_be_held(monkeypatch):
    limited(monkeypatch, hard=64)
    assert descriptors.holdable() == 8
