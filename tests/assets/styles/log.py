"""A Rekor v1 for `make.sh`: it takes what cosign proposes, and answers with the entry, its SET and its inclusion proof.

    python log.py KEY.pem PORT        # from the project's root, with tests/ importable

The server that Sigstore runs needs a Merkle tree service and a database beside it; for one entry this is the same answer.
"""

import base64
import json
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.fakes.tlogs import FakeLog, root_of


def entry_of(log: FakeLog, proposed: dict) -> dict:
    """As `POST /api/v1/log/entries` answers."""
    body = json.dumps(proposed, sort_keys=True, separators=(",", ":")).encode()
    entry = log.included(log.promised(log.entry(body), at=datetime.now(UTC)), size=1, at=0)
    assert entry.promise
    assert entry.proof
    verification = {
        "signedEntryTimestamp": base64.b64encode(entry.promise).decode(),
        "inclusionProof": {
            "logIndex": 0,
            "treeSize": 1,
            "rootHash": entry.proof.root_hash.hex(),
            "hashes": [],
            "checkpoint": entry.proof.checkpoint,
        },
    }
    return {
        root_of([body]).hex(): {
            "body": base64.b64encode(body).decode(),
            "integratedTime": entry.integrated_time,
            "logID": log.id.hex(),
            "logIndex": entry.index,
            "verification": verification,
        }
    }


def serve(log: FakeLog, port: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            proposed = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            raw = json.dumps(entry_of(log, proposed)).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Location", "/api/v1/log/entries/0")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    private = load_pem_private_key(Path(sys.argv[1]).read_bytes(), None)
    serve(FakeLog(host="log.styles.test", tree="1", private=private), int(sys.argv[2]))
