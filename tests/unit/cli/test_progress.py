"""A bar on a terminal, lines elsewhere, nothing with --quiet."""

import io
import sys

import pytest

from proxy.cli import progress as module
from proxy.cli.progress import progress, size


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (500 * 2**30, "500.0 GiB"),
        (2**60, "1024.0 PiB"),
    ],
)
def test_bytes_are_said_as_a_person_reads_them(count, said):
    assert size(count) == said


def test_in_ci_it_says_a_plain_line_now_and_then(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress("warm", is_quiet=False) as step:
        for turn in range(11):
            now[0] = float(turn)
            step(turn * 1024, 10 * 1024)
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err == "warm: 5.0 KiB of 10.0 KiB, 50 %\nwarm: 10.0 KiB of 10.0 KiB, 100 %\n"


def test_without_a_known_end_it_says_no_share(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress("scrub", is_quiet=False) as step:
        now[0] = 9.0
        step(5, 0)
    assert capsys.readouterr().err == "scrub: 5 B of 0 B\n"


def test_quiet_says_nothing(capsys):
    with progress("warm", is_quiet=True) as step:
        step(1, 2)
    caught = capsys.readouterr()
    assert (caught.out, caught.err) == ("", "")


def test_on_a_terminal_there_is_a_bar_on_stderr(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("warm", is_quiet=False) as step:
        step(1024, 2048)
    assert "warm" in terminal.getvalue()
