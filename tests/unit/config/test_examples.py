"""The examples that are shipped load as they stand, but for the secrets and certificates of a real site."""

import tomllib
from pathlib import Path

from proxy.node.egress import nftables
from proxy.node.hosts import containerd_config, hosts_tree
from proxy.node.podman import registries_conf
from proxy.oci.reference import Repository, Tag
from proxy.policy.evaluate import permits_repository, permits_tag

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config/gpu-cluster"
PROXIES = ["https://pratique.internal:5000"]


def load_example(site):
    site.write_certificate("tls")
    site.write("ngc", "secret")
    site.write("pins.lock.yaml", (EXAMPLE / "pins.lock.yaml").read_text())
    text = (EXAMPLE / "pratique.yaml").read_text()
    for written in ("/etc/pratique/tls.crt", "/etc/pratique/tls.key", "/run/secrets/ngc"):
        assert written in text
        text = text.replace(written, written.rpartition("/")[2])
    return site.load_both(text, policy=(EXAMPLE / "policy.yaml").read_text())


def test_the_example_for_a_gpu_cluster_loads_without_a_warning(site):
    config, loaded = load_example(site)

    assert (config.warnings, loaded.warnings) == ((), ())
    assert config.upstreams["nvcr.io"].credentials[0].username == "$oauthtoken"
    assert str(config.data) == "/var/lib/pratique"


def test_the_example_asks_for_publishers_signatures_and_for_reviewed_digests_elsewhere(site):
    _, loaded = load_example(site)

    rule = permits_repository(loaded.policy, Repository("nvcr.io", "nvidia/pytorch"))
    permits_tag(rule, Tag("25.01-py3"))
    assert rule.signer_names == {"nvidia"}
    assert (
        permits_repository(loaded.policy, Repository("nvcr.io", "nvidia/cloud-native/dcgm")).match
        == "nvcr.io/nvidia/**"
    )
    pause = permits_repository(loaded.policy, Repository("registry.k8s.io", "pause"))
    assert (pause.signer_names, pause.rollback) == ({"kubernetes"}, "deny")
    assert permits_repository(loaded.policy, Repository("docker.io", "library/alpine")).signer_names == frozenset()


def test_the_allow_list_of_a_gpu_site_comes_with_a_configuration_that_names_its_registries(site):
    folder = ROOT / "config/cookbook/gpu-site"
    certificate = (ROOT / "config/cookbook/own-pki/corp-ca.pem").read_bytes()
    for brought in ("microsoft-supply-chain.pem", "microsoft-timestamps.pem"):
        site.write(brought, certificate)

    config, loaded = site.load_both((folder / "pratique.yaml").read_text(), policy=(folder / "policy.yaml").read_text())

    assert (config.warnings, loaded.warnings) == ((), ())
    assert {rule.match.partition("/")[0] for rule in loaded.policy.rules} == set(config.upstreams)


def test_the_containerd_examples_are_what_node_hosts_writes():
    tree = hosts_tree(proxies=PROXIES, upstreams=["nvcr.io"], ca="/etc/pratique/ca.pem")
    folder = ROOT / "deploy/containerd"

    assert (folder / "certs.d/_default/hosts.toml").read_text() == tree["_default/hosts.toml"]
    for major in (1, 2):
        text = (folder / f"config-{major}.x.toml").read_text()
        assert text == containerd_config(major=major)
        assert tomllib.loads(text)["version"] == major + 1


def test_the_podman_example_is_what_node_hosts_writes_for_the_examples_upstreams(site):
    config, _ = load_example(site)

    assert (ROOT / "deploy/podman/50-pratique.conf").read_text() == registries_conf(
        proxies=PROXIES, upstreams=list(config.upstreams)
    )


def test_the_egress_example_is_what_node_hosts_explains():
    assert (ROOT / "deploy/egress/pratique.nft").read_text() == nftables(proxies=["https://10.20.0.10:5000"])
