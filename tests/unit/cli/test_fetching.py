"""A client that keeps nothing and believes nothing, before a door that answers what it is told."""

import http.server
import json
import threading
from contextlib import contextmanager

import pytest

from proxy.cli.fetching import Door, parsed, warm_all
from proxy.demo.images import make_image, make_index
from proxy.errors import NameInvalid
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.reference import ImageName

NAME = "reg.test/acme/app"


@contextmanager
def answering(answers):
    """`answers`: path without its query → (status, type, body, whether the connection is cut after half of it)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            status, kind, body, is_cut = answers.get(self.path.partition("?")[0], (404, "", b"{}", False))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if is_cut else body)
            self.close_connection = is_cut

        def log_message(self, *_):
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def whole(*images):
    found = {}
    for image in images:
        for each in image.tree:
            found[f"/v2/acme/app/manifests/{each.digest}"] = (200, each.media_type, each.manifest, False)
            found |= {f"/v2/acme/app/blobs/{digest}": (200, "", raw, False) for digest, raw in each.blobs.items()}
    return found


def warm(answers, *names, stored=lambda _: None, platforms=()):
    steps = []
    with answering(answers) as port:
        door = Door("127.0.0.1", port, None, stored, lambda _: platforms, lambda *step: steps.append(step))
        return warm_all(door, parsed(names)), steps


IMAGE = make_image("app", layers=2)
SIZE = sum(map(len, IMAGE.blobs.values()))


def test_an_image_is_fetched_whole_and_hashed():
    (found,), steps = warm(whole(IMAGE), f"{NAME}@{IMAGE.digest}")
    assert (found.outcome, found.digest, found.blobs) == ("warm", str(IMAGE.digest), 3)
    assert (found.fetched, found.proved) == (SIZE, SIZE + len(IMAGE.manifest))
    assert (sum(done for done, _ in steps), sum(of for _, of in steps)) == (SIZE, SIZE)


def test_what_is_here_is_not_asked_for():
    sizes = {digest: len(raw) for digest, raw in IMAGE.blobs.items()}
    answers = {path: answer for path, answer in whole(IMAGE).items() if "/blobs/" not in path}
    (found,), _ = warm(answers, f"{NAME}@{IMAGE.digest}", stored=sizes.get)
    assert (found.outcome, found.fetched, found.proved) == ("warm", 0, SIZE + len(IMAGE.manifest))


def test_of_an_index_come_the_platforms_that_are_named_and_no_attestation():
    children = [make_image("app", architecture=each) for each in ("amd64", "arm64")]
    attestation = make_image("app", architecture="unknown", os="unknown")
    index = make_index([*children, attestation])
    name = f"{NAME}@{index.digest}"
    (every,), _ = warm(whole(index), name)
    (one,), _ = warm(whole(index), name, platforms=(Platform("linux", "arm64"),))
    assert (every.blobs, one.blobs) == (4, 2)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(403, "refused"), (404, "absent"), (503, "unavailable"), (502, "unavailable"), (500, "unavailable")],
)
def test_what_the_proxy_says_is_told(status, outcome):
    body = json.dumps({"errors": [{"code": "DENIED", "message": "nobody signed it [r-234567]"}]}).encode()
    answers = {f"/v2/acme/app/manifests/{IMAGE.digest}": (status, "application/json", body, False)}
    (found,), _ = warm(answers, f"{NAME}@{IMAGE.digest}")
    assert (found.outcome, found.why, found.status) == (outcome, "nobody signed it [r-234567]", status)


def test_other_bytes_are_not_warm():
    digest = next(iter(IMAGE.blobs))
    spoilt = {f"/v2/acme/app/blobs/{digest}": (200, "", bytes(len(IMAGE.blobs[digest])), False)}
    (found,), _ = warm(whole(IMAGE) | spoilt, f"{NAME}@{IMAGE.digest}")
    assert found.outcome == "mismatch"
    other = {f"/v2/acme/app/manifests/{IMAGE.digest}": (200, IMAGE.media_type, b"{}", False)}
    (found,), _ = warm(other, f"{NAME}@{IMAGE.digest}")
    assert found.outcome == "mismatch"


def test_a_transfer_that_is_cut_is_told_and_the_next_image_comes():
    digest = next(iter(IMAGE.blobs))
    cut = {f"/v2/acme/app/blobs/{digest}": (200, "", IMAGE.blobs[digest], True)}
    second = make_image("second")
    found, _ = warm(whole(IMAGE, second) | cut, f"{NAME}@{IMAGE.digest}", f"{NAME}@{second.digest}")
    assert [each.outcome for each in found] == ["unavailable", "warm"]


def test_a_proxy_that_does_not_answer_is_told():
    with answering({}) as port:
        pass
    door = Door("127.0.0.1", port, None, lambda _: None, lambda _: ())
    (found,) = warm_all(door, [ImageName.parse(f"{NAME}@{Digest.of(b'x')}")])
    assert (found.outcome, found.status) == ("unavailable", 0)


def test_names_are_read_once_each_and_a_wrong_one_is_named():
    assert len(parsed([f"{NAME}:v1", f"{NAME}:v1", f"{NAME}:v2"])) == 2
    with pytest.raises(NameInvalid, match="NOT A NAME"):
        parsed([f"{NAME}:v1", "NOT A NAME"])
