"""T06: one meaning or none; and nothing but ManifestInvalid, whatever the bytes."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.errors import ManifestInvalid
from proxy.oci import strictjson
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


def depth_of(value) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((depth_of(each) for each in inner), default=0)


@given(VALUES)
def test_t06_a_value_is_as_deep_as_its_levels_of_lists_and_objects(value):
    raw = json.dumps(value).encode()
    assert parse(raw, limit_depth=depth_of(value)) == value
    if depth_of(value):
        with pytest.raises(ManifestInvalid, match="deeper than"):
            parse(raw, limit_depth=depth_of(value) - 1)


@pytest.mark.parametrize("depth", [65, 200, 201, 500, 5000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_t06_a_whole_document_of_any_depth_ends_without_recursion(depth, opening, closing):
    with pytest.raises(ManifestInvalid, match="deeper than 64"):
        parse(opening * depth + b"1" + closing * depth)
    assert parse(opening * 64 + b"1" + closing * 64)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'[{"a": [1e400]}]', "too large"),
        (b"-1e999", "too large"),
        (b"1" + b"0" * 400 + b".0", "too large"),
        (b"-" + b"1" * 4301, "too long"),
        (b'{"a": NaN}', "NaN"),
        (b'"\\ud800\\ud800"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\xc0\xaf"', "UTF-8"),
        (b"\x0c{}", "not JSON"),
        (b"[01]", "not JSON"),
        (b"[1.]", "not JSON"),
        (b"[.5]", "not JSON"),
        (b"[+1]", "not JSON"),
        (b"[1 2]", "not JSON"),
        (b'"\\x41"', "not JSON"),
        (b"nul", "not JSON"),
    ],
)
def test_t06_numbers_and_texts_that_parsers_take_differently_are_refused(raw, reason):
    with pytest.raises(ManifestInvalid, match=reason):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"1" * 4300, int("1" * 4300)),
        (b"18446744073709551616", 2**64),
        (b"-9223372036854775809", -(2**63) - 1),
        (b"-0", 0),
        (b"1e308", 1e308),
        (b"1e-400", 0.0),
        (b"0.1", 0.1),
        (b"1E+2", 100.0),
        (b' {"a" : [ ] }\r\n\t', {"a": []}),
        (b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}]),
        (b'{"":{"":1}}', {"": {"": 1}}),
        (b'"\\u0000\\/\x7f"', "\0/\x7f"),
    ],
)
def test_what_has_one_meaning_is_read(raw, value):
    found = parse(raw)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("late", [b'{"a":1,"a":2}', b'{"b":NaN}', b'"\\ud800"', b"[" * 70 + b"]" * 70, b"]"])
def test_t06_the_last_entry_of_a_long_document_is_held_to_the_same(late):
    good = b'{"digest":"sha256:0e1234","size":12,"texts":["[{","\\\\"]},'
    assert len(parse(b"[" + good * 20_000 + b"{}]")) == 20_001
    with pytest.raises(ManifestInvalid):
        parse(b"[" + good * 20_000 + late + b"]")


def test_t06_a_broken_document_of_many_megabytes_is_refused_in_one_printable_line():
    padding = b'"' + b"a" * 5 * 1024 * 1024 + b'"'
    for broken in (
        b'{"\xc3\xa9\\n":1,"\xc3\xa9\\n":2}',
        b"[" * 300,
        b"NaN",
        b'"\\ud800"',
        b'{"' + b"k" * 500 + b'":1,' * 2,
    ):
        with pytest.raises(ManifestInvalid) as caught:
            parse(b"[" + padding + b"," + broken + b"]", what="evidence")
        assert caught.value.message.startswith("the evidence is not JSON: ")
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 200
    with pytest.raises(ManifestInvalid, match="deeper than 64"):
        parse(b"[" + padding + b"," + b"[" * 64 + b"]" * 64 + b"]")
    assert parse(b"[" + padding + b"," + b"[" * 63 + b"]" * 63 + b"]")
    many = b"1," * 30_000
    assert parse(b"[" + many + b"[" * 63 + b"]" * 63 + b"]")
    with pytest.raises(ManifestInvalid, match="deeper than 64"):
        parse(b"[" + many + b"[" * 64 + b"]" * 64 + b"]")
    assert parse(b"[" + many + b"1e999]")[-1] == float("inf")  # it is JSON, and is compared as what it is


@given(
    st.recursive(
        st.text(alphabet='{}[]",\\a', max_size=5),
        lambda each: st.lists(each) | st.dictionaries(st.text(alphabet='{"\\[', max_size=3), each),
        max_leaves=30,
    )
)
def test_the_depth_told_by_brackets_is_the_depth_of_the_value(value):
    def depth(each):
        below = each.values() if isinstance(each, dict) else each if isinstance(each, list) else None
        return 0 if below is None else 1 + max((depth(inner) for inner in below), default=0)

    raw = json.dumps(value).encode()
    strictjson._require_shallow(raw, depth(value))
    if depth(value):
        with pytest.raises(ValueError, match="deeper"):
            strictjson._require_shallow(raw, depth(value) - 1)


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
