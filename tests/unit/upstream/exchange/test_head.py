import http.client

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from proxy.upstream.exchange.head import parsed, written


@given(st.binary(max_size=300))
def test_whatever_arrives_it_is_a_head_or_no_http(text):
    for raw in (text, b"HTTP/1.1 200 OK\r\n" + text + b"\r\n\r\n"):
        try:
            head = parsed(raw)
        except http.client.HTTPException:
            continue
        assert 100 <= head.status <= 999
        assert head.length is None or head.length >= 0


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"Content-Length: 5", 5),
        (b"Content-Length: 0", 0),
        (b"Content-Length: -5", None),
        (b"Content-Length: 5, 5", None),
        (b"Content-Length: five", None),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", None),
        (b"X: y", None),
    ],
)
def test_a_length_is_one_number_and_nothing_else(fields, length):
    assert parsed(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n").length == length


@given(st.text(max_size=50))
def test_nothing_slips_into_a_request(text):
    url = URL("http://up.example/v2/a/blobs/x", encoded=True)
    try:
        raw = written(url, {"If-Range": text})
    except ValueError:
        return
    assert raw.count(b"\r\n") == 7
    assert raw.endswith(b"\r\n\r\n")


def test_a_signed_url_is_asked_exactly_as_it_was_given():
    url = URL("https://cdn.example:8443/a%2Fb?X-Sig=%2B%3d&x=a+b", encoded=True)
    assert written(url, {}).startswith(b"GET /a%2Fb?X-Sig=%2B%3d&x=a+b HTTP/1.1\r\nHost: cdn.example:8443\r\n")
