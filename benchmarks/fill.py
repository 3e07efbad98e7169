"""What a fill costs: 256 MiB through `Partial.write` with one follower, beside hashing alone and a plain write-and-hash loop.

    python benchmarks/fill.py [folder] [MiB]

The follower reads each byte from its own descriptor, as the registry port would send it. All three run in this process on
the same bytes, interleaved, medians of five rounds. `to the last byte` ends when the follower has the tail; `until stored`
when the commit is durable (the plain loop's: after its fsync). The bytes come from memory: no network is measured.
"""

import asyncio
import hashlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from proxy.content.filesystem import FilesystemStore
from proxy.oci.digest import Digest

CHUNKS = (64 * 1024, 256 * 1024, 1024 * 1024)
ROUNDS = 5


def hash_alone(raw: memoryview, chunk: int) -> float:
    began = time.perf_counter()
    hasher = hashlib.sha256()
    for start in range(0, len(raw), chunk):
        hasher.update(raw[start : start + chunk])
    hasher.hexdigest()
    return time.perf_counter() - began


def plain_loop(raw: memoryview, chunk: int, path: Path) -> tuple[float, float]:
    """Write, hash, and read back for the one client, all in one thread; then fsync."""
    began = time.perf_counter()
    hasher = hashlib.sha256()
    buffer = bytearray(chunk)
    with path.open("w+b", buffering=0) as file:
        for start in range(0, len(raw), chunk):
            piece = raw[start : start + chunk]
            file.write(piece)
            hasher.update(piece)
            os.preadv(file.fileno(), [buffer], start)
        hasher.hexdigest()
        last = time.perf_counter() - began
        os.fsync(file.fileno())
    stored = time.perf_counter() - began
    path.unlink()
    return last, stored


async def through_partial(raw: bytes, digest: Digest, chunk: int, root: Path) -> tuple[float, float]:
    store = FilesystemStore(root, rotted=print)
    chunks = [raw[start : start + chunk] for start in range(0, len(raw), chunk)]
    began = time.perf_counter()
    partial = await store.partial(digest, len(raw))
    assert partial is not None
    body = partial.follow()

    async def follow() -> float:
        at, buffer = 0, bytearray(1024 * 1024)
        view = memoryview(buffer)
        while at < body.size:
            count = await body.more(at)
            while at < count:
                at += os.preadv(body.fileno(), [view[: count - at]], at)
            await asyncio.sleep(0)
        return time.perf_counter() - began

    follower = asyncio.create_task(follow())
    for piece in chunks:
        await partial.write(piece)
        await asyncio.sleep(0)  # as a socket would
    await partial.commit()
    stored = time.perf_counter() - began
    last = await follower
    body.close()
    await store.delete(digest)
    store.close()
    return last, stored


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    size = int(sys.argv[2] if len(sys.argv) > 2 else 256) * 2**20
    raw = os.urandom(2**20) * (size // 2**20)
    digest = Digest.of(raw)
    print(f"{'':34}{'hash alone':>12}{'plain loop':>12}{'Partial':>12}{'plain/hash':>12}{'ours/plain':>12}   MiB/s")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for chunk in CHUNKS:
            alone, plain, ours = [], [], []
            for _ in range(ROUNDS):
                alone.append(hash_alone(memoryview(raw), chunk))
                plain.append(plain_loop(memoryview(raw), chunk, Path(place, "plain")))
                ours.append(uvloop.run(through_partial(raw, digest, chunk, Path(place, "store"))))
            hashed = size / 2**20 / statistics.median(alone)
            for at, name in enumerate(("to the last byte", "until stored")):
                peer = size / 2**20 / statistics.median(found[at] for found in plain)
                we = size / 2**20 / statistics.median(found[at] for found in ours)
                title = f"{chunk // 1024} KiB chunks, {name}"
                print(f"{title:34}{hashed:12.0f}{peer:12.0f}{we:12.0f}{peer / hashed:12.2f}{we / peer:12.2f}")


if __name__ == "__main__":
    main()
