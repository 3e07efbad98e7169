"""A wrong proxy is refused before a node is touched."""

import pytest

from proxy.errors import ConfigError
from proxy.node.proxies import parse_proxies


def test_a_proxy_is_a_scheme_and_an_authority():
    (address,) = parse_proxies(["https://proxy.internal:8443/"])

    assert (address.url, address.authority, address.is_tls) == (
        "https://proxy.internal:8443",
        "proxy.internal:8443",
        True,
    )


def test_an_ipv6_proxy_keeps_its_brackets():
    (address,) = parse_proxies(["http://[fd00::7]:5000"])

    assert address.authority == "[fd00::7]:5000"


@pytest.mark.parametrize(("url", "port"), [("https://p.internal", 443), ("http://p.internal", 80), ("http://p:81", 81)])
def test_the_port_connected_to_is_known_without_being_written(url, port):
    assert parse_proxies([url])[0].connects_to == port


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("proxy.internal:5000", "write http:// or https://"),
        ("ftp://proxy.internal", "write http:// or https://"),
        ("https://", "write http:// or https://"),
        ("https://pro xy:1", "write http:// or https://"),
        ('https://a"b:1', "write http:// or https://"),
        ("https://proxy.internal/v2", "remove what follows the host"),
        ("https://proxy.internal?x=1", "remove what follows the host"),
        ("https://proxy.internal:99999", "Port out of range"),
        ("https://proxy.internal:0", "port 0"),
    ],
)
def test_a_wrong_proxy_is_refused_with_its_remedy(url, remedy):
    with pytest.raises(ConfigError, match=remedy):
        parse_proxies([url])


def test_a_password_in_a_proxy_url_is_refused_and_not_repeated():
    with pytest.raises(ConfigError) as caught:
        parse_proxies(["https://ops:hunter2@proxy.internal"])

    assert "client certificate" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_every_wrong_proxy_is_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_proxies(["x", "https://good.internal", "y"])

    assert len(caught.value.problems) == 2


def test_no_proxy_and_the_same_proxy_twice_are_refused():
    with pytest.raises(ConfigError, match="at least one"):
        parse_proxies([])
    with pytest.raises(ConfigError, match="twice"):
        parse_proxies(["http://p:1", "http://p:1/"])
