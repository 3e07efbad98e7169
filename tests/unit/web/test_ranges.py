"""Which bytes a request gets, of a proved and of a growing blob (face.md, "Ranges of a blob that is not proved yet")."""

import asyncio

import pytest

from proxy.content.store import TAIL
from proxy.content.unkept.passing import Passing
from proxy.errors import ContentMismatch, RangeInvalid, RequestError, StorageError, UpstreamUnavailable
from proxy.oci.digest import Digest
from proxy.web import ranges
from tests.fakes.content import MemoryStore

RAW = bytes(range(256)) * 1024  # 256 KiB
DIGEST = Digest.of(RAW)


@pytest.fixture
async def stored():
    store = MemoryStore()
    await store.write(DIGEST, RAW)
    body = await store.open(DIGEST)
    yield body
    body.close()


@pytest.fixture
async def growing():
    store = MemoryStore()
    partial = await store.partial(DIGEST, len(RAW))
    await partial.write(RAW[:1000])
    body = partial.follow()
    yield partial, body
    body.close()
    if not body.is_stored:
        await partial.fail(UpstreamUnavailable("the test is over"), keep=False)


def spans(portion):
    return [(part.start, part.stop) for part in portion.parts]


@pytest.mark.parametrize("header", [None, "", "lines=1-2", "bytes=", "bytes=x-y", "bytes=5-2"])
async def test_without_a_range_that_can_be_read_all_is_sent(stored, header):
    portion = await ranges.choose(stored, wanted=header, if_range=None)
    assert portion.status == 200
    assert spans(portion) == [(0, len(RAW))]
    assert portion.headers["Content-Length"] == str(len(RAW))
    assert "Content-Range" not in portion.headers


@pytest.mark.parametrize(
    ("header", "span"),
    [("bytes=0-", (0, 262144)), ("bytes=0-1", (0, 2)), ("bytes=262143-", (262143, 262144)), ("bytes=-4", (262140, 262144)),
     ("bytes=10-999999999", (10, 262144))],
)  # fmt: skip
async def test_a_proved_blob_answers_single_ranges(stored, header, span):
    portion = await ranges.choose(stored, wanted=header, if_range=None)
    assert portion.status == 206
    assert spans(portion) == [span]
    assert portion.headers["Content-Range"] == f"bytes {span[0]}-{span[1] - 1}/262144"
    assert portion.headers["Content-Length"] == str(span[1] - span[0])


async def test_several_ranges_become_a_multipart_of_exact_length(stored):
    portion = await ranges.choose(stored, wanted="bytes=0-1,100-199", if_range=None)
    assert portion.status == 206
    assert portion.headers["Content-Type"].startswith("multipart/byteranges; boundary=")
    length = sum(len(part.head) + part.stop - part.start for part in portion.parts) + len(portion.end)
    assert portion.headers["Content-Length"] == str(length)
    assert spans(portion) == [(0, 2), (100, 200)]


async def test_beyond_the_end_is_416_and_too_many_parts_are_400(stored):
    with pytest.raises(RangeInvalid) as caught:
        await ranges.choose(stored, wanted="bytes=262144-", if_range=None)
    assert caught.value.size == 262144
    with pytest.raises(RequestError) as refused:
        await ranges.choose(stored, wanted="bytes=" + ",".join(f"{n}-{n}" for n in range(17)), if_range=None)
    assert refused.value.status == 400


async def test_a_validator_that_is_not_ours_sends_all(stored):
    other = await ranges.choose(stored, wanted="bytes=0-1", if_range='"other"')
    ours = await ranges.choose(stored, wanted="bytes=0-1", if_range=f'"{DIGEST}"')
    assert (other.status, ours.status) == (200, 206)


async def test_a_file_that_rotted_gives_no_range_away(stored):
    body = stored
    object.__setattr__(body, "digest", Digest.of(b"something else"))
    with pytest.raises(ContentMismatch):
        await ranges.choose(body, wanted="bytes=0-1", if_range=None)


async def test_a_growing_blob_answers_a_whole_open_range_with_itself(growing):
    _, body = growing
    portion = await ranges.choose(body, wanted="bytes=0-", if_range=None)
    assert (portion.status, spans(portion)) == (200, [(0, len(RAW))])


async def test_an_open_range_waits_for_the_proof_and_gets_206(growing):
    partial, body = growing
    waiting = asyncio.ensure_future(ranges.choose(body, wanted="bytes=1000-", if_range=None))
    await asyncio.sleep(0)
    assert not waiting.done()
    await partial.write(RAW[1000:])
    await partial.commit()
    portion = await waiting
    assert (portion.status, spans(portion)) == (206, [(1000, len(RAW))])


async def test_an_open_range_that_waited_long_enough_gets_all_from_zero(growing):
    _, body = growing
    portion = await ranges.choose(body, wanted="bytes=1000-", if_range=None, proof_seconds=0.01)
    assert (portion.status, spans(portion)) == (200, [(0, len(RAW))])


@pytest.mark.parametrize("header", ["bytes=0-10", "bytes=-10", "bytes=0-1,5-6"])
async def test_bounded_and_suffix_ranges_that_waited_long_enough_are_told_to_come_again(growing, header):
    _, body = growing
    with pytest.raises(UpstreamUnavailable) as caught:
        await ranges.choose(body, wanted=header, if_range=None, proof_seconds=0.01)
    assert caught.value.status == 503


async def test_a_range_that_waits_for_a_mismatch_is_told_so(growing):
    partial, body = growing
    waiting = asyncio.ensure_future(ranges.choose(body, wanted="bytes=0-1", if_range=None))
    await asyncio.sleep(0)
    await partial.fail(ContentMismatch("other bytes"), keep=False)
    with pytest.raises(ContentMismatch):
        await waiting


def test_the_wait_ends_before_containerd_gives_up():
    """containerd wants headers within 30 s (clients.md 1.7)."""
    assert ranges.PROOF_SECONDS == 25
    assert TAIL == 64 * 1024


@pytest.fixture
async def passing():
    """A body that nobody keeps."""
    found = Passing(DIGEST, len(RAW))
    body = found.follow()
    yield body
    body.close()


@pytest.mark.parametrize("header", ["bytes=0-5", "bytes=-5", "bytes=1-2,4-5"])
async def test_no_part_is_promised_of_what_nobody_keeps(passing, header):
    with pytest.raises(StorageError, match="no part of it") as refused:
        await ranges.choose(passing, wanted=header, if_range=None)
    assert refused.value.retry_after == 30


@pytest.mark.parametrize("header", [None, "bytes=0-", "bytes=7-"])
async def test_what_nobody_keeps_is_sent_whole_at_once(passing, header):
    portion = await ranges.choose(passing, wanted=header, if_range=None)
    assert (portion.status, spans(portion)) == (200, [(0, len(RAW))])


async def test_beyond_the_end_of_what_nobody_keeps_is_416(passing):
    with pytest.raises(RangeInvalid):
        await ranges.choose(passing, wanted=f"bytes={len(RAW)}-", if_range=None)
