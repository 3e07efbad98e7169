"""One cap on all evidence of an image: what is kept under it is decided by what it is, never by what came first (T50)."""

import asyncio

import pytest

from proxy.errors import BlobUnknown, ContentMismatch, StorageError, UpstreamUnavailable
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Manifest
from proxy.oci.mediatype import OCI_CONFIG, OCI_MANIFEST, SIGSTORE_BUNDLE
from proxy.oci.reference import Repository
from proxy.pipeline.gathering.catch import Catch, Opened
from proxy.pipeline.gathering.proofs import REFERRERS, Proof
from proxy.verify.lookup import ANYTHING

HERE = Repository("reg.test", "acme/app")


class Shelf:
    """Blobs by digest; an error in the place of bytes is raised."""

    def __init__(self):
        self.blobs = {}
        self.asked = []
        self.at_once = self.most_at_once = 0

    def put(self, raw):
        digest = Digest.of(raw)
        self.blobs[digest] = raw
        return Descriptor(SIGSTORE_BUNDLE, digest, len(raw))

    async def small_blob(self, repository, digest, *, limit):
        self.asked.append(digest)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        found = self.blobs[digest]
        if isinstance(found, Exception):
            raise found
        return found


def make(shelf, most):
    return Catch(ANYTHING, registry_of=lambda _source: shelf, most=most)


def opened(catch, *claims):
    layers = tuple(claim.layer for claim in claims)
    config = Descriptor(OCI_CONFIG, Digest.of(b""), 0)
    digest = Digest.of(repr(layers).encode())
    manifest = Manifest(b"", digest, OCI_MANIFEST, config=config, layers=layers)
    catch.open(Opened(Proof(manifest, {}, slots=(REFERRERS,)), claims))


async def caught(shelf, most, *ranked):
    """What is found of these (rank, layer), begun in this order."""
    catch = make(shelf, most)
    for rank, layer in ranked:
        claim = catch.claim(HERE, layer, rank=(rank, 0), place="referrers")
        opened(catch, claim)
        await catch.begin(claim)
    return await catch.settle()


async def test_t50_the_likeliest_and_then_the_smallest_are_kept_whatever_came_first():
    shelf = Shelf()
    likely, small, large = shelf.put(b"l" * 50), shelf.put(b"s" * 40), shelf.put(b"x" * 60)
    ranked = [(0, likely), (1, small), (1, large)]
    first = await caught(shelf, 100, *ranked)
    second = await caught(shelf, 100, *ranked[::-1])
    assert first == second
    assert {found.blob for found in first.found} == {likely.digest, small.digest}
    assert [each.source for each in first.rejections] == [large.digest]


async def test_what_fits_is_asked_for_at_once_and_what_does_not_waits_for_the_end():
    shelf = Shelf()
    one, two = shelf.put(b"1" * 60), shelf.put(b"2" * 60)
    catch = make(shelf, 100)
    claims = [catch.claim(HERE, layer, rank=(0, 0), place="referrers") for layer in (one, two)]
    for claim in claims:
        await catch.begin(claim)
    assert shelf.asked == [one.digest]


async def test_one_blob_that_many_name_is_read_once_under_its_likeliest_rank():
    shelf = Shelf()
    layer = shelf.put(b"same")
    catch = make(shelf, 100)
    for rank, place in ((3, "referrers"), (0, "index"), (2, "referrers")):
        claim = catch.claim(HERE, layer, rank=(rank, 0), place=place)
        await catch.begin(claim)
    assert (claim.rank, claim.place, shelf.asked) == ((0, 0), "index", [layer.digest])


async def test_bytes_that_came_with_a_listing_count_and_are_not_asked_for():
    shelf = Shelf()
    layer, other = shelf.put(b"h" * 60), shelf.put(b"o" * 60)
    catch = make(shelf, 100)
    held = catch.claim(HERE, layer, rank=(0, 0), place="x")
    catch.hold(held, b"h" * 60)
    opened(catch, held)
    opened(catch, catch.claim(HERE, other, rank=(1, 0), place="x"))
    got = await catch.settle()
    assert [found.payload for found in got.found] == [b"h" * 60]
    assert shelf.asked == []


async def test_other_bytes_are_a_rejection_and_what_is_out_of_reach_a_gap():
    shelf = Shelf()
    wrong, gone, away = shelf.put(b"wrong"), shelf.put(b"gone"), shelf.put(b"away")
    shelf.blobs |= {
        wrong.digest: ContentMismatch("other bytes"),
        gone.digest: BlobUnknown("no such blob"),
        away.digest: UpstreamUnavailable("away"),
    }
    got = await caught(shelf, 100, (0, wrong), (0, gone), (0, away))
    assert [(each.source, each.reason) for each in got.rejections] == [(wrong.digest, "other bytes")]
    assert [each.rpartition(": ")[2] for each in got.gaps] == ["away", "no such blob"]


async def test_our_own_failure_is_no_gap():
    shelf = Shelf()
    layer = shelf.put(b"x")
    shelf.blobs[layer.digest] = StorageError("our disk")
    with pytest.raises(StorageError):
        await caught(shelf, 100, (0, layer))


async def test_requests_side_by_side_are_bounded():
    shelf = Shelf()
    catch = make(shelf, 10_000)
    claims = [catch.claim(HERE, shelf.put(b"%d" % number), rank=(0, 0), place="x") for number in range(64)]
    await asyncio.gather(*(catch.begin(claim) for claim in claims))
    assert shelf.most_at_once == 16
