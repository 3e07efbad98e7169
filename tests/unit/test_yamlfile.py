import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.yamlfile import parse

TEXT = """\
version: 1
rules:
  - match: a
    tags: [x,
           y]
  - match: b
"""


def refused(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, file="f.yaml")
    return caught.value.problems


def test_values_come_with_the_lines_they_stand_in():
    document = parse(TEXT, file="f.yaml")
    assert document.values == {"version": 1, "rules": [{"match": "a", "tags": ["x", "y"]}, {"match": "b"}]}
    where = {
        ("version",): 1,
        ("rules",): 2,
        ("rules", 0): 3,
        ("rules", 0, "tags"): 4,
        ("rules", 0, "tags", 1): 5,
        ("rules", 1, "match"): 6,
    }
    assert {path: document.where(path) for path in where} == {path: f"f.yaml:{line}" for path, line in where.items()}


def test_what_the_file_does_not_hold_is_told_by_what_is_above_it():
    document = parse(TEXT, file="f.yaml")
    assert document.where(("rules", 1, "tags", 4)) == "f.yaml:6"
    assert document.where(("nothing",)) == "f.yaml:1"


@pytest.mark.parametrize("text", ["", "# a comment\n", "---\n"])
def test_an_empty_file_is_no_value(text):
    assert parse(text, file="f.yaml").values is None


def test_t06_duplicate_keys_are_refused():
    assert refused("a: 1\nb: { c: 1, c: 2 }\na: 3\n") == (
        "f.yaml:2: 'c' stands twice; keep one of them",
        "f.yaml:3: 'a' stands twice; keep one of them",
    )


def test_keys_that_differ_only_as_yaml_values_are_the_same_text():
    assert parse("24.10: x\ntrue: y\nnull: z\n", file="f.yaml").values == {"24.10": "x", "true": "y", "null": "z"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1\n", "this is not YAML"),
        ("a:\n\tb: 1\n", "indent with spaces, not tabs"),
        ("a: 1\n---\nb: 2\n", "another document"),
        ("a: \x00\n", "special characters are not allowed"),
        ("b: &x { c: 1 }\na: { <<: *x }\n", "merge keys"),
        ("? [a]\n: 1\n", "keys are plain words"),
        ("a: *nothing\n", "undefined alias"),
        ("a: !!python/object:os.system {}\n", "the tag '!!python/object:os.system' is not read"),
        ("a: !secret x\n", "the tag '!secret' is not read"),
        ("a: !!binary aGk=\n", "the tag '!!binary' is not read"),
        ("a: !!set { b, c }\n", "the tag '!!set' is not read"),
        ("a: 2026-13-01\n", "'2026-13-01' is no timestamp"),
        ("a: 0x_\n", "is no int"),
        (f"a: {'9' * 5000}\n", "is no int"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text, says):
    (problem,) = refused(text)
    assert problem.startswith("f.yaml:")
    assert says in problem


def test_every_ambiguity_is_told_at_once():
    assert len(refused("a: !x 1\nb: 2026-99-99\nc: 1\nc: 2\n")) == 3


@pytest.mark.parametrize("text", ["[" * 5000, "a: " + "{ b: " * 40 + "1" + " }" * 40, "x: &a [*a]\n"])
def test_deep_nesting_is_refused_and_never_a_crash(text):
    assert "nested deeper than 32" in refused(text)[0]


def test_aliases_that_multiply_are_refused():
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert "more than 100000 values" in refused(f"l0: &l0 [x]\n{levels}")[0]


def test_an_alias_may_be_used_to_say_a_thing_twice():
    assert parse("a: &x [1]\nb: *x\n", file="f.yaml").values == {"a": [1], "b": [1]}


@given(st.text(max_size=80))
def test_any_text_is_a_document_or_a_configuration_error(text):
    try:
        document = parse(text, file="f.yaml")
    except ConfigError as error:
        assert all(problem.startswith("f.yaml:") for problem in error.problems)  # noqa: PT017 - the other branch is as good
    else:
        assert document.where(()) == f"f.yaml:{document.lines.get((), 1)}"
