import pytest

from proxy.upstream.exchange.stream import strong


@pytest.mark.parametrize(
    ("etag", "is_strong"),
    [
        ('"abc"', True),
        ('"sha256:00"', True),
        ('W/"abc"', False),
        ("abc", False),
        ('"a b"', False),
        ('"a"b"', False),
        ('""', False),
        ("", False),
        (None, False),
        (f'"{"x" * 300}"', False),
    ],
)
def test_only_a_strong_etag_validates(etag, is_strong):
    assert strong(etag) == (etag if is_strong else None)
