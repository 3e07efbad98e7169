"""The egress rule that must go with the tree."""

import pytest

from proxy.errors import ConfigError
from proxy.node.egress import explain_egress, nftables


def test_the_explanation_names_each_proxy_and_its_port_and_why():
    text = explain_egress(proxies=["https://a.internal:8443", "https://b.internal"])

    assert "a.internal port 8443 and b.internal port 443" in text
    assert "`ctr` ignores them" in text


def test_the_ruleset_accepts_the_proxy_before_it_rejects_the_rest():
    text = nftables(proxies=["https://10.0.0.7:8443"])

    assert text.index("ip daddr 10.0.0.7 tcp dport 8443 accept") < text.index("reject with tcp reset")


def test_the_ruleset_tells_ipv6_from_ipv4_and_leaves_loopback_to_its_own_line():
    text = nftables(proxies=["https://[fd00::7]:8443", "http://127.0.0.1:5000"], site=["fd00::/8"])

    assert "ip6 daddr fd00::7 tcp dport 8443 accept" in text
    assert "ip6 daddr fd00::/8 accept" in text
    assert "127.0.0.1" not in text


def test_a_site_network_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="such as 10"):
        nftables(proxies=["https://a.internal"], site=["all"])
