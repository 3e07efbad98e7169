"""Who may ask at a listener (clients.md 1.6: nobody is ever challenged)."""

import ipaddress

import pytest

from proxy.errors import NotAllowed
from proxy.events import Client
from proxy.web.clients import Clients, plain_address
from proxy.web.settings import Address

BEYOND = Address("10.0.0.1", 5000)
OPEN = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")]


def clients(*, address=BEYOND, is_sealed=False, networks=()):
    return Clients(address=address, is_sealed=is_sealed, open_networks=networks)


@pytest.mark.parametrize("address", ["10.2.0.1", "fe80::1", "192.0.2.1"])
def test_others_may_not_ask_beyond_loopback_without_tls(address):
    with pytest.raises(NotAllowed, match=r"clients\.open") as caught:
        clients(networks=OPEN).admit(Client(address))
    assert caught.value.status == 403


@pytest.mark.parametrize("address", ["10.1.255.255", "fd12::1", "127.0.0.1", "::1"])
def test_open_networks_and_this_host_may_ask(address):
    assert clients(networks=OPEN).admit(Client(address)) is None


def test_without_open_networks_nobody_from_elsewhere_may_ask():
    with pytest.raises(NotAllowed):
        clients().admit(Client("10.1.0.1"))


@pytest.mark.parametrize("place", [{"is_sealed": True}, {"address": Address("127.0.0.1", 5000)}])
def test_with_tls_or_on_loopback_whoever_reaches_it_may_ask(place):
    assert clients(**place).admit(Client("10.2.0.1")) is None


def test_with_tls_the_open_networks_are_the_only_ones_where_any_are_named():
    """They are what lets credentialed upstreams stand behind this port (face.md, load errors)."""
    known = clients(is_sealed=True, networks=OPEN)
    assert known.admit(Client("10.1.0.1")) is None
    with pytest.raises(NotAllowed):
        known.admit(Client("10.2.0.1"))


def test_a_client_without_an_address_may_not_ask_where_addresses_matter():
    class Gone:
        transport = None

    known = clients(networks=[ipaddress.ip_network("0.0.0.0/0")])
    with pytest.raises(NotAllowed):
        known.admit(known.who(Gone()))


def test_an_ipv4_address_is_one_whichever_socket_it_came_through():
    assert str(plain_address("::ffff:10.1.2.3")) == "10.1.2.3"
    assert str(plain_address("fe80::1%eth0")) == "fe80::1"
