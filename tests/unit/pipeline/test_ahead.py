"""What is fetched before a client asks, and how much of it at most."""

import asyncio

from proxy.demo.images import Image, make_image, make_index
from proxy.errors import UpstreamUnavailable
from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest, parse_manifest
from proxy.oci.reference import Repository
from proxy.pipeline.ahead import Ahead
from proxy.pipeline.court.standing import Regime
from proxy.policy.words.document import parse_policy
from proxy.verify.material import TrustMaterial
from tests.fakes.clock import START
from tests.fakes.content import MemoryStore

REPOSITORY = Repository("reg.test", "acme/app")
POLICY = """\
version: 1
images:
  - match: reg.test/acme/**
    platforms: [linux/amd64, linux/arm64]
    require: [ { digest: [ "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" ] } ]
"""


class Fills:
    """Has every blob at once; counts who asked, and how many at a time. `fails_at` fails for this digest."""

    def __init__(self, *images: Image) -> None:
        self.content = MemoryStore()
        self.images = images
        self.asked: list[Digest] = []
        self.at_once = self.most_at_once = 0
        self.fails_at: Digest | None = None

    async def body(self, _: Repository, blob: Descriptor, *, is_kept: bool):
        assert is_kept, "nobody reads what passes by"
        self.asked.append(blob.digest)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if blob.digest == self.fails_at:
            raise UpstreamUnavailable("the upstream is away")
        raw = next(image.blobs[blob.digest] for image in self.images if blob.digest in image.blobs)
        await self.content.write(blob.digest, raw)
        return await self.content.open(blob.digest), "miss"


def parsed(image: Image) -> Manifest | Index:
    return parse_manifest(image.manifest, digest=image.digest, content_type=image.media_type)


def ahead_of(fills: Fills, *, at_once: int) -> Ahead:
    regime = Regime(parse_policy(POLICY, file="policy.yaml", now=START), TrustMaterial({}), {})
    return Ahead(regime, fills, fills_at_once=at_once)


async def until_asked(fills: Fills, count: int) -> None:
    async with asyncio.timeout(10):
        while len(fills.asked) < count or fills.at_once:
            await asyncio.sleep(0)


async def test_config_and_layers_are_fetched_once_and_a_few_at_a_time():
    image = make_image("app", layers=7)
    fills = Fills(image)
    ahead = ahead_of(fills, at_once=2)
    ahead.start()
    ahead.offer(REPOSITORY, parsed(image))
    ahead.offer(REPOSITORY, parsed(image))
    await until_asked(fills, len(image.blobs))
    await ahead.close()
    assert sorted(fills.asked) == sorted(image.blobs)
    assert fills.most_at_once == 2


async def test_a_blob_that_fails_holds_up_no_other():
    image = make_image("app", layers=3)
    fills = Fills(image)
    fills.fails_at = parsed(image).blobs[0].digest
    ahead = ahead_of(fills, at_once=1)
    ahead.start()
    ahead.offer(REPOSITORY, parsed(image))
    await until_asked(fills, len(image.blobs))
    await ahead.close()
    assert set(fills.asked) == set(image.blobs)


async def test_what_waits_is_bounded_and_the_rest_is_left_to_the_client():
    image = make_image("app", layers=300, layer_size=16)
    fills = Fills(image)
    ahead = ahead_of(fills, at_once=1)
    ahead.start()
    ahead.offer(REPOSITORY, parsed(image))
    await until_asked(fills, 256)
    for _ in range(100):
        await asyncio.sleep(0)
    await ahead.close()
    assert len(fills.asked) == 256


async def test_of_an_index_a_few_children_of_the_named_platforms_are_admitted_ahead():
    named = [make_image(f"app-{number}", architecture="amd64") for number in range(20)]
    others = [make_image("app", architecture="s390x"), make_image("app", os="windows")]
    index = make_index([*others, *named])
    ahead = ahead_of(Fills(), at_once=1)
    admitted: list[Digest] = []

    async def admit(_: Repository, digest: Digest) -> None:
        admitted.append(digest)

    ahead.admit_child = admit
    ahead.start()
    ahead.offer(REPOSITORY, parsed(index))
    await asyncio.sleep(0)
    await ahead.close()
    assert admitted == [each.digest for each in named[:16]]


async def test_switched_off_nothing_is_fetched():
    image = make_image("app")
    fills = Fills(image)
    ahead = ahead_of(fills, at_once=0)
    ahead.start()
    ahead.offer(REPOSITORY, parsed(image))
    await asyncio.sleep(0)
    await ahead.close()
    assert fills.asked == []
