import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.link import next_page


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('</v2/a/tags/list?n=2&last=b>; rel="next"', "/v2/a/tags/list?n=2&last=b"),
        ("</v2/x>;rel=next", "/v2/x"),
        ('</v2/x>; title="a, b"; rel="prev next"', "/v2/x"),
        ('</v2/p>; rel="prev", </v2/x>; rel="next"', "/v2/x"),
        ('<https://other.example/x>; rel="next"', "https://other.example/x"),
        ('</v2/x>; rel="nexto"', None),
        ('</v2/x>; rel="prev"', None),
        ("</v2/x>", None),
        ('</v2 x>; rel="next"', None),
        ("", None),
    ],
)
def test_the_next_page_is_the_link_that_says_so(header, target):
    assert next_page([header]) == target


@given(st.text(alphabet='<>;=," relnxt/v2', max_size=200))
def test_whatever_stands_in_link_nothing_is_raised(header):
    found = next_page([header])
    assert found is None or found in header
