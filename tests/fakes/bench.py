"""Fills at work: a real store, a fake upstream, and a reader that reads as a client does."""

import asyncio
import os
from pathlib import Path

from proxy.content.filesystem import FilesystemStore
from proxy.content.store import Body
from proxy.events import Event, FillEnded
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.fill import Fills
from proxy.upstream.registry import Upstreams
from proxy.upstream.settings import UpstreamSettings
from tests.fakes.registry import FakeRegistry

REPOSITORY = Repository("reg.test", "acme/app")
OTHER = Repository("reg.test", "acme/other")
ELSEWHERE = Repository("mirror.test", "acme/other")
MIB = 1024 * 1024


class Bench:
    """Fills over a real store and a fake upstream. `lent`: a store that is somebody else's."""

    def __init__(self, folder: Path, upstream: FakeRegistry, *, lent: FilesystemStore | None = None) -> None:
        self.folder = folder
        self.upstream = upstream
        self.events: list[Event] = []
        self.rotted: list[Digest] = []
        self.turns: list[str] = []  # of the disk's condition
        self.store = lent or FilesystemStore(
            folder,
            rotted=lambda digest, _: self.rotted.append(digest),
            changed=lambda state, _: self.turns.append(state),
        )
        self.store.condition.quiet = 0
        settings = UpstreamSettings.model_validate({"url": upstream.url})
        self.upstreams = Upstreams({"reg.test": settings, "mirror.test": settings}, emit=self.events.append)
        self.pauses: list[float] = []
        self.fills = Fills(self.store, self.upstreams, self.events.append, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def close(self) -> None:
        await self.fills.close()
        await self.upstreams.close()
        self.store.close()

    def put(self, size: int, seed: int = 1) -> Descriptor:
        raw = bytes((seed + i) % 251 for i in range(min(size, 65536))) * (size // 65536 + 1)
        return self.put_raw(raw[:size])

    def put_raw(self, raw: bytes) -> Descriptor:
        self.upstream.put_blob("acme/app", raw)
        return Descriptor("application/octet-stream", Digest.of(raw), len(raw))

    @property
    def ended(self) -> list[FillEnded]:
        return [event for event in self.events if isinstance(event, FillEnded)]

    async def finished(self) -> None:
        for _ in range(1000):
            if not self.fills.is_busy:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("a fill does not end")

    async def read(self, blob: Descriptor) -> bytes:
        body, _ = await self.fills.body(REPOSITORY, blob)
        return await read(body)


async def read(body: Body, *, until: int | None = None) -> bytes:
    """As a client reads: what is released, then wait for more."""
    got = bytearray()
    try:
        while len(got) < (body.size if until is None else until):
            released = body.released
            if released <= len(got):
                released = await body.more(len(got))
            got += os.pread(body.fileno(), released - len(got), len(got))
    finally:
        if until is None:
            body.close()
    return bytes(got)
