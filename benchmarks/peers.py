"""The servers that `compare.py` puts side by side, each with one process on loopback, and the upstream behind the proxies.

Law: whatever is started here is ended by its own process id, and writes only below the folder that it was given.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.pictures import SIGNER, UPSTREAM

PATIENCE = 20.0  # seconds for a server to listen, and for the upstream to fall silent
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """`pids`: the processes that answer. `asks`: whether it has the upstream behind it."""

    name: str
    port: int
    pids: tuple[int, ...]
    asks: bool

    def cpu(self) -> float:
        """Seconds of processor time so far (proc(5): utime and stime)."""
        return sum(sum(map(int, _proc(pid, "stat").rpartition(")")[2].split()[11:13])) for pid in self.pids) / TICK

    def forget_peak(self) -> None:
        for pid in self.pids:
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM

    def peak(self) -> float:
        """MiB resident at most, since it was forgotten."""
        lines = (line for pid in self.pids for line in _proc(pid, "status").splitlines())
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


class Upstream:
    """nginx with the images as files. Its log says how many bytes of which blob left."""

    def __init__(self, port: int, log: pathlib.Path) -> None:
        self.port = port
        self._log = log

    def sent(self, path: str) -> int:
        self.settle()
        lines = (line.split() for line in self._log.read_text().splitlines())
        return sum(int(count) for uri, count in lines if uri == path)

    def settle(self) -> None:
        """Wait until nobody fetches: a proxy may still be storing what its client has."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status") as page:
                if b"Writing: 1 " in page.read():
                    return
            time.sleep(0.05)


def missing() -> dict[str, str]:
    """What cannot be measured here, and why."""
    needed = {"docker-registry": "docker-registry", "nginx": "nginx", "wrk": "wrk"}
    return {name: "not on this machine" for name, program in needed.items() if shutil.which(program) is None}


@contextlib.contextmanager
def upstream(folder: pathlib.Path, images: pathlib.Path, digests: dict[str, str]) -> Iterator[Upstream]:
    """`digests`: path of a manifest by tag → what Docker-Content-Digest says of it."""
    port, log = free_port(), folder / "sent.log"
    named = "".join(f'"{path}" "{digest}"; ' for path, digest in digests.items())
    http = (
        f'map_hash_bucket_size 256; map $uri $digest {{ {named} "~/manifests/(?<found>sha256:.+)$" $found; }}'
        f"log_format sent '$uri $body_bytes_sent'; access_log {log} sent;"
    )
    places = (
        "location = /v2/ { default_type application/json; return 200 '{}'; } location = /status { stub_status; }"
        " location ~ /manifests/ { default_type application/vnd.oci.image.manifest.v1+json;"
        " add_header Docker-Content-Digest $digest; }"
    )
    with _nginx(folder / "upstream", images, port, http, places):
        yield Upstream(port, log)


@contextlib.contextmanager
def nginx(folder: pathlib.Path, images: pathlib.Path, *, workers: int = 1) -> Iterator[Server]:
    port, name = free_port(), _named("nginx", workers)
    with _nginx(folder / name, images, port, "access_log off;", "", workers=workers) as pids:
        yield Server(name, port, pids, asks=False)


@contextlib.contextmanager
def docker_registry(folder: pathlib.Path, upstream_port: int) -> Iterator[Server]:
    port, home = free_port(), folder / "docker-registry"
    home.mkdir()
    settings = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}, "cache": {"blobdescriptor": "inmemory"}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "proxy": {"remoteurl": f"http://127.0.0.1:{upstream_port}"},
    }
    (home / "config.yml").write_text(json.dumps(settings))
    with _process(["docker-registry", "serve", str(home / "config.yml")], home / "log", port) as pid:
        yield Server("docker-registry", port, (pid,), asks=True)


@contextlib.contextmanager
def pratique(folder: pathlib.Path, upstream_port: int, public_key: bytes, *, workers: int = 1) -> Iterator[Server]:
    """As an operator would run it: signatures required, the log on; one process, or a supervisor and its workers."""
    port, home = free_port(), folder / _named("Pratique", workers)
    home.mkdir()
    settings = {
        "listen": {
            "registry": {"address": f"127.0.0.1:{port}"},
            "admin": {"address": f"127.0.0.1:{free_port()}"},
        },
        "policy": "policy.yaml",
        "upstreams": {UPSTREAM: {"url": f"http://127.0.0.1:{upstream_port}"}},
        "defaultUpstream": UPSTREAM,
        "limits": {"drainSeconds": 1},
    }
    policy = {
        "version": 1,
        "signers": {SIGNER: {"key": "signer.pub", "log": "none"}},
        "images": [{"match": f"{UPSTREAM}/bench/**", "require": [{"signature": SIGNER}]}],
    }
    (home / "signer.pub").write_bytes(public_key)
    (home / "policy.yaml").write_text(json.dumps(policy))
    (home / "pratique.yaml").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "proxy", "serve", "--config", str(home / "pratique.yaml")]
    if workers > 1:
        command += ["--workers", str(workers)]
    with _process(command, home / "log", port) as pid:
        until = time.monotonic() + PATIENCE
        while b'"serving"' not in (home / "log").read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
        yield Server(_named("Pratique", workers), port, (pid, *(_children(pid) if workers > 1 else ())), asks=True)


@contextlib.contextmanager
def _nginx(
    home: pathlib.Path, images: pathlib.Path, port: int, http: str, places: str, *, workers: int = 1
) -> Iterator[tuple[int, ...]]:
    home.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(
        f"worker_processes {workers}; pid {home}/pid; error_log {home}/error.log; daemon off; {user} events {{}}"
        " http { sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/octet-stream;"
        f" client_body_temp_path {home}/body; {http}"
        f" server {{ listen 127.0.0.1:{port}{' reuseport' if workers > 1 else ''}; root {images}; {places} }} }}"
    )
    with _process(["nginx", "-p", str(home), "-c", str(home / "nginx.conf")], home / "log", port) as pid:
        yield _children(pid)


@contextlib.contextmanager
def _process(command: list[str], log: pathlib.Path, port: int) -> Iterator[int]:
    root = pathlib.Path(__file__).resolve().parents[1]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, cwd=root) as process:
        try:
            _wait_for(port, process, log)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{process.args[0]} does not listen; it said:\n{log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _named(name: str, workers: int) -> str:
    return name if workers == 1 else f"{name}-{workers}-workers"


def _children(pid: int) -> tuple[int, ...]:
    return tuple(map(int, _proc(pid, f"task/{pid}/children").split()))


def _proc(pid: int, name: str) -> str:
    return pathlib.Path(f"/proc/{pid}/{name}").read_text()
