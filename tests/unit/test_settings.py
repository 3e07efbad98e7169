from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy.settings import Count, Moment, Settings, Size, Span, Texts, explain, spell
from proxy.yamlfile import parse


class Inner(Settings):
    file_name: str
    is_open: bool = False


class Outer(Settings):
    size: Size = 1
    span: Span | None = None
    moment: Moment | None = None
    count: Count = 1
    names: Texts = ()
    number: int = 1
    inner: Inner | None = None
    many: dict[str, Inner] = {}  # noqa: RUF012 - pydantic copies it
    listed: tuple[Inner, ...] = ()


def read(text):
    return Outer.model_validate(parse(text, file="f.yaml").values)


def told(text, *, model=Outer):
    document = parse(text, file="f.yaml")
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.values, by_alias=True, by_name=False)
    return list(explain(caught.value, document, model=model))


@pytest.mark.parametrize(
    ("text", "count"),
    [("12", 12), ("1KiB", 1024), ("500 GiB", 500 * 2**30), ("1TB", 10**12), ("'7'", 7), ("2MiB", 2**21)],
)
def test_a_size_is_written_as_people_write_it(text, count):
    assert read(f"size: {text}").size == count


@pytest.mark.parametrize(
    "text", ["-1", "true", "1.5GiB", "GiB", "1 gib", "1e9", "-5MiB", "'٣KiB'", "9999999999999999999999"]
)
def test_what_is_no_size_is_refused(text):
    if text.isdigit():
        assert read(f"size: {text}").size == int(text)
    else:
        assert "KiB, MiB, GiB or TiB" in told(f"size: {text}")[0]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("72 h", timedelta(hours=72)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_span_has_its_unit(text, span):
    assert read(f"span: {text}").span == span


@pytest.mark.parametrize("text", ["5", "5.5h", "-1h", "1w", "soon", "999999999999d", "36501d", "'٣h'", "[1h]"])
def test_what_is_no_span_is_refused(text):
    assert "span" in told(f"span: {text}")[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T00:00Z", datetime(2026, 12, 1, tzinfo=UTC)),
        ("'2026-12-01'", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T02:00:00+02:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01 06:30:00", datetime(2026, 12, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_without_a_zone_is_utc(text, moment):
    assert read(f"moment: {text}").moment == moment


@pytest.mark.parametrize(
    "text", ["2026", "tomorrow", "true", "'9999-12-31T23:59-14:00'", "'0001-01-01T00:00+14:00'", "1e3"]
)
def test_what_is_no_moment_is_refused(text):
    assert "date" in told(f"moment: {text}")[0]


@pytest.mark.parametrize("text", ["true", "1.0", "'1'", "~", "[]"])
def test_a_count_is_a_whole_number_and_nothing_like_it(text):
    assert told(f"count: {text}") == ["f.yaml:1: count: write a whole number"]


def test_t27_an_unknown_field_is_an_error_and_told_what_was_meant():
    assert told("sise: 1\n") == ["f.yaml:1: sise: no such field; did you mean 'size'?"]
    assert told("inner:\n  file_name: x\n")[-1].endswith("did you mean 'fileName'?")
    assert told("many: { a: { fileNam: x } }\n")[1].startswith("f.yaml:1: many.a.fileNam: no such field; did you mean")
    assert told("listed: [{ fileName: x, ISOPEN: true }]\n") == [
        "f.yaml:1: listed[0].ISOPEN: no such field; did you mean 'isOpen'?"
    ]
    assert "known here: fileName, isOpen" in told("inner: { fileName: x, q: 1 }\n")[0]


def test_without_the_model_the_remedy_is_general():
    assert told("sise: 1\n", model=None) == ["f.yaml:1: sise: no such field; remove it or correct its spelling"]


def test_every_problem_is_told_with_its_line():
    found = told("size: x\nnames: []\ninner: {}\nlisted: 1\nnumber: x\n")
    assert found == [
        "f.yaml:1: size: 'x' is not a size; write a number and KiB, MiB, GiB or TiB",
        "f.yaml:2: names: it is empty; give it a value or remove it",
        "f.yaml:5: number: write a whole number",
        "f.yaml:3: inner.fileName: this field is required",
        "f.yaml:4: listed: write a list, such as [a, b]",
    ]


def test_settings_within_a_document_are_told_by_the_whole_path():
    document = parse("a:\n  b:\n    - size: x\n", file="f.yaml")
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.values["a"]["b"][0])
    (problem,) = explain(caught.value, document, within=("a", "b", 0))
    assert problem.startswith("f.yaml:3: a.b[0].size: ")


def test_settings_are_frozen_and_camel_case():
    settings = read("inner: { fileName: x, isOpen: true }")
    assert settings.inner == Inner(file_name="x", is_open=True)
    with pytest.raises(ValidationError):
        settings.size = 2


def test_a_problem_never_repeats_a_long_value():
    secret = "hunter2" * 20
    assert not any(secret in problem for problem in told(f"size: {secret}\nspan: {secret}\nmoment: {secret}\n"))


def test_a_path_is_spelt_as_a_person_reads_it():
    assert spell(("images", 0, "tags", 1)) == "images[0].tags[1]"
    assert spell(()) == "the file"


@given(
    value=st.one_of(
        st.text(max_size=30), st.integers(), st.floats(), st.booleans(), st.none(), st.dates(), st.datetimes()
    )
)
def test_any_value_is_read_or_refused(value):
    for field in ("size", "span", "moment", "count"):
        try:
            Outer.model_validate({field: value})
        except ValidationError as error:
            assert error.error_count() == 1  # noqa: PT017 - the other branch is as good
