"""docker-registry as the upstream: a process of its own, with its storage in the file system where a test can spoil it."""

import base64
import http.client
import re
from pathlib import Path
from typing import Self

from proxy.demo.images import Image
from proxy.oci.digest import Digest
from tests.e2e.processes import Process, free_port, listens, run
from tests.e2e.tools import require_tool
from tests.fakes.layouts import Layout

_ASKED = re.compile(r'"(?P<method>[A-Z]+) (?P<target>/v2/\S*) HTTP/1\.1" (?P<status>\d+)')
_WAYS = {"manifests": "manifest", "blobs": "blob", "tags": "tags", "referrers": "referrers"}


class DockerRegistry:
    """Debian's docker-registry (distribution 2.8): no referrers API, so fallback tags.

    `user` (name:password) makes it private, by htpasswd; `auth` is a section of its configuration, for other ways in,
    and `token` what a push then needs.
    """

    def __init__(self, folder: Path, *, user: str = "", auth: str = "", token: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.token = token
        self._user = user
        if user:
            made = run(require_tool("htpasswd", "apache2-utils"), "-nbB", "-C", "4", *user.split(":")).fine().out
            (folder / "htpasswd").write_text(made)
            auth = f"auth: {{ htpasswd: {{ realm: lab, path: {folder / 'htpasswd'} }} }}\n"
        config = folder / "registry.yml"
        config.write_text(
            "version: 0.1\n"
            "log: { level: info }\n"
            f"storage: {{ filesystem: {{ rootdirectory: {folder / 'storage'} }} }}\n"
            f"http: {{ addr: '{self.host}', secret: lab }}\n{auth}"
        )
        binary = require_tool("docker-registry")
        log = folder / "registry.log"
        self._process = Process(
            [binary, "serve", config], log=log, is_ready=lambda: listens(self.port), env={"HOME": str(folder)}
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.stop()

    # What is here.

    def push(self, name: str, image: Image, tag: str | None = None) -> Digest:
        """An image or index with its children and blobs, over HTTP."""
        for each in reversed(image.tree):
            for digest, raw in each.blobs.items():
                self.push_blob(name, digest, raw)
            self.push_manifest(name, each.manifest, each.media_type, str(each.digest))
        if tag:
            self.push_manifest(name, image.manifest, image.media_type, tag)
        return image.digest

    def push_layout(self, name: str, layout: Layout) -> None:
        for digest, raw in layout.blobs.items():
            self.push_blob(name, digest, raw)
        for digest, (raw, media_type) in layout.manifests.items():
            self.push_manifest(name, raw, media_type, str(digest))
        for tag, digest in layout.tags.items():
            self.push_manifest(name, *layout.manifests[digest], tag)

    def push_blob(self, name: str, digest: Digest, raw: bytes) -> None:
        where = self._ask("POST", f"/v2/{name}/blobs/uploads/")[1]["Location"].removeprefix(self.url)
        self._ask("PUT", f"{where}&digest={digest}", raw, "application/octet-stream")

    def push_manifest(self, name: str, raw: bytes, media_type: str, reference: str) -> None:
        self._ask("PUT", f"/v2/{name}/manifests/{reference}", raw, media_type)

    def delete_tag(self, name: str, tag: str) -> None:
        """In its storage: the API deletes manifests only."""
        (self._repository(name) / "_manifests" / "tags" / tag / "current" / "link").unlink()

    def spoil(self, digest: Digest) -> None:
        """Change one byte of a stored blob or manifest, as whoever has the disk can."""
        file = self.blob_file(digest)
        raw = bytearray(file.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        file.write_bytes(bytes(raw))

    def blob_file(self, digest: Digest) -> Path:
        root = self.folder / "storage/docker/registry/v2/blobs"
        return root / digest.algorithm / digest.hex[:2] / digest.hex / "data"

    def _repository(self, name: str) -> Path:
        return self.folder / "storage/docker/registry/v2/repositories" / name

    def _ask(self, method: str, target: str, body: bytes = b"", kind: str = "") -> tuple[int, http.client.HTTPMessage]:
        headers = {"Content-Type": kind} if kind else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        elif self._user:
            headers["Authorization"] = f"Basic {base64.b64encode(self._user.encode()).decode()}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status < 300, (method, target, answer.status, said)
            return answer.status, answer.headers
        finally:
            connection.close()

    # What was asked.

    def asked(self) -> list[tuple[str, str, int]]:
        """Method, target and status of each request so far, from its own access log."""
        found = _ASKED.finditer(self._process.said)
        return [(each["method"], each["target"], int(each["status"])) for each in found]

    def fetched(self, before: list[tuple[str, str, int]]) -> list[str]:
        """Digests of the blobs that were fetched since `before`, each as often as it was."""
        since = self.asked()[len(before) :]
        return [target.rpartition("/")[2] for method, target, _ in since if method == "GET" and "/blobs/" in target]

    def asked_by(self, before: list[tuple[str, str, int]]) -> list[str]:
        """What was asked since `before`, as `GET blob` and the like."""
        return [f"{method} {_kind(target)}" for method, target, _ in self.asked()[len(before) :]]


def _kind(target: str) -> str:
    parts = target.partition("?")[0].split("/")
    return next((word for part, word in _WAYS.items() if part in parts[-2:]), "ping")
