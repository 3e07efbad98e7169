"""The clients of `compare.py`: wrk for manifests, plain blocking sockets in processes of their own for blobs.

Law: an answer that is not 200 with every byte ends the run; nobody gets a figure for a wrong answer.
"""

import re
import socket
import subprocess
import time
from dataclasses import dataclass
from multiprocessing.pool import Pool

from benchmarks.peers import Server
from benchmarks.pictures import Picture

ACCEPT = (
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"
)
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_HEAD_START = 0.15  # seconds for every client to be ready before they all begin


@dataclass(frozen=True)
class Arrival:
    """Monotonic seconds: when it began, had the first byte of the body, and the last; and how many bytes that was."""

    began: float
    first: float
    last: float
    count: int


def hammer(server: Server, path: str, *, connections: int, seconds: float) -> tuple[float, float, float]:
    """Return requests a second, the server's CPU µs for each, and the 99th percentile in ms."""
    before = server.cpu()
    address = f"http://127.0.0.1:{server.port}{path}"
    said = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-H", f"Accept: {ACCEPT}", address],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    spent = server.cpu() - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{server.name} failed under wrk:\n{said}")
    rate = float(_found(r"Requests/sec:\s+([\d.]+)", said)[1])
    requests = int(_found(r"(\d+) requests in", said)[1])
    slowest = _found(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    return rate, spent / requests * 1e6, float(slowest[1]) * _UNITS[slowest[2]]


def _found(pattern: str, text: str) -> re.Match[str]:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"wrk's words are not understood:\n{text}")
    return found


def get(port: int, path: str, size: int | None = None) -> Arrival:
    """One GET on a connection of its own. `size`: how many bytes there must be."""
    began = time.monotonic()
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: {ACCEPT}\r\nConnection: close\r\n\r\n"
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        wire.sendall(head.encode())
        got = b""
        while b"\r\n\r\n" not in got:
            part = wire.recv(65536)
            if not part:
                raise ValueError(f"{path}: the head of the answer never ended")
            got += part
        answer, _, start = got.partition(b"\r\n\r\n")
        count = len(start)
        first = time.monotonic() if count else None
        while received := wire.recv_into(buffer):
            first = first or time.monotonic()
            count += received
    last = time.monotonic()
    if not answer.startswith(b"HTTP/1.1 200 ") or (size is not None and count != size):
        raise ValueError(f"{path}: {answer[:60]!r}, {count} bytes of {size}")
    return Arrival(began, first or last, last, count)


def pull(port: int, picture: Picture, at: float) -> Arrival:
    """At the monotonic second `at`, as a node does: the manifest by its tag, then the layer."""
    time.sleep(max(0.0, at - time.monotonic()))
    began = time.monotonic()
    get(port, picture.by_tag)
    blob = get(port, picture.blob, picture.size)
    return Arrival(began, blob.first, blob.last, blob.count)


def stream(server: Server, picture: Picture, pool: Pool, *, clients: int, times: int) -> tuple[float, float]:
    """Each client fetches the layer; `times` over. Return GiB/s and the server's CPU seconds for a GiB."""
    before, began = server.cpu(), time.monotonic()
    arrivals = [
        arrival
        for _ in range(times)
        for arrival in pool.starmap(get, [(server.port, picture.blob, picture.size)] * clients, chunksize=1)
    ]
    seconds, spent = time.monotonic() - began, server.cpu() - before
    gibibytes = sum(arrival.count for arrival in arrivals) / 2**30
    return gibibytes / seconds, spent / gibibytes


def herd(server: Server, picture: Picture, pool: Pool, *, clients: int) -> list[Arrival]:
    """All begin at the same instant."""
    at = time.monotonic() + _HEAD_START
    return pool.starmap(pull, [(server.port, picture, at)] * clients, chunksize=1)
