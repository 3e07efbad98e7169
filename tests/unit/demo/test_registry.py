"""The drill's own registry, asked over HTTP as a proxy would."""

import http.client
import json

import pytest

from proxy.demo.images import make_image, make_index
from proxy.demo.registry import DemoRegistry
from proxy.oci.digest import Digest


@pytest.fixture
def registry():
    with DemoRegistry() as registry:
        yield registry


def ask(registry: DemoRegistry, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(registry.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_an_index_its_children_and_their_blobs_are_served_by_tag_and_digest(registry):
    child = make_image("child")
    index = make_index([child])
    registry.put("a/b", index, tag="1")
    status, headers, body = ask(registry, "/v2/a/b/manifests/1")
    assert (status, body, headers["Content-Type"]) == (200, index.manifest, index.media_type)
    assert headers["Docker-Content-Digest"] == str(index.digest)
    assert ask(registry, f"/v2/a/b/manifests/{child.digest}")[2] == child.manifest
    for digest, raw in child.blobs.items():
        assert ask(registry, f"/v2/a/b/blobs/{digest}")[2] == raw
    assert json.loads(ask(registry, "/v2/a/b/tags/list")[2]) == {"name": "a/b", "tags": ["1"]}
    assert ask(registry, "/v2/")[0] == 200
    assert registry.requests == 6


def test_head_tells_the_length_without_the_body(registry):
    image = make_image("x")
    registry.put("a/b", image, tag="1")
    status, headers, body = ask(registry, "/v2/a/b/manifests/1", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(image.manifest)), b"")


@pytest.mark.parametrize(
    "path",
    [
        "/v2/a/b/manifests/1",
        f"/v2/a/b/blobs/{Digest.of(b'x')}",
        f"/v2/a/b/referrers/{Digest.of(b'x')}",
        "/v2/a/b/tags/list",
        "/",
    ],
)
def test_what_is_not_here_is_404(registry, path):
    assert ask(registry, path)[0] == 404


def test_a_registry_that_was_stopped_answers_nobody_not_even_on_an_open_connection(registry):
    connection = http.client.HTTPConnection(registry.url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/v2/")
    assert connection.getresponse().read() == b"{}"
    registry.stop()
    assert connection.sock is not None
    assert connection.sock.recv(1) == b""
    connection.close()
    with pytest.raises(OSError):
        ask(registry, "/v2/")
