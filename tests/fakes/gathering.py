"""Discovery alone: a Gatherer and the Witnesses over real stores, with fake registries as upstreams and no judge behind.

    async with Port() as port:
        port.upstream.put_image("acme/app", image, tag="v1")
        got = await port.fetch("acme/app", image.digest)
        await port.keep("acme/app", image.digest, got)            # as if a Decision rested on all of it
        again = await port.stored("acme/app", image.digest)

`reg.test` is `upstream`; `also(name)` makes another registry that is an upstream of that name.
"""

import json
from contextlib import AsyncExitStack
from typing import Any, Self

from proxy.demo.images import Blob, Image, signature_manifest
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest, parse_manifest
from proxy.oci.reference import Repository
from proxy.pipeline.family.parentage import Parentage
from proxy.pipeline.gathering.gather import Gathered, Gatherer
from proxy.pipeline.gathering.referrers import Witnesses
from proxy.state.memory import MemoryStore as State
from proxy.upstream.registry import Limits, Upstreams
from proxy.upstream.settings import UpstreamSettings
from tests.fakes.clock import HandClock
from tests.fakes.content import MemoryStore as Content
from tests.fakes.registry import FakeRegistry

UPSTREAM = "reg.test"
_LIMITS = Limits(connect=2.0, head=5.0, document=5.0, stall=5.0)


class Port:
    def __init__(self, name: str = UPSTREAM, **settings: Any) -> None:
        self.name = name
        self.upstream = FakeRegistry()
        self.registries = {name: self.upstream}
        self.settings = {name: settings}
        self.content = Content()
        self.clock = HandClock()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.upstream)
        self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.upstreams.close()
        await self._stack.aclose()

    def _open(self) -> None:
        self.upstreams = Upstreams(
            {
                name: UpstreamSettings.model_validate({"url": each.url, **self.settings.get(name, {})})
                for name, each in self.registries.items()
            },
            emit=lambda _event: None,
            limits=_LIMITS,
            wait=_no_wait,
        )
        self.parentage = Parentage(State())
        self.witnesses = Witnesses(self.content, self.upstreams, self.parentage, State(), self.clock)
        self.gatherer = Gatherer(self.content, self.upstreams, self.parentage, self.witnesses)

    async def also(self, name: str, **settings: Any) -> FakeRegistry:
        """Another registry, an upstream of this name; what was kept until now is forgotten."""
        await self.upstreams.close()
        made = await self._stack.enter_async_context(FakeRegistry())
        self.registries[name], self.settings[name] = made, settings
        self._open()
        return made

    def at(self, name: str) -> Repository:
        return Repository(self.name, name)

    async def fetch(self, name: str, subject: Digest, **more: Any) -> Gathered:
        return await self.gatherer.fetch(self.at(name), subject, **more)

    async def stored(self, name: str, subject: Digest, **more: Any) -> Gathered:
        return await self.gatherer.stored(self.at(name), subject, **more)

    async def keep(self, name: str, subject: Digest, got: Gathered, used: set[Digest] | None = None) -> None:
        everything = {found.blob for found in got.found} | {found.manifest for found in got.found}
        await self.gatherer.keep(self.at(name), subject, got, used=everything if used is None else used)

    async def listing(self, name: str, subject: Digest) -> list[Digest]:
        return [each.digest for each in await self.witnesses.listing(self.at(name), subject)]


def parsed(image: Image) -> Manifest | Index:
    return parse_manifest(image.manifest, digest=image.digest, content_type=image.media_type)


def evidence(*layers: Blob, subject: Image | None = None, artifact_type: str | None = None, **more: Any) -> Image:
    """An evidence manifest of these layers, a referrer of `subject`; the config is the empty one, as artifacts have it."""
    document = json.loads(signature_manifest("x", layers=layers).manifest)
    document["config"] = {"mediaType": mediatype.EMPTY, "digest": Digest.EMPTY_JSON, "size": 2}
    if artifact_type:
        document["artifactType"] = artifact_type
    if subject:
        size = len(subject.manifest)
        document["subject"] = {"mediaType": subject.media_type, "digest": str(subject.digest), "size": size}
    raw = json.dumps(document | more).encode()
    blobs = {Digest.of(layer.raw): layer.raw for layer in layers} | {Digest.parse(Digest.EMPTY_JSON): b"{}"}
    return Image("x", raw, Digest.of(raw), mediatype.OCI_MANIFEST, blobs)


def statement(subject: Digest, predicate_type: str = "https://slsa.dev/provenance/v1", **predicate: Any) -> bytes:
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "x", "digest": {subject.algorithm: subject.hex}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    ).encode()


async def _no_wait(_seconds: float) -> None:
    return
