"""A wrong type is Unreadable, only what is absent is None; and a stranger's text is bounded."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.facts import Unreadable
from proxy.facts.shapes import at, flag_of, moment_of, shown, stamp, text_of


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01T10:00:00Z", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01t10:00:00z", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T10:00:00.5+02:00", datetime(2026, 11, 1, 8, 0, 0, 500_000, tzinfo=UTC)),
        ("2025-02-25T21:57:29.66049539Z", datetime(2025, 2, 25, 21, 57, 29, 660_495, tzinfo=UTC)),
        ("2025-02-25T21:57:29.660495391Z", datetime(2025, 2, 25, 21, 57, 29, 660_495, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_read_as_go_and_others_write_it(text, moment):
    assert moment_of(text, what="time") == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01",
        "2026-11-01T10:00:00",
        "20261101T100000Z",
        "2026-W44-7T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-11-01T23:59:60Z",
        "now",
        5,
        [],
        "\N{ARABIC-INDIC DIGIT TWO}026-11-01T10:00:00Z",
    ],
)
def test_what_is_no_time_is_unreadable(text):
    with pytest.raises(Unreadable, match="the scan time"):
        moment_of(text, what="scan time")


def test_a_time_is_told_in_utc():
    assert stamp(moment_of("2026-11-01T01:00:00.25+02:00", what="x")) == "2026-10-31T23:00:00.250000Z"
    assert stamp(None) is None


def test_only_absence_is_none():
    assert text_of(None, what="x") is text_of("", what="x") is None
    assert flag_of(None, what="x") is False
    assert at({"a": {"b": 1}}, "a", "b") == 1
    assert at({"a": [1]}, "a", "b") is at(None, "a") is None
    for wrong in (0, False, [], {}, 1.5):
        with pytest.raises(Unreadable):
            text_of(wrong, what="x")
    for wrong in (0, 1, "true", []):
        with pytest.raises(Unreadable):
            flag_of(wrong, what="x")


@given(st.one_of(st.text(), st.none(), st.integers(), st.lists(st.integers())))
def test_a_strangers_value_is_shown_short_and_printable(value):
    assert shown(value).isascii()
    assert shown(value).isprintable()
    assert len(shown(value)) <= 802  # ten characters for each escaped one


def test_a_long_text_is_cut():
    assert shown("a" * 1000) == f"'{'a' * 80}'"
