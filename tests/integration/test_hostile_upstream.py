"""An upstream that misbehaves in every way we know of, and what a client is told: the truth, soon, and never 404 (T59).

Each case is asked through the whole proxy. Nobody waits for long, nothing wrong is kept, what is stored is served, and
once the upstream behaves the same pull succeeds.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from proxy.demo.images import make_image
from proxy.errors import UpstreamThrottled, UpstreamTimeout
from proxy.events import BreakerMoved, FillEnded, UpstreamAsked, UpstreamHeld, UpstreamSpared
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline import fill
from proxy.upstream.registry import Limits, Registry
from proxy.upstream.settings import UpstreamSettings
from tests.fakes.house import House
from tests.fakes.registry import FakeRegistry, Knobs

APP = "acme/app"
MIB = 1024 * 1024
PATIENCE = 20.0  # seconds: under what clients wait, on a machine that is slow


@pytest.fixture
async def house(tmp_path):
    async with House(tmp_path, extra="limits: { drainSeconds: 1, stallSeconds: 1, requestSeconds: 10 }") as house:
        yield house


@pytest.fixture
async def stored(house):
    """An image that was pulled while all was well."""
    image = house.put(APP, "stored", tag="stored")
    await pulled(house, image)
    return image


async def pulled(house, image):
    assert (await house.manifest(APP, image.digest)).status == 200
    for digest, raw in image.blobs.items():
        assert (await house.blob(APP, digest)).body == raw
    await house.settle()


async def ask(house, kind, image, **more):
    async with asyncio.timeout(PATIENCE):
        if kind == "blob":
            return await house.blob(APP, layer(image), **more)
        return await house.manifest(APP, image.digest)


def layer(image):
    return Digest.parse(json.loads(image.manifest)["layers"][0]["digest"])


def is_truthful(answer):
    """502, 503 or 504, in the words of the protocol, with a time to come back where that helps, and without a stack."""
    if answer.status not in (502, 503, 504):
        return False
    error = json.loads(answer.body)["errors"][0]
    is_told_when = answer.status != 503 or int(answer.headers["Retry-After"]) >= 1
    return error["code"] == "UNAVAILABLE" and is_told_when and b"Traceback" not in answer.body


def trickle(house, kind):
    house.upstream.knobs.trickle_kinds = frozenset({kind})


def flood(house, kind):
    house.upstream.knobs.flood_kinds = frozenset({kind})


def header_flood(house, _kind):
    house.upstream.knobs.headers = {f"X-Flood-{number}": "x" * 100 for number in range(1000)}


def long_header(house, _kind):
    house.upstream.knobs.headers = {"X-Flood": "x" * 100_000}


def redirect_loop(house, kind):
    knobs = house.upstream.knobs
    knobs.redirect, knobs.redirect_kinds, knobs.location = 307, frozenset({kind}), ""
    path = {"manifest": "manifests", "blob": "blobs"}[kind]
    knobs.location = f"/v2/{APP}/{path}/{Digest.of(b'round')}"


def redirect_home(house, kind):
    """To where the cloud keeps its secrets."""
    knobs = house.upstream.knobs
    knobs.redirect, knobs.redirect_kinds = 307, frozenset({kind})
    knobs.location = "http://169.254.169.254/latest/meta-data"


def gzipped(house, _kind):
    house.upstream.knobs.content_encoding = "gzip"


def silent(house, kind):
    house.upstream.knobs.delay, house.upstream.knobs.delay_kinds = 3600.0, frozenset({kind})


def closing(house, kind):
    house.upstream.knobs.drop({kind})


def failing(status):
    def fail(house, kind):
        house.upstream.knobs.fail(status, kinds={kind})

    fail.__name__ = str(status)
    return fail


HOSTILE = [
    trickle,
    flood,
    header_flood,
    long_header,
    redirect_loop,
    redirect_home,
    gzipped,
    closing,
    silent,
    failing(401),
    failing(403),
    failing(429),
    failing(500),
    failing(503),
    failing(302),
    failing(418),
]


@pytest.mark.parametrize("kind", ["manifest", "blob"])
@pytest.mark.parametrize("turn", HOSTILE, ids=lambda turn: turn.__name__)
async def test_t59_the_client_is_told_the_truth_and_the_next_pull_succeeds(house, stored, turn, kind):
    image = house.put(APP, "new", layer_size=100_000)
    if kind == "blob":
        assert (await house.manifest(APP, image.digest)).status == 200
    turn(house, kind)
    answer = await ask(house, kind, image)
    is_cut = turn in (trickle, flood) and kind == "blob" and answer.is_cut
    is_too_large = turn is flood and answer.status == 403  # a manifest that may be served nowhere
    assert is_truthful(answer) or is_cut or is_too_large
    house.upstream.knobs = Knobs()
    again = await house.blob(APP, layer(stored))
    assert (again.status, again.body) == (200, stored.blobs[layer(stored)])
    await recovered(house)
    if turn in (trickle, flood) and kind == "blob":  # other bytes came: whoever meets them is cut off, once
        await ask(house, "blob", image)
        await house.settle()
    await pulled(house, image)


async def recovered(house):
    """As after the time that the upstream asked for."""
    await house.settle()
    await house.restart()


@pytest.mark.parametrize("kind", ["manifest", "blob"])
async def test_t08_an_endless_body_costs_a_few_megabytes(house, kind):
    image = house.put(APP, "new", layer_size=100_000)
    if kind == "blob":
        assert (await house.manifest(APP, image.digest)).status == 200
    house.upstream.forget()
    flood(house, kind)
    await ask(house, kind, image)
    await house.settle()
    asked = [event for event in house.events if isinstance(event, UpstreamAsked) and event.what == kind]
    assert asked[-1].received < 8 * MIB
    assert house.upstream.count(kind) == 1


async def test_a_body_that_trickles_is_given_up_and_what_came_is_kept(house):
    """A byte now and then keeps a connection alive; a fill that it feeds ends all the same, a few tries later."""
    image = house.put(APP, "new", layer_size=3 * MIB)
    assert (await house.manifest(APP, image.digest)).status == 200
    knobs = house.upstream.knobs
    house.upstream.forget()
    knobs.hold_at, knobs.chunk, knobs.cut_at = 2 * MIB, MIB, 2 * MIB + 1
    first = asyncio.create_task(house.blob(APP, layer(image)))
    while not any(each.sent >= 2 * MIB for each in house.upstream.seen("blob")):
        await asyncio.sleep(0.01)
    knobs.chunk, knobs.rate, knobs.hold_at, knobs.cut_at = 1, 50.0, None, None  # 50 bytes a second
    knobs.hold.set()
    while house.upstream.count("blob") < 3:  # it was given up, taken up, and given up again
        await asyncio.sleep(0.05)
    knobs.chunk, knobs.rate = MIB, None
    assert (await first).body == image.blobs[layer(image)]
    offsets = [each.headers.get("Range") for each in house.upstream.seen("blob")]
    assert offsets[0] is None
    assert all(offset.startswith("bytes=2097") for offset in offsets[1:])


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_blob_longer_than_its_manifest_says_is_refused(house, has_length):
    image = house.put(APP, "new", layer_size=100_000)
    house.upstream.knobs.swapped[layer(image)] = image.blobs[layer(image)] + b"x"
    house.upstream.knobs.has_length = has_length
    assert (await house.manifest(APP, image.digest)).status == 200
    answer = await ask(house, "blob", image)
    assert is_truthful(answer) or answer.is_cut


async def test_a_length_that_promises_more_than_comes_ends_the_transfer_and_the_rest_is_asked_for(house):
    image = house.put(APP, "new", layer_size=4 * MIB)
    house.upstream.knobs.has_length = False  # no length at all: nothing gives the lie away but the connection's end
    house.upstream.knobs.cut_at, house.upstream.knobs.cut_times = 2 * MIB, 1
    assert (await house.manifest(APP, image.digest)).status == 200
    assert (await ask(house, "blob", image)).body == image.blobs[layer(image)]
    # What had arrived and was not yet taken from the client library's buffer is lost with its connection.
    assert house.upstream.sent("blob") <= 5 * MIB


async def test_t54_a_gzip_bomb_is_not_unpacked(house):
    image = house.put(APP, "new", layer_size=100_000)
    house.upstream.knobs.swapped[image.digest] = b" " * (64 * MIB)  # 64 KiB on the wire
    house.upstream.knobs.content_encoding = "gzip"
    answer = await ask(house, "manifest", image)
    assert is_truthful(answer)
    received = sum(event.received for event in house.events if isinstance(event, UpstreamAsked))
    assert received < MIB


async def test_t50_endless_pages_of_evidence_end(house):
    image = house.put(APP, "new", tag="v1", is_signed=False)
    knobs = house.upstream.knobs
    knobs.page, knobs.link = 1, f"/v2/{APP}/referrers/{image.digest}?from=0&again"
    answer = await ask(house, "manifest", image)
    assert answer.status in (403, 502, 503)
    assert house.upstream.count("referrers") < 400


async def test_a_token_that_ends_in_the_middle_of_a_blob_is_fetched_anew(house):
    knobs = house.upstream.knobs
    knobs.auth = "bearer"
    image = house.put(APP, "new", layer_size=3 * MIB)
    assert (await house.manifest(APP, image.digest)).status == 200
    house.upstream.forget()
    knobs.chunk, knobs.hold_at, knobs.cut_at, knobs.cut_times = MIB, MIB, 2 * MIB, 1
    reading = asyncio.create_task(ask(house, "blob", image))
    while not any(each.sent for each in house.upstream.seen("blob")):
        await asyncio.sleep(0.01)
    house.upstream.expire_tokens()
    before = house.upstream.count("token")
    knobs.hold.set()
    assert (await reading).body == image.blobs[layer(image)]
    assert house.upstream.count("token") > before
    refused = [each for each in house.upstream.seen("blob") if each.status == 401]
    assert refused[-1].headers["Range"] == f"bytes={2 * MIB}-"
    assert house.upstream.sent("blob") < 3 * MIB + 10_000


# A transfer that was cut, and an upstream that is not what it was when it is taken up.


async def cut_in_half(house, size=4 * MIB):
    """An image whose layer broke off at half, and is not taken up yet."""
    image = house.put(APP, "new", layer_size=size)
    assert (await house.manifest(APP, image.digest)).status == 200
    knobs = house.upstream.knobs
    knobs.chunk, knobs.cut_at = MIB, size // 2
    knobs.hold_at = size // 2 - 1
    reading = asyncio.create_task(ask(house, "blob", image))
    while not any(each.sent >= size // 2 - 1 for each in house.upstream.seen("blob")):
        await asyncio.sleep(0.01)
    return image, reading


async def restarted_in_half(house):
    """The same, and the proxy was stopped and started since."""
    image, reading = await cut_in_half(house)
    partial = house.folder / "data" / "content" / "partial"
    while not any(file.stat().st_size > MIB for file in partial.iterdir()):
        await asyncio.sleep(0.01)
    await house.stop()
    assert (await asyncio.gather(reading, return_exceptions=True))[0]
    house.upstream.knobs = Knobs()
    house.upstream.forget()
    await house.start()
    assert (await house.manifest(APP, image.digest)).status == 200
    return image


async def test_a_blob_is_taken_up_after_a_restart_with_if_range(house):
    image = await restarted_in_half(house)
    assert (await ask(house, "blob", image)).body == image.blobs[layer(image)]
    (seen,) = house.upstream.seen("blob")
    assert int(seen.headers["Range"].removeprefix("bytes=").removesuffix("-")) >= MIB
    assert seen.headers["If-Range"] == f'"{layer(image)}"'
    assert house.upstream.sent("blob") <= 3 * MIB


def changes_etag(knobs, _digest, _raw):
    knobs.etag = '"another"'


def forgets_etag(knobs, _digest, _raw):
    knobs.etag = None


def ignores_range(knobs, _digest, _raw):
    knobs.ignores_range = True


def another_part(knobs, _digest, raw):
    knobs.content_range = f"bytes 0-{len(raw) - 1}/{len(raw)}"


def no_part(knobs, _digest, _raw):
    knobs.content_range = "bytes */*"


@pytest.mark.parametrize("turn", [changes_etag, forgets_etag, ignores_range, another_part, no_part])
@pytest.mark.parametrize("is_restarted", [True, False])
async def test_an_upstream_that_will_not_go_on_is_asked_from_the_start(house, turn, is_restarted):
    if is_restarted:
        image = await restarted_in_half(house)
        turn(house.upstream.knobs, layer(image), image.blobs[layer(image)])
        answer = await ask(house, "blob", image)
    else:
        image, reading = await cut_in_half(house)
        knobs = house.upstream.knobs
        knobs.cut_times = 1
        turn(knobs, layer(image), image.blobs[layer(image)])
        knobs.hold.set()
        answer = await reading
    assert (answer.status, answer.body) == (200, image.blobs[layer(image)])


def shorter(knobs, digest, raw):
    knobs.swapped[digest] = raw[: 3 * MIB]


def shorter_than_what_we_hold(knobs, digest, raw):
    knobs.swapped[digest] = raw[: MIB // 2]


def longer(knobs, digest, raw):
    knobs.swapped[digest] = raw + b"x"


@pytest.mark.parametrize("turn", [shorter, shorter_than_what_we_hold, longer])
async def test_a_file_of_another_length_is_refused_and_what_is_held_stays(house, turn):
    image = await restarted_in_half(house)
    turn(house.upstream.knobs, layer(image), image.blobs[layer(image)])
    assert is_truthful(await ask(house, "blob", image))
    await house.settle()
    house.upstream.knobs = Knobs()
    house.upstream.forget()
    assert (await ask(house, "blob", image)).body == image.blobs[layer(image)]
    assert house.upstream.sent("blob") <= 3 * MIB  # nothing that came before was thrown away


async def test_promise_2_other_bytes_after_a_resume_never_complete(house):
    image = await restarted_in_half(house)
    house.upstream.knobs.swapped[layer(image)] = bytes(len(image.blobs[layer(image)]))
    answer = await ask(house, "blob", image)
    assert answer.is_cut or is_truthful(answer)
    assert answer.body != image.blobs[layer(image)]


async def test_what_a_disk_spoilt_of_a_beginning_is_fetched_anew_at_once(house):
    image = await restarted_in_half(house)
    await house.stop()
    (partial,) = (file for file in (house.folder / "data" / "content" / "partial").iterdir() if not file.suffix)
    raw = bytearray(partial.read_bytes())
    raw[1000] ^= 1
    partial.write_bytes(raw)
    await house.start()
    spoilt = await ask(house, "blob", image)
    assert spoilt.is_cut or spoilt.status == 502
    await house.settle()
    assert (await ask(house, "blob", image)).body == image.blobs[layer(image)]
    await house.settle()
    outcomes = [event.outcome for event in house.events if isinstance(event, FillEnded)]
    assert outcomes[-2:] == ["mismatch", "stored"]


# Left alone.


async def test_t59_an_upstream_that_is_down_is_left_alone_and_what_is_stored_is_served(house, stored):
    await house.upstream.stop()
    new = make_image("another")
    began = datetime.now(UTC)
    while not any(isinstance(event, BreakerMoved) and event.state == "open" for event in house.events):
        assert (await house.manifest(APP, new.digest)).status == 503
        assert datetime.now(UTC) - began < timedelta(seconds=PATIENCE)
    answer = await house.manifest(APP, new.digest)
    assert is_truthful(answer)
    assert b"left alone" in answer.body
    assert any(isinstance(event, UpstreamSpared) and event.why == "breaker" for event in house.events)
    assert (await house.manifest(APP, stored.digest)).status == 200
    assert (await house.blob(APP, layer(stored))).body == stored.blobs[layer(stored)]


async def test_t59_a_fleet_before_a_429_is_one_request(house):
    images = [house.put(APP, f"image-{number}") for number in range(20)]
    house.upstream.knobs.fail(429, retry_after="120")
    first = await house.manifest(APP, images[0].digest)
    asked = len(house.upstream.requests)
    answers = await asyncio.gather(*(house.manifest(APP, image.digest) for image in images))
    assert {answer.status for answer in (first, *answers)} == {503}
    assert all(100 <= int(answer.headers["Retry-After"]) <= 120 for answer in answers)
    assert len(house.upstream.requests) == asked


HUB = Repository("docker.io", "library/app")
EMPTY = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "0;w=21600"}


@pytest.fixture
async def hub():
    """Docker Hub, and what we ask it with; `hub.now` is our clock."""
    async with FakeRegistry() as fake:
        fake.now = 0.0
        fake.events = []
        settings = UpstreamSettings(url=fake.url)
        fake.registry = Registry("docker.io", settings, emit=fake.events.append, clock=lambda: fake.now)
        yield fake
        await fake.registry.close()


async def test_t59_docker_hubs_empty_quota_is_respected_before_it_says_429(hub):
    digest = hub.put_manifest("library/app", b"{}", mediatype.OCI_MANIFEST, "v1")
    hub.knobs.headers = EMPTY
    assert await hub.registry.head(HUB, Tag("v1")) == digest  # a HEAD counts nothing, and shows what is left
    (asked,) = (event for event in hub.events if isinstance(event, UpstreamAsked))
    assert (asked.limit, asked.remaining) == (100, 0)
    with pytest.raises(UpstreamThrottled) as error:
        await hub.registry.manifest(HUB, Tag("v1"))
    assert (error.value.retry_after, hub.count("manifest", "GET")) == (60, 0)
    assert await hub.registry.head(HUB, Tag("v1")) == digest
    assert await hub.registry.tags(HUB) == ("v1",)
    hub.knobs.headers = {}
    hub.now = 61.0
    assert (await hub.registry.manifest(HUB, Tag("v1"))).digest == digest
    assert [event for event in hub.events if isinstance(event, UpstreamHeld)] == [
        UpstreamHeld("docker.io", "quota", 60)
    ]


async def test_t59_a_pull_limit_of_docker_hub_does_not_stop_blobs_and_heads(hub):
    hub.put_manifest("library/app", b"{}", mediatype.OCI_MANIFEST, "v1")
    blob = hub.put_blob("library/app", b"x")
    hub.knobs.fail(429, kinds={"manifest"}, times=1)
    with pytest.raises(UpstreamThrottled):
        await hub.registry.manifest(HUB, Tag("v1"))
    assert await hub.registry.small_blob(HUB, blob, limit=9) == b"x"
    assert await hub.registry.head(HUB, Tag("v1")) is not None
    with pytest.raises(UpstreamThrottled):
        await hub.registry.manifest(HUB, Tag("v1"))


# The first byte.


@pytest.mark.parametrize("kind", ["manifest", "token", "blob", "storage"])
async def test_t59_log_ins_redirects_and_tries_together_take_no_longer_than_a_client_waits(hub, kind):
    """Each step is slow, and none of them too slow by itself."""
    hub.knobs.auth, hub.knobs.redirect = "bearer", 307
    hub.put_manifest("library/app", b"{}", mediatype.OCI_MANIFEST, "v1")
    blob = hub.put_blob("library/app", b"x")
    limits = Limits(head=0.4, answer=0.5)
    registry = Registry("docker.io", UpstreamSettings(url=hub.url), emit=hub.events.append, limits=limits)
    hub.knobs.delay, hub.knobs.delay_kinds = 0.3, frozenset({"manifest", "token", "blob", "storage"})
    with pytest.raises(UpstreamTimeout, match="in time"):
        await (registry.manifest(HUB, Tag("v1")) if kind == "manifest" else registry.small_blob(HUB, blob, limit=9))
    await registry.close()


async def test_a_blob_that_does_not_begin_is_504_before_the_client_leaves_and_its_fill_goes_on(house, monkeypatch):
    monkeypatch.setattr(fill, "FIRST_SECONDS", 0.3)
    image = house.put(APP, "new", layer_size=100_000)
    assert (await house.manifest(APP, image.digest)).status == 200
    house.upstream.knobs.delay, house.upstream.knobs.delay_kinds = 0.8, frozenset({"blob"})
    house.upstream.forget()
    answer = await ask(house, "blob", image)
    assert (answer.status, is_truthful(answer)) == (504, True)
    await house.settle()
    while house.proxy.pipeline.rooms.fills.is_busy:
        await asyncio.sleep(0.02)
    assert (await ask(house, "blob", image)).body == image.blobs[layer(image)]
    assert house.upstream.count("blob") == 1
