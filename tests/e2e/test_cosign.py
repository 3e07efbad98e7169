"""The real cosign on both sides: what it signs is admitted, and behind the proxy it verifies by itself, upstream or not."""

import pytest

from proxy.demo.images import make_image, make_index
from tests.e2e.processes import run
from tests.e2e.proxies import SIGNED, Proxy
from tests.e2e.tools import require_tool

pytestmark = pytest.mark.e2e


@pytest.fixture
def cosign(tmp_path):
    """Run cosign 2 with its way to the public log closed: it asks there when an entry is missing."""
    binary = require_tool("cosign2")
    env = {
        "HOME": str(tmp_path),
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        "COSIGN_PASSWORD": "lab",
        "COSIGN_YES": "true",
    }

    def command(*arguments, **more: str):
        return run(binary, *arguments, env=env | more)

    return command


@pytest.fixture
def key(tmp_path, cosign):
    """A key that cosign made: `<prefix>.key`, `<prefix>.pub`."""
    cosign("generate-key-pair", "--output-key-prefix", str(tmp_path / "cosign")).fine()
    return tmp_path / "cosign"


@pytest.fixture
def proxy(tmp_path, upstream, key):
    """The key is cosign's; payloads carry the name under which cosign reached the registry."""
    policy = SIGNED.replace("team.pub", f"{key}.pub") + f"    signedAs: [ '{upstream.host}/acme/**' ]\n"
    with Proxy(tmp_path / "proxy", {"reg.test": f"url: '{upstream.url}'"}, policy=policy) as running:
        yield running


def get_all(proxy, image) -> None:
    """Everything of the image, as a node would take it."""
    status, reason, _, body = proxy.get(f"/v2/acme/app/manifests/{image.digest}?ns=reg.test")
    assert (status, body) == (200, image.manifest), reason
    for each in image.tree:
        assert proxy.get(f"/v2/acme/app/manifests/{each.digest}?ns=reg.test")[3] == each.manifest
        for digest, raw in each.blobs.items():
            assert proxy.get(f"/v2/acme/app/blobs/{digest}?ns=reg.test")[3] == raw


LEGACY = pytest.param([], {}, [], id="legacy .sig")
OCI11 = pytest.param(
    ["--registry-referrers-mode=oci-1-1"], {"COSIGN_EXPERIMENTAL": "1"}, ["--experimental-oci11"], id="OCI 1.1"
)


VERIFY = ("verify", "--insecure-ignore-tlog", "--allow-http-registry")


@pytest.mark.parametrize(("how", "env", "verifying"), [LEGACY, OCI11])
def test_what_cosign_signed_is_admitted_and_cosign_verifies_it_behind_us_offline(
    proxy, upstream, cosign, key, how, env, verifying
):
    image = make_image("signed by cosign", layers=2)
    upstream.push("acme/app", image, "v1")
    target = f"{upstream.host}/acme/app@{image.digest}"
    cosign("sign", "--key", f"{key}.key", "--tlog-upload=false", *how, target, **env).fine()
    get_all(proxy, image)
    asked = (*VERIFY, *verifying, f"{proxy.host}/reg.test/acme/app@{image.digest}")
    cosign(*asked, "--key", f"{key}.pub", **env).fine()
    assert cosign(*asked, "--key", str(proxy.folder / "other.pub"), **env).status != 0
    upstream.stop()
    cosign(*asked, "--key", f"{key}.pub", **env).fine()
    proxy.restart()
    assert str(image.digest) in cosign(*asked, "--key", f"{key}.pub", **env).fine().out


def test_cosign_verifies_offline_what_was_only_pulled(proxy, upstream, cosign, key):
    """The signature was fetched to judge the image, and is there: nobody needs to have verified while the upstream was up."""
    image = make_image("only pulled")
    upstream.push("acme/app", image, "v1")
    cosign("sign", "--key", f"{key}.key", "--tlog-upload=false", f"{upstream.host}/acme/app@{image.digest}").fine()
    get_all(proxy, image)
    upstream.stop()
    cosign(*VERIFY, "--key", f"{key}.pub", f"{proxy.host}/reg.test/acme/app@{image.digest}").fine()


def test_an_index_that_cosign_signed_recursively_is_admitted_whole_and_child_by_child(proxy, upstream, cosign, key):
    index = make_index([make_image("recursive", architecture=each) for each in ("amd64", "arm64")])
    upstream.push("acme/app", index, "v1")
    target = f"{upstream.host}/acme/app@{index.digest}"
    cosign("sign", "--key", f"{key}.key", "--tlog-upload=false", "--recursive", target).fine()
    child = index.children[0]
    assert proxy.get(f"/v2/acme/app/manifests/{child.digest}?ns=reg.test")[3] == child.manifest
    get_all(proxy, index)


def test_signed_claims_and_several_signers_are_told_apart(proxy, upstream, cosign, key, tmp_path):
    """One `.sig` with two layers, of two keys and with different claims, as cosign appends them."""
    second = tmp_path / "second"
    cosign("generate-key-pair", "--output-key-prefix", str(second)).fine()
    image = make_image("claims")
    upstream.push("acme/app", image, "v1")
    target = f"{upstream.host}/acme/app@{image.digest}"
    cosign("sign", "--key", f"{second}.key", "--tlog-upload=false", "-a", "build=4712", target).fine()
    cosign("sign", "--key", f"{key}.key", "--tlog-upload=false", "-a", "build=4711", target).fine()
    policy = (proxy.folder / "policy.yaml").read_text()
    for claims, status in (("{ build: '4711' }", 200), ("{ build: '4712' }", 403), ("{ stage: prod }", 403)):
        proxy.reload(policy.replace("{ signature: team }", f"{{ signature: team, claims: {claims} }}"))
        assert proxy.get(f"/v2/acme/app/manifests/{image.digest}?ns=reg.test")[0] == status, claims
    both = policy.replace("{ signature: team }", "{ signature: team }, { signature: second, name: also }")
    proxy.reload(both.replace("signers:\n", f"signers:\n  second: {{ key: '{second}.pub', log: none }}\n"))
    assert proxy.get("/v2/acme/app/manifests/v1?ns=reg.test")[0] == 200


def test_verify_prints_the_cosign_line_that_says_the_same(proxy, upstream, cosign, key):
    """The second opinion that `pratique verify` offers, run as it stands but for the flags of this offline lab."""
    image = make_image("second opinion")
    upstream.push("acme/app", image, "v1")
    cosign("sign", "--key", f"{key}.key", "--tlog-upload=false", f"{upstream.host}/acme/app@{image.digest}").fine()
    said = proxy.command("verify", "reg.test/acme/app:v1").fine().said
    (line,) = (line.strip() for line in said.splitlines() if "cosign verify" in line)
    words = line[line.index("cosign verify") :].split()
    assert str(image.digest) in words[-1]
    words[-1] = words[-1].replace("reg.test", upstream.host)
    cosign(*words[1:], "--allow-http-registry").fine()


def test_nothing_can_be_pushed_through_the_proxy(proxy, upstream, cosign, key):
    """Promise 8: there is no write route; a real tool that tries fails, and the upstream hears nothing of it."""
    image = make_image("push me not")
    upstream.push("acme/app", image, "v1")
    signing = ("sign", "--key", f"{key}.key", "--tlog-upload=false", "--allow-http-registry")
    cosign(*signing, f"{upstream.host}/acme/app@{image.digest}").fine()
    get_all(proxy, image)
    before = upstream.asked()
    assert cosign(*signing, "-a", "second=1", f"{proxy.host}/reg.test/acme/app@{image.digest}").status != 0
    assert {method for method, _, _ in upstream.asked()[len(before) :]} <= {"GET", "HEAD"}
    assert '"status": 405' in proxy.said
