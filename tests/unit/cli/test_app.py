"""The command line's own manners."""

import pytest

VERBS = ("serve", "verify", "explain", "pin", "config", "node", "demo", "version")


def test_the_help_names_every_verb_and_the_exit_codes(desk):
    said = desk("--help")
    assert said.code == 0
    assert all(verb in said.out for verb in VERBS)
    assert "64" in said.out


@pytest.mark.parametrize("verb", [*VERBS, "pin ls", "pin confirm", "config check", "config schema", "node hosts"])
def test_each_verb_explains_itself(desk, verb):
    said = desk(*verb.split(), "--help")
    assert said.code == 0
    assert "Usage: pratique" in said.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("bogus",),
        ("verify",),
        ("explain",),
        ("version", "--bogus"),
        ("pin", "ls", "-o", "xml"),
        ("serve", "--workers", "x"),
    ],
)
def test_wrong_usage_is_exit_64_with_a_word_on_stderr_and_nothing_on_stdout(desk, arguments):
    said = desk(*arguments)
    assert said.code == 64
    assert "error: " in said.err.lower()
    assert said.out == ""


@pytest.mark.parametrize("number", ["0", "-1", "257", "many"])
def test_a_number_of_workers_that_makes_no_sense_is_a_misuse(desk, number):
    said = desk("serve", "--workers", number)
    assert said.code == 64
    assert "--workers" in said.err


def test_shell_completion_is_offered(desk, monkeypatch):
    monkeypatch.setenv("_PRATIQUE_COMPLETE", "source_bash")
    with pytest.raises(SystemExit) as ended:
        desk("version")
    assert ended.value.code == 0
