"""One spelling for each value; what an independent encoder writes is read back, whatever else is refused."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.verify.evidence import NotProved
from proxy.verify.notation.cbor import MAX_DEPTH, Tagged, decode, head

UINT64 = 2**64 - 1
leaves = st.none() | st.booleans() | st.integers(-UINT64 - 1, UINT64) | st.binary(max_size=300) | st.text(max_size=300)
keys = st.integers(-UINT64 - 1, UINT64) | st.text(max_size=20)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
).filter(lambda value: _depth(value) <= MAX_DEPTH)


def _depth(value) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(each) for each in value.values()), default=0)
    return 1 + max((_depth(each) for each in value), default=0) if isinstance(value, list) else 0


@given(values)
def test_what_another_encoder_writes_is_read_back(value):
    assert decode(cbor2.dumps(value), what="thing") == value


@given(st.binary(max_size=200))
def test_t55_any_bytes_are_read_or_refused_with_a_sentence(raw):
    try:
        decode(raw, what="thing", tags=frozenset({1, 18}))
        said = "the thing is read"
    except NotProved as error:
        said = str(error)

    assert said.startswith("the thing ")


@given(st.integers(0, UINT64))
def test_a_head_is_written_as_another_encoder_writes_it(number):
    assert head(0, number) == cbor2.dumps(number)
    assert head(0, number)[1:] == head(2, number)[1:]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        pytest.param(b"\x01\x01", "after its end", id="a second value"),
        pytest.param(b"\xa2\x01\x01\x01\x02", "twice", id="a key twice"),
        pytest.param(b"\xa2\x61a\x01\x61a\x02", "twice", id="a text key twice"),
        pytest.param(b"\x18\x01", "longer than it must", id="a number in two bytes that fits in one"),
        pytest.param(b"\x58\x01x", "longer than it must", id="a length in two bytes that fits in one"),
        pytest.param(b"\x9f\xff", "indefinite", id="an array without a length"),
        pytest.param(b"\x5f\x41x\xff", "indefinite", id="a string in chunks"),
        pytest.param(b"\xf9\x3c\x00", "not whole", id="a float"),
        pytest.param(b"\xf7", "no Notation signature", id="undefined"),
        pytest.param(b"\xf8\x20", "not whole", id="a simple value"),
        pytest.param(b"\xc2\x41\x01", "no Notation signature", id="a big number"),
        pytest.param(b"\xd8\x1c\x80", "no Notation signature", id="a shared value"),
        pytest.param(b"\xd8\x23\x61a", "no Notation signature", id="a regular expression"),
        pytest.param(b"\xa1\x81\x01\x02", "key that is neither", id="an array as a key"),
        pytest.param(b"\xa1\xf5\x02", "key that is neither", id="a boolean as a key"),
        pytest.param(b"\x61\xff", "not UTF-8", id="text that is none"),
        pytest.param(b"", "ends before", id="nothing"),
        pytest.param(b"\x5b\x00\x00\x00\xff\xff\xff\xff\xff", "ends before", id="a string of a terabyte"),
        pytest.param(b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff\x01", "ends before", id="an array of a terabyte"),
        pytest.param(b"\xbb\x00\x00\x00\xff\xff\xff\xff\xff\x01\x01", "ends before", id="a map of a terabyte"),
        pytest.param(b"\x81" * 100 + b"\x01", "nested deeper", id="a hundred arrays in each other"),
    ],
)
def test_t06_what_could_be_read_in_two_ways_is_refused(raw, why):
    with pytest.raises(NotProved, match=why):
        decode(raw, what="thing")


def test_only_the_tags_that_are_asked_for_may_stand():
    raw = cbor2.dumps(cbor2.CBORTag(18, [1]))

    assert decode(raw, what="thing", tags=frozenset({18})) == Tagged(18, [1])
    with pytest.raises(NotProved):
        decode(raw, what="thing", tags=frozenset({1}))
