"""A folder with both files and a key, and the command line called in this process."""

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
import yaml

from proxy.cli.app import run
from proxy.demo.images import new_key
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.tags.pins import Pins
from proxy.state.sqlite import SqliteStore

ZERO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
A, B = (Digest.of(text) for text in (b"a", b"b"))


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


class Desk:
    """`desk("pin", "ls")` runs the command; nothing here listens, and the upstream's port is closed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        (folder / "team.pub").write_bytes(new_key("team")[1])
        self.policy = {
            "version": 1,
            "signers": {"team": {"key": "team.pub", "log": "none"}},
            "images": [{"match": "reg.test/acme/**", "require": [{"signature": "team"}], "tags": ["1.*"]}],
        }
        self.settings = {"policy": "policy.yaml", "upstreams": {"reg.test": {"url": "http://127.0.0.1:9"}}}
        self.write()

    def write(self) -> None:
        (self.folder / "policy.yaml").write_text(yaml.safe_dump(self.policy))
        (self.folder / "pratique.yaml").write_text(yaml.safe_dump(self.settings))

    def __call__(self, *arguments: str) -> Said:
        self._capsys.readouterr()
        code = run(list(arguments))
        caught = self._capsys.readouterr()
        return Said(code, caught.out, caught.err)

    def state(self, work) -> None:
        """Do `work(store)` with the state that a proxy would have made."""

        async def do() -> None:
            store = await SqliteStore.open(self.folder / "data" / "state.db")
            try:
                await work(store)
            finally:
                await store.close()

        asyncio.run(do())

    def pin(self, tag: str = "1.0", digest: Digest = A, **drift: object) -> None:
        async def moved(_event) -> None:
            return

        async def work(store) -> None:
            pins, repository = Pins(store, moved), Repository("reg.test", "acme/app")
            await pins.first(repository, Tag(tag), digest, now=ZERO, by="proxy")
            if drift:
                pin = await pins.get(repository, Tag(tag))
                await pins.checked(pin, now=ZERO, **drift)

        self.state(work)


@pytest.fixture
def own_logging():
    """The log of this process is as it was afterwards: commands set it up for themselves."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch, own_logging):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRATIQUE_CONFIG", raising=False)
    monkeypatch.delenv("PRATIQUE_DEBUG", raising=False)
    return Desk(tmp_path, capsys)
