"""The court without the door: a pipeline over stores in memory, before a fake registry, and a clock that stands.

async with Courtroom(tmp_path, "require: [{ signature: team }]") as court:
    app = court.put(make_image("app"))                    # at acme/app:v1, signed by nobody
    court.sign(app)                                       # by="other" is another key
    judgement = await court.judge(app)                    # also court.pipeline, court.rooms, court.events
    court.change("require: [{ signature: other }]")       # a new policy, from the next question on
"""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from proxy.bootstrap.assembly import Pipeline, build_pipeline
from proxy.config.loader import load
from proxy.config.policy import load_policy
from proxy.demo.images import Blob, Image, new_key, sign, signature_tag
from proxy.events import Event, Judged
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.pipeline.court.judge import Judgement
from proxy.pipeline.court.standing import Standing
from proxy.state.memory import MemoryStore as State
from proxy.upstream.registry import Limits, Upstreams
from tests.fakes.clock import START, HandClock
from tests.fakes.content import MemoryStore as Content
from tests.fakes.gathering import evidence, statement
from tests.fakes.registry import FakeRegistry
from tests.fakes.signing import Key

UPSTREAM = "reg.test"
APP = "acme/app"
REPOSITORY = Repository(UPSTREAM, APP)
_LIMITS = Limits(connect=2.0, head=5.0, document=5.0, stall=5.0)


class Courtroom:
    def __init__(
        self, folder: Path, rule: str, *, rest: str = "", signers: tuple[str, ...] = ("team", "other")
    ) -> None:
        self.folder = folder
        self.keys: dict[str, Any] = {}
        for name in signers:
            self.keys[name], public = new_key(name)
            (folder / f"{name}.pub").write_bytes(public)
        self.clock = HandClock(START)
        self.upstream = FakeRegistry()
        self.content = Content()
        self.state = State(self.clock)
        self.events: list[Event] = []
        self.pipeline: Pipeline
        self._stack = AsyncExitStack()
        self._write(rule, rest)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.upstream)
        (self.folder / "pratique.yaml").write_text(
            f"policy: policy.yaml\nupstreams: {{ {UPSTREAM}: {{ url: '{self.upstream.url}' }} }}\n"
        )
        self.config = load(self.folder / "pratique.yaml", env={})
        upstreams = Upstreams(self.config.upstreams, emit=self.events.append, limits=_LIMITS, wait=_no_wait)
        self.pipeline = build_pipeline(
            self.config,
            load_policy(self.config, now=self.clock.now()),
            content=self.content,
            state=self.state,
            upstreams=upstreams,
            emit=self.events.append,
            clock=self.clock,
            fills_ahead=0,
        )
        for close in (
            upstreams.close,
            self.pipeline.bench.close,
            self.pipeline.rooms.fills.close,
            self.pipeline.pull.close,
        ):
            self._stack.push_async_callback(close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def change(self, rule: str, *, rest: str = "") -> None:
        self._write(rule, rest)
        loaded = load_policy(self.config, now=self.clock.now())
        self.pipeline.regime.replace(loaded.policy, loaded.material, loaded.lock, loaded.snapshot)

    def _write(self, rule: str, rest: str) -> None:
        signers = "".join(f"  {name}: {{ key: {name}.pub, log: none }}\n" for name in self.keys)
        lines = "".join(f"    {line}\n" for line in rule.splitlines())
        policy = f"version: 1\nsigners:\n{signers}images:\n  - match: {UPSTREAM}/acme/**\n{lines}{rest}"
        (self.folder / "policy.yaml").write_text(policy)

    # What publishers do.

    def put(self, image: Image, *, tag: str | None = "v1", name: str = APP) -> Image:
        self.upstream.put_image(name, image, tag=tag)
        return image

    def sign(self, image: Image, *, by: str = "team", name: str = APP) -> Image:
        signature = sign(image.digest, private=self.keys[by], reference_name=f"{UPSTREAM}/{name}")
        self.upstream.put_image(name, signature, tag=str(signature_tag(image.digest)))
        return signature

    def attest(self, image: Image, predicate_type: str, predicate: dict[str, Any], *, by: str = "team") -> Image:
        """As a referrer."""
        raw = Key(self.keys[by]).dsse(statement(image.digest, predicate_type, **predicate))
        made = evidence(Blob(raw, mediatype.DSSE), subject=image, artifact_type=mediatype.IN_TOTO)
        self.upstream.put_image(APP, made)
        return made

    # What is asked of the court.

    @property
    def rooms(self) -> Any:
        return self.pipeline.rooms

    @property
    def standing(self) -> Standing:
        return self.pipeline.regime.current

    async def judge(self, image: Image, **more: Any) -> Judgement:
        return await self.rooms.judge.judge(REPOSITORY, image.digest, **more)

    def judged(self, digest: Digest) -> list[str]:
        """The verdicts about this digest, each as often as it was made."""
        return [each.verdict for each in self.events if isinstance(each, Judged) and each.digest == digest]


def with_base_annotation(image: Image, name: str, digest: Digest) -> Image:
    """The same image that says which one it was built on (image-spec annotations.md)."""
    document = json.loads(image.manifest)
    said = {"org.opencontainers.image.base.name": name, "org.opencontainers.image.base.digest": str(digest)}
    raw = json.dumps(document | {"annotations": said}).encode()
    return Image(image.repository_name, raw, Digest.of(raw), image.media_type, image.blobs, platform=image.platform)


async def _no_wait(_seconds: float) -> None:
    return
