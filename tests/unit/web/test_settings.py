"""Where the proxy listens: what is accepted, and what this version says no to."""

import pytest
from pydantic import ValidationError

from proxy.web.settings import Address, ClientsSettings, ListenSettings


def test_every_field_has_its_default():
    listen = ListenSettings()
    assert listen.registry.address == Address("127.0.0.1", 5000)
    assert listen.admin.address == Address("127.0.0.1", 5001)
    assert listen.health.address is None
    assert listen.mirrors == ()
    assert listen.registry.tls is None


def test_the_file_is_read_in_camel_case():
    listen = ListenSettings.model_validate(
        {
            "registry": {"address": "0.0.0.0:443", "tls": {"certificate": "a.pem", "key": "a.key"}},
            "mirrors": [{"address": "127.0.0.1:5002", "upstream": "docker.io"}],
            "health": {"address": "[::]:5003"},
            "expressLane": False,
        }
    )
    assert listen.registry.address == Address("0.0.0.0", 443)  # noqa: S104  # nothing listens there
    assert str(listen.registry.tls.certificate) == "a.pem"
    assert listen.mirrors[0].upstream == "docker.io"
    assert listen.health.address == Address("::", 5003)
    assert listen.express_lane is False


@pytest.mark.parametrize("text", ["127.0.0.1", "example.com:5000", ":5000", "127.0.0.1:", "127.0.0.1:70000", "1:2:3"])
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(ValidationError, match=r"write 127\.0\.0\.1:5000"):
        ListenSettings.model_validate({"registry": {"address": text}})


@pytest.mark.parametrize(
    ("text", "is_loopback"), [("127.0.0.1:1", True), ("[::1]:1", True), ("localhost:1", True), ("0.0.0.0:1", False)]
)
def test_an_address_knows_whether_it_is_loopback(text, is_loopback):
    assert Address.parse(text).is_loopback is is_loopback


def test_an_address_is_written_as_it_is_read():
    assert str(Address.parse("[::1]:5000")) == "[::1]:5000"
    assert str(Address.parse("10.0.0.1:5000")) == "10.0.0.1:5000"


@pytest.mark.parametrize(
    "listen",
    [
        {"registry": {"tls": {"certificate": "a", "key": "b", "clientCa": "c"}}},
        {"admin": {"tokens": [{"name": "ops", "file": "f", "role": "operate"}]}},
    ],
)
def test_t27_what_this_version_cannot_do_is_an_error_that_says_so(listen):
    with pytest.raises(ValidationError, match="not supported by this version"):
        ListenSettings.model_validate(listen)


@pytest.mark.parametrize(
    "clients", [{"require": "mtls"}, {"require": "header"}, {"mtls": {}}, {"header": {"name": "x"}}]
)
def test_t27_ways_to_know_clients_that_are_not_there_yet_are_errors(clients):
    with pytest.raises(ValidationError, match="not supported by this version"):
        ClientsSettings.model_validate(clients)


def test_an_unknown_field_is_an_error():
    with pytest.raises(ValidationError, match="extra"):
        ListenSettings.model_validate({"registri": {}})


def test_networks_are_parsed_and_a_wrong_one_is_named():
    assert [str(network) for network in ClientsSettings.model_validate({"open": ["10.0.0.0/8", "::1/128"]}).open] == [
        "10.0.0.0/8",
        "::1/128",
    ]
    with pytest.raises(ValidationError, match=r"10\.0\.0\.1/8.*is not a network"):
        ClientsSettings.model_validate({"open": ["10.0.0.1/8"]})
