"""The registry port over real sockets: every duty of clients.md 8 that needs no pipeline, with bytes, headers and ranges."""

import asyncio
import contextlib
import ipaddress
import json
import os
import re
import socket
import ssl

import aiohttp
import pytest

from proxy.content.store import TAIL
from proxy.errors import (
    ConfigError,
    ContentMismatch,
    Inconclusive,
    NotAllowed,
    StorageError,
    Unverified,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.web import ranges
from proxy.web.app import Front
from proxy.web.settings import Address, ClientsSettings, ListenSettings
from tests.fakes.asking import Wire, ask, make_certificate
from tests.fakes.door import FakeDoor
from tests.fakes.loops import on_both_loops

MANIFEST = b'{"schemaVersion":2,\n "mediaType": "application/vnd.oci.image.manifest.v1+json"  }\n'
RAW = os.urandom(1024) * 300
DIGEST = Digest.of(RAW)
BLOB = f"/v2/library/alpine/blobs/{DIGEST}"
UNKNOWN = "sha256:" + "0" * 64


async def rendered():
    return b"pratique_requests_total 1\n"


class Port:
    """A front over a fake door, and what it said."""

    has_lane = True

    def __init__(self, *, stall_seconds=60.0, **listen):
        self.door = FakeDoor()
        self.events: list = []
        self.is_ready = True
        clients = ClientsSettings.model_validate(listen.pop("clients", {}))
        self.front = Front(
            self.door,
            ListenSettings.model_validate(
                {
                    "registry": {"address": "127.0.0.1:0"},
                    "admin": {"address": "127.0.0.1:0"},
                    "expressLane": self.has_lane,
                }
                | listen
            ),
            clients,
            emit=self.events.append,
            ready=lambda: self.is_ready,
            metrics=rendered,
            stall_seconds=stall_seconds,
        )

    @property
    def address(self):
        return self.front.addresses["registry"]

    @property
    def connections(self):
        return [connection for _, server in self.front._opened for connection in server.connections]

    async def ended(self):
        """The last event, once the answer is over on our side too."""
        for _ in range(1000):
            if self.events:
                return self.events[-1]
            await asyncio.sleep(0.001)
        raise AssertionError("no event")


@contextlib.asynccontextmanager
async def serving(**listen):
    port = Port(**listen)
    await port.front.start()
    try:
        yield port
    finally:
        await port.front.drain(0.05)


@pytest.fixture
async def port():
    async with serving() as served:
        await served.door.put_blob(RAW)
        served.digest = served.door.put_manifest(MANIFEST, tag="3.20")
        yield served


# The ping


@pytest.mark.parametrize("path", ["/v2/", "/v2"])
async def test_duty_ping_answers_200_with_the_api_version(port, path):
    reply = await ask(port.address, path)
    assert (reply.status, reply.body) == (200, b"{}")
    assert reply.headers["docker-distribution-api-version"] == "registry/2.0"
    assert reply.headers["content-type"] == "application/json"
    assert (await port.ended()).kind == "ping"


# Manifests


@pytest.mark.parametrize("reference", ["3.20", str(Digest.of(MANIFEST))])
async def test_duty_a_manifest_is_answered_with_its_exact_bytes_type_length_and_digest(port, reference):
    got = await ask(port.address, f"/v2/library/alpine/manifests/{reference}", headers={"Accept-Encoding": "gzip"})
    assert (got.status, got.reason, got.body) == (200, "OK", MANIFEST)
    assert got.headers["content-type"] == mediatype.OCI_MANIFEST  # no parameters
    assert got.headers["content-length"] == str(len(MANIFEST))
    assert got.headers["docker-content-digest"] == str(port.digest)
    assert "content-encoding" not in got.headers
    assert "transfer-encoding" not in got.headers


async def test_t01_head_and_get_of_a_manifest_say_the_same(port):
    got = await ask(port.address, "/v2/library/alpine/manifests/3.20")
    head = await ask(port.address, "/v2/library/alpine/manifests/3.20", method="HEAD")
    unlike = {"date", "x-request-id"}
    assert head.status == got.status
    assert {k: v for k, v in head.headers.items() if k not in unlike} == {
        k: v for k, v in got.headers.items() if k not in unlike
    }
    assert (await port.ended()).body_bytes == 0


async def test_t05_the_type_is_the_stored_one_whatever_the_client_accepts(port):
    for accepted in ("application/vnd.oci.image.index.v1+json", "*/*", "text/html"):
        reply = await ask(port.address, "/v2/library/alpine/manifests/3.20", headers={"Accept": accepted})
        assert (reply.headers["content-type"], reply.body) == (mediatype.OCI_MANIFEST, MANIFEST)


@pytest.mark.parametrize("wanted", ["bytes=0-", "bytes=5-", "bytes=0-1,4-5", "bytes=-3", "bytes=999999-"])
async def test_a_range_on_a_manifest_is_never_an_error(port, wanted):
    """containerd's parallel fetch puts Range on every GET (clients.md 5)."""
    reply = await ask(port.address, "/v2/library/alpine/manifests/3.20", headers={"Range": wanted})
    assert (reply.status, reply.body) == (200, MANIFEST)


async def test_conditional_requests_get_the_whole_answer_and_never_304(port):
    headers = {"If-None-Match": f'"{port.digest}"', "If-Modified-Since": "Sat, 21 Nov 2037 00:00:00 GMT"}
    assert (await ask(port.address, "/v2/library/alpine/manifests/3.20", headers=headers)).status == 200
    assert (await ask(port.address, BLOB, headers={"If-None-Match": f'"{DIGEST}"'})).status == 200


async def test_duty_a_warning_is_one_bounded_quoted_line(port):
    port.door.warning = 'served in warn mode: "no\r\nX-Evil: 1" signature ' + "y" * 9000
    reply = await ask(port.address, "/v2/library/alpine/manifests/3.20")
    assert reply.headers["warning"].startswith('299 - "served in warn mode: \\"no  X-Evil: 1\\" signature')
    assert len(reply.headers["warning"]) <= 4096
    assert "x-evil" not in reply.headers


# Blobs


async def test_duty_a_blob_is_answered_with_its_exact_bytes_length_digest_and_ranges(port):
    reply = await ask(port.address, BLOB)
    assert (reply.status, reply.body) == (200, RAW)
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-length"] == str(len(RAW))
    assert reply.headers["docker-content-digest"] == str(DIGEST)
    assert reply.headers["accept-ranges"] == "bytes"
    assert "transfer-encoding" not in reply.headers


async def test_duty_head_of_a_blob_has_the_same_headers_and_no_body(port):
    got = await ask(port.address, BLOB)
    async with await Wire.open(port.address) as wire:
        head = await wire.ask(BLOB, method="HEAD", headers={"Range": "bytes=0-1"})
        again = await wire.ask(BLOB)  # whatever the HEAD left behind would stand here
    unlike = {"date", "x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in unlike} == {
        k: v for k, v in got.headers.items() if k not in unlike
    }
    assert (head.status, again.body) == (200, RAW)


@on_both_loops
async def test_manifest_blob_and_ping_follow_one_another_on_one_connection():
    async with serving() as port, await Wire.open(port.address) as wire:
        await port.door.put_blob(RAW)
        port.door.put_manifest(MANIFEST, tag="3.20")
        for _ in range(2):
            assert (await wire.ask("/v2/")).status == 200
            assert (await wire.ask("/v2/library/alpine/manifests/3.20")).body == MANIFEST
            assert (await wire.ask(BLOB)).body == RAW
            assert (await wire.ask(BLOB, headers={"Range": "bytes=5-9"})).body == RAW[5:10]


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-", 0, len(RAW)), ("bytes=0-1", 0, 2), ("bytes=1000-", 1000, len(RAW)), ("bytes=-7", len(RAW) - 7, len(RAW)),
     ("bytes=100-99999999", 100, len(RAW))],
)  # fmt: skip
async def test_duty_a_range_of_a_proved_blob_is_206_with_exact_bytes(port, wanted, start, stop):
    reply = await ask(port.address, BLOB, headers={"Range": wanted})
    assert (reply.status, reply.body) == (206, RAW[start:stop])
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(RAW)}"
    assert reply.headers["content-length"] == str(stop - start)
    assert reply.headers["docker-content-digest"] == str(DIGEST)


async def test_duty_several_ranges_are_multipart_byteranges(port):
    reply = await ask(port.address, BLOB, headers={"Range": "bytes=0-9, 1000-1999, -5"})
    assert reply.status == 206
    boundary = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]+)", reply.headers["content-type"])[1]
    before, *parts, after = reply.body.split(f"--{boundary}".encode())
    assert (before, after) == (b"\r\n", b"--\r\n")
    expected = [(0, 10), (1000, 2000), (len(RAW) - 5, len(RAW))]
    for part, (start, stop) in zip(parts, expected, strict=True):
        head, _, bytes_ = part.partition(b"\r\n\r\n")
        assert f"Content-Range: bytes {start}-{stop - 1}/{len(RAW)}" in head.decode()
        assert bytes_ == RAW[start:stop] + b"\r\n"


async def test_duty_a_range_beyond_the_end_is_416_with_the_size(port):
    reply = await ask(port.address, BLOB, headers={"Range": f"bytes={len(RAW)}-"})
    assert reply.status == 416
    assert reply.headers["content-range"] == f"bytes */{len(RAW)}"
    assert json.loads(reply.body)["errors"][0]["code"] == "SIZE_INVALID"


async def test_sixteen_parts_are_served_and_seventeen_are_400(port):
    spans = [f"{n * 100}-{n * 100 + 1}" for n in range(17)]
    assert (await ask(port.address, BLOB, headers={"Range": "bytes=" + ",".join(spans[:16])})).status == 206
    assert (await ask(port.address, BLOB, headers={"Range": "bytes=" + ",".join(spans)})).status == 400


async def test_a_growing_blob_answers_a_whole_open_range_with_200_and_grows(port):
    partial = await port.door.grow_blob(Digest.of(RAW[::-1]), len(RAW))
    async with await Wire.open(port.address) as wire:
        await wire.send(f"/v2/library/alpine/blobs/{partial.digest}", headers={"Range": "bytes=0-"})
        head = await wire.head()
        assert (head.status, head.headers["content-length"]) == (200, str(len(RAW)))
        assert "content-range" not in head.headers
        await partial.write(RAW[::-1])
        assert await wire.reader.readexactly(len(RAW) - TAIL) == RAW[::-1][:-TAIL]
        await partial.commit()
        assert await wire.reader.readexactly(TAIL) == RAW[::-1][-TAIL:]


async def test_an_open_range_of_a_growing_blob_waits_for_its_proof(port):
    partial = await port.door.grow_blob(Digest.of(RAW[::-1]), len(RAW))
    async with await Wire.open(port.address) as wire:
        await wire.send(f"/v2/library/alpine/blobs/{partial.digest}", headers={"Range": "bytes=1000-"})
        await partial.write(RAW[::-1])
        await partial.commit()
        head = await wire.head()
        assert (head.status, head.headers["content-range"]) == (206, f"bytes 1000-{len(RAW) - 1}/{len(RAW)}")
        assert await wire.reader.readexactly(len(RAW) - 1000) == RAW[::-1][1000:]


async def test_a_growing_blob_that_takes_too_long_gives_200_from_zero_or_503(port, monkeypatch):
    monkeypatch.setattr(ranges.choose, "__kwdefaults__", {"proof_seconds": 0.01})
    partial = await port.door.grow_blob(Digest.of(RAW[::-1]), len(RAW))
    target = f"/v2/library/alpine/blobs/{partial.digest}"
    for wanted in ("bytes=0-9", "bytes=-9"):
        reply = await ask(port.address, target, headers={"Range": wanted})
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")
        assert reply.reason.startswith("UNAVAILABLE the blob is still being fetched")
    async with await Wire.open(port.address) as wire:
        await wire.send(target, headers={"Range": "bytes=1000-"})
        head = await wire.head()
        assert (head.status, head.headers["content-length"]) == (200, str(len(RAW)))
        await partial.write(RAW[::-1])
        await partial.commit()
        assert await wire.reader.readexactly(len(RAW)) == RAW[::-1]


async def test_a_range_that_waits_for_bytes_that_are_wrong_gets_502(port):
    partial = await port.door.grow_blob(Digest.of(b"promised"), len(RAW))
    async with await Wire.open(port.address) as wire:
        await wire.send(f"/v2/library/alpine/blobs/{partial.digest}", headers={"Range": "bytes=1000-"})
        await partial.write(RAW)
        with pytest.raises(ContentMismatch):
            await partial.commit()
        head = await wire.head()
    assert head.status == 502
    assert head.reason.startswith("UNAVAILABLE the bytes are ")


async def test_t03_wrong_bytes_never_complete_and_the_event_says_why(port):
    partial = await port.door.grow_blob(Digest.of(b"promised"), len(RAW))
    async with await Wire.open(port.address) as wire:
        await wire.send(f"/v2/library/alpine/blobs/{partial.digest}")
        await wire.head()
        await partial.write(RAW)
        with pytest.raises(ContentMismatch):
            await partial.commit()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await wire.reader.readexactly(len(RAW))
    event = await port.ended()
    assert (event.status, event.outcome) == (200, "upstream")
    assert event.body_bytes <= len(RAW) - TAIL
    assert "thrown away" in event.message


# tags/list


@pytest.fixture
def tagged(port):
    port.door.tags_of["library/alpine"] = ["3.18", "3.19", "3.20", "edge"]
    return port


async def test_duty_tags_are_listed_sorted_under_the_name_as_asked(tagged):
    reply = await ask(tagged.address, "/v2/library/alpine/tags/list")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert json.loads(reply.body) == {"name": "library/alpine", "tags": ["3.18", "3.19", "3.20", "edge"]}
    assert "link" not in reply.headers


async def test_duty_pages_of_tags_lead_to_the_next_and_end(tagged):
    target, seen = "/v2/library/alpine/tags/list?n=3&ns=docker.io", []
    for _ in range(2):
        reply = await ask(tagged.address, target)
        seen += json.loads(reply.body)["tags"]
        if "link" in reply.headers:
            target = re.fullmatch(r'<(/v2/[^>]+)>; rel="next"', reply.headers["link"])[1]
    assert target == "/v2/library/alpine/tags/list?n=3&last=3.20&ns=docker.io"
    assert seen == ["3.18", "3.19", "3.20", "edge"]
    assert "link" not in reply.headers


async def test_duty_no_tags_wanted_is_an_empty_list_without_link(tagged):
    reply = await ask(tagged.address, "/v2/library/alpine/tags/list?n=0")
    assert json.loads(reply.body)["tags"] == []
    assert "link" not in reply.headers


# Referrers


async def test_duty_referrers_are_200_with_an_index_and_say_when_they_were_filtered(port):
    plain = await ask(port.address, f"/v2/library/alpine/referrers/{UNKNOWN}")
    assert (plain.status, plain.headers["content-type"]) == (200, mediatype.OCI_INDEX)
    assert json.loads(plain.body)["manifests"] == []
    assert "oci-filters-applied" not in plain.headers
    filtered = await ask(port.address, f"/v2/library/alpine/referrers/{UNKNOWN}?artifactType=a%2Fb")
    assert filtered.headers["oci-filters-applied"] == "artifactType"


async def test_duty_referrers_of_no_digest_are_400(port):
    assert (await ask(port.address, "/v2/library/alpine/referrers/sha256:x")).status == 400


# Namespaces


async def test_duty_the_namespace_is_echoed_when_it_was_sent(port):
    for target in ("manifests/3.20", f"blobs/{DIGEST}", "tags/list", f"referrers/{UNKNOWN}"):
        asked = await ask(port.address, f"/v2/library/alpine/{target}?ns=nvcr.example%3A5000")
        silent = await ask(port.address, f"/v2/library/alpine/{target}")
        assert asked.headers["oci-namespace"] == "nvcr.example:5000"
        assert "oci-namespace" not in silent.headers
    assert {request.ns for request in port.door.requests} == {"nvcr.example:5000", None}


async def test_a_namespace_cannot_write_headers(port):
    reply = await ask(port.address, "/v2/library/alpine/manifests/3.20?ns=a%0d%0aX-Evil:%201")
    assert reply.status == 400
    assert "x-evil" not in reply.headers


async def test_two_namespaces_are_400(port):
    reply = await ask(port.address, "/v2/library/alpine/manifests/3.20?ns=a.io&ns=b.io")
    assert (reply.status, json.loads(reply.body)["errors"][0]["code"]) == (400, "NAME_INVALID")
    assert port.door.requests == []


async def test_a_mirrors_port_is_bound_to_its_upstream():
    async with serving(mirrors=[{"address": "127.0.0.1:0", "upstream": "quay.io"}]) as port:
        port.door.put_manifest(MANIFEST, tag="1")
        assert (await ask(port.front.addresses["mirror quay.io"], "/v2/a/b/manifests/1")).status == 200
        assert (await ask(port.address, "/v2/a/b/manifests/1")).status == 200
        assert [asker.bound for asker in port.door.askers] == ["quay.io", None]


# Refusals


async def test_a_refusal_is_403_with_the_line_that_every_containerd_prints(port):
    port.door.refusal = Unverified("nvcr.io/nvidia/x:24.10: no signature by nvidia (0 found)", refusal="r-7f3k2c")
    for method in ("GET", "HEAD"):
        reply = await ask(port.address, "/v2/nvidia/x/manifests/24.10?ns=nvcr.io", method=method)
        line = "nvcr.io/nvidia/x:24.10: no signature by nvidia (0 found) [r-7f3k2c]"
        assert (reply.status, reply.reason) == (403, f"DENIED {line}")
        assert reply.headers["content-type"] == "application/json"
        assert int(reply.headers["content-length"]) > 0
        if method == "GET":
            assert json.loads(reply.body) == {"errors": [{"code": "DENIED", "message": line}]}
    event = port.events[-1]
    assert (event.outcome, event.refusal, event.status) == ("denied", "r-7f3k2c", 403)
    assert event.reference == "nvcr.io/nvidia/x:24.10"


async def test_a_refusal_cannot_write_headers_or_split_its_line(port):
    port.door.refusal = NotAllowed("a\r\nX-Evil: 1\r\n\r\n" + "ü" * 300, refusal="r-abcdef")
    reply = await ask(port.address, "/v2/a/b/manifests/1")
    assert len(reply.reason) <= 100
    assert reply.reason.isascii()
    assert reply.reason.endswith("[r-abcdef]")
    assert "x-evil" not in reply.headers


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (Inconclusive("the log is out of reach", retry_after=7, refusal="r-222222"), 503, "inconclusive"),
        (UpstreamUnavailable("the upstream is down"), 503, "upstream"),
        (UpstreamTimeout("the upstream is silent"), 504, "upstream"),
        (ContentMismatch("other bytes"), 502, "upstream"),
        (StorageError("the disk is full"), 503, "storage"),
    ],
)
async def test_t59_what_passes_has_a_reason_phrase_and_when_to_come_again(port, error, status, outcome):
    port.door.refusal = error
    reply = await ask(port.address, "/v2/a/b/manifests/1")
    assert reply.status == status
    assert reply.reason.startswith(f"UNAVAILABLE {error.message}")
    assert ("retry-after" in reply.headers) == (status != 502)
    assert json.loads(reply.body)["errors"][0]["code"] == "UNAVAILABLE"
    assert port.events[-1].outcome == outcome


async def test_a_defect_is_500_without_a_trace(port, caplog):
    port.door.refusal = RuntimeError("secret /etc/passwd line 3")
    reply = await ask(port.address, "/v2/a/b/manifests/1")
    assert (reply.status, json.loads(reply.body)["errors"][0]["code"]) == (500, "UNKNOWN")
    assert b"secret" not in reply.body
    assert "Traceback" not in reply.body.decode()
    assert reply.headers["x-request-id"] in caplog.text


async def test_t35_a_defect_beside_the_data_routes_is_500_and_logged(caplog):
    """It is not the client's fault, and nobody would look for it if nothing were said."""

    def broken():
        raise RuntimeError("secret /etc/passwd line 3")

    port = Port()
    port.front._metrics = broken
    await port.front.start()
    try:
        reply = await ask(port.front.addresses["admin"], "/metrics")
    finally:
        await port.front.drain(0.05)
    assert (reply.status, json.loads(reply.body)["errors"][0]["code"]) == (500, "UNKNOWN")
    assert b"secret" not in reply.body
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_promise_2_an_empty_blob_that_is_not_its_digest_never_completes(port):
    """Its headers alone would make it whole."""
    partial = await port.door.grow_blob(Digest.of(b"what was promised"), 0)
    asked = asyncio.create_task(ask(port.address, f"/v2/library/alpine/blobs/{partial.digest}"))
    await asyncio.sleep(0.05)
    with pytest.raises(ContentMismatch):
        await partial.commit()
    assert (await asked).status == 502


async def test_duty_what_is_missing_is_404_with_one_error_in_json(port):
    for target, code in (("manifests/none", "MANIFEST_UNKNOWN"), (f"blobs/{UNKNOWN}", "BLOB_UNKNOWN")):
        reply = await ask(port.address, f"/v2/library/alpine/{target}")
        (error,) = json.loads(reply.body)["errors"]
        assert (reply.status, error["code"]) == (404, code)
        assert error["message"]
        assert port.events[-1].outcome == "absent"


async def test_duty_a_malformed_digest_is_400(port):
    reply = await ask(port.address, "/v2/library/alpine/manifests/sha256:XYZ")
    assert (reply.status, json.loads(reply.body)["errors"][0]["code"]) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v2/library/alpine/blobs/uploads/"),
        ("PUT", "/v2/library/alpine/manifests/1"),
        ("PATCH", "/v2/library/alpine/blobs/uploads/1"),
        ("DELETE", f"/v2/library/alpine/blobs/{UNKNOWN}"),
        ("DELETE", "/v2/library/alpine/manifests/1"),
        ("GET", "/v2/_catalog"),
        ("OPTIONS", "/v2/"),
    ],
)
async def test_duty_every_write_is_405(port, method, target):
    """Promise 8: there is no write route."""
    reply = await ask(port.address, target, method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert json.loads(reply.body)["errors"][0]["code"] == "UNSUPPORTED"
    assert port.door.requests == []


async def test_a_push_with_a_body_is_refused_too(port):
    async with await Wire.open(port.address) as wire:
        await wire.send("/v2/a/b/manifests/1", method="PUT", headers={"Content-Length": "5", "Expect": "100-continue"})
        assert (await wire.head()).status == 405


async def test_nobody_is_ever_challenged(port):
    port.door.refusal = NotAllowed("no")
    for target in ("/v2/", "/v2/a/b/manifests/1", "/nothing"):
        reply = await ask(port.address, target, headers={"Authorization": "Basic Og=="})
        assert reply.status != 401
        assert "www-authenticate" not in reply.headers


# Who asks


async def test_a_request_id_is_ours_and_stands_in_answer_and_event(port):
    reply = await ask(port.address, "/v2/library/alpine/manifests/3.20", headers={"X-Request-Id": "theirs"})
    event = await port.ended()
    assert reply.headers["x-request-id"] == event.request_id == port.door.askers[0].request_id
    assert event.request_id != "theirs"
    assert (event.kind, event.status, event.outcome) == ("manifest", 200, "hit")
    assert (event.body_bytes, event.reference) == (len(MANIFEST), "3.20")
    assert str(event.repository) == "docker.io/library/alpine"


async def test_a_client_is_its_address_and_no_header(port):
    await ask(port.address, "/v2/library/alpine/manifests/3.20", headers={"X-Forwarded-For": "10.9.9.9"})
    assert port.door.askers[0].client.address == "127.0.0.1"


async def test_a_thousand_idle_connections_do_not_matter(port):
    wires = [await Wire.open(port.address) for _ in range(1000)]
    assert (await ask(port.address, BLOB)).body == RAW
    assert (await ask(port.front.addresses["admin"], "/readyz")).status == 200
    for wire in wires:
        wire.writer.transport.abort()


@on_both_loops
async def test_a_client_that_takes_nothing_of_a_large_manifest_is_cut():
    async with serving(stall_seconds=0.2) as port:
        port.door.put_manifest(b" " * 4_000_000, tag="large")
        reader, writer = await asyncio.open_connection("127.0.0.1", port.address.port, limit=1024)
        for _ in range(8):
            writer.write(b"GET /v2/a/b/manifests/large HTTP/1.1\r\nHost: x\r\n\r\n")
        while not port.connections:
            await asyncio.sleep(0.01)
        while port.connections:
            await asyncio.sleep(0.05)
        writer.transport.abort()
        assert not reader.at_eof()


# Wire


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET /v2/ HTTP/1.1\r\nHost x\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n",
     b"GET /v2/ HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
     b"GET /v2/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
)  # fmt: skip
async def test_t55_garbage_is_400_without_a_trace_and_the_server_lives(port, garbage, caplog):
    async with await Wire.open(port.address) as wire:
        wire.writer.write(garbage)
        answer = await asyncio.wait_for(wire.reader.read(), 10)
    assert answer.startswith(b"HTTP/1.")
    assert b" 400 UNSUPPORTED the request is not HTTP/1.1" in answer
    assert b"Traceback" not in answer
    assert not caplog.records
    assert (await ask(port.address, "/v2/")).status == 200
    assert port.events[0].outcome == "client"


async def test_an_absolute_target_is_the_same_request(port):
    reply = await ask(port.address, "http://elsewhere.example/v2/library/alpine/manifests/3.20?ns=docker.io")
    assert (reply.status, reply.body) == (200, MANIFEST)
    assert port.door.requests[0].ns == "docker.io"


@pytest.mark.parametrize(
    "path", ["/", "/v1/", "/v2/../livez", "/v2//manifests/x", "/v2/a%2f../b/manifests/1", "/livez"]
)
async def test_other_paths_are_errors_of_the_client(port, path):
    reply = await ask(port.address, path)
    assert reply.status in (400, 404)
    assert len(json.loads(reply.body)["errors"]) == 1
    assert port.door.requests == []


async def test_an_ordinary_library_is_served_too(port):
    base = f"http://{port.address}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/v2/library/alpine/manifests/3.20") as reply:
            assert await reply.read() == MANIFEST
        async with session.get(f"{base}{BLOB}") as reply:
            assert await reply.read() == RAW
        async with session.get(f"{base}{BLOB}", headers={"Range": "bytes=1-3"}) as reply:
            assert (reply.status, await reply.read()) == (206, RAW[1:4])
        async with session.head(f"{base}{BLOB}") as reply:
            assert reply.content_length == len(RAW)


# Listeners


async def test_tls_serves_the_same_bytes(tmp_path):
    certificate, key = make_certificate(tmp_path)
    registry = {"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "key": str(key)}}
    async with serving(registry=registry) as port:
        await port.door.put_blob(RAW)
        client = ssl.create_default_context(cafile=certificate)
        async with await Wire.open(port.address, client) as wire:
            assert (await wire.ask(BLOB)).body == RAW
            assert (await wire.ask(BLOB, headers={"Range": "bytes=5-9"})).body == RAW[5:10]
        old = ssl.create_default_context(cafile=certificate)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await ask(port.address, "/v2/", tls=old)).status == 200


async def test_a_certificate_that_cannot_be_used_is_an_error_of_the_configuration(tmp_path):
    (tmp_path / "x").write_text("not PEM")
    tls = {"certificate": str(tmp_path / "x"), "key": str(tmp_path / "x")}
    port = Port(registry={"address": "127.0.0.1:0", "tls": tls})
    with pytest.raises(ConfigError, match="cannot be used for TLS"):
        await port.front.start()


async def test_a_port_that_is_taken_is_said_with_its_address_and_nothing_stays_open():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        port = Port(admin={"address": address})
        with pytest.raises(ConfigError, match=rf"listen\.admin\.address: {address} is taken by another program"):
            await port.front.start()
        with pytest.raises(OSError, match="Connect"):
            await Wire.open(port.address)


async def test_an_address_of_another_machine_is_said():
    port = Port(registry={"address": "192.0.2.1:5000"})
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1:5000 is not an address of this machine"):
        await port.front.start()


@pytest.mark.parametrize(("networks", "status"), [(["10.2.0.0/16"], 200), (["10.99.0.0/16"], 403)])
async def test_beyond_loopback_without_tls_only_open_networks_may_ask(networks, status, monkeypatch):
    """Tests listen on loopback alone: the listener and its clients are told to be elsewhere."""
    monkeypatch.setattr(Address, "is_loopback", False)
    monkeypatch.setattr("proxy.web.clients.plain_address", lambda _peer: ipaddress.ip_address("10.2.0.1"))
    async with serving(clients={"open": networks}) as port:
        for target in ("/v2/", "/v2/a/b/manifests/1", BLOB):
            reply = await ask(port.address, target)
            assert (reply.status == 403) == (status == 403)
        if status == 403:
            assert port.door.requests == []
            assert reply.reason.startswith("DENIED 10.2.0.1 may not ask here; add its network")


# Health


async def test_health_answers_on_both_ports():
    async with serving(health={"address": "127.0.0.1:0"}) as port:
        for name in ("admin", "health"):
            address = port.front.addresses[name]
            assert (await ask(address, "/livez")).body == b"alive\n"
            assert (await ask(address, "/readyz")).status == 200
            metrics = await ask(address, "/metrics")
            assert metrics.body == b"pratique_requests_total 1\n"
            assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
            assert (await ask(address, "/v2/")).status == 404
            assert (await ask(address, "/livez", method="POST")).status == 405
        port.is_ready = False
        assert (await ask(port.front.addresses["health"], "/readyz")).status == 503
        assert (await ask(port.front.addresses["health"], "/livez")).status == 200
        assert port.events == []


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:5001", 200), ("127.0.0.1", 200), ("[::1]:5001", 200), ("evil.example", 403), ("", 403), ("127.0.0.1.evil.example", 403)],
)  # fmt: skip
async def test_the_admin_port_checks_the_host_header(port, host, status):
    assert (await ask(port.front.addresses["admin"], "/livez", headers={"Host": host})).status == status


async def test_the_health_port_answers_to_any_name():
    async with serving(health={"address": "127.0.0.1:0"}) as port:
        assert (await ask(port.front.addresses["health"], "/livez", headers={"Host": "10.1.2.3:5003"})).status == 200


# The end


@on_both_loops
async def test_a_drain_lets_a_running_body_end_closes_what_is_idle_and_lets_nobody_in():
    async with serving() as port, await Wire.open(port.address) as idle, await Wire.open(port.address) as busy:
        partial = await port.door.grow_blob(Digest.of(RAW[::-1]), len(RAW))
        assert (await idle.ask("/v2/")).status == 200
        await busy.send(f"/v2/library/alpine/blobs/{partial.digest}")
        await busy.head()
        draining = asyncio.ensure_future(port.front.drain(30))
        assert await asyncio.wait_for(idle.reader.read(), 10) == b""
        with pytest.raises(OSError, match="Connect"):
            await Wire.open(port.address)
        assert not draining.done()
        await partial.write(RAW[::-1])
        await partial.commit()
        assert await busy.reader.readexactly(len(RAW)) == RAW[::-1]
        await asyncio.wait_for(draining, 10)
        assert await busy.reader.read() == b""


@on_both_loops
async def test_a_drain_that_took_long_enough_cuts_the_rest():
    async with serving() as port, await Wire.open(port.address) as busy:
        partial = await port.door.grow_blob(Digest.of(RAW[::-1]), len(RAW))
        await busy.send(f"/v2/library/alpine/blobs/{partial.digest}")
        await busy.head()
        await partial.write(RAW[:1000])
        await busy.reader.readexactly(1000)
        await asyncio.wait_for(port.front.drain(0.05), 10)
        with contextlib.suppress(ConnectionError):
            assert await busy.reader.read() == b""
        assert (await port.ended()).kind == "blob"
