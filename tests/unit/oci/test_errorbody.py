"""The error document, ours and theirs (clients.md 8)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.errorbody import parse, render


def test_clients_8_an_error_is_written_as_the_spec_has_it():
    assert json.loads(render("DENIED", "no signature")) == {"errors": [{"code": "DENIED", "message": "no signature"}]}
    assert json.loads(render("DENIED", "no", "why"))["errors"][0]["detail"] == "why"


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_error_is_ascii_whatever_it_says(message, detail):
    raw = render("UNKNOWN", message, detail)
    assert raw.isascii()
    assert b"\n" not in raw
    assert json.loads(raw)["errors"][0]["message"] == message


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"errors":[{"code":"DENIED","message":"no"},{"message":"x"}]}', "DENIED: no"),
        (b'{"errors":[{"message":"no"}]}', "no"),
        (b'{"code":"X","message":"y"}', "X: y"),
        (b'{"errors":[{"code":"DENIED","message":"a\\r\\nb\\u001b[31m"}]}', "DENIED: a  b [31m"),
        (b"", ""),
        (b"<html>", ""),
        (b"[]", ""),
        (b"5", ""),
        (b'{"errors":[5]}', ""),
        (b'{"errors":{}}', ""),
        (b'{"errors":[{"code":1,"message":null}]}', ""),
    ],
)
def test_an_upstreams_words_are_read_for_the_log(raw, expected):
    assert parse(raw) == expected


def test_an_upstreams_words_are_bounded():
    assert len(parse(render("DENIED", "x" * 5000))) == 200
    assert parse(render("DENIED", "x" * 100_000)) == ""


@given(st.binary(max_size=80) | st.text(alphabet='{}[]":,errors1', max_size=40).map(str.encode))
def test_t55_no_bytes_lead_to_an_error(raw):
    found = parse(raw)
    assert found.isprintable()
    assert len(found) <= 200
