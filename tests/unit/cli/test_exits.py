"""Every error of the tree has an exit code, and every complaint is one line."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy import errors
from proxy.cli.exits import code_of, complain, guarded


def _leaves(kind: type[errors.PratiqueError]) -> list[type[errors.PratiqueError]]:
    below = [leaf for child in kind.__subclasses__() for leaf in _leaves(child)]
    return below or [kind]


def _made(kind: type[errors.PratiqueError]) -> errors.PratiqueError:
    return kind("words", size=1) if kind is errors.RangeInvalid else kind("words")


@pytest.mark.parametrize("kind", _leaves(errors.PratiqueError), ids=lambda kind: kind.__name__)
def test_no_error_of_the_tree_is_taken_for_a_defect(kind):
    assert code_of(_made(kind)) in {1, 64, 69, 75}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Unverified("no"), 1),
        (errors.ManifestUnknown("absent"), 1),
        (errors.NameInvalid("what"), 64),
        (errors.ConfigError("wrong"), 64),
        (errors.UpstreamTimeout("slow"), 69),
        (errors.ContentMismatch("lied"), 69),
        (errors.Inconclusive("later"), 75),
        (errors.StorageError("full"), 75),
    ],
)
def test_exit_codes_are_those_of_the_interface(error, code):
    assert code_of(error) == code


def test_each_problem_of_a_configuration_stands_on_its_line(capsys):
    def fail() -> None:
        raise errors.ConfigError("two", problems=["a.yaml:1: one", "a.yaml:2: two"])

    assert guarded(fail, is_debugging=False) == 64
    assert capsys.readouterr().err == "error: a.yaml:1: one\nerror: a.yaml:2: two\n"


def test_a_defect_of_ours_is_one_line_and_exit_70(capsys):
    def fail() -> None:
        raise KeyError("first\nsecond")

    assert guarded(fail, is_debugging=False) == 70
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "KeyError" in err
    assert "PRATIQUE_DEBUG=1" in err


@pytest.mark.parametrize(("error", "code"), [(KeyError("here"), 70), (errors.StorageError("full"), 75)])
def test_debugging_shows_where_it_happened_and_keeps_the_exit_code(capsys, error, code):
    def fail() -> None:
        raise error

    assert guarded(fail, is_debugging=True) == code
    assert "in fail" in capsys.readouterr().err


def test_a_complaint_holds_no_secret_and_no_control_character(capsys):
    complain("x https://u:hunter2@host/ \x1b[31mred\nnext")
    err = capsys.readouterr().err
    assert "hunter2" not in err
    assert "\x1b" not in err
    assert err.count("\n") == 1


def test_a_file_beneath_this_folder_is_named_from_here_and_any_other_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path.resolve())
    complain(
        f"{here}/policy.yaml:3: {here}/keys/a.pub is none; {here}-else/b.pub and /x{here}/c.pub neither, nor {here}"
    )
    said = f"error: policy.yaml:3: keys/a.pub is none; {here}-else/b.pub and /x{here}/c.pub neither, nor {here}\n"
    assert capsys.readouterr().err == said


def test_a_full_disk_is_no_defect_but_a_sentence_and_exit_75(capsys):
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert guarded(fail, is_debugging=False) == 75
    assert capsys.readouterr().err == "error: no space is left where this writes; free some space and try again\n"


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_a_stdout_that_is_full_is_exit_75_even_where_the_interpreter_holds_the_words_back(output):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(
            [sys.executable, "-m", "proxy", "version", "-o", output],
            stdout=full,
            stderr=subprocess.PIPE,
            env=env,
            text=True,
            check=False,
        )
    assert said.returncode == 75
    assert said.stderr == "error: no space is left where this writes; free some space and try again\n"


def test_a_reader_that_has_seen_enough_does_not_change_the_exit_code(monkeypatch, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)

        def work() -> int:
            closed.write("words")
            return 2

        assert guarded(work, is_debugging=False) == 2
    monkeypatch.undo()
    assert capsys.readouterr().err == ""
