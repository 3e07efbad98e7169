"""Any artifact is pulled alike: a Helm chart, a WASM module and a model by real tools pass without a changed byte."""

from pathlib import Path

import pytest

from proxy.demo.images import new_key, sign, signature_tag
from proxy.oci.digest import Digest
from tests.e2e.processes import run
from tests.e2e.proxies import SIGNED, Proxy
from tests.e2e.tools import require_tool
from tests.fakes.layouts import read_layout

pytestmark = pytest.mark.e2e
ASSETS = Path(__file__).resolve().parents[1] / "assets" / "artifact"
KINDS = {
    "charts": (b"application/vnd.cncf.helm.config.v1+json", b"application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
    "wasm": (b"application/vnd.wasm.config.v1+json", b"application/vnd.wasm.content.layer.v1+wasm"),
    "models": (b"application/vnd.oci.image.config.v1+json", b"application/x-gguf"),
}


@pytest.fixture(params=KINDS)
def artifact(request, upstream):
    """Its kind and layout, at the upstream, signed by team: the fixture's own key, which the proxy's default asks for."""
    layout = read_layout(ASSETS / request.param)
    assert all(each in layout.manifests[layout.roots[0]][0] for each in KINDS[request.param])
    layout.tags = {"1.0.0": layout.roots[0]}
    name = f"acme/{request.param}/port"
    upstream.push_layout(name, layout)
    team, _ = new_key("team")
    signature = sign(layout.roots[0], private=team, reference_name=f"reg.test/{name}")
    upstream.push(name, signature, str(signature_tag(layout.roots[0])))
    return name, layout


@pytest.fixture
def proxy(tmp_path, upstream):
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}) as running:
        yield running


def test_an_artifact_by_a_real_tool_passes_unchanged(tmp_path, proxy, artifact, containerd):
    """By HTTP with type, length and digest; by skopeo; and into containerd's store as content."""
    name, layout = artifact
    (digest,) = layout.manifests
    raw, media_type = layout.manifests[digest]
    for reference in ("1.0.0", digest):
        status, reason, headers, body = proxy.get(f"/v2/{name}/manifests/{reference}?ns=reg.test")
        assert (status, body) == (200, raw), reason
        assert headers["Content-Type"] == media_type
        assert headers["Docker-Content-Digest"] == str(digest)
    for blob, held in layout.blobs.items():
        assert proxy.get(f"/v2/{name}/blobs/{blob}?ns=reg.test")[3] == held
    target = tmp_path / "copied"
    source = f"docker://{proxy.host}/reg.test/{name}:1.0.0"
    skopeo = (require_tool("skopeo"), "--insecure-policy", "copy", "--src-tls-verify=false", "--preserve-digests")
    run(*skopeo, source, f"oci:{target}:1.0.0", env={"HOME": str(tmp_path)}).fine()
    copied = read_layout(target)
    assert copied.manifests[digest][0] == raw
    assert copied.blobs == layout.blobs
    node = containerd.node(tmp_path.name, tmp_path / "certs.d", proxy=proxy.url)
    fetched = ("content", "fetch", f"--hosts-dir={node.hosts}", f"reg.test/{name}:1.0.0")
    node.ctr(*fetched).fine()
    assert {str(digest), *map(str, layout.blobs)} <= node.content()


def test_an_artifact_is_judged_like_an_image(tmp_path, proxy, artifact):
    """Another key, and it is refused with the same words."""
    name, layout = artifact
    proxy.reload(SIGNED.replace("team.pub", "other.pub"))
    status, reason, _, _ = proxy.get(f"/v2/{name}/manifests/1.0.0?ns=reg.test")
    assert status == 403
    assert "no signature by team" in reason
    for blob in layout.blobs:
        assert proxy.get(f"/v2/{name}/blobs/{blob}?ns=reg.test")[0] in (403, 404)


def test_helm_pulls_a_chart_through_the_proxy(tmp_path, upstream, proxy):
    helm = require_tool("helm")
    layout = read_layout(ASSETS / "charts")
    layout.tags = {"1.0.0": layout.roots[0]}
    upstream.push_layout("acme/port", layout)
    pull = (helm, "pull", f"oci://{proxy.host}/reg.test/acme/port", "--version", "1.0.0", "--plain-http")
    env = {"HOME": str(tmp_path)}
    refused = run(*pull, "--destination", tmp_path, env=env)
    assert refused.status != 0
    assert "no signature by team" in refused.said
    signature = sign(layout.roots[0], private=proxy.team, reference_name="reg.test/acme/port")
    upstream.push("acme/port", signature, str(signature_tag(layout.roots[0])))
    # The denial is remembered for a minute under its rule; another rule is judged at once.
    proxy.reload(SIGNED + "    signedAs: [ reg.test/acme/port ]\n")
    run(*pull, "--destination", tmp_path, env=env).fine()
    assert Digest.of((tmp_path / "port-1.0.0.tgz").read_bytes()) in layout.blobs
