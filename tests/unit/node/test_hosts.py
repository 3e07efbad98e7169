"""The certs.d tree of clients.md 2.3: closed on every containerd that was tested."""

import tomllib

import pytest

from proxy.errors import ConfigError
from proxy.node.hosts import containerd_config, hosts_tree

ONE = "https://a.internal:8443"
TWO = "https://b.internal:8443"


def tree(**given):
    return hosts_tree(**{"proxies": [ONE], "upstreams": ["nvcr.io"], **given})


def parsed(**given):
    return tomllib.loads(tree(**given)["_default/hosts.toml"])


def test_server_is_the_proxy_so_that_no_upstream_is_appended():
    assert parsed()["server"] == ONE


def test_the_proxy_has_a_host_table_too_for_containerd_before_1_7_32():
    assert list(parsed()["host"]) == [ONE]


def test_with_two_proxies_server_is_the_last_and_tables_stand_in_order():
    found = parsed(proxies=[ONE, TWO])

    assert found["server"] == TWO
    assert list(found["host"]) == [ONE, TWO]


def test_capabilities_are_pull_and_resolve_everywhere_and_nothing_that_old_versions_reject():
    found = parsed(proxies=[ONE, TWO])

    assert [part["capabilities"] for part in (found, *found["host"].values())] == [["pull", "resolve"]] * 3


def test_ca_and_client_certificate_stand_under_server_and_under_each_host():
    found = parsed(proxies=[ONE, TWO], ca="/etc/p/ca.pem", client=("/etc/p/node.crt", "/etc/p/node.key"))

    for part in (found, *found["host"].values()):
        assert part["ca"] == "/etc/p/ca.pem"
        assert part["client"] == [["/etc/p/node.crt", "/etc/p/node.key"]]


def test_every_upstream_has_an_identical_file_so_that_an_existing_directory_cannot_bypass():
    found = tree(upstreams=["nvcr.io", "ghcr.io"])

    assert set(found) == {"_default/hosts.toml", "nvcr.io/hosts.toml", "ghcr.io/hosts.toml"}
    assert len(set(found.values())) == 1


def test_an_upstream_with_a_port_is_closed_under_both_names_that_containerd_looks_for():
    found = tree(upstreams=["registry.corp.example:5000"])

    assert {"registry.corp.example_5000_/hosts.toml", "registry.corp.example:5000/hosts.toml"} < set(found)


def test_docker_hub_is_closed_under_all_its_names():
    found = tree(upstreams=["docker.io"])

    assert {f"{name}/hosts.toml" for name in ("docker.io", "index.docker.io", "registry-1.docker.io")} < set(found)


def test_directories_that_stand_there_already_are_closed_as_well():
    assert "quay.io/hosts.toml" in tree(directories=["quay.io"])


def test_a_plain_http_proxy_has_no_tls_lines():
    found = parsed(proxies=["http://127.0.0.1:5000"])

    assert found["server"] == "http://127.0.0.1:5000"
    assert "ca" not in found


def test_certificates_for_a_plain_http_proxy_are_refused():
    with pytest.raises(ConfigError, match="https"):
        tree(proxies=["http://127.0.0.1:5000"], ca="/ca.pem")


@pytest.mark.parametrize("name", ["../etc", "a/b", "", ".hidden", "a b", "x" * 256, "a\x00"])
def test_a_name_that_would_leave_the_folder_is_refused(name):
    with pytest.raises(ConfigError, match="not a registry host"):
        tree(upstreams=[name])


def test_a_path_with_quotes_stays_one_string_and_one_with_control_characters_is_refused():
    assert parsed(ca='/etc/"x"\\y.pem')["ca"] == '/etc/"x"\\y.pem'
    with pytest.raises(ConfigError):
        parsed(ca='/etc/x\nserver = "https://evil"')


@pytest.mark.parametrize(
    ("major", "version", "plugin"), [(1, 2, "io.containerd.grpc.v1.cri"), (2, 3, "io.containerd.cri.v1.images")]
)
def test_config_toml_names_exactly_one_folder(major, version, plugin):
    found = tomllib.loads(containerd_config(major=major))

    assert found == {"version": version, "plugins": {plugin: {"registry": {"config_path": "/etc/containerd/certs.d"}}}}


@pytest.mark.parametrize("folder", ["/a:/b", "relative", ""])
def test_a_list_of_folders_is_refused_since_containerd_2_1_then_goes_upstream(folder):
    with pytest.raises(ConfigError, match="one absolute folder"):
        containerd_config(major=2, folder=folder)
