import pytest

from proxy.errors import UpstreamError, UpstreamRefused, UpstreamTimeout, UpstreamUnavailable
from proxy.upstream.exchange.answers import failure, realm_refused


def told(status, *, is_elsewhere=False, has_credentials=False):
    return failure(
        upstream="nvcr.io",
        host="cdn.example" if is_elsewhere else "nvcr.io",
        status=status,
        is_elsewhere=is_elsewhere,
        has_credentials=has_credentials,
        wait=7,
        said="DENIED: no",
    )


@pytest.mark.parametrize("status", [*range(201, 210), *range(300, 309), *range(400, 430), *range(500, 512), 599, 999])
@pytest.mark.parametrize("is_elsewhere", [True, False])
def test_t59_no_status_becomes_a_404_or_an_answer_of_no(status, is_elsewhere):
    error = told(status, is_elsewhere=is_elsewhere)
    assert isinstance(error, UpstreamError)
    assert error.status in (502, 503, 504)
    assert "nvcr.io" in error.message


def test_each_kind_of_failure_is_told_apart():
    assert isinstance(told(503), UpstreamUnavailable)
    assert told(503).retry_after == 7
    assert isinstance(told(408), UpstreamTimeout)
    assert isinstance(told(418), UpstreamRefused)
    assert told(500).detail == "nvcr.io answered 500: DENIED: no"


def test_refused_credentials_name_the_line_to_correct():
    assert "correct upstreams.nvcr.io.credentials" in told(403, has_credentials=True).message
    assert "wants credentials" in told(401).message
    assert "to which nvcr.io leads" in told(403, is_elsewhere=True, has_credentials=True).message


def test_t09_a_refused_realm_names_the_line_that_would_allow_it_and_no_secret():
    message = realm_refused("x", "https://user:pw@evil.example/token?scope=a#b").message
    assert 'upstreams.x.realms: ["https://evil.example/token"]' in message
    assert "pw" not in message
