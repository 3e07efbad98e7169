"""A timestamp authority's web server on loopback, for tools that ask one: RFC 3161 over HTTP, in a thread of its own.

with StampServer(authority) as server:
    cosign("sign", "--timestamp-server-url", server.url, …)
"""

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from asn1crypto import tsp

from tests.fakes.tsas import FakeAuthority


class StampServer:
    """`asked` counts what was stamped; each token carries the question's nonce and the authority's chain."""

    def __init__(self, authority: FakeAuthority) -> None:
        self.authority = authority
        self.asked = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers["Content-Length"]))
                body = server.stamp(question)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/api/v1/timestamp"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def stamp(self, question: bytes) -> bytes:
        asked = tsp.TimeStampReq.load(question)
        self.asked += 1
        info = {
            "version": "v1",
            "policy": "1.3.6.1.4.1.57264.2",
            "message_imprint": asked["message_imprint"],
            "serial_number": 1000 + self.asked,
            "gen_time": datetime.now(UTC).replace(microsecond=0),
            "nonce": asked["nonce"].native,
        }
        return self.authority.stamp(b"", content=tsp.TSTInfo(info).dump())
