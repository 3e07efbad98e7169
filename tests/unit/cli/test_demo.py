"""`pratique demo`: how its report is shown. The drill itself runs in the integration tests."""

import sys

import pytest

from proxy.demo.run import Pull, Report

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def drilled(monkeypatch):
    """The drill's outcome is this one: only how it is shown is asked here."""

    def report(*, untrusted_bytes: int = 0) -> None:
        pull = Pull("a signed image", f"demo.test/team/app@{DIGEST}", "served", "served sha256:12", "admitted", True)
        made = Report("its own client", (pull,), untrusted_bytes, 1.0)
        monkeypatch.setattr("proxy.demo.run.drill", lambda **_options: made)

    report()
    return report


@pytest.fixture
def terminal(monkeypatch):
    def of(columns: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")

    return of


@pytest.mark.parametrize(("columns", "is_shown"), [(80, False), (119, False), (120, True), (200, True)])
def test_a_narrow_terminal_drops_what_was_asked(desk, drilled, terminal, columns, is_shown):
    terminal(columns)
    said = desk("demo", "--quiet")
    assert said.code == 0
    assert ("ASKED" in said.out) is is_shown
    assert ("team/app@" in said.out) is is_shown
    assert all(heading in said.out for heading in ("IMAGE", "ANSWERED", "WHY", "AS EXPECTED"))


def test_a_pipe_gets_every_column_however_narrow_the_terminal_is(desk, drilled, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = desk("demo", "--quiet")
    assert "ASKED" in said.out
    assert "team/app@sha256:aaaaaaaaaaaa " in said.out


def test_one_untrusted_byte_is_exit_1_and_said(desk, drilled):
    drilled(untrusted_bytes=1)
    said = desk("demo", "--quiet")
    assert said.code == 1
    assert "untrusted bytes that left the proxy: 1" in said.out
    assert "do not rely on this proxy" in said.out
