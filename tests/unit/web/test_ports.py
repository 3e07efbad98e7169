"""Ports that several processes share: kept for ours, refused where another program listens."""

import socket

import pytest

from proxy.errors import ConfigError
from proxy.web.ports import keep_ports
from proxy.web.settings import ListenSettings


def listen(*, registry: str = "127.0.0.1:0", **more: object) -> ListenSettings:
    return ListenSettings.model_validate(
        {"registry": {"address": registry}, "admin": {"address": "127.0.0.1:0"}, **more}
    )


def test_a_port_that_the_system_chooses_is_the_same_for_all():
    ports = keep_ports(listen(mirrors=[{"address": "127.0.0.1:0", "upstream": "docker.io"}]))
    chosen = ports.listen.registry.address.port
    assert chosen > 0
    assert ports.addresses["registry"] == ports.listen.registry.address
    assert ports.addresses["mirror docker.io"] == ports.listen.mirrors[0].address
    assert set(ports.addresses) == {"registry", "admin", "mirror docker.io"}
    both = [socket.socket() for _ in range(2)]
    for each in both:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        each.bind(("127.0.0.1", chosen))
        each.listen()
        each.close()
    ports.close()


def test_a_port_on_which_another_program_listens_is_refused_though_it_would_share_it():
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"listen.registry.address: {taken} is taken by another program"):
            keep_ports(listen(registry=taken))
        with pytest.raises(ConfigError, match=r"listen\.health\.address"):
            keep_ports(listen(health={"address": taken}))


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ConfigError, match="is not an address of this machine"):
        keep_ports(listen(registry="192.0.2.1:5000"))
