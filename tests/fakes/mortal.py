"""One operation on a content store in a process of its own, which ends as by kill -9 right after the step that it is told.

    python -m tests.fakes.mortal OPERATION ROOT RAW STEP

RAW is a file with the right bytes of the blob; STEP may be `-` for none. Each step that was done is a line of the output.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from proxy.content.filesystem import FilesystemStore
from proxy.content.keeping.stock import Stock
from proxy.content.proofs import Proof
from proxy.oci.digest import Digest

CHUNK = 150_000


async def fill(store: FilesystemStore, raw: bytes) -> None:
    partial = await store.partial(Digest.of(raw), len(raw))
    assert partial is not None
    for start in range(partial.received, len(raw), CHUNK):
        await partial.write(raw[start : start + CHUNK])
    await partial.commit()


async def small(store: FilesystemStore, raw: bytes) -> None:
    await store.write(Digest.of(raw), raw)


async def prove(store: FilesystemStore, raw: bytes) -> None:
    """A stored file without a proof is opened."""
    body = await store.open(Digest.of(raw))
    assert body is not None
    body.close()


async def condemn(store: FilesystemStore, raw: bytes) -> None:
    """A stored file that was changed is opened."""
    assert await store.open(Digest.of(raw)) is None


async def scrub(store: FilesystemStore, raw: bytes) -> None:
    """A stored file that rotted is found out."""
    assert (await store.scrub(rate=0).run()).wrong == (Digest.of(raw),)


async def delete(store: FilesystemStore, raw: bytes) -> None:
    await store.delete(Digest.of(raw))


async def evict(store: FilesystemStore, raw: bytes) -> None:
    stock = Stock(store._shelf.root, steps=store._steps)
    assert stock.remove(Digest.of(raw), unused_since=time.time() + 1) == len(raw)


OPERATIONS: Mapping[str, Callable[[FilesystemStore, bytes], Awaitable[None]]] = {
    each.__name__: each for each in (fill, small, prove, condemn, scrub, delete, evict)
}


def rot(store: FilesystemStore, digest: Digest) -> None:
    """Other bytes, and a proof that holds: as rot beneath the file system."""
    path = store._shelf.blob(digest)
    with path.open("r+b") as file:
        file.write(b"rot")
        file.flush()
        store._shelf.keep_proof(digest, Proof.of(file.fileno()))


def main(operation: str, root: str, raw: str, step: str) -> None:
    def done(reached: str) -> None:
        os.write(1, f"{reached}\n".encode())
        if reached == step:
            os._exit(9)

    store = FilesystemStore(Path(root), rotted=lambda *_: None, steps=done)
    asyncio.run(_run(OPERATIONS[operation](store, Path(raw).read_bytes())))
    store.close()


async def _run(work: Awaitable[None]) -> None:
    await work


if __name__ == "__main__":
    main(*sys.argv[1:])
