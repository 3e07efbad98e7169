"""Fills over real sockets, real files, and an upstream that misbehaves."""

import asyncio

import pytest

from proxy.content.store import TAIL
from proxy.errors import BlobUnknown, ContentMismatch, PratiqueError, UpstreamError
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from tests.fakes.bench import ELSEWHERE, MIB, OTHER, REPOSITORY, Bench, read
from tests.fakes.registry import FakeRegistry


@pytest.fixture
async def bench(tmp_path):
    async with FakeRegistry() as upstream:
        bench = Bench(tmp_path, upstream)
        yield bench
        await bench.close()


async def test_a_cold_blob_streams_and_is_stored_then_served_without_upstream(bench):
    blob = bench.put(3 * MIB)
    body, outcome = await bench.fills.body(REPOSITORY, blob)
    assert outcome == "miss"
    assert Digest.of(await read(body)) == blob.digest
    await bench.finished()
    assert bench.ended[0].outcome == "stored"
    bench.upstream.forget()
    body, outcome = await bench.fills.body(REPOSITORY, blob)
    assert outcome == "hit"
    assert Digest.of(await read(body)) == blob.digest
    assert bench.upstream.counts == {}


async def test_a_herd_is_one_transfer_across_repositories_and_upstreams(bench):
    blob = bench.put(4 * MIB)
    bench.upstream.put_blob("acme/other", bench.upstream.repos["acme/app"].blobs[blob.digest])
    askers = (REPOSITORY, OTHER, ELSEWHERE)
    bodies = await asyncio.gather(*(bench.fills.body(askers[n % 3], blob) for n in range(33)))
    read_all = await asyncio.gather(*(read(body) for body, _ in bodies))
    assert {Digest.of(raw) for raw in read_all} == {blob.digest}
    assert [outcome for _, outcome in bodies].count("miss") == 1
    assert bench.upstream.count("blob") == 1
    assert bench.upstream.sent("blob") == blob.size


async def test_a_follower_gets_its_first_byte_before_the_end(bench):
    blob = bench.put(2 * MIB)
    bench.upstream.knobs.hold_at = MIB
    first, _ = await bench.fills.body(REPOSITORY, blob)
    await first.more(MIB // 2)
    follower, outcome = await bench.fills.body(REPOSITORY, blob)
    assert outcome == "coalesced"
    assert follower.released > 0
    assert not follower.is_stored
    assert len(await read(follower, until=MIB // 2)) >= MIB // 2
    bench.upstream.knobs.hold.set()
    assert Digest.of(await read(first)) == blob.digest
    follower.close()


async def test_promise_2_the_tail_is_withheld_until_the_hash_is_right(bench):
    blob = bench.put(MIB)
    bench.upstream.knobs.hold_at = MIB - 1
    body, _ = await bench.fills.body(REPOSITORY, blob)
    await body.more(MIB - TAIL - 1)
    assert body.released <= MIB - TAIL
    bench.upstream.knobs.hold.set()
    assert Digest.of(await read(body)) == blob.digest


async def test_promise_2_t03_wrong_bytes_of_the_right_length_never_complete_and_are_never_stored(bench):
    blob = bench.put(MIB)
    wrong = bytearray(bench.upstream.repos["acme/app"].blobs[blob.digest])
    wrong[1000] ^= 1
    bench.upstream.knobs.swapped[blob.digest] = bytes(wrong)
    body, _ = await bench.fills.body(REPOSITORY, blob)
    with pytest.raises(ContentMismatch):
        await read(body)
    await bench.finished()
    assert await bench.store.open(blob.digest) is None
    assert bench.ended[-1].outcome == "mismatch"


async def test_for_half_a_minute_after_a_mismatch_every_request_is_refused_without_upstream(bench):
    blob = bench.put(100_000)
    bench.upstream.knobs.swapped[blob.digest] = b"x" * blob.size
    body, _ = await bench.fills.body(REPOSITORY, blob)
    with pytest.raises(ContentMismatch):
        await read(body)
    await bench.finished()
    bench.upstream.forget()
    with pytest.raises(ContentMismatch):
        await bench.fills.body(REPOSITORY, blob)
    assert bench.upstream.counts == {}


async def test_who_comes_while_a_mismatch_is_written_down_is_refused_as_well(bench):
    blob = bench.put(MIB)
    bench.upstream.knobs.swapped[blob.digest] = b"x" * blob.size
    body, _ = await bench.fills.body(REPOSITORY, blob)
    with pytest.raises(ContentMismatch):
        await read(body)
    with pytest.raises(ContentMismatch):  # at once: the fill's own end need not have run yet
        await bench.fills.require_unmismatched(blob.digest)


async def test_a_reader_that_leaves_costs_nothing_and_the_fill_outlives_it(bench):
    blob = bench.put(2 * MIB)
    bench.upstream.knobs.hold_at = MIB
    body, _ = await bench.fills.body(REPOSITORY, blob)
    await body.more(1000)
    body.close()
    bench.upstream.knobs.hold.set()
    await bench.finished()
    assert bench.ended[-1].outcome == "stored"
    assert (await bench.store.size(blob.digest)) == blob.size


async def test_a_slow_reader_does_not_slow_the_fill(bench):
    blob = bench.put(4 * MIB)
    body, _ = await bench.fills.body(REPOSITORY, blob)
    await bench.finished()  # nobody read a byte
    assert bench.ended[-1].outcome == "stored"
    assert Digest.of(await read(body)) == blob.digest


async def test_a_broken_transfer_is_taken_up_where_it_broke(bench):
    blob = bench.put(8 * MIB)
    bench.upstream.knobs.cut_at = 4 * MIB
    bench.upstream.knobs.cut_times = 1
    body, _ = await bench.fills.body(REPOSITORY, blob)
    assert Digest.of(await read(body)) == blob.digest
    await bench.finished()
    assert bench.ended[-1].resumed == 1
    second = bench.upstream.seen("blob")[1]
    assert second.headers["Range"].startswith("bytes=")
    assert second.headers["If-Range"]
    assert bench.upstream.sent("blob") < blob.size * 1.25


async def test_an_upstream_that_ignores_the_range_is_read_past_what_is_there(bench):
    blob = bench.put(4 * MIB)
    bench.upstream.knobs.cut_at = 2 * MIB
    bench.upstream.knobs.cut_times = 1
    bench.upstream.knobs.ignores_range = True
    body, _ = await bench.fills.body(REPOSITORY, blob)
    assert Digest.of(await read(body)) == blob.digest


async def test_transfers_that_bring_nothing_are_given_up_and_the_reader_is_told(bench):
    blob = bench.put(4 * MIB)
    bench.upstream.knobs.cut_at = MIB
    bench.upstream.knobs.cut_times = 1
    body, _ = await bench.fills.body(REPOSITORY, blob)
    bench.upstream.knobs.cut_at = 0
    bench.upstream.knobs.cut_times = None
    with pytest.raises(UpstreamError):
        await read(body)
    await bench.finished()
    assert bench.pauses
    assert bench.ended[-1].outcome == "failed"


async def test_what_was_received_before_a_failure_is_not_fetched_again(bench):
    blob = bench.put(4 * MIB)
    bench.upstream.knobs.cut_at = 2 * MIB
    bench.upstream.knobs.cut_times = 1
    body, _ = await bench.fills.body(REPOSITORY, blob)
    bench.upstream.knobs.fail(503, kinds={"blob"}, retry_after="1")
    with pytest.raises(UpstreamError):
        await read(body)
    await bench.finished()
    bench.upstream.knobs.fail(None)
    bench.upstream.forget()
    body, _ = await bench.fills.body(REPOSITORY, blob)
    assert Digest.of(await read(body)) == blob.digest
    assert bench.upstream.sent("blob") <= 2 * MIB + 512 * 1024


async def test_a_repository_without_the_blob_does_not_spoil_it_for_one_that_has_it(bench):
    blob = bench.put(1000)
    bench.upstream.knobs.delay = 0.05
    first = asyncio.create_task(bench.fills.body(OTHER, blob))
    while bench.upstream.count("blob") == 0:
        await asyncio.sleep(0.001)
    body, _ = await bench.fills.body(REPOSITORY, blob)
    with pytest.raises(BlobUnknown):
        await first
    assert Digest.of(await read(body)) == blob.digest


async def test_an_absent_blob_is_unknown_before_the_first_byte(bench):
    missing = Descriptor("application/octet-stream", Digest.of(b"nowhere"), 7)
    with pytest.raises(BlobUnknown):
        await bench.fills.body(REPOSITORY, missing)
    await bench.finished()


async def test_t59_an_upstream_that_fails_is_an_upstream_error_and_never_an_absence(bench):
    blob = bench.put(1000)
    bench.upstream.knobs.fail(500, kinds={"blob"})
    with pytest.raises(UpstreamError):
        await bench.fills.body(REPOSITORY, blob)


async def test_a_length_that_is_not_the_manifests_is_a_mismatch(bench):
    blob = bench.put(1000)
    lying = Descriptor(blob.media_type, blob.digest, 999)
    with pytest.raises(ContentMismatch):
        await bench.fills.body(REPOSITORY, lying)


async def test_stopping_keeps_what_was_received_for_the_next_start(bench, tmp_path):
    blob = bench.put(4 * MIB)
    bench.upstream.knobs.hold_at = 2 * MIB
    body, _ = await bench.fills.body(REPOSITORY, blob)
    await body.more(MIB)
    await bench.fills.close()
    with pytest.raises(PratiqueError):
        await read(body)
    bench.upstream.knobs.hold_at = None
    bench.upstream.knobs.hold.set()
    bench.upstream.forget()
    again = Bench(tmp_path, bench.upstream)
    try:
        body, _ = await again.fills.body(REPOSITORY, blob)
        assert Digest.of(await read(body)) == blob.digest
        assert bench.upstream.seen("blob")[0].headers["Range"].startswith("bytes=")
    finally:
        await again.close()


async def test_two_stores_on_one_directory_share_one_transfer(bench, tmp_path):
    blob = bench.put(4 * MIB)
    bench.upstream.knobs.hold_at = MIB
    other = Bench(tmp_path, bench.upstream)
    try:
        first, _ = await bench.fills.body(REPOSITORY, blob)
        await first.more(1000)
        second, outcome = await other.fills.body(REPOSITORY, blob)
        assert outcome in ("coalesced", "miss")
        reading = asyncio.gather(read(first), read(second))
        bench.upstream.knobs.hold.set()
        assert {Digest.of(raw) for raw in await reading} == {blob.digest}
        assert bench.upstream.count("blob") == 1
    finally:
        await other.close()


async def test_an_empty_blob_needs_no_transfer(bench):
    empty = bench.put_raw(b"")
    body, _ = await bench.fills.body(REPOSITORY, empty)
    assert await read(body) == b""
    await bench.finished()
    assert bench.upstream.count("blob") == 0
