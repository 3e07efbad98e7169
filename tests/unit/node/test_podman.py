"""registries.conf of clients.md 7: blocked, with the proxy as the mirror."""

import tomllib

import pytest

from proxy.errors import ConfigError
from proxy.node.podman import registries_conf


def parsed(*, proxies=("https://a.internal:8443",), upstreams=("nvcr.io",)):
    return tomllib.loads(registries_conf(proxies=proxies, upstreams=upstreams))["registry"]


def test_the_registry_itself_is_blocked_and_the_proxy_is_its_mirror():
    assert parsed() == [
        {
            "prefix": "nvcr.io",
            "location": "nvcr.io",
            "blocked": True,
            "mirror": [{"location": "a.internal:8443/nvcr.io", "insecure": False}],
        }
    ]


def test_a_plain_http_proxy_is_marked_insecure():
    assert parsed(proxies=["http://127.0.0.1:5000"])[0]["mirror"][0]["insecure"] is True


def test_two_proxies_are_two_mirrors_in_order():
    found = parsed(proxies=["https://b.internal", "https://a.internal"])

    assert [mirror["location"] for mirror in found[0]["mirror"]] == ["b.internal/nvcr.io", "a.internal/nvcr.io"]


def test_a_port_of_an_upstream_is_an_alias_in_the_path():
    (found,) = parsed(upstreams=["nvcr.example:5000"])

    assert found["prefix"] == "nvcr.example:5000"
    assert found["mirror"][0]["location"] == "a.internal:8443/nvcr.example_5000"


def test_each_upstream_stands_once_and_in_order_of_name():
    assert [found["prefix"] for found in parsed(upstreams=["quay.io", "ghcr.io", "quay.io"])] == ["ghcr.io", "quay.io"]


@pytest.mark.parametrize("name", ["a/b", 'a"b', "a\nb", ""])
def test_a_name_that_is_no_host_is_refused(name):
    with pytest.raises(ConfigError, match="use a host name"):
        parsed(upstreams=[name])
