import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.upstream.restraint.quota import Quota, quota

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"}, Quota(100, 76)),  # Docker Hub
        (
            {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1790000300"},
            Quota(60, 0, 300),
        ),  # GitHub
        ({"RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "5"}, Quota(10, 0, 5)),  # IETF draft
        ({"X-RateLimit-Limit": "6", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000000"}, Quota(6, 0, 0)),
        ({"RateLimit-Limit": "100"}, None),
        ({"RateLimit-Remaining": "0"}, None),
        ({"RateLimit-Limit": "many", "RateLimit-Remaining": "few"}, None),
        ({"RateLimit-Limit": "1", "RateLimit-Remaining": "-1"}, None),
        ({"RateLimit-Limit": "1", "RateLimit-Remaining": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_what_is_left_is_read_from_whichever_header_says_it(headers, found):
    assert quota(CIMultiDict(headers), now=NOW) == found


@given(st.dictionaries(st.sampled_from(["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]), st.text()))
def test_whatever_stands_in_the_headers_the_answer_is_bounded(headers):
    found = quota(CIMultiDict(headers), now=NOW)
    assert found is None or (0 <= found.limit < 10**9 and 0 <= found.remaining < 10**9)
