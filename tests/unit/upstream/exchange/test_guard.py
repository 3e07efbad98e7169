import ipaddress
import socket

import pytest
from yarl import URL

from proxy.errors import UpstreamRefused
from proxy.upstream.exchange.guard import Guard, GuardedResolver, is_public

PRIVATE = [
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104 an address to be refused
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "192.0.0.192",
    "::",
    "::1",
    "::7f00:1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:5ef5:79fd:0:0:f5ff:fffe",
    "2001:db8::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
def test_t09_private_addresses_are_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_t58_a_private_address_in_a_url_is_refused(address):
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(UpstreamRefused, match=r"upstreams\.x\.redirects"):
        Guard("x", []).require(URL(f"http://{host}/latest/meta-data"))


@pytest.mark.parametrize("is_proxied", [False, True])
@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "0x7f000001",
        "1.0.0.0x7f",
        "127.0.0.1.",
        "0",
        "8.8.2056",
        "%6c%6f.x",
        "\u2460.0.0.1",
    ],
)
def test_t58_an_address_in_another_spelling_is_refused(host, is_proxied):
    """The client's own parser takes digits and dots for an address: it would connect without asking the resolver."""
    with pytest.raises(UpstreamRefused):
        Guard("x", [], is_proxied=is_proxied).require(URL(f"http://{host}/", encoded=True))


def test_a_name_that_the_operator_wrote_is_asked_however_it_is_spelled():
    Guard("x", ["127.1:5000"]).require(URL("http://127.1:5000/v2/"))


@pytest.mark.parametrize(
    "url", ["ftp://8.8.8.8/x", "file:///etc/passwd", "http://user@8.8.8.8/", "//8.8.8.8/x", "mailto:x", "/relative"]
)
def test_only_plain_http_urls_are_asked(url):
    with pytest.raises(UpstreamRefused):
        Guard("x", []).require(URL(url))


def test_what_the_operator_named_may_be_private():
    guard = Guard("x", ["10.0.0.7:5000", "blobs.corp", "[fd00::7]:443"])
    guard.require(URL("https://10.0.0.7:5000/v2/"))
    guard.require(URL("https://[fd00::7]/v2/"))
    assert guard.permitted("blobs.corp", 8443, ["10.0.0.9"]) == ["10.0.0.9"]
    assert guard.permitted("BLOBS.corp.", 8443, ["10.0.0.9"]) == ["10.0.0.9"]
    with pytest.raises(UpstreamRefused):
        guard.require(URL("https://10.0.0.7:22/"))


@pytest.mark.parametrize(
    "host", ["localhost", "redis", "a.localhost", "metadata.google.internal", "x.home.arpa", "127.1", "0x7f.0x1"]
)
def test_behind_an_egress_proxy_names_that_are_never_public_are_refused(host):
    with pytest.raises(UpstreamRefused):
        Guard("x", [], is_proxied=True).require(URL(f"http://{host}/", encoded=True))


def test_behind_an_egress_proxy_public_names_pass_and_private_addresses_do_not():
    guard = Guard("x", [], is_proxied=True)
    guard.require(URL("https://cdn.example.com/x"))
    with pytest.raises(UpstreamRefused):
        guard.require(URL("https://10.0.0.1/x"))


async def test_t58_the_addresses_checked_are_the_ones_connected_to():
    """DNS that answers a public and then a private address: what resolve returns is what is connected to."""
    answers = iter([["8.8.8.8", "127.0.0.1"], ["127.0.0.1"]])

    async def lookup(host, port, family):
        return [(socket.AF_INET, address) for address in next(answers)]

    resolver = GuardedResolver(Guard("x", []), lookup)
    found = await resolver.resolve("rebind.example", 443)
    assert [(entry["host"], entry["flags"]) for entry in found] == [("8.8.8.8", socket.AI_NUMERICHOST)]
    with pytest.raises(UpstreamRefused):
        await resolver.resolve("rebind.example", 443)
