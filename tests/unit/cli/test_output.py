"""What goes to stdout: whole lines for scripts, and nothing of what others sent is obeyed."""

import json

import yaml

from proxy.cli.output import Format, emit, say, table


def _emit(output: Format) -> None:
    emit({"name": "é", "list": [1]}, output=output, show=lambda: say("shown"))


def test_json_and_yaml_carry_a_schema_version(capsys):
    _emit(Format.JSON)
    assert json.loads(capsys.readouterr().out) == {"schemaVersion": 1, "name": "é", "list": [1]}
    _emit(Format.YAML)
    assert yaml.safe_load(capsys.readouterr().out) == {"schemaVersion": 1, "name": "é", "list": [1]}
    _emit(Format.TABLE)
    assert capsys.readouterr().out == "shown\n"


def test_a_piped_table_keeps_each_row_on_its_line_however_long(capsys):
    table(["a", "b"], [["x" * 300, "y" * 300]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "x" * 300 in lines[1]
    assert "y" * 300 in lines[1]


def test_brackets_are_words_and_not_markup(capsys):
    say("[r-7f3k2c] [red]x[/red] :smile:")
    table(["why"], [["[r-7f3k2c]"]])
    out = capsys.readouterr().out
    assert "[r-7f3k2c] [red]x[/red] :smile:" in out
    assert out.splitlines()[-1].strip() == "[r-7f3k2c]"


def test_control_characters_of_others_do_not_reach_the_terminal(capsys):
    say("a\x1b[2Jb")
    table(["why"], [["c\x1b]0;d\x07\re"]])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\r" not in out


def test_no_color_is_respected_and_a_pipe_gets_none(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    table(["answer"], [["allow"]])
    assert "\x1b[32m" not in capsys.readouterr().out
