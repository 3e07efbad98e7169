"""A node's containerd before the proxy before docker-registry: what is admitted runs, what is refused leaves nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.demo.images import make_image, make_index, sign, signature_tag
from proxy.node.hosts import containerd_config
from tests.e2e.nodes import Containerd, Node
from tests.e2e.processes import run
from tests.e2e.proxies import SIGNED, Proxy, push_signed, refusal_id
from tests.e2e.registries import DockerRegistry
from tests.e2e.tools import require_tool

pytestmark = pytest.mark.e2e
MIB = 1024 * 1024


@pytest.fixture
def proxy(tmp_path: Path, upstream: DockerRegistry):
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}) as running:
        yield running


@pytest.fixture
def nodes(request, tmp_path: Path, containerd: Containerd, proxy: Proxy):
    """A maker of nodes that hold nothing yet."""

    def make(name: str, *, upstreams: tuple[str, ...] = ("reg.test",)) -> Node:
        folder = tmp_path / name / "certs.d"
        return containerd.node(f"{tmp_path.name}-{name}", folder, proxy=proxy.url, upstreams=upstreams)

    return make


def assert_pulled(node: Node, name: str, image) -> None:
    """The image is there whole: named, every blob in the store, every layer's file unpacked."""
    assert node.images() == {name}
    assert {str(image.digest), *map(str, image.blobs)} <= node.content()
    assert len(node.snapshots()) == len(image.blobs) - 1
    assert node.arriving() == ""


def assert_holds_nothing(node: Node) -> None:
    node.collect()
    assert (node.images(), node.content(), node.snapshots()) == (set(), set(), [])


def test_an_admitted_image_is_pulled_cold_warm_and_with_the_upstream_switched_off(proxy, upstream, nodes):
    """Promise 6: what was admitted stays pullable; a warm pull costs the upstream nothing, and so does a restart."""
    image = push_signed(upstream, "acme/app", make_image("cold-warm-off", layers=2, layer_size=MIB), by=proxy.team)
    name = "reg.test/acme/app:v1"
    before = upstream.asked()
    cold = nodes("cold")
    cold.pull(name).fine()
    assert_pulled(cold, name, image)
    assert {"layer-0.bin", "layer-1.bin"} <= cold.files()
    fetched = upstream.fetched(before)
    assert set(map(str, image.blobs)) < set(fetched)
    assert len(set(fetched)) == len(fetched), "each blob once, those of the signature too"

    before = upstream.asked()
    warm = nodes("warm")
    warm.pull(name).fine()
    warm.pull(f"reg.test/acme/app@{image.digest}").fine()
    assert upstream.asked_by(before) == []

    upstream.stop()
    off = nodes("off")
    off.pull(name).fine()
    assert_pulled(off, name, image)
    proxy.restart()
    again = nodes("again")
    again.pull(name).fine()
    assert_pulled(again, name, image)


def test_an_unsigned_image_is_refused_with_its_reason_and_leaves_nothing(proxy, upstream, nodes):
    image = make_image("unsigned")
    upstream.push("acme/app", image, "v1")
    node = nodes("node")
    for name in ("reg.test/acme/app:v1", f"reg.test/acme/app@{image.digest}"):
        refused = node.pull(name)
        assert refused.status != 0
        assert "403 DENIED reg.test/acme/app" in refused.said
        assert "no signature by team (0 found) [r-" in refused.said
        assert refusal_id(refused.said)
    assert_holds_nothing(node)
    assert "GET blob" not in upstream.asked_by([])


def test_a_refusal_is_explained_by_the_id_that_the_node_was_shown(proxy, upstream, nodes):
    upstream.push("acme/app", make_image("to-explain"), "v1")
    refusal = refusal_id(nodes("node").pull("reg.test/acme/app:v1").said)
    explained = proxy.command("explain", refusal)
    assert "no signature by team" in explained.said
    assert "reg.test/acme/app" in explained.said


def test_a_layer_that_was_changed_at_the_upstream_never_completes(proxy, upstream, nodes):
    """The manifest and its signature are right; one byte of the layer is not (T02, promise 2)."""
    image = push_signed(upstream, "acme/app", make_image("tampered", layers=2, layer_size=MIB), by=proxy.team)
    layer = list(image.blobs)[-1]
    upstream.spoil(layer)
    node = nodes("node")
    refused = node.pull("reg.test/acme/app:v1")
    assert refused.status != 0
    assert node.images() == set()
    assert node.snapshots() == []
    assert str(layer) not in node.content()
    assert_holds_nothing(node)
    status, reason, _, body = proxy.get(f"/v2/acme/app/blobs/{layer}?ns=reg.test")
    assert (status, b"errors" in body) == (502, True), reason


def test_a_signature_of_another_image_is_no_signature(proxy, upstream, nodes):
    """T11: whoever can push copies the good image's `.sig` to the bad image's tag."""
    good, bad = make_image("good"), make_image("bad")
    upstream.push("acme/app", bad, "v1")
    copied = sign(good.digest, private=proxy.team, reference_name="reg.test/acme/app")
    upstream.push("acme/app", copied, str(signature_tag(bad.digest)))
    node = nodes("node")
    refused = node.pull("reg.test/acme/app:v1")
    assert refused.status != 0
    assert "no signature by team (1 found" in refused.said
    assert refusal_id(refused.said)
    assert_holds_nothing(node)


def test_what_no_rule_and_no_upstream_names_is_refused_without_a_request(proxy, upstream, nodes):
    """Default deny: another repository of a known registry, and a registry that nobody listed (through `_default`)."""
    image = make_image("unlisted")
    push_signed(upstream, "other/app", image, by=proxy.team)
    before = upstream.asked()
    node = nodes("node")
    for name, why in (
        ("reg.test/other/app:v1", "403 DENIED reg.test/other/app:v1: no rule"),
        ("elsewhere.test/acme/app:v1", "'elsewhere.test' is not an upstream here"),
    ):
        refused = node.pull(name)
        assert refused.status != 0
        assert "403 DENIED" in refused.said
        assert why in refused.said
        assert refusal_id(refused.said)
    assert upstream.asked_by(before) == []
    assert_holds_nothing(node)


def test_a_tag_that_moved_still_answers_its_pin_and_the_new_digest_is_refused(proxy, upstream, nodes):
    """Promise 3."""
    name = "reg.test/acme/app:v1"
    pinned = push_signed(upstream, "acme/app", make_image("before the move"), by=proxy.team)
    nodes("first").pull(name).fine()
    moved = make_image("after the move")
    upstream.push("acme/app", moved, "v1")
    second = nodes("second")
    second.pull(name).fine()
    assert_pulled(second, name, pinned)
    proxy.restart()
    third = nodes("third")
    third.pull(name).fine()
    assert_pulled(third, name, pinned)
    fourth = nodes("fourth")
    refused = fourth.pull(f"reg.test/acme/app@{moved.digest}")
    assert refused.status != 0
    assert "403 DENIED reg.test/acme/app@sha256:" in refused.said
    assert refusal_id(refused.said)
    assert_holds_nothing(fourth)
    assert str(pinned.digest) in proxy.command("pin", "ls", "-o", "json").fine().out


@pytest.fixture
def index():
    images = [make_image("multi", architecture=architecture) for architecture in ("amd64", "arm64")]
    return make_index(images)


def test_an_index_that_is_signed_covers_the_platforms_that_it_lists(proxy, upstream, nodes, index):
    push_signed(upstream, "acme/app", index, by=proxy.team)
    amd64, arm64 = index.children
    node = nodes("one")
    node.pull("reg.test/acme/app:v1").fine()
    assert {str(index.digest), str(amd64.digest)} <= node.content()
    assert str(arm64.digest) not in node.content()
    every = nodes("every")
    every.pull("reg.test/acme/app:v1", "--all-platforms").fine()
    assert {str(index.digest), str(amd64.digest), str(arm64.digest)} <= every.content()
    child = nodes("child")
    child.pull(f"reg.test/acme/app@{amd64.digest}").fine()
    assert str(amd64.digest) in child.content()


def test_a_platform_that_the_rule_does_not_name_is_refused(proxy, upstream, nodes, index):
    proxy.stop()
    proxy.write_policy(SIGNED + "    platforms: [linux/amd64]\n")
    proxy.start()
    push_signed(upstream, "acme/app", index, by=proxy.team)
    nodes("amd64").pull("reg.test/acme/app:v1").fine()
    node = nodes("arm64")
    refused = node.pull("reg.test/acme/app:v1", "--platform=linux/arm64")
    assert refused.status != 0
    assert "403 DENIED" in refused.said
    assert "linux/arm64" in refused.said
    assert str(index.children[1].digest) not in node.content()
    assert node.images() == set()


def test_a_digest_that_is_revoked_is_refused_at_the_next_pull(proxy, upstream, nodes):
    """T62: a hit is authorised as strictly as a miss; SIGHUP is enough, and an image that a node has is asked for again."""
    image = push_signed(upstream, "acme/app", make_image("to be revoked"), by=proxy.team)
    node = nodes("node")
    node.pull("reg.test/acme/app:v1").fine()
    proxy.reload(SIGNED + f'revoked: [ {{ digest: "{image.digest}", reason: INC-4712 }} ]\n')
    refused = node.pull("reg.test/acme/app:v1")
    assert refused.status != 0
    assert "INC-4712" in refused.said
    assert_holds_nothing_new(nodes("new"), "reg.test/acme/app:v1")


def assert_holds_nothing_new(node: Node, name: str) -> None:
    assert node.pull(name).status != 0
    assert_holds_nothing(node)


def test_nodes_that_ask_at_once_cost_the_upstream_one_transfer(proxy, upstream, nodes):
    image = push_signed(upstream, "acme/app", make_image("crowd", layers=3, layer_size=4 * MIB), by=proxy.team)
    before = upstream.asked()
    crowd = [nodes(f"node-{number}") for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for pulled in pool.map(lambda node: node.pull("reg.test/acme/app:v1"), crowd):
            pulled.fine()
    fetched = upstream.fetched(before)
    assert len(set(fetched)) == len(fetched)
    for node in crowd:
        assert_pulled(node, "reg.test/acme/app:v1", image)


def test_an_upstream_that_is_away_is_said_and_is_never_not_found(proxy, upstream, nodes):
    """What was never judged cannot be: 503 with its reason. A 404 would make containerd ask the next host."""
    push_signed(upstream, "acme/app", make_image("never asked for"), by=proxy.team)
    upstream.stop()
    refused = nodes("node").pull("reg.test/acme/app:v1")
    assert refused.status != 0
    assert "503 UNAVAILABLE" in refused.said
    assert "not found" not in refused.said


def test_the_node_cannot_go_around_the_proxy_though_it_could_reach_the_upstream(tmp_path, upstream, containerd):
    """The upstream stands under its own address, so a client that fell through to it would pull: that is tried too."""
    with Proxy(tmp_path / "proxy", {upstream.host: f"url: '{upstream.url}'"}) as proxy:
        proxy.reload(SIGNED.replace("reg.test", upstream.host))
        unsigned = make_image("reachable and unsigned")
        upstream.push("acme/app", unsigned, "v1")
        good = push_signed(upstream, "acme/good", make_image("reachable"), by=proxy.team, upstream=upstream.host)
        name = f"{upstream.host}/acme/app:v1"

        node = containerd.node("closed", tmp_path / "certs.d", proxy=proxy.url, upstreams=(upstream.host,))
        refused = node.pull(name)
        assert refused.status != 0
        assert "no signature by team" in refused.said
        assert_holds_nothing(node)
        node.pull(f"{upstream.host}/acme/good:v1").fine()
        assert str(good.digest) in node.content()
        assert "containerd/" not in (upstream.folder / "registry.log").read_text(), "it asked the upstream by itself"

        bare = Node(containerd, "open", tmp_path / "none")
        bare.pull(name).fine()
        assert str(unsigned.digest) in bare.content(), (
            "without our tree it does go there: the test above means something"
        )


def test_the_fragment_of_config_toml_is_what_containerd_reads(tmp_path):
    """`pratique node hosts` prints it; a key that containerd does not know would leave the node open."""
    fragment = tmp_path / "config.toml"
    fragment.write_text(containerd_config(major=1, folder=str(tmp_path / "certs.d")))
    dumped = run(require_tool("containerd"), "--config", fragment, "config", "dump").fine().out
    assert f'config_path = "{tmp_path / "certs.d"}"' in dumped


def test_a_docker_image_is_pulled_as_it_is(proxy, upstream, nodes):
    """Docker's own media types, kept byte for byte."""
    image = make_image("docker types")
    raw = image.manifest
    for oci, docker in (
        (b"application/vnd.oci.image.manifest.v1+json", b"application/vnd.docker.distribution.manifest.v2+json"),
        (b"application/vnd.oci.image.config.v1+json", b"application/vnd.docker.container.image.v1+json"),
        (b"application/vnd.oci.image.layer.v1.tar+gzip", b"application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ):
        assert oci in raw
        raw = raw.replace(oci, docker)
    docker_type = "application/vnd.docker.distribution.manifest.v2+json"
    image = replace(image, manifest=raw, digest=type(image.digest).of(raw), media_type=docker_type)
    push_signed(upstream, "acme/app", image, by=proxy.team)
    node = nodes("node")
    node.pull("reg.test/acme/app:v1").fine()
    assert_pulled(node, "reg.test/acme/app:v1", image)
    status, _, headers, body = proxy.get("/v2/acme/app/manifests/v1?ns=reg.test")
    assert (status, headers["Content-Type"], body) == (200, docker_type, raw)
