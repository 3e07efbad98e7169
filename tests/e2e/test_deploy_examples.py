"""What stands in deploy/ is what a node runs: the same files, with this machine's address, under TLS."""

import re

import pytest

from proxy.demo.images import make_image
from tests.e2e.examples import DEPLOY, example, home_with
from tests.e2e.nodes import Node
from tests.e2e.processes import run
from tests.e2e.proxies import SIGNED, Proxy, push_signed, refusal_id
from tests.e2e.tools import require_tool
from tests.fakes.asking import make_certificate

pytestmark = pytest.mark.e2e
NGC = SIGNED.replace("reg.test", "nvcr.io")  # a registry that the examples name; here it is docker-registry on loopback


@pytest.fixture
def sealed(tmp_path, upstream):
    """The proxy under TLS, and the certificate that nodes trust."""
    certificate, key = make_certificate(tmp_path)
    upstreams = {"nvcr.io": f"url: '{upstream.url}'"}
    with Proxy(tmp_path / "proxy", upstreams, policy=NGC, tls=(certificate, key)) as proxy:
        yield proxy, certificate


def push_both(proxy, upstream):
    good = push_signed(upstream, "acme/good", make_image("good"), by=proxy.team, upstream="nvcr.io")
    upstream.push("acme/bad", make_image("bad"), "v1")
    return good


def test_containerds_example_pulls_by_tls_and_refuses(tmp_path, sealed, upstream, containerd):
    """`_default` alone, as it stands in deploy/containerd/certs.d."""
    proxy, ca = sealed
    good = push_both(proxy, upstream)
    default = tmp_path / "certs.d" / "_default"
    default.mkdir(parents=True)
    (default / "hosts.toml").write_text(example("containerd/certs.d/_default/hosts.toml", proxy=proxy.host, ca=ca))
    node = Node(containerd, tmp_path.name, tmp_path / "certs.d")
    node.pull("nvcr.io/acme/good:v1").fine()
    assert str(good.digest) in node.content()
    refused = node.pull("nvcr.io/acme/bad:v1")
    assert refused.status != 0
    assert "403 DENIED nvcr.io/acme/bad:v1: no signature by team" in refused.said
    refused = node.pull("docker.io/library/alpine:3.20")
    assert refused.status != 0
    assert "'docker.io' is not an upstream here" in refused.said


@pytest.mark.parametrize(("file", "plugin"), [("config-1.x.toml", "io.containerd.grpc.v1.cri")])
def test_containerds_fragment_is_read_by_the_containerd_of_its_age(file, plugin):
    dumped = run(require_tool("containerd"), "--config", DEPLOY / "containerd" / file, "config", "dump").fine().out
    section = dumped.partition(f'[plugins."{plugin}".registry]')[2]
    assert re.match(r'\s*config_path = "/etc/containerd/certs.d"', section)


def drop_in(tmp_path, sealed) -> dict[str, str]:
    """A home where podman's example stands; beside it a folder with the proxy's CA."""
    proxy, ca = sealed
    conf = tmp_path / "50-pratique.conf"
    conf.write_text(example("podman/50-pratique.conf", proxy=proxy.host))
    certs = tmp_path / "containers-certs"
    certs.mkdir()
    (certs / "ca.crt").write_bytes(ca.read_bytes())
    return home_with(conf, tmp_path)


def test_podmans_example_serves_skopeo_by_tls_and_refuses(tmp_path, sealed, upstream):
    good = push_both(sealed[0], upstream)
    env = drop_in(tmp_path, sealed)
    skopeo = [require_tool("skopeo"), "--insecure-policy"]
    certs = f"--src-cert-dir={tmp_path / 'containers-certs'}"
    run(*skopeo, "copy", certs, "docker://nvcr.io/acme/good:v1", f"dir:{tmp_path / 'good'}", env=env).fine()
    assert (tmp_path / "good" / "manifest.json").read_bytes() == good.manifest
    refused = run(*skopeo, "copy", certs, "docker://nvcr.io/acme/bad:v1", f"dir:{tmp_path / 'bad'}", env=env)
    assert refused.status != 0
    assert "no signature by team (0 found)" in refused.said
    assert refusal_id(refused.said)


def test_podmans_example_pulls_and_refuses(tmp_path, sealed, upstream, podman):
    good = push_both(sealed[0], upstream)
    env = drop_in(tmp_path, sealed)
    certs = f"--cert-dir={tmp_path / 'containers-certs'}"
    podman("pull", certs, "nvcr.io/acme/good:v1", env=env).fine()
    assert str(good.digest) in podman("images", "--digests", env=env).fine().out
    refused = podman("pull", certs, "nvcr.io/acme/bad:v1", env=env)
    assert refused.status != 0
    assert "no signature by team (0 found)" in refused.said
    assert refusal_id(refused.said)
    assert "acme/bad" not in podman("images", env=env).fine().out
