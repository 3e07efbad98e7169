"""T06: one meaning or none; and nothing but ManifestInvalid, whatever the bytes."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import ManifestInvalid
from proxy.oci.strictjson import as_object, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_one_parser_writes_is_read_back(value):
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value
    assert parse(json.dumps(value, indent=1).encode()) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":1,"a":1}', "twice"),
        (b'{"a":1,"\\u0061":2}', "twice"),
        (b'[{"x":{"digest":1,"digest":2}}]', "twice"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{} {}", "not JSON"),
        (b"{}\0", "not JSON"),
        (b"{}//", "not JSON"),
        (b"", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b"NaN", "NaN"),
        (b'{"a":Infinity}', "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "too large"),
        (b"1" * 5000, "too long"),
        (b"\xff", "UTF-8"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b'"\\ud800"', "UTF-8"),
        (b'{"\\udfff":1}', "UTF-8"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64"),
    ],
)
def test_t06_what_parsers_could_read_differently_is_refused(raw, reason):
    with pytest.raises(ManifestInvalid) as caught:
        parse(raw, what="manifest")
    assert reason in caught.value.message
    assert caught.value.message.startswith("the manifest ")


def test_t06_depth_counts_levels_and_not_brackets_in_strings():
    assert parse(b"[" * 64 + b"]" * 64)
    brackets = '"[[\\' * 100
    assert parse(json.dumps([brackets]).encode()) == [brackets]
    with pytest.raises(ManifestInvalid):
        parse(b"[[]]", limit_depth=1)


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'"', b'\\"', b'["\\', b'[""', b"]["])
def test_t06_megabytes_of_hostile_nesting_end_without_recursion(unit):
    with pytest.raises(ManifestInvalid):
        parse(b'["' + unit * 500_000)
    with pytest.raises(ManifestInvalid):
        parse(unit * 500_000)


def test_a_pair_of_surrogates_is_one_character():
    assert parse(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@given(st.binary(max_size=200))
@example(b'{"a": "\\')
def test_t55_no_bytes_lead_to_another_error(raw):
    try:
        value = parse(raw)
    except ManifestInvalid:
        return
    assert json.loads(raw) == value


@given(st.text(alphabet='{}[]",:\\au01e-.N \n', max_size=60))
def test_t06_what_passes_means_the_same_to_a_lenient_parser(text):
    try:
        value = parse(text.encode())
    except ManifestInvalid:
        return
    assert json.loads(text) == value


@pytest.mark.parametrize("key", ["URLS", "Urls", "url\N{LATIN SMALL LETTER LONG S}"])
def test_t06_a_key_that_go_would_take_for_another_is_refused(key):
    with pytest.raises(ManifestInvalid, match="urls"):
        as_object({key: ["https://evil.example"]}, what="layer", names={"urls"})
    assert as_object({"urls": [], "Other": 1}, what="layer", names={"urls"})


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_only_an_object_is_an_object(value):
    with pytest.raises(ManifestInvalid, match="not a JSON object"):
        as_object(value, what="layer")
