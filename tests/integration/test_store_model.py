"""Store, fill, evict, reload and readers in random order, on one directory with two stores, against a model.

Whatever the order: a reader gets the blob's own bytes and all of them, or is told that it will not; what nobody removed is
there; what somebody reads is not removed; and the budget counts what stands there.
"""

import asyncio
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.content.filesystem import FilesystemStore
from proxy.content.keeping.budget import Budget, Reservation
from proxy.content.keeping.stock import Stock
from proxy.content.settings import ContentSettings
from proxy.content.store import TAIL, Body, Partial
from proxy.errors import PratiqueError, UpstreamUnavailable
from proxy.oci.digest import Digest

SECONDS = 20
SIZES = (0, 1, 1000, TAIL - 1, TAIL, TAIL + 1, 3 * TAIL + 7)
BLOBS = {
    Digest.of(raw): raw for size in SIZES for seed in (b"one", b"two") for raw in [hashlib.shake_128(seed).digest(size)]
}
DIGESTS = st.sampled_from(sorted(BLOBS))
STORES = st.sampled_from([0, 1])


@dataclass
class Reader:
    """`file` is the fill or storing that it reads; `is_excused`: that ended in a way that it may be told of."""

    body: Body
    digest: Digest
    got: bytearray = field(default_factory=bytearray)
    fill: "Fill | None" = None


@dataclass
class Fill:
    partial: Partial
    digest: Digest
    store: int
    reservation: Reservation | int
    is_over: bool = False
    is_stored: bool = False


class Model(RuleBasedStateMachine):
    @initialize()
    def open_two_stores(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.loop = asyncio.new_event_loop()
        self.stores = [self._new_store(), self._new_store()]
        self.stock = Stock(self.root)
        self.budget = Budget(self.root, ContentSettings.model_validate({"maxBytes": "1GiB"}))
        self.stored: set[Digest] = set()
        self.kept: dict[Digest, int] = {}
        self.fills: dict[Digest, Fill] = {}
        self.readers: list[Reader] = []

    def _new_store(self) -> FilesystemStore:
        return FilesystemStore(self.root, rotted=self._never)

    def _never(self, digest, what):
        raise AssertionError(f"{digest} rotted, and nobody touched it: {what}")

    def run(self, work):
        async def bounded():
            async with asyncio.timeout(SECONDS):
                return await work

        return self.loop.run_until_complete(bounded())

    @rule(digest=DIGESTS, store=STORES)
    def begin_to_fill(self, digest, store):
        reservation = self.budget.reserve(digest, len(BLOBS[digest]))
        assert isinstance(reservation, Reservation)
        partial = self.run(self.stores[store].partial(digest, len(BLOBS[digest])))
        assert (partial is None) == (digest in self.stored or digest in self.fills)
        if partial is None:
            reservation.release()
            return
        assert partial.received == self.kept.pop(digest, 0)
        self.fills[digest] = Fill(partial, digest, store, reservation)

    @precondition(lambda self: self.fills)
    @rule(data=st.data(), count=st.integers(1, 3 * TAIL))
    def write_some(self, data, count):
        fill = self.fills[data.draw(st.sampled_from(sorted(self.fills)))]
        at = fill.partial.received
        self.run(fill.partial.write(BLOBS[fill.digest][at : at + count]))

    @precondition(lambda self: self.fills)
    @rule(data=st.data())
    def commit(self, data):
        fill = self.fills.pop(data.draw(st.sampled_from(sorted(self.fills))))
        self.run(fill.partial.write(BLOBS[fill.digest][fill.partial.received :]))
        self.run(fill.partial.commit())
        fill.is_over = fill.is_stored = True
        fill.reservation.release()
        self.stored.add(fill.digest)

    @precondition(lambda self: self.fills)
    @rule(data=st.data(), keep=st.booleans())
    def give_up(self, data, keep):
        self._give_up(self.fills[data.draw(st.sampled_from(sorted(self.fills)))], keep=keep)

    def _give_up(self, fill, *, keep):
        self.run(fill.partial.fail(UpstreamUnavailable("it is gone"), keep=keep))
        del self.fills[fill.digest]
        fill.is_over = True
        fill.reservation.release()
        if keep:
            self.kept[fill.digest] = fill.partial.received

    @rule(digest=DIGESTS, store=STORES)
    def write_at_once(self, digest, store):
        if digest in self.fills:
            return  # no digest is both small content and a blob that grows: evidence has its own
        self.run(self.stores[store].write(digest, BLOBS[digest]))
        self.stored.add(digest)

    @rule(digest=DIGESTS, store=STORES)
    def open_a_reader(self, digest, store):
        body = self.run(self.stores[store].open(digest))
        assert (body is not None) == (digest in self.stored)
        fill = self.fills.get(digest)
        if body is None and fill is not None:
            body = (
                fill.partial.follow() if fill.store == store else self.stores[store].follow(digest, len(BLOBS[digest]))
            )
        if body is not None:
            assert body.size == len(BLOBS[digest])
            self.readers.append(Reader(body, digest, fill=fill if digest not in self.stored else None))

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), count=st.integers(1, 2 * TAIL))
    def read_some(self, data, count):
        reader = data.draw(st.sampled_from(self.readers))
        self._read(reader, min(reader.body.released, len(reader.got) + count))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def read_to_the_end(self, data):
        reader = data.draw(st.sampled_from(self.readers))
        if reader.fill is not None and not reader.fill.is_over:
            return
        self.readers.remove(reader)
        try:
            while len(reader.got) < reader.body.size:
                self._read(reader, self.run(reader.body.more(len(reader.got))))
            self.run(reader.body.more(reader.body.size))
        except PratiqueError:
            assert reader.fill is not None, "what was stored is read to its end, whatever happened to its name"
            assert bytes(reader.got) == BLOBS[reader.digest][: len(reader.got)]
            assert len(reader.got) <= max(0, reader.body.size - TAIL), "the tail is withheld"
        else:
            assert bytes(reader.got) == BLOBS[reader.digest]
        finally:
            reader.body.close()

    def _read(self, reader, until):
        count = until - len(reader.got)
        if count > 0:
            reader.got += os.pread(reader.body.fileno(), count, len(reader.got))
            assert bytes(reader.got) == BLOBS[reader.digest][: len(reader.got)]

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def leave(self, data):
        reader = data.draw(st.sampled_from(self.readers))
        self.readers.remove(reader)
        reader.body.close()

    @rule(digest=DIGESTS)
    def evict(self, digest):
        is_read = any(each.digest == digest and self._reads_what_is_stored(each) for each in self.readers)
        assert self.stock.is_open(digest) == (is_read and digest in self.stored)
        removed = self.stock.remove(digest, unused_since=time.time() + 60)
        if digest in self.stored and not is_read:
            assert removed == len(BLOBS[digest])
            assert not self.stock.path(digest).exists()
            self.stored.discard(digest)
        else:
            assert removed == 0

    def _reads_what_is_stored(self, reader):
        return reader.fill is None or reader.fill.is_stored

    @rule(digest=DIGESTS)
    def evict_what_was_used_since(self, digest):
        assert self.stock.remove(digest, unused_since=0) == 0

    @rule(store=STORES)
    def reload(self, store):
        """A process that ends and begins anew: its fills are given up and kept, its readers gone with it."""
        for fill in [each for each in self.fills.values() if each.store == store]:
            self._give_up(fill, keep=True)
        self.stores[store].close()
        self.stores[store] = self._new_store()
        self.run(self.stores[store].tidy())

    @invariant()
    def what_is_stored_is_there_and_counted(self):
        if not hasattr(self, "root"):
            return
        assert set(self.stock.survey()) == self.stored
        holding = self.budget.look().holding
        assert holding.stored == sum(len(BLOBS[digest]) for digest in self.stored)
        assert holding.blobs == len(self.stored)
        assert holding.promised <= sum(len(BLOBS[digest]) for digest in self.fills)

    def teardown(self):
        if not hasattr(self, "root"):
            return
        for reader in self.readers:
            reader.body.close()
        for fill in list(self.fills.values()):
            self._give_up(fill, keep=False)
        for store in self.stores:
            store.close()
        assert not list((self.root / "partial").glob("*.reserved")) if (self.root / "partial").exists() else True
        self.run(asyncio.sleep(0))
        self.loop.close()
        self.folder.cleanup()


Model.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStoreModel = Model.TestCase
