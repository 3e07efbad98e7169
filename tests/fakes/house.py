"""A whole proxy in one process before a fake upstream: real config files, real stores, real HTTP on loopback.

    async with House(tmp_path) as house:
        image = make_image("app")
        house.upstream.put_image("acme/app", image, tag="v1")
        house.sign(image)                                    # by team.pub, which the default policy asks for
        answer = await house.get("/v2/acme/app/manifests/v1?ns=reg.test")
        assert answer.status == 200

The upstream is called `reg.test`; `policy` is the text of policy.yaml, where team.pub and other.pub are key files.
`restart()` stops the proxy and starts another on the same data; `lose_state()` deletes the state in between.
"""

import asyncio
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from proxy.bootstrap import Proxy
from proxy.config.loader import load
from proxy.demo.images import Image, make_image, new_key, sign, signature_tag
from proxy.events import Event
from tests.fakes.clock import OffsetClock
from tests.fakes.registry import FakeRegistry

UPSTREAM = "reg.test"
SIGNED = """\
version: 1
signers:
  team: { key: team.pub, log: none }
images:
  - match: reg.test/acme/**
    require: [ { signature: team } ]
"""


@dataclass(frozen=True)
class Got:
    """One answer, read to its end; `is_cut`: the connection ended before the promised length."""

    status: int
    reason: str
    headers: aiohttp.typedefs.LooseHeaders = field(repr=False)
    body: bytes = field(repr=False)
    is_cut: bool = False


class House:
    def __init__(
        self, folder: Path, *, policy: str = SIGNED, extra: str = "", upstream_extra: str = "", fills_ahead: int = 0
    ) -> None:
        self.folder = folder
        self.private, team = new_key("team")
        self.stranger, other = new_key("other")
        (folder / "team.pub").write_bytes(team)
        (folder / "other.pub").write_bytes(other)
        (folder / "policy.yaml").write_text(policy)
        self.extra = extra
        self.upstream_extra = upstream_extra
        self.fills_ahead = fills_ahead
        self.others: dict[str, FakeRegistry] = {}  # more upstreams, by name; to be filled before it is entered
        self.clock = OffsetClock()
        self.upstream = FakeRegistry()
        self.events: list[Event] = []
        self.proxy: Proxy
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for registry in (self.upstream, *self.others.values()):
            await self._stack.enter_async_context(registry)
        self._http = await self._stack.enter_async_context(
            aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=60))
        )
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()
        await self._stack.aclose()

    async def start(self) -> None:
        others = "".join(f", {name}: {{ url: '{each.url}' }}" for name, each in self.others.items())
        (self.folder / "pratique.yaml").write_text(
            f"listen: {{ registry: {{ address: 127.0.0.1:0 }}, admin: {{ address: 127.0.0.1:0 }} }}\n"
            f"policy: policy.yaml\n"
            f"upstreams: {{ {UPSTREAM}: {{ url: '{self.upstream.url}' {self.upstream_extra} }}{others} }}\n"
            f"{self.extra or 'limits: { drainSeconds: 1 }'}\n"
        )
        config = load(self.folder / "pratique.yaml", env={})
        self.proxy = Proxy(config, clock=self.clock, fills_ahead=self.fills_ahead)
        emit = self.proxy.emit
        self.proxy.emit = lambda event: (self.events.append(event), emit(event))[1]
        await self.proxy.start()

    async def stop(self) -> None:
        if self.proxy.is_ready:
            await self.proxy.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def lose_state(self) -> None:
        """Between `stop` and `start`."""
        for file in (self.folder / "data").glob("state.db*"):
            file.unlink()

    def lose_audit(self) -> None:
        shutil.rmtree(self.folder / "data" / "audit", ignore_errors=True)

    def set_policy(self, text: str) -> None:
        (self.folder / "policy.yaml").write_text(text)
        self.proxy.reload()

    @property
    def url(self) -> str:
        return f"http://{self.proxy.front.addresses['registry']}"

    @property
    def admin_url(self) -> str:
        return f"http://{self.proxy.front.addresses['admin']}"

    async def get(self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Got:
        async with self._http.request(method, self.url + path, headers=headers, allow_redirects=False) as answer:
            try:
                body, is_cut = await answer.read(), False
            except (aiohttp.ClientPayloadError, ConnectionError):
                body, is_cut = b"", True
            return Got(answer.status, answer.reason or "", answer.headers, body, is_cut)

    async def manifest(self, name: str, reference: object, *, method: str = "GET") -> Got:
        return await self.get(f"/v2/{name}/manifests/{reference}?ns={UPSTREAM}", method=method)

    async def blob(self, name: str, digest: object, *, method: str = "GET", headers=None) -> Got:
        return await self.get(f"/v2/{name}/blobs/{digest}?ns={UPSTREAM}", method=method, headers=headers)

    def put(self, name: str, label: str, *, tag: str | None = None, is_signed: bool = True, **shape: int) -> Image:
        """An image at the upstream, signed by team for its own name unless told otherwise."""
        image = make_image(label, **shape)
        self.upstream.put_image(name, image, tag=tag)
        if is_signed:
            self.sign(image, name=name)
        return image

    def sign(self, image: Image, *, name: str, by=None, names: str | None = None, **kind: object) -> Image:
        signature = sign(image.digest, private=by or self.private, reference_name=names or f"{UPSTREAM}/{name}", **kind)
        self.upstream.put_image(name, signature, tag=str(signature_tag(image.digest)))
        return signature

    async def settle(self) -> None:
        """Let what runs in the background come to an end."""
        for _ in range(200):
            if not self.proxy.pipeline.rooms.fills.is_busy:
                return
            await asyncio.sleep(0.01)
