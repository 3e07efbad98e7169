"""Two clients that pull whole images: skopeo, and a small one of our own. Each counts what it was given and must not have.

What was served is believed to nobody: every manifest and blob is hashed here, on the client's side.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from proxy.demo.scenario import UPSTREAM
from proxy.oci.digest import Digest
from proxy.oci.mediatype import ACCEPT_MANIFESTS

_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Pulled:
    """`digest` is that of the whole image, proved here; None where the pull failed, and `why` says how.

    `spoilt`: bytes that came, and are not what their digest says.
    """

    digest: Digest | None
    why: str
    spoilt: int = 0


@dataclass(frozen=True, slots=True)
class Got:
    """One answer. `body` is what arrived, whole or not."""

    status: int
    reason: str
    body: bytes
    is_whole: bool


class Client(Protocol):
    name: str

    def pull(self, repository: str, reference: str) -> Pulled: ...


class OwnClient:
    """http.client and a hash. Follows no redirect, asks no other host."""

    name = "its own client"

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    def pull(self, repository: str, reference: str) -> Pulled:
        answer = self.get(repository, "manifests", reference)
        if answer.status != 200:
            return Pulled(None, _said(answer))
        for descriptor in _descriptors(json.loads(answer.body)):
            digest = Digest.parse(descriptor["digest"])
            blob = self.get(repository, "blobs", str(digest))
            if blob.status != 200:
                return Pulled(None, _said(blob))
            if not blob.is_whole or Digest.of(blob.body) != digest:
                return Pulled(None, "a layer's transfer was cut before its end", len(blob.body))
        return Pulled(Digest.of(answer.body), "")

    def get(self, repository: str, kind: str, reference: str) -> Got:
        """One GET of a manifest or blob; a connection that ends early gives what had arrived."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_SECONDS)
        try:
            path = f"/v2/{repository}/{kind}/{reference}?ns={UPSTREAM}"
            connection.request("GET", path, headers={"Accept": ACCEPT_MANIFESTS})
            answer = connection.getresponse()
            body, is_whole = _read(answer)
            return Got(answer.status, answer.reason, body, is_whole)
        except (http.client.HTTPException, OSError) as error:
            return Got(0, f"the connection was cut ({type(error).__name__})", b"", is_whole=False)
        finally:
            connection.close()


class Skopeo:
    """The real client that most machines can have. It asks by the upstream's name in the path."""

    name = "skopeo"

    def __init__(self, host: str, port: int, *, program: str) -> None:
        self._registry = f"{host}:{port}"
        self._program = program

    @staticmethod
    def found() -> str | None:
        return shutil.which("skopeo")

    def pull(self, repository: str, reference: str) -> Pulled:
        mark = "@" if ":" in reference else ":"
        with tempfile.TemporaryDirectory(prefix="pratique-demo-pull-") as folder:
            source = f"docker://{self._registry}/{UPSTREAM}/{repository}{mark}{reference}"
            try:
                done = self._copy(source, f"dir:{folder}/image")
            except subprocess.TimeoutExpired:
                return Pulled(None, f"skopeo did not end within {_SECONDS} s")
            image = Path(folder) / "image"
            if done.returncode != 0:
                return Pulled(None, _skopeo_said(done.stderr), _spoilt(image))
            return Pulled(_proved(image), "")

    def _copy(self, source: str, target: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - the program was found on PATH, and every argument is ours
            [self._program, "copy", "--insecure-policy", "--src-tls-verify=false", source, target],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        )


def _read(answer: http.client.HTTPResponse) -> tuple[bytes, bool]:
    try:
        return answer.read(), True
    except http.client.IncompleteRead as error:
        return error.partial, False
    except OSError:  # reset: http.client has thrown away what had arrived of this read
        return b"", False


def _descriptors(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [manifest["config"], *manifest["layers"]]


def _said(answer: Got) -> str:
    try:
        return str(json.loads(answer.body)["errors"][0]["message"])
    except (ValueError, KeyError, IndexError, TypeError):
        return answer.reason


def _skopeo_said(text: str) -> str:
    """The registry's own words in skopeo's last line."""
    last = text.strip().splitlines()[-1] if text.strip() else "it said nothing"
    found = re.search(r'msg="(.*)"', last)
    words = found[1].replace('\\"', '"') if found else last
    said = re.search(r"(?:denied|HTTP status): (?:\d{3} [A-Z]+ )?(.*)", words)
    return said[1] if said else words.rpartition(": ")[2]


def _spoilt(folder: Path) -> int:
    """Bytes of what skopeo had written when it gave up, but for whole blobs under their right names."""
    files = [file for file in folder.glob("*") if file.name != "version"]
    return sum(file.stat().st_size for file in files if Digest.of(file.read_bytes()).hex != file.name)


def _proved(folder: Path) -> Digest | None:
    """The image's digest where every file of it is what its name says."""
    manifest = (folder / "manifest.json").read_bytes()
    for descriptor in _descriptors(json.loads(manifest)):
        digest = Digest.parse(descriptor["digest"])
        if Digest.of((folder / digest.hex).read_bytes()) != digest:
            return None
    return Digest.of(manifest)
