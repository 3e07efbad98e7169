"""The drill itself: start a registry and the proxy before it, pull everything, compare, count, and end what was started."""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from proxy.bootstrap import Proxy
from proxy.config.loader import load
from proxy.demo import scenario as scenarios
from proxy.demo.client import Client, OwnClient, Pulled, Skopeo
from proxy.demo.registry import DemoRegistry
from proxy.demo.scenario import UPSTREAM, Expected, Scenario


@dataclass(frozen=True, slots=True)
class Pull:
    """What came of one pull. `answered` is the outcome as a person reads it."""

    title: str
    asked: str
    expected: str
    answered: str
    why: str
    is_as_expected: bool

    def to_record(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "asked": self.asked,
            "expected": self.expected,
            "answered": self.answered,
            "why": self.why,
            "asExpected": self.is_as_expected,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """`untrusted_bytes` were counted where they would arrive: at the client."""

    client: str
    pulls: tuple[Pull, ...]
    untrusted_bytes: int
    seconds: float

    @property
    def is_as_expected(self) -> bool:
        return self.untrusted_bytes == 0 and all(pull.is_as_expected for pull in self.pulls)

    def to_record(self) -> dict[str, Any]:
        return {
            "asExpected": self.is_as_expected,
            "client": self.client,
            "untrustedBytes": self.untrusted_bytes,
            "seconds": round(self.seconds, 3),
            "pulls": [pull.to_record() for pull in self.pulls],
        }


def drill(*, say: Callable[[str], None], client: Literal["own"] | None = None) -> Report:
    """Run it all; nothing stays behind. `client` "own" leaves skopeo alone. Raise what a proxy's start raises."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pratique-demo-") as folder, DemoRegistry() as registry:
        scenario = scenarios.prepare(registry)
        program = None if client == "own" else Skopeo.found()
        say(f"a registry with good and bad images is at {registry.url}, and is called {UPSTREAM}")
        pulls, count, name = asyncio.run(_with_proxy(Path(folder), registry, scenario, say=say, program=program))
    return Report(name, tuple(pulls), count, time.monotonic() - began)


async def _with_proxy(
    folder: Path, registry: DemoRegistry, scenario: Scenario, *, say: Callable[[str], None], program: str | None
) -> tuple[list[Pull], int, str]:
    proxy = Proxy(load(_configure(folder, registry, scenario), env={}))
    await proxy.start()
    try:
        address = proxy.front.addresses["registry"]
        own = OwnClient(address.host, address.port)
        client = Skopeo(address.host, address.port, program=program) if program else own
        say(f"the proxy is before it, at {address}; pulling with {client.name}")
        pulls, count = await asyncio.to_thread(_round, client, registry, scenario.pulls, say)
        count += await asyncio.to_thread(count_untrusted, own, scenario)
        registry.stop()
        say("the registry is switched off")
        more, spoilt = await asyncio.to_thread(_round, client, registry, scenario.pulls_without_upstream, say)
        count += spoilt + await asyncio.to_thread(count_untrusted, own, scenario)
    finally:
        await proxy.stop()
    return [*pulls, *more], count, client.name


def _configure(folder: Path, registry: DemoRegistry, scenario: Scenario) -> Path:
    """Two files and a key, as anybody would write them. JSON is YAML."""
    settings = {
        "listen": {"registry": {"address": "127.0.0.1:0"}, "admin": {"address": "127.0.0.1:0"}},
        "policy": "policy.yaml",
        "upstreams": {UPSTREAM: {"url": registry.url}},
        "limits": {"drainSeconds": 1},
    }
    (folder / "team.pub").write_bytes(scenario.public_key)
    (folder / "policy.yaml").write_text(json.dumps(scenario.policy), encoding="utf-8")
    file = folder / "pratique.yaml"
    file.write_text(json.dumps(settings), encoding="utf-8")
    return file


def _round(
    client: Client, registry: DemoRegistry, expectations: Sequence[Expected], say: Callable[[str], None]
) -> tuple[list[Pull], int]:
    """Pull each in turn; return what came of it, and how many bytes came that were not what they should be."""
    pulls, spoilt = [], 0
    for expected in expectations:
        if expected.before is not None:
            expected.before(registry)
        asked_before = registry.requests
        pulled = client.pull(expected.repository, expected.reference)
        pull = compare(expected, pulled, asks=registry.requests - asked_before)
        say(f"{pull.title}: {pull.answered}")
        pulls.append(pull)
        spoilt += pulled.spoilt
    return pulls, spoilt


def compare(expected: Expected, pulled: Pulled, *, asks: int) -> Pull:
    """Whether the pull came out as it must. `asks` is how many requests reached the upstream meanwhile."""
    is_served = pulled.digest is not None
    if expected.answer == "served":
        is_right = is_served and pulled.digest == expected.digest
    else:
        is_right = not is_served and expected.because in pulled.why
    is_quiet = expected.asks_upstream or asks == 0
    answered = f"served {pulled.digest.algorithm}:{pulled.digest.hex[:12]}" if pulled.digest else "refused"
    why = pulled.why.removeprefix(f"{expected.asked}: ") or _why(asks)
    if expected.meaning:
        why = f"{expected.meaning}; the client saw: {why}"
    return Pull(expected.title, expected.asked, expected.answer, answered, why, is_right and is_quiet)


def _why(asks: int) -> str:
    return f"admitted; {asks} requests to the upstream" if asks else "admitted before; the upstream was not asked"


def count_untrusted(client: OwnClient, scenario: Scenario) -> int:
    """Ask for every untrusted manifest and blob by itself, as an attacker on a node would; return the bytes that came."""
    received = 0
    asked = [(repository, kind, str(digest)) for (repository, digest), kind in scenario.untrusted.items()]
    asked += [(repository, "manifests", tag) for repository, tag in scenario.untrusted_tags]
    for repository, kind, reference in asked:
        got = client.get(repository, kind, reference)
        if got.status in (200, 206):
            received += len(got.body)
    return received
