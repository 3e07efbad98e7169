"""How fields are spelled in the docs and in the coverage table; and that each field of a later version is refused where it stands."""

import pytest
from pydantic import ValidationError

from proxy.config.layout import ConfigFile
from tests.architecture.fields import policy_fields, pratique_fields

TLS = {"certificate": "a.pem", "key": "a.key"}
# Fields that are settled and that this version refuses, each at its own place.
LATER = {
    "listen.registry.tls.clientCa": {"listen": {"registry": {"tls": {**TLS, "clientCa": "ca.pem"}}}},
    "listen.mirrors[].tls.clientCa": {
        "listen": {"mirrors": [{"address": "127.0.0.1:1", "upstream": "a.b", "tls": {**TLS, "clientCa": "ca.pem"}}]}
    },
    "listen.admin.tokens": {"listen": {"admin": {"tokens": [{"name": "ops", "file": "ops", "role": "view"}]}}},
    "clients.mtls": {"clients": {"mtls": {"identity": "cn"}}},
    "clients.header": {"clients": {"header": {"name": "X-Node", "file": "node"}}},
    "clients.require": {"clients": {"require": "mtls"}},
    "state.passwordFile": {"state": {"passwordFile": "redis"}},
    "state.keyFile": {"state": {"keyFile": "redis.key"}},
    "upstreams.<name>.credentials[].dockerConfig": {"upstreams": {"a.b": {"credentials": {"dockerConfig": "c.json"}}}},
    "upstreams.<name>.credentials[].helper": {"upstreams": {"a.b": {"credentials": {"helper": "ecr-login"}}}},
}


def test_fields_are_spelled_by_their_place():
    assert {"policy", "upstreams.<name>.credentials[].match", "listen.mirrors[].tls.key"} <= pratique_fields()
    assert {"version", "signers.<name>.key", "images[].require[].atLeast"} <= policy_fields()
    assert not any("_" in field for field in pratique_fields() | policy_fields())


def test_every_refused_field_is_one_that_there_is():
    assert LATER.keys() <= pratique_fields()


@pytest.mark.parametrize("field", sorted(LATER))
def test_t27_a_field_of_a_later_version_is_refused_where_it_stands(field):
    written = {"policy": "policy.yaml", "upstreams": {"a.b": {}}, **LATER[field]}
    with pytest.raises(ValidationError, match="not supported by this version") as caught:
        ConfigFile.model_validate(written, by_alias=True, by_name=False)
    at = ".".join(str(part) for part in caught.value.errors()[0]["loc"] if not str(part).startswith("function-"))
    first = field.partition(".")[0]
    assert at.startswith(first)
