"""The drill's own upstream: a small registry in memory, on the standard library's server. It can only be read.

It stands before the proxy as a stranger would: it knows nothing of what is right, and serves what it was given.
"""

import contextlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from proxy.demo.images import Image
from proxy.oci.digest import Digest

# distribution-spec, "Pulling manifests", "Pulling blobs", "Listing tags".
_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags)/(?P<reference>[^/?]+)")


class DemoRegistry:
    """Holds images; answers at `url` between `start` and `stop`. `requests` counts what it was asked."""

    def __init__(self) -> None:
        self._manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._tags: dict[str, set[str]] = {}
        self._counting = threading.Lock()
        self.requests = 0
        self._server = _Server(("127.0.0.1", 0), _Handler, registry=self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, name: str, image: Image, *, tag: str | None = None) -> None:
        """Hold the image, its children and blobs; under `tag`, moving it where it was elsewhere."""
        for each in image.tree:
            self._manifests[name, str(each.digest)] = (each.manifest, each.media_type)
            for digest, raw in each.blobs.items():
                self._blobs[name, str(digest)] = raw
        if tag is not None:
            self._manifests[name, tag] = (image.manifest, image.media_type)
            self._tags.setdefault(name, set()).add(tag)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away: the port answers nobody from now on. Safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.hang_up()

    def count(self) -> None:
        with self._counting:
            self.requests += 1

    def find(self, name: str, kind: str, reference: str) -> tuple[bytes, str] | None:
        """The body and its type, or None where nothing is."""
        if kind == "manifests":
            return self._manifests.get((name, reference))
        if kind == "blobs":
            raw = self._blobs.get((name, reference))
            return (raw, "application/octet-stream") if raw is not None else None
        tags = self._tags.get(name)
        if tags is None:
            return None
        return json.dumps({"name": name, "tags": sorted(tags)}).encode(), "application/json"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any, registry: DemoRegistry) -> None:
        super().__init__(*arguments)
        self.registry = registry
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep open: a registry that is off answers on none."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left: the drill's table says what came of each pull."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024  # head and body in one packet: two would wait for each other's acknowledgement
    timeout = 30  # seconds without a request after which a connection is closed
    server: _Server

    def do_GET(self) -> None:
        self._answer(has_body=True)

    def do_HEAD(self) -> None:
        self._answer(has_body=False)

    def _answer(self, *, has_body: bool) -> None:
        self.server.registry.count()
        path = self.path.partition("?")[0]
        found = _ROUTE.fullmatch(path)
        held = self.server.registry.find(found["name"], found["kind"], found["reference"]) if found else None
        if path == "/v2/":
            held = (b"{}", "application/json")
        status = 200 if held is not None else 404
        raw, media_type = held or (b'{"errors":[{"code":"NAME_UNKNOWN","message":"not here"}]}', "application/json")
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(raw)))
        if held is not None and found and found["kind"] == "manifests":
            self.send_header("Docker-Content-Digest", str(Digest.of(raw)))
        self.end_headers()
        if has_body:
            self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the drill's table says it all."""
