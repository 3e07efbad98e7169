"""Range as the real clients send it (clients.md 5 and 8; RFC 9110 14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RangeInvalid, RequestError
from proxy.oci.byterange import MAX_PARTS, parse


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", ((0, 100),)),
        ("bytes=10-", ((10, 100),)),
        ("bytes=0-0", ((0, 1),)),
        ("bytes=0-1", ((0, 2),)),
        ("bytes=10-19", ((10, 20),)),
        ("bytes=90-1000", ((90, 100),)),
        ("bytes=90-" + "9" * 30, ((90, 100),)),
        ("bytes=-1", ((99, 100),)),
        ("bytes=-1000", ((0, 100),)),
        ("Bytes = 0-1".replace(" ", ""), ((0, 2),)),
        ("bytes=0-1, 4-5", ((0, 2), (4, 6))),
        ("bytes=4-5,0-1", ((4, 6), (0, 2))),
        ("bytes=,0-1,,4-5,", ((0, 2), (4, 6))),
        ("bytes=0-1,200-300", ((0, 2),)),
        ("bytes=0-1,2-3", ((0, 2), (2, 4))),
        ("bytes=0-9,5-14,50-", ((0, 15), (50, 100))),
        ("bytes=0-,0-,0-", ((0, 100),)),
    ],
)
def test_clients_8_a_range_is_resolved_against_the_size(header, expected):
    assert parse(header).resolve(100) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=0-1,x",
        "items=0-1",
        "bytes=0 -1",
        "bytes=+1-2",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=\N{ARABIC-INDIC DIGIT ONE}-",
        "bytes=0-" + "9" * 5000,
    ],
)
def test_what_cannot_be_understood_is_treated_as_absent(header):
    assert parse(header) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=100-,200-"])
def test_clients_8_a_range_beyond_the_end_is_416_with_the_size(header):
    with pytest.raises(RangeInvalid) as caught:
        parse(header).resolve(100)
    assert (caught.value.size, caught.value.status) == (100, 416)


def test_an_empty_blob_has_no_range():
    with pytest.raises(RangeInvalid):
        parse("bytes=0-").resolve(0)


def test_more_than_16_parts_are_refused():
    assert len(parse("bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(MAX_PARTS))).resolve(100)) == MAX_PARTS
    with pytest.raises(RequestError) as caught:
        parse("bytes=" + ",".join(["0-1"] * (MAX_PARTS + 1)))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("header", "is_open", "is_whole_open"),
    [
        ("bytes=0-", True, True),
        ("bytes=7-", True, False),
        ("bytes=-7", False, False),
        ("bytes=0-7", False, False),
        ("bytes=0-,7-", False, False),
    ],
)
def test_clients_5_open_ranges_are_known(header, is_open, is_whole_open):
    found = parse(header)
    assert (found.is_open, found.is_whole_open) == (is_open, is_whole_open)


@given(
    st.text(max_size=30) | st.text(alphabet="0123456789-, ", max_size=40).map("bytes={}".format), st.integers(0, 200)
)
def test_t55_no_header_leads_to_another_error_or_to_more_than_the_blob(header, size):
    try:
        found = parse(header)
        pairs = found.resolve(size) if found else ()
    except RequestError:
        return
    assert all(0 <= start < stop <= size for start, stop in pairs)
    assert sum(stop - start for start, stop in pairs) <= size
