"""Debian's docker-registry (distribution 2.8) as a real upstream on loopback, filled through its own push API.

async with DockerRegistry(binary, tmp_path, is_private=True) as upstream:
    await upstream.push("acme/app", image, "v1")
    … ask upstream.url, as USER with PASSWORD where it is private …
"""

import asyncio
import base64
import re
import urllib.request
from pathlib import Path
from typing import Self

from proxy.demo.images import Image

USER, PASSWORD = "vendor", "hunter2"
# bcrypt with the lowest cost: a test server on loopback.
_HTPASSWD = "vendor:$2b$04$GkIvNJHJO10ODiOkKR9zFODTRWhZOXxOLV8xOGSZKYHBGf4aG5FAi\n"
_LISTENING = re.compile(rb"listening on ([0-9.]+:\d+)")


class DockerRegistry:
    """One process, stopped by its own handle; its storage is `folder`, so that a second one finds what the first held."""

    def __init__(self, binary: str, folder: Path, *, is_private: bool = False) -> None:
        self.url = ""
        self._binary = binary
        self._folder = folder
        self._is_private = is_private

    async def __aenter__(self) -> Self:
        config = f"version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {self._folder}/storage }} }}\n"
        config += 'http: { addr: "127.0.0.1:0", secret: drill }\n'
        if self._is_private:
            (self._folder / "htpasswd").write_text(_HTPASSWD)
            config += f"auth: {{ htpasswd: {{ realm: test, path: {self._folder}/htpasswd }} }}\n"
        (self._folder / "registry.yml").write_text(config)
        self._process = await asyncio.create_subprocess_exec(
            self._binary,
            "serve",
            str(self._folder / "registry.yml"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            while line := await self._process.stdout.readline():
                if found := _LISTENING.search(line):
                    self.url = f"http://{found[1].decode()}"
                    break
        assert self.url, "docker-registry did not start"
        self._log = asyncio.create_task(self._process.stdout.read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.terminate()
        await self._process.wait()
        await self._log

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    async def push(self, repo: str, image: Image, tag: str | None = None) -> None:
        for child in image.children:
            await self.push(repo, child)
        for digest, raw in image.blobs.items():
            await asyncio.to_thread(self._push_blob, repo, str(digest), raw)
        path = f"/v2/{repo}/manifests/{tag or image.digest}"
        await asyncio.to_thread(self._send, "PUT", path, image.manifest, {"Content-Type": image.media_type})

    def _push_blob(self, repo: str, digest: str, raw: bytes) -> None:
        place = self._send("POST", f"/v2/{repo}/blobs/uploads/", b"", {})
        joint = "&" if "?" in place else "?"
        self._send("PUT", f"{place}{joint}digest={digest}", raw, {"Content-Type": "application/octet-stream"})

    def _send(self, method: str, place: str, body: bytes, headers: dict[str, str]) -> str:
        url = place if place.startswith("http") else self.url + place
        request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310 our own registry on loopback
        if self._is_private:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        with urllib.request.urlopen(request) as answer:  # noqa: S310 as above
            return str(answer.headers.get("Location", ""))
