"""A use is known here at once, and on the disk soon."""

import asyncio
import time

import pytest

from proxy.content.keeping import marks
from proxy.content.keeping.stock import Stock
from proxy.oci.digest import Digest
from proxy.pipeline.keeping import usage
from proxy.pipeline.keeping.usage import Usage

A, B, C = (Digest.of(name) for name in (b"a", b"b", b"c"))


class Marked(Stock):
    """Counts what it is told to mark."""

    def __init__(self, root):
        super().__init__(root)
        self.marked = []

    def mark(self, digests):
        self.marked += digests


@pytest.fixture
def stock(tmp_path):
    return Marked(tmp_path)


def test_a_use_is_known_at_once(stock):
    used, before = Usage(stock), time.monotonic()
    assert not used.is_used_since(A, before)
    used.note(A)
    assert used.is_used_since(A, before)
    assert not used.is_used_since(A, time.monotonic() + 1)
    assert not used.is_used_since(B, before)


async def test_many_uses_are_one_mark(stock):
    used = Usage(stock)
    for _ in range(1000):
        used.note(A)
    used.note(B)
    await used.flush()
    assert sorted(stock.marked) == sorted([A, B])
    used.note(A)
    await used.flush()
    assert len(stock.marked) == 2
    used._marked[A] -= marks.EVERY
    used.note(A)
    await used.flush()
    assert len(stock.marked) == 3


async def test_memory_is_bounded(stock, monkeypatch):
    monkeypatch.setattr(usage, "_LIMIT", 2)
    used = Usage(stock)
    for digest in (A, B, C):
        used.note(digest)
    await used.flush()
    assert not used.is_used_since(A, 0.0)
    assert used._marked.keys() == {B, C}
    assert sorted(stock.marked) == sorted([A, B, C])  # forgotten here, and on the disk


async def test_it_flushes_while_it_runs(stock, monkeypatch):
    monkeypatch.setattr(usage, "FLUSH_SECONDS", 0.01)
    used = Usage(stock)
    running = asyncio.create_task(used.run())
    used.note(A)
    async with asyncio.timeout(10):
        while not stock.marked:
            await asyncio.sleep(0.01)
    running.cancel()
    assert stock.marked == [A]
