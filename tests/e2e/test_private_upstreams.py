"""A private docker-registry upstream: by htpasswd, and by a token server; the node needs and gets no credentials."""

import json

import pytest

from proxy.demo.images import make_image
from tests.e2e.proxies import Proxy, push_signed
from tests.e2e.registries import DockerRegistry
from tests.fakes.tokens import TokenServer

pytestmark = pytest.mark.e2e
USER, PASSWORD = "vendor", "hunter2-of-the-vendor"
NAME = "reg.test/acme/app:v1"


def settings(url: str, password_file, *, more: str = "") -> dict[str, str]:
    credentials = f"credentials: {{ username: {USER}, passwordFile: '{password_file}' }}"
    return {"reg.test": f"url: '{url}', {credentials}{more}"}


@pytest.fixture
def password(tmp_path):
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    return file


def assert_pulls(proxy: Proxy, upstream: DockerRegistry, containerd, tmp_path, image) -> None:
    node = containerd.node(tmp_path.name, tmp_path / "certs.d", proxy=proxy.url)
    node.pull(NAME).fine()
    assert str(image.digest) in node.content()
    said = proxy.said + (upstream.folder / "registry.log").read_text()
    assert PASSWORD not in proxy.said
    assert PASSWORD not in json.dumps(proxy.audited("")), "secrets are in no log and no audit"
    assert "containerd/" not in said.replace(proxy.said, ""), "the node never asked the upstream"


def test_an_image_behind_htpasswd_is_pulled_with_the_password_of_a_file(tmp_path, containerd, password):
    with (
        DockerRegistry(tmp_path / "upstream", user=f"{USER}:{PASSWORD}") as upstream,
        Proxy(tmp_path / "proxy", settings(upstream.url, password)) as proxy,
    ):
        image = push_signed(upstream, "acme/app", make_image("basic", layers=2), by=proxy.team)
        assert_pulls(proxy, upstream, containerd, tmp_path, image)


def test_a_password_that_is_refused_is_502_and_says_which_credentials_and_a_new_one_is_read(tmp_path, password):
    """Never 404 and never 401: the node would ask elsewhere, or hand over its pull secret."""
    password.write_text("wrong")
    with (
        DockerRegistry(tmp_path / "upstream", user=f"{USER}:{PASSWORD}") as upstream,
        Proxy(tmp_path / "proxy", settings(upstream.url, password)) as proxy,
    ):
        push_signed(upstream, "acme/app", make_image("wrong password"), by=proxy.team)
        status, reason, headers, body = proxy.get("/v2/acme/app/manifests/v1?ns=reg.test")
        assert status == 502
        assert "WWW-Authenticate" not in headers
        assert b"upstreams.reg.test.credentials" in body, (reason, body)
        password.write_text(PASSWORD)
        assert proxy.get("/v2/acme/app/manifests/v1?ns=reg.test")[0] == 200


@pytest.mark.parametrize("is_post_only", [False, True], ids=["by GET", "by POST"])
def test_an_image_behind_a_token_server_is_pulled_with_few_tokens(tmp_path, containerd, password, is_post_only):
    """The realm is another host:port than the registry's: it is named in the configuration, or gets nothing (T09)."""
    with (
        TokenServer(tmp_path, users={USER: PASSWORD}, is_post_only=is_post_only) as tokens,
        DockerRegistry(
            tmp_path / "upstream", auth=tokens.auth, token=tokens.token("repository:acme/app:pull,push")
        ) as upstream,
        Proxy(tmp_path / "proxy", settings(upstream.url, password, more=f", realms: ['{tokens.url}']")) as proxy,
    ):
        image = push_signed(upstream, "acme/app", make_image("bearer", layers=4), by=proxy.team)
        assert_pulls(proxy, upstream, containerd, tmp_path, image)
        method = "POST" if is_post_only else "GET"
        granted = [each for each in tokens.asked if each[0] == method]
        assert granted == [(method, USER, ["repository:acme/app:pull"])], "one token serves the whole pull"


def test_t09_a_realm_that_nobody_named_gets_no_credentials(tmp_path, password):
    with (
        TokenServer(tmp_path, users={USER: PASSWORD}) as tokens,
        DockerRegistry(
            tmp_path / "upstream", auth=tokens.auth, token=tokens.token("repository:acme/app:pull,push")
        ) as upstream,
        Proxy(tmp_path / "proxy", settings(upstream.url, password)) as proxy,
    ):
        push_signed(upstream, "acme/app", make_image("foreign realm"), by=proxy.team)
        status, _, headers, body = proxy.get("/v2/acme/app/manifests/v1?ns=reg.test")
        assert status == 502
        assert b"realm" in body
        assert "WWW-Authenticate" not in headers
        assert tokens.asked == []
