"""Whole images that others built, pulled and unpacked by containerd: admitted by a reviewed digest, or by a key of ours."""

import pytest

from proxy.demo.images import sign, signature_tag
from proxy.oci.digest import Digest
from tests.e2e.processes import run
from tests.e2e.proxies import Proxy
from tests.e2e.tools import require_tool
from tests.fakes.lab import every_case, policy_of, twins
from tests.fakes.layouts import LAB, VECTORS, needs_vectors, read_layout

pytestmark = [pytest.mark.e2e, needs_vectors]
FOLDERS = {"alpine": "notation-go-alpine/oci-layout", "slsa": "oci-slsa-att/v2.1.0"}
HOLDS = {"alpine": "alpine-release", "slsa": ""}  # a file that the unpacked image has
POLICY = """\
version: 1
signers: {{ team: {{ key: team.pub, log: none }} }}
images:
  - match: reg.test/reviewed/**
    require: [ {{ digest: [ "{digest}" ] }} ]
  - match: reg.test/signed/**
    require: [ {{ signature: team }} ]
  - match: reg.test/both/**
    require: [ {{ atLeast: 2, of: [ {{ signature: team }}, {{ digest: [ "{digest}" ] }} ] }} ]
"""


@pytest.fixture(params=FOLDERS)
def real(request, tmp_path, upstream):
    """The layout, and the proxy that knows its digest."""
    layout = read_layout(VECTORS / FOLDERS[request.param])
    root = layout.roots[0]
    layout.tags["v1"] = root
    for name in ("reviewed", "signed", "both"):
        upstream.push_layout(f"{name}/{request.param}", layout)
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}, policy=POLICY.format(digest=root)) as proxy:
        yield request.param, layout, proxy


def assert_unpacked(node, which: str, layout) -> None:
    assert str(layout.roots[0]) in node.content()
    assert node.snapshots(), "it was unpacked"
    assert not HOLDS[which] or HOLDS[which] in node.files()


def test_a_real_image_is_admitted_by_a_reviewed_digest(tmp_path, real, upstream, containerd):
    which, layout, proxy = real
    node = containerd.node(f"{tmp_path.name}-digest", tmp_path / "certs.d", proxy=proxy.url)
    node.pull(f"reg.test/reviewed/{which}:v1").fine()
    assert_unpacked(node, which, layout)
    upstream.stop()
    again = containerd.node(f"{tmp_path.name}-off", tmp_path / "certs.d", proxy=proxy.url)
    again.pull(f"reg.test/reviewed/{which}@{layout.roots[0]}").fine()
    assert_unpacked(again, which, layout)


def test_a_real_image_is_admitted_by_our_signature_and_not_before(tmp_path, real, upstream, containerd):
    which, layout, proxy = real
    node = containerd.node(f"{tmp_path.name}-signed", tmp_path / "certs.d", proxy=proxy.url)
    for name in ("signed", "both"):
        refused = node.pull(f"reg.test/{name}/{which}:v1")
        assert refused.status != 0
        assert "403 DENIED" in refused.said
    node.collect()
    assert node.content() == set()
    root = layout.roots[0]
    for name in ("signed", "both"):
        signature = sign(root, private=proxy.team, reference_name=f"reg.test/{name}/{which}")
        upstream.push(f"{name}/{which}", signature, str(signature_tag(root)))
    # A denial is remembered for a minute under its rule; another rule is judged at once.
    policy = POLICY.format(digest=root).replace("reg.test/signed/**", "reg.test/signed/*")
    proxy.reload(policy.replace("reg.test/both/**", "reg.test/both/*"))
    for name in ("signed", "both"):
        node.pull(f"reg.test/{name}/{which}:v1").fine()
    assert_unpacked(node, which, layout)


def test_an_attestation_manifest_in_an_index_is_served_as_a_child_and_is_never_the_image(tmp_path, upstream):
    """BuildKit lists its provenance as unknown/unknown: skopeo copies it with the index, whatever platforms the rule names."""
    layout = read_layout(VECTORS / FOLDERS["slsa"])
    root = layout.roots[0]
    children = {digest for digest in layout.manifests if str(digest).encode() in layout.manifests[root][0]}
    assert any(b"application/vnd.in-toto+json" in layout.manifests[child][0] for child in children)
    layout.tags["v1"] = root
    upstream.push_layout("acme/slsa", layout)
    policy = f"""\
version: 1
images:
  - match: reg.test/acme/**
    platforms: [linux/amd64]
    require: [ {{ digest: [ "{root}" ] }} ]
"""
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}, policy=policy) as proxy:
        source, target = f"docker://{proxy.host}/reg.test/acme/slsa:v1", f"oci:{tmp_path / 'copied'}:v1"
        skopeo = (require_tool("skopeo"), "--insecure-policy", "copy", "--all", "--src-tls-verify=false")
        run(*skopeo, "--preserve-digests", source, target, env={"HOME": str(tmp_path)}).fine()
    assert read_layout(tmp_path / "copied").manifests.keys() == children | {root}


def test_every_lab_image_of_a_registry_without_the_referrers_api_is_admitted_from_docker_registry(tmp_path, upstream):
    """`.sig` and `.att` tags and fallback tags of every format, side by side under one policy; then each under its twin's."""
    cases = [case for case in every_case() if case["api"] == "fallback-tag"]
    assert len(cases) >= 15
    refused = policy_of(*(next(twins(case)).case for case in cases))
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}, policy=policy_of(*cases)) as proxy:
        for case in cases:
            layout = read_layout(LAB / case["folder"])
            upstream.push_layout(case["repo"], layout)
            status, reason, _, raw = proxy.get(f"/v2/{case['repo']}/manifests/{case['tag']}?ns=reg.test")
            assert (status, str(Digest.of(raw))) == (200, case["digest"]), (case["name"], reason)
            for digest in layout.blobs:
                if str(digest).encode() in raw:
                    assert Digest.of(proxy.get(f"/v2/{case['repo']}/blobs/{digest}?ns=reg.test")[3]) == digest
        proxy.reload(refused)
        for case in cases:
            assert proxy.get(f"/v2/{case['repo']}/manifests/{case['digest']}?ns=reg.test")[0] == 403, case["name"]
