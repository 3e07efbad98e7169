"""containers/image (skopeo, podman, CRI-O): no `ns`, a ping first, GET instead of HEAD; by prefix and by mirror."""

import json

import pytest

from proxy.demo.images import make_image, make_index
from proxy.node.podman import registries_conf
from proxy.oci.digest import Digest
from tests.e2e.examples import home_with
from tests.e2e.processes import run
from tests.e2e.proxies import SIGNED, Proxy, push_signed, refusal_id
from tests.e2e.tools import require_tool
from tests.fakes.layouts import read_layout, write_layout

pytestmark = pytest.mark.e2e


@pytest.fixture
def proxy(tmp_path, upstream):
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}) as running:
        yield running


@pytest.fixture
def skopeo(tmp_path):
    """Run skopeo, in a home where `conf.d` is a folder of drop-ins or nothing."""
    binary = require_tool("skopeo")

    def command(*arguments, conf=None):
        return run(binary, "--insecure-policy", *arguments, env=home_with(conf, tmp_path))

    return command


@pytest.fixture
def mirrored(tmp_path, proxy):
    """podman's drop-in as `pratique node hosts --podman` writes it."""
    target = tmp_path / "conf.d"
    named = ("--proxy", proxy.url, "--upstream", "reg.test")
    proxy.command("node", "hosts", "--podman", *named, "--out", str(target)).fine()
    (written,) = target.iterdir()
    assert written.read_text() == registries_conf(proxies=[proxy.url], upstreams=["reg.test"])
    return written


def test_skopeo_pushes_to_the_upstream_and_pulls_the_same_bytes_by_prefix(tmp_path, proxy, upstream, skopeo):
    """What a real tool pushed comes back byte for byte: `/v2/<host>/<repository>`, the second addressing."""
    image = make_image("by prefix", layers=3, layer_size=300_000)
    layout = write_layout(image, tmp_path / "pushed", tag="v1")
    pushed = f"docker://{upstream.host}/acme/app:v1"
    skopeo("copy", "--preserve-digests", "--dest-tls-verify=false", f"oci:{layout}:v1", pushed).fine()
    push_signed(upstream, "acme/app", image, by=proxy.team)
    name = f"docker://{proxy.host}/reg.test/acme/app:v1"
    inspected = json.loads(skopeo("inspect", "--tls-verify=false", name).fine().out)
    assert inspected["Digest"] == str(image.digest)
    assert inspected["RepoTags"] == ["v1"], "evidence is not a tag that anyone pulls"
    skopeo("copy", "--preserve-digests", "--src-tls-verify=false", name, f"oci:{tmp_path / 'pulled'}:v1").fine()
    pulled = read_layout(tmp_path / "pulled")
    assert pulled.manifests[image.digest][0] == image.manifest
    assert pulled.blobs == image.blobs
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"{name.rpartition(':')[0]}@{image.digest}").fine().out
    assert Digest.of(raw.encode()) == image.digest


def test_skopeo_copies_a_whole_index(tmp_path, proxy, upstream, skopeo):
    index = make_index([make_image("multi", architecture=each) for each in ("amd64", "arm64")])
    push_signed(upstream, "acme/app", index, by=proxy.team)
    name = f"docker://{proxy.host}/reg.test/acme/app:v1"
    skopeo("copy", "--all", "--preserve-digests", "--src-tls-verify=false", name, f"oci:{tmp_path / 'all'}:v1").fine()
    pulled = read_layout(tmp_path / "all")
    assert {each.digest for each in index.tree} == pulled.manifests.keys()
    assert {digest for each in index.tree for digest in each.blobs} == pulled.blobs.keys()


def test_skopeo_is_told_why_an_image_is_refused(tmp_path, proxy, upstream, skopeo):
    upstream.push("acme/app", make_image("unsigned"), "v1")
    upstream.push("other/app", make_image("unlisted"), "v1")
    for name, why in (
        ("reg.test/acme/app:v1", "no signature by team (0 found)"),
        ("reg.test/other/app:v1", "no rule matches reg.test/other/app"),
        ("elsewhere.test/acme/app:v1", "not an upstream here"),
    ):
        target = tmp_path / "refused"
        refused = skopeo("copy", "--src-tls-verify=false", f"docker://{proxy.host}/{name}", f"dir:{target}")
        assert refused.status != 0
        assert why in refused.said
        assert refusal_id(refused.said)
        assert not [file for file in target.glob("*") if len(file.name) == 64], "no blob of it arrived"


def test_skopeo_through_the_drop_in_keeps_the_upstreams_name(tmp_path, proxy, upstream, skopeo, mirrored):
    """`blocked` with a mirror: the mirror is used, its refusal is final, and the registry itself is never asked."""
    image = push_signed(upstream, "acme/app", make_image("mirrored"), by=proxy.team)
    upstream.push("acme/bad", make_image("unsigned"), "v1")
    copied = f"dir:{tmp_path / 'copied'}"
    skopeo("copy", "docker://reg.test/acme/app:v1", copied, conf=mirrored).fine()
    assert (tmp_path / "copied" / "manifest.json").read_bytes() == image.manifest
    refused = skopeo("copy", "docker://reg.test/acme/bad:v1", f"dir:{tmp_path / 'bad'}", conf=mirrored)
    assert refused.status != 0
    assert "no signature by team (0 found)" in refused.said
    assert refusal_id(refused.said)
    proxy.stop()
    away = skopeo("copy", "docker://reg.test/acme/app:v1", f"dir:{tmp_path / 'away'}", conf=mirrored)
    assert away.status != 0, "no proxy, no image"


def test_the_drop_in_cannot_be_bypassed_though_the_upstream_is_in_reach(tmp_path, upstream, skopeo):
    """The upstream under its own address: without the drop-in the same command pulls the unsigned image."""
    policy = SIGNED.replace("reg.test", upstream.host)
    with Proxy(tmp_path / "proxy", {upstream.host: f"url: '{upstream.url}'"}, policy=policy) as proxy:
        upstream.push("acme/app", make_image("in reach, unsigned"), "v1")
        conf = tmp_path / "50-pratique.conf"
        conf.write_text(registries_conf(proxies=[proxy.url], upstreams=[upstream.host]))
        name = f"docker://{upstream.host}/acme/app:v1"
        copy = ("copy", "--src-tls-verify=false", name)
        refused = skopeo(*copy, f"dir:{tmp_path / 'refused'}", conf=conf)
        assert refused.status != 0
        assert "no signature by team" in refused.said
        proxy.stop()
        assert skopeo(*copy, f"dir:{tmp_path / 'down'}", conf=conf).status != 0
        skopeo(*copy, f"dir:{tmp_path / 'open'}").fine()


def test_podman_pulls_what_is_admitted_and_is_told_why_not(tmp_path, proxy, upstream, podman, mirrored):
    env = home_with(mirrored, tmp_path)
    image = push_signed(upstream, "acme/app", make_image("for podman", layers=2), by=proxy.team)
    upstream.push("acme/bad", make_image("unsigned"), "v1")
    podman("pull", "reg.test/acme/app:v1", env=env).fine()
    assert str(image.digest) in podman("images", "--digests", env=env).fine().out
    refused = podman("pull", "reg.test/acme/bad:v1", env=env)
    assert refused.status != 0
    assert "no signature by team (0 found)" in refused.said
    assert refusal_id(refused.said)
    upstream.stop()
    podman("rmi", "reg.test/acme/app:v1", env=env).fine()
    podman("pull", "reg.test/acme/app:v1", env=env).fine()


def test_podman_pulls_by_prefix(proxy, upstream, podman):
    image = push_signed(upstream, "acme/app", make_image("podman by prefix"), by=proxy.team)
    podman("pull", "--tls-verify=false", f"{proxy.host}/reg.test/acme/app:v1").fine()
    assert str(image.digest) in podman("images", "--digests").fine().out
