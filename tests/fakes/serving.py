"""The `pratique` command as a person uses it: a folder with both files, and processes of its own on it.

async with FakeRegistry() as upstream:
    site = Site(tmp_path, upstream)
    image = site.put("acme/app", "app")                    # signed by the key that the policy asks for
    async with site.serving("--workers", "2") as serving:  # `pratique serve`, ended by its own id
        assert await manifest(serving, "acme/app", "1.0") == (200, "OK", image.manifest)
"""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml

from proxy.demo.images import Image, make_image, new_key, sign, signature_tag
from tests.fakes.registry import FakeRegistry

UPSTREAM = "reg.test"
POLICY = {
    "version": 1,
    "signers": {"team": {"key": "team.pub", "log": "none"}},
    "images": [{"match": f"{UPSTREAM}/acme/**", "require": [{"signature": "team"}]}],
}
SECONDS = 30


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


@dataclass
class Serving:
    """A `pratique serve` of its own process; `lines` are what it logged so far."""

    process: asyncio.subprocess.Process
    lines: list[dict] = field(default_factory=list)
    url: str = ""
    admin: str = ""

    async def until(self, event: str, **fields: object) -> dict:
        async with asyncio.timeout(SECONDS):
            while True:
                for line in self.lines:
                    if line.get("event") == event and all(line.get(name) == value for name, value in fields.items()):
                        return line
                await asyncio.sleep(0.02)

    @property
    def workers(self) -> list[int]:
        """The process ids of those that serve, by what was logged."""
        said = [line for line in self.lines if line["event"] in ("worker-started", "worker-ended")]
        serving = dict.fromkeys(line["pid"] for line in said if line["event"] == "worker-started")
        return [
            pid for pid in serving if not any(line["event"] == "worker-ended" and line["pid"] == pid for line in said)
        ]

    async def listen(self) -> None:
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            self.lines.append(json.loads(raw) if raw.startswith(b"{") else {"event": "text", "text": raw.decode()})


class Site:
    """A folder with both files and a key, and the upstream that they name."""

    def __init__(self, folder: Path, upstream: FakeRegistry) -> None:
        self.folder = folder
        self.upstream = upstream
        self.private, public = new_key("team")
        (folder / "team.pub").write_bytes(public)
        self.set_policy(POLICY)
        self.config = folder / "pratique.yaml"
        settings = {
            "listen": {"registry": {"address": "127.0.0.1:0"}, "admin": {"address": "127.0.0.1:0"}},
            "policy": "policy.yaml",
            "upstreams": {UPSTREAM: {"url": upstream.url}},
            "limits": {"drainSeconds": 5},
        }
        self.config.write_text(yaml.safe_dump(settings))

    def set_policy(self, policy: object) -> None:
        (self.folder / "policy.yaml").write_text(yaml.safe_dump(policy))

    def put(self, name: str, label: str, *, tag: str = "1.0", is_signed: bool = True, **shape: int) -> Image:
        image = make_image(label, **shape)
        self.upstream.put_image(name, image, tag)
        if is_signed:
            self.sign(name, image)
        return image

    def sign(self, name: str, image: Image) -> None:
        signature = sign(image.digest, private=self.private, reference_name=f"{UPSTREAM}/{name}")
        self.upstream.put_image(name, signature, str(signature_tag(image.digest)))

    async def run(self, *arguments: str, env: dict[str, str] | None = None) -> Said:
        process = await self._spawn(*arguments, env=env)
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def _spawn(self, *arguments: str, env: dict[str, str] | None = None) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "proxy",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PRATIQUE_CONFIG": str(self.config), **(env or {})},
        )

    @asynccontextmanager
    async def serving(self, *arguments: str):
        serving = Serving(await self._spawn("serve", *arguments))
        listening = asyncio.create_task(serving.listen())
        try:
            started = await serving.until("serving")
            serving.url, serving.admin = f"http://{started['registry']}", f"http://{started['admin']}"
            yield serving
        finally:
            if serving.process.returncode is None:
                serving.process.terminate()
                async with asyncio.timeout(SECONDS):
                    await serving.process.wait()
            await listening
            serving.process._transport.close()  # type: ignore[attr-defined] # or it warns at the collector's whim


async def manifest(serving: Serving, name: str, reference: object) -> tuple[int, str, bytes]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{serving.url}/v2/{name}/manifests/{reference}?ns={UPSTREAM}") as answer,
    ):
        return answer.status, answer.reason or "", await answer.read()
