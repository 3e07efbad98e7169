"""Pratique as an operator runs it: `pratique serve` on files that a person would write, a process of its own."""

import http.client
import json
import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec

from proxy.demo.images import Image, new_key, sign, signature_tag
from tests.e2e.processes import Process, Ran, free_port, listens, run
from tests.e2e.registries import DockerRegistry

SIGNED = """\
version: 1
signers:
  team: { key: team.pub, log: none }
images:
  - match: reg.test/acme/**
    require: [ { signature: team } ]
"""
REFUSAL_ID = re.compile(r"\[(r-[0-9a-z]+)\]")


class Proxy:
    """`upstreams` are host names to what stands under them; `team` has the key that the default policy asks for."""

    def __init__(
        self,
        folder: Path,
        upstreams: Mapping[str, str],
        *,
        policy: str = SIGNED,
        tls: tuple[Path, Path] | None = None,
        extra: str = "",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.port, self.admin_port = free_port(), free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self.team, public = new_key("team")
        _, other = new_key("other")
        (folder / "team.pub").write_bytes(public)
        (folder / "other.pub").write_bytes(other)
        self.write_policy(policy)
        self.config = folder / "pratique.yaml"
        sealed = f", tls: {{ certificate: {tls[0]}, key: {tls[1]} }}" if tls else ""
        named = "".join(f"  {name}: {{ {settings} }}\n" for name, settings in upstreams.items())
        self.config.write_text(
            f"listen:\n  registry: {{ address: {self.host}{sealed} }}\n"
            f"  admin: {{ address: 127.0.0.1:{self.admin_port} }}\n"
            f"policy: policy.yaml\nupstreams:\n{named}limits: {{ drainSeconds: 2 }}\n{extra}"
        )
        self._command = [sys.executable, "-m", "proxy"]
        self._process = Process(
            [*self._command, "serve", "--config", self.config],
            log=folder / "proxy.log",
            is_ready=self._answers,
            env={"HOME": str(folder)},
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

    def restart(self) -> None:
        self.stop()
        self.start()

    def write_policy(self, text: str) -> None:
        (self.folder / "policy.yaml").write_text(text)

    def reload(self, policy: str) -> None:
        """As `kill -HUP` does it; returns when the log says that it was done."""
        before = self.said.count("olicy")
        self.write_policy(policy)
        self._process.send(signal.SIGHUP)
        wait_until(lambda: self.said.count("olicy") > before)

    @property
    def said(self) -> str:
        return self._process.said

    def command(self, *arguments: str) -> Ran:
        """`pratique …` beside the running proxy."""
        return run(*self._command, *arguments, "--config", self.config, env={"HOME": str(self.folder)})

    def get(self, path: str, *, method: str = "GET") -> tuple[int, str, Mapping[str, str], bytes]:
        """Status, reason phrase, headers and body; plain HTTP only."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.reason, answer.headers, answer.read()
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """The sum over its labels."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))

    def audited(self, what: str) -> list[dict]:
        """Lines of the audit of that kind, oldest first."""
        lines = [
            json.loads(line)
            for file in sorted((self.folder / "data" / "audit").glob("*"))
            for line in file.read_text().splitlines()
            if line.startswith("{")
        ]
        return [line for line in lines if what in json.dumps(line)]

    def _answers(self) -> bool:
        """`/readyz`, once somebody listens: a socket that is closed again at once would be a line in the log."""
        if not listens(self.admin_port):
            return False
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def push_signed(
    registry: DockerRegistry,
    name: str,
    image: Image,
    *,
    by: ec.EllipticCurvePrivateKey,
    tag: str | None = "v1",
    upstream: str = "reg.test",
) -> Image:
    """Push an image and cosign's legacy signature of it, which names `upstream/name`."""
    registry.push(name, image, tag)
    signature = sign(image.digest, private=by, reference_name=f"{upstream}/{name}")
    registry.push(name, signature, str(signature_tag(image.digest)))
    return image


def refusal_id(text: str) -> str:
    """The id in a refusal's line."""
    found = REFUSAL_ID.search(text)
    assert found, text
    return found[1]


def wait_until(is_so, *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)
