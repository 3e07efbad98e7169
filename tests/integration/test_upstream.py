"""The upstream room against a hostile registry, over real sockets."""

import asyncio
import json
import socket

import pytest

from proxy.demo.images import make_image
from proxy.errors import (
    BlobUnknown,
    ContentMismatch,
    ManifestInvalid,
    ManifestUnknown,
    NameUnknown,
    NotAllowed,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.upstream.registry import Limits, Registry, Upstreams
from proxy.upstream.settings import UpstreamSettings
from tests.fakes.registry import FakeRegistry

NAME = "acme/app"
SHORT = Limits(connect=2.0, head=0.2, document=0.2, stall=0.2)


@pytest.fixture
async def fake():
    async with FakeRegistry() as registry:
        yield registry


@pytest.fixture
async def ask(fake):
    """Make a Registry for the fake: `ask(limits=…, name=…, **settings)`; `ask.events` is what it emitted."""
    opened = []

    def make(*, name="up.example", limits=None, lookup=None, clock=None, url=None, **settings):
        more = {key: value for key, value in (("lookup", lookup), ("clock", clock)) if value}
        registry = Registry(
            name,
            UpstreamSettings.model_validate({"url": url or fake.url, **settings}),
            emit=make.events.append,
            limits=limits,
            wait=no_wait,
            **more,
        )
        opened.append(registry)
        return registry

    make.events = []
    make.waits = []

    async def no_wait(seconds):
        make.waits.append(seconds)

    yield make
    for registry in opened:
        await registry.close()


def at(name="up.example"):
    return Repository(name, NAME)


def put(fake, text=b'{"schemaVersion":2}', tag="v1"):
    return fake.put_manifest(NAME, text, mediatype.OCI_MANIFEST, tag)


async def body(registry, digest, **more):
    async with registry.blob(at(), digest, **more) as stream:
        return b"".join([chunk async for chunk in stream.chunks])


# Manifests.


async def test_a_manifest_is_its_exact_bytes_its_type_and_the_digest_over_them(fake, ask):
    digest = put(fake, b'{ "schemaVersion": 2 }')
    fetched = await ask().manifest(at(), Tag("v1"))
    assert (fetched.raw, fetched.content_type, fetched.digest) == (
        b'{ "schemaVersion": 2 }',
        mediatype.OCI_MANIFEST,
        digest,
    )
    seen = fake.seen("manifest")[0]
    assert seen.headers["Accept"] == mediatype.ACCEPT_MANIFESTS
    assert seen.headers["Accept-Encoding"] == "identity"
    assert "Cookie" not in seen.headers
    assert [(event.what, event.status, event.received) for event in ask.events] == [("manifest", 200, 22)]


async def test_t01_a_lying_digest_header_is_ignored_and_each_fetch_is_one_request(fake, ask):
    one, two = put(fake, b'{"a":1}'), put(fake, b'{"a":2}')
    fake.knobs.sequences[(NAME, "v1")] = [one, two]
    fake.knobs.digest_header = str(one)
    registry = ask()
    assert await registry.head(at(), Tag("v1")) == one
    assert (await registry.manifest(at(), Tag("v1"))).digest == two
    assert fake.count("manifest") == 2


async def test_t01_other_bytes_under_a_digest_are_a_mismatch(fake, ask):
    digest = put(fake)
    fake.knobs.swapped[digest] = b'{"schemaVersion":3}'
    with pytest.raises(ContentMismatch):
        await ask().manifest(at(), digest)


async def test_a_sha512_digest_is_proved_as_such(fake, ask):
    digest = fake.put_manifest(NAME, b"{}", mediatype.OCI_MANIFEST, algorithm="sha512")
    assert (await ask().manifest(at(), digest)).digest == digest


async def test_what_is_absent_is_unknown(fake, ask):
    registry = ask()
    put(fake)
    with pytest.raises(ManifestUnknown):
        await registry.manifest(at(), Tag("v2"))
    with pytest.raises(BlobUnknown):
        await body(registry, Digest.of(b"nothing"))
    with pytest.raises(NameUnknown):
        await registry.tags(Repository("up.example", "other/app"))
    assert await registry.head(at(), Tag("v2")) is None


@pytest.mark.parametrize("has_length", [True, False])
async def test_t08_a_manifest_over_4_mib_is_not_read_to_its_end(fake, ask, has_length):
    fake.knobs.has_length = has_length
    put(fake, b" " * (8 << 20))
    with pytest.raises(ManifestInvalid, match="larger than"):
        await ask().manifest(at(), Tag("v1"))
    assert ask.events[0].received <= 6 << 20


@pytest.mark.parametrize("kind", ["manifest", "referrers", "tags"])
async def test_t08_an_endless_body_is_given_up(fake, ask, kind):
    put(fake)
    fake.knobs.flood_kinds = frozenset({kind})
    registry = ask()
    asked = {
        "manifest": lambda: registry.manifest(at(), Tag("v1")),
        "referrers": lambda: registry.referrers(at(), Digest.of(b"")),
        "tags": lambda: registry.tags(at()),
    }
    with pytest.raises((ManifestInvalid, UpstreamRefused)):
        await asked[kind]()


async def test_t08_a_small_blob_larger_than_it_may_be_is_a_mismatch(fake, ask):
    digest = fake.put_blob(NAME, b"x" * 1000)
    registry = ask()
    assert await registry.small_blob(at(), digest, limit=1000) == b"x" * 1000
    with pytest.raises(ContentMismatch, match="larger than 999"):
        await registry.small_blob(at(), digest, limit=999)
    fake.knobs.has_length = False
    with pytest.raises(ContentMismatch, match="larger than 999"):
        await registry.small_blob(at(), digest, limit=999)


async def test_t03_a_small_blob_of_other_bytes_is_a_mismatch(fake, ask):
    digest = fake.put_blob(NAME, b"good")
    fake.knobs.swapped[digest] = b"evil"
    with pytest.raises(ContentMismatch):
        await ask().small_blob(at(), digest, limit=10)


async def test_t54_an_encoded_body_is_refused_never_decoded(fake, ask):
    put(fake)
    digest = fake.put_blob(NAME, b"\0" * 100_000)
    fake.knobs.content_encoding = "gzip"
    registry = ask()
    for asked in (registry.manifest(at(), Tag("v1")), registry.small_blob(at(), digest, limit=1 << 20)):
        with pytest.raises(UpstreamRefused, match="gzip"):
            await asked
    with pytest.raises(UpstreamRefused, match="gzip"):
        await body(registry, digest)


# Truthful failures.


@pytest.mark.parametrize(
    ("status", "error", "status_of_ours"),
    [
        (403, UpstreamRefused, 502),
        (400, UpstreamRefused, 502),
        (418, UpstreamRefused, 502),
        (204, UpstreamRefused, 502),
        (206, UpstreamRefused, 502),
        (302, UpstreamRefused, 502),
        (304, UpstreamRefused, 502),
        (408, UpstreamTimeout, 504),
        (500, UpstreamUnavailable, 503),
        (502, UpstreamUnavailable, 503),
        (503, UpstreamUnavailable, 503),
        (504, UpstreamUnavailable, 503),
        (429, UpstreamThrottled, 503),
    ],
)
async def test_t59_an_upstreams_failure_is_said_as_it_is_and_never_as_404(fake, ask, status, error, status_of_ours):
    digest = fake.put_blob(NAME, b"x")
    put(fake)
    fake.knobs.fail(status, kinds={"manifest", "blob", "referrers", "tags"})
    asked = [
        lambda registry: registry.manifest(at(), Tag("v1")),
        lambda registry: registry.head(at(), Tag("v1")),
        lambda registry: registry.small_blob(at(), digest, limit=10),
        lambda registry: registry.tags(at()),
    ]
    if status != 206:
        asked.append(lambda registry: body(registry, digest))
    if status != 400:  # which says that there is no referrers API
        asked.append(lambda registry: registry.referrers(at(), digest))
    for one in asked:
        with pytest.raises(error) as failure:
            await one(ask())
        assert failure.value.status == status_of_ours


async def test_a_refusal_says_what_to_do_about_the_credentials(fake, ask, tmp_path):
    put(fake)
    fake.knobs.fail(403)
    with pytest.raises(UpstreamRefused, match=r"wants credentials.*upstreams\.up\.example\.credentials") as error:
        await ask().manifest(at(), Tag("v1"))
    assert error.value.detail == "127.0.0.1 answered 403: UNAVAILABLE: the knob says so"
    (tmp_path / "pw").write_text("secret")
    with pytest.raises(UpstreamRefused, match="refuses our credentials"):
        await ask(credentials={"username": "u", "passwordFile": str(tmp_path / "pw")}).manifest(at(), Tag("v1"))


async def test_t59_a_429_is_respected_by_every_later_request(fake, ask):
    put(fake)
    now = [100.0]
    registry = ask(clock=lambda: now[0])
    fake.knobs.fail(429, retry_after="17")
    with pytest.raises(UpstreamThrottled) as error:
        await registry.manifest(at(), Tag("v1"))
    assert error.value.retry_after == 17
    fake.knobs.fail(None)
    now[0] += 5
    with pytest.raises(UpstreamThrottled) as error:
        await registry.tags(at())
    assert error.value.retry_after == 12
    assert len(fake.requests) == 1
    now[0] += 12
    assert await registry.tags(at()) == ("v1",)


@pytest.mark.parametrize(("header", "seconds"), [(None, 60), ("0", 1), ("99999", 300), ("junk", 60)])
async def test_retry_after_of_a_429_is_bounded(fake, ask, header, seconds):
    fake.knobs.fail(429, retry_after=header)
    with pytest.raises(UpstreamThrottled) as error:
        await ask().manifest(at(), Tag("v1"))
    assert error.value.retry_after == seconds


async def test_a_passing_failure_is_asked_twice_more(fake, ask):
    put(fake)
    fake.knobs.fail(503, times=2)
    assert (await ask().manifest(at(), Tag("v1"))).raw
    assert fake.count("manifest") == 3
    assert len(ask.waits) == 2
    assert [event.status for event in ask.events] == [503, 503, 200]


async def test_a_503_that_says_when_is_not_asked_again_at_once(fake, ask):
    fake.knobs.fail(503, retry_after="40")
    with pytest.raises(UpstreamUnavailable) as error:
        await ask().manifest(at(), Tag("v1"))
    assert error.value.retry_after == 40
    assert fake.count("manifest") == 1


async def test_second_tries_are_a_budget(fake, ask):
    fake.knobs.fail(500)
    registry = ask()
    for _ in range(30):
        with pytest.raises(UpstreamUnavailable):
            await registry.manifest(at(), Tag("v1"))
    assert fake.count("manifest") <= 30 + 13


async def test_a_dropped_connection_is_asked_again(fake, ask):
    put(fake)
    fake.knobs.drop(times=1)
    assert (await ask().manifest(at(), Tag("v1"))).raw
    fake.knobs.drop()
    with pytest.raises(UpstreamUnavailable) as error:
        await ask().manifest(at(), Tag("v1"))
    assert error.value.retry_after == 5
    assert ask.events[-1].status == 0


async def test_an_upstream_that_is_down_is_unavailable_and_comes_back(fake, ask):
    put(fake)
    registry = ask()
    await fake.stop()
    with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
        await registry.manifest(at(), Tag("v1"))
    await fake.start()
    assert (await registry.manifest(at(), Tag("v1"))).raw


async def test_a_silent_upstream_is_a_timeout(fake, ask):
    put(fake)
    fake.knobs.delay = 5
    with pytest.raises(UpstreamTimeout):
        await ask(limits=SHORT).manifest(at(), Tag("v1"))
    assert fake.count("manifest") == 1


async def test_a_body_that_trickles_is_given_up(fake, ask):
    digest = fake.put_blob(NAME, b"x" * 1000)
    fake.knobs.chunk, fake.knobs.rate = 1, 20
    with pytest.raises(UpstreamTimeout):
        await ask(limits=SHORT).small_blob(at(), digest, limit=1000)


async def test_a_flood_of_headers_is_refused(fake, ask):
    put(fake)
    fake.knobs.headers = {f"X-{number}": "y" for number in range(500)}
    with pytest.raises(UpstreamRefused, match="not HTTP"):
        await ask().manifest(at(), Tag("v1"))
    fake.knobs.headers = {"X-Long": "y" * 40_000}
    with pytest.raises(UpstreamRefused, match="not HTTP"):
        await ask().manifest(at(), Tag("v1"))


async def test_what_is_not_http_is_refused(ask):
    async def answer(reader, writer):
        await reader.readline()
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UpstreamRefused, match="not HTTP"):
            await ask(url=f"http://127.0.0.1:{port}").manifest(at(), Tag("v1"))


async def test_plain_http_on_a_tls_port_is_not_trusted(fake, ask):
    with pytest.raises(UpstreamRefused, match=r"TLS; see upstreams\.up\.example\.ca"):
        await ask(url=fake.url.replace("http:", "https:")).manifest(at(), Tag("v1"))


# Blobs.


async def test_a_blob_comes_in_chunks_that_hashing_likes(fake, ask):
    raw = bytes(range(256)) * 16384
    digest = fake.put_blob(NAME, raw)
    async with ask().blob(at(), digest) as stream:
        assert (stream.start, stream.size, stream.validator) == (0, len(raw), f'"{digest}"')
        chunks = [chunk async for chunk in stream.chunks]
    assert b"".join(chunks) == raw
    assert max(map(len, chunks)) <= 2 << 20
    assert sum(map(len, chunks)) / len(chunks) >= 128 * 1024
    assert ask.events[-1].received == len(raw)


async def test_the_first_bytes_of_a_slow_blob_do_not_wait_for_a_full_chunk(fake, ask):
    digest = fake.put_blob(NAME, b"x" * 100_000)
    fake.knobs.hold_at = 1000
    async with ask().blob(at(), digest) as stream:
        assert await anext(stream.chunks) == b"x" * 1000
        fake.knobs.hold.set()
        assert len(b"".join([chunk async for chunk in stream.chunks])) == 99_000


async def test_a_blob_is_taken_up_where_it_broke(fake, ask):
    raw = bytes(range(256)) * 4096
    digest = fake.put_blob(NAME, raw)
    fake.knobs.cut_at, fake.knobs.cut_times = 300_000, 1
    registry, received = ask(), b""
    async with registry.blob(at(), digest) as stream:
        validator = stream.validator
        try:
            async for chunk in stream.chunks:
                received += chunk
        except UpstreamUnavailable as error:
            assert "broke off" in error.message  # noqa: PT017 what came before it is needed too
    assert received == raw[:300_000]
    async with registry.blob(at(), digest, start=len(received), validator=validator) as stream:
        assert (stream.start, stream.size) == (300_000, len(raw))
        received += b"".join([chunk async for chunk in stream.chunks])
    assert received == raw
    seen = fake.seen("blob")[-1]
    assert (seen.headers["Range"], seen.headers["If-Range"]) == ("bytes=300000-", f'"{digest}"')


async def test_a_range_that_is_ignored_begins_at_zero(fake, ask):
    digest = fake.put_blob(NAME, b"0123456789")
    fake.knobs.ignores_range = True
    async with ask().blob(at(), digest, start=4) as stream:
        assert (stream.start, stream.size) == (0, 10)
        assert [chunk async for chunk in stream.chunks] == [b"0123456789"]


async def test_a_blob_that_changed_begins_at_zero(fake, ask):
    digest = fake.put_blob(NAME, b"0123456789")
    async with ask().blob(at(), digest, start=4, validator='"other"') as stream:
        assert stream.start == 0
    fake.knobs.etag = None  # a server that ignores If-Range, and answers 206 without saying of what
    async with ask().blob(at(), digest, start=4, validator='"other"') as stream:
        assert stream.start == 0
        assert [chunk async for chunk in stream.chunks] == [b"0123456789"]


async def test_a_blob_shorter_than_what_we_hold_begins_at_zero(fake, ask):
    digest = fake.put_blob(NAME, b"0123456789")
    async with ask().blob(at(), digest, start=10) as stream:
        assert stream.start == 0


async def test_a_part_that_was_not_asked_for_is_refused(fake, ask):
    digest = fake.put_blob(NAME, b"0123456789")
    fake.knobs.fail(206, kinds={"blob"})
    for start in (0, 4):
        with pytest.raises(UpstreamRefused, match="another part"):
            await body(ask(), digest, start=start)


async def test_a_weak_etag_validates_nothing(fake, ask):
    digest = fake.put_blob(NAME, b"0123456789")
    fake.knobs.etag = 'W/"x"'
    async with ask().blob(at(), digest) as stream:
        assert stream.validator is None


async def test_a_length_that_lies_breaks_the_body(fake, ask):
    digest = fake.put_blob(NAME, b"0123456789")
    fake.knobs.extra_length = 5
    with pytest.raises(UpstreamUnavailable):
        await body(ask(), digest)
    fake.knobs.extra_length, fake.knobs.has_length, fake.knobs.cut_at = 0, False, 5
    with pytest.raises(UpstreamUnavailable):
        await body(ask(), digest)


async def test_a_stalled_blob_is_a_timeout(fake, ask):
    digest = fake.put_blob(NAME, b"x" * 1000)
    fake.knobs.hold_at = 500
    async with ask(limits=SHORT).blob(at(), digest) as stream:
        assert await anext(stream.chunks) == b"x" * 500
        with pytest.raises(UpstreamTimeout):
            await anext(stream.chunks)


async def test_a_reader_that_leaves_ends_the_transfer(fake, ask):
    digest = fake.put_blob(NAME, b"x" * (64 << 20))
    async with ask().blob(at(), digest) as stream:
        await anext(stream.chunks)
    assert ask.events[-1].received < 16 << 20


async def test_a_readers_own_failure_is_not_blamed_on_the_upstream(fake, ask):
    digest = fake.put_blob(NAME, b"x")
    with pytest.raises(OSError, match="disk"):
        async with ask().blob(at(), digest):
            raise OSError("disk")


# Redirects.


async def test_t09_credentials_stay_with_the_upstream_when_a_blob_is_elsewhere(fake, ask, tmp_path):
    (tmp_path / "pw").write_text("secret")
    fake.knobs.auth, fake.knobs.users = "basic", {"u": "secret"}
    raw = b"x" * 1000
    async with FakeRegistry() as storage:
        digest = storage.put_blob("any", raw)
        fake.put_blob(NAME, raw)
        fake.knobs.redirect, fake.knobs.redirect_to = 307, storage.url
        registry = ask(credentials={"username": "u", "passwordFile": str(tmp_path / "pw")}, redirects=[storage.host])
        async with registry.blob(at(), digest, start=400) as stream:
            assert stream.start == 400
            assert b"".join([chunk async for chunk in stream.chunks]) == raw[400:]
        assert storage.seen("storage")[0].headers["Range"] == "bytes=400-"
        assert not storage.seen("storage")[0].authorization
        assert [seen.authorization[:5] for seen in fake.seen("blob")] == ["", "Basic"]


async def test_t09_credentials_do_not_come_back_after_a_detour(fake, ask, tmp_path):
    (tmp_path / "pw").write_text("secret")
    fake.knobs.auth, fake.knobs.users = "basic", {"u": "secret"}
    digest = fake.put_blob(NAME, b"x")
    async with FakeRegistry() as elsewhere:
        elsewhere.put_blob(NAME, b"x")
        elsewhere.knobs.redirect, elsewhere.knobs.redirect_to = 307, fake.url
        fake.knobs.redirect, fake.knobs.location = 307, f"{elsewhere.url}/v2/{NAME}/blobs/{digest}"
        registry = ask(credentials={"username": "u", "passwordFile": str(tmp_path / "pw")}, redirects=[elsewhere.host])
        assert await body(registry, digest) == b"x"
        assert not fake.seen("storage")[0].authorization


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "127.1", "0177.0.0.1"])
async def test_t58_a_redirect_to_a_private_address_is_refused_before_it_is_connected_to(fake, ask, host):
    digest = fake.put_blob(NAME, b"x")
    async with FakeRegistry() as inside:
        fake.knobs.redirect, fake.knobs.redirect_to = 307, inside.url.replace("127.0.0.1", host)
        with pytest.raises(UpstreamRefused, match=r"upstreams\.up\.example\.redirects"):
            await body(ask(), digest)
        assert not inside.requests


async def test_t58_a_name_that_resolves_to_a_private_address_is_refused(fake, ask):
    """DNS rebinding: the resolver's own answer is checked, and nothing asks it again."""

    async def lookup(host, port, family):
        return [(socket.AF_INET, "127.0.0.1")]

    digest = fake.put_blob(NAME, b"x")
    async with FakeRegistry() as inside:
        port = inside.host.partition(":")[2]
        fake.knobs.redirect, fake.knobs.redirect_to = 307, f"http://cdn.example:{port}"
        with pytest.raises(UpstreamRefused, match=r"cdn\.example"):
            await body(ask(lookup=lookup), digest)
        assert not inside.requests
        inside.put_blob(NAME, b"x")
        assert await body(ask(lookup=lookup, redirects=["cdn.example"]), digest) == b"x"


@pytest.mark.parametrize("location", ["", "ftp://x/y", "http://[bad", "mailto:x", "/a b", "//user:pw@127.0.0.1/x"])
async def test_a_redirect_that_is_no_url_is_refused(fake, ask, location):
    digest = fake.put_blob(NAME, b"x")
    fake.knobs.redirect, fake.knobs.location = 307, location
    with pytest.raises(UpstreamRefused):
        await body(ask(), digest)


async def test_a_circle_of_redirects_ends(fake, ask):
    digest = fake.put_blob(NAME, b"x")
    fake.knobs.redirect, fake.knobs.location = 307, f"/v2/{NAME}/blobs/{digest}"
    with pytest.raises(UpstreamRefused, match="more than 5"):
        await body(ask(), digest)
    assert fake.count("blob") == 6


async def test_a_signed_url_is_asked_exactly_as_it_was_given(fake, ask):
    digest = fake.put_blob(NAME, b"x")
    fake.knobs.redirect = 307
    fake.knobs.location = f"/storage/{digest}?sig=a%2Fb%3D+c%20d&x=%7e"
    assert await body(ask(), digest) == b"x"
    assert fake.seen("storage")[0].query == "sig=a%2Fb%3D+c%20d&x=%7e"


# Listings.


def refer(fake, subject, label, *, tag=None):
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_MANIFEST,
            "artifactType": "application/x",
            "config": {"mediaType": mediatype.EMPTY, "digest": Digest.EMPTY_JSON, "size": 2},
            "layers": [],
            "subject": {"mediaType": mediatype.OCI_MANIFEST, "digest": str(subject), "size": 1},
            "annotations": {"label": label},
        }
    ).encode()
    return fake.put_manifest(NAME, raw, mediatype.OCI_MANIFEST, tag)


async def test_referrers_are_read_page_by_page_and_sorted(fake, ask):
    subject = put(fake)
    made = {refer(fake, subject, str(number)) for number in range(7)}
    fake.knobs.page = 3
    listed = await ask().referrers(at(), subject)
    assert [each.digest for each in listed] == sorted(made)
    assert listed[0].artifact_type == "application/x"
    assert fake.count("referrers") == 3
    assert fake.count("manifest") == 0


@pytest.mark.parametrize("status", [303, 404, 400, 405, 406, 501])
async def test_without_the_api_the_fallback_tag_is_read(fake, ask, status):
    subject = put(fake)
    made = refer(fake, subject, "one")
    fake.put_fallback(NAME, subject)
    fake.knobs.referrers_status = status
    assert [each.digest for each in await ask().referrers(at(), subject)] == [made]


async def test_an_empty_or_foreign_answer_of_the_api_leads_to_the_fallback_tag_too(fake, ask):
    subject = put(fake)
    assert await ask().referrers(at(), subject) == ()
    made = refer(fake, subject, "one")
    fake.put_fallback(NAME, subject)
    fake.knobs.referrers_type = "text/html"
    assert [each.digest for each in await ask().referrers(at(), subject)] == [made]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
@pytest.mark.parametrize("kind", ["referrers", "manifest"])
async def test_no_referrers_is_never_inferred_from_a_failure(fake, ask, status, kind):
    subject = put(fake)
    fake.knobs.fail(status, kinds={kind})
    with pytest.raises((UpstreamRefused, UpstreamThrottled, UpstreamUnavailable)):
        await ask().referrers(at(), subject)


async def test_a_fallback_tag_that_is_the_image_or_no_index_lists_nothing(fake, ask):
    fake.knobs.has_referrers_api = False
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_INDEX,
            "manifests": [{"mediaType": mediatype.OCI_MANIFEST, "digest": str(Digest.of(b"x")), "size": 1}],
        }
    ).encode()
    subject = fake.put_manifest(NAME, index, mediatype.OCI_INDEX, "v1")
    fake.tag(NAME, subject.dashed, subject)
    assert await ask().referrers(at(), subject) == ()
    fake.tag(NAME, subject.dashed, refer(fake, subject, "a manifest of that name"))
    assert await ask().referrers(at(), subject) == ()
    fake.tag(NAME, subject.dashed, put(fake, b"junk", None))
    assert await ask().referrers(at(), subject) == ()


async def test_a_page_that_is_missing_or_broken_is_not_the_end_of_the_list(fake, ask):
    subject = put(fake)
    refer(fake, subject, "one")
    fake.knobs.link = f"/v2/{NAME}/nothing"
    with pytest.raises(UpstreamRefused, match="not complete"):
        await ask().referrers(at(), subject)
    fake.knobs.link = None
    fake.knobs.swapped.clear()
    fake.knobs.extra_referrers = [{"mediaType": mediatype.OCI_MANIFEST, "digest": "x", "size": float("nan")}]
    with pytest.raises(UpstreamRefused, match="not complete"):
        await ask().referrers(at(), subject)


async def test_t50_endless_pages_are_an_error_and_not_none(fake, ask):
    subject = put(fake)
    refer(fake, subject, "one")
    fake.knobs.link = f"/v2/{NAME}/referrers/{subject}"
    with pytest.raises(UpstreamRefused):
        await ask().referrers(at(), subject)
    assert fake.count("referrers") == 1

    fake.knobs.link = f"/v2/{NAME}/referrers/{subject}?again"
    with pytest.raises(UpstreamRefused, match="nothing new"):
        await ask().referrers(at(), subject)
    assert fake.count("referrers") == 3


async def test_t50_ten_thousand_referrers_do_not_hide_a_good_one_whatever_their_order(fake, ask):
    subject = put(fake)
    good = refer(fake, subject, "good")
    flood = [
        {"mediaType": mediatype.OCI_MANIFEST, "digest": str(Digest.of(str(number).encode())), "size": 1}
        for number in range(10_000)
    ]
    fake.knobs.extra_referrers = flood
    fake.knobs.page = 500
    one = await ask().referrers(at(), subject)
    fake.knobs.extra_referrers = flood[::-1]
    other = await ask().referrers(at(), subject)
    assert one == other
    assert good in {each.digest for each in one}


async def test_a_link_to_another_host_is_not_followed(fake, ask):
    put(fake)
    async with FakeRegistry() as elsewhere:
        fake.knobs.link = f"{elsewhere.url}/v2/{NAME}/tags/list"
        with pytest.raises(UpstreamRefused):
            await ask(redirects=[elsewhere.host]).tags(at())
        assert not elsewhere.requests


async def test_tags_are_paged_sorted_and_only_tags(fake, ask):
    digest = put(fake)
    for name in ("b", "a", "c"):
        fake.tag(NAME, name, digest)
    fake.tag(NAME, "not a tag", digest)
    fake.knobs.page = 2
    assert await ask().tags(at()) == ("a", "b", "c", "v1")
    assert fake.count("tags") == 3


async def test_at_most_ten_thousand_tags_are_read(fake, ask):
    digest = put(fake)
    for number in range(10_500):
        fake.tag(NAME, f"t{number:05}", digest)
    fake.knobs.page = 1000
    assert len(await ask().tags(at())) == 10_000
    assert fake.count("tags") == 10


# Who we are.


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("hunter2\n")
    return path


@pytest.fixture
def known(secret):
    return {"credentials": {"username": "u", "passwordFile": str(secret)}}


async def test_basic_is_learnt_once(fake, ask, known):
    put(fake)
    fake.knobs.auth, fake.knobs.users = "basic", {"u": "hunter2"}
    registry = ask(**known)
    await registry.manifest(at(), Tag("v1"))
    await registry.manifest(at(), Tag("v1"))
    assert [seen.status for seen in fake.seen("manifest")] == [401, 200, 200]


async def test_a_wrong_password_is_said_and_tried_once(fake, ask, known):
    fake.knobs.auth, fake.knobs.users = "basic", {"u": "other"}
    with pytest.raises(UpstreamRefused, match="refuses our credentials") as error:
        await ask(**known).manifest(at(), Tag("v1"))
    assert "hunter2" not in f"{error.value.message} {error.value.detail}"
    assert fake.count("manifest") == 2
    with pytest.raises(UpstreamRefused, match="wants credentials"):
        await ask().manifest(at(), Tag("v1"))


async def test_a_new_password_is_used_without_a_restart(fake, ask, known, secret):
    put(fake)
    fake.knobs.auth, fake.knobs.users = "basic", {"u": "hunter2"}
    registry = ask(**known)
    await registry.manifest(at(), Tag("v1"))
    secret.write_text("rotated-password\n")
    fake.knobs.users = {"u": "rotated-password"}
    assert (await registry.manifest(at(), Tag("v1"))).raw


@pytest.mark.parametrize("token_field", ["token", "access_token"])
@pytest.mark.parametrize("methods", [frozenset({"GET"}), frozenset({"POST"}), frozenset({"GET", "POST"})])
async def test_a_token_is_fetched_by_get_or_post_and_kept_for_its_scope(fake, ask, known, methods, token_field):
    put(fake)
    fake.knobs.auth, fake.knobs.users = "bearer", {"u": "hunter2"}
    fake.knobs.token_methods, fake.knobs.token_field = methods, token_field
    registry = ask(**known)
    for _ in range(3):
        await registry.manifest(at(), Tag("v1"))
    asked = fake.seen("token")
    assert len(asked) == (1 if "GET" in methods else 2)
    said = asked[-1].query or asked[-1].body
    assert "scope=repository%3Aacme%2Fapp%3Apull" in said or "scope=repository:acme/app:pull" in said
    assert "service=fake" in said
    assert "hunter2" not in asked[-1].query
    fake.put_manifest("acme/other", b"{}", mediatype.OCI_MANIFEST, "v1")
    await registry.manifest(Repository("up.example", "acme/other"), Tag("v1"))
    assert "acme/other" in (fake.seen("token")[-1].query + fake.seen("token")[-1].body).replace("%2F", "/")
    assert [seen.status for seen in fake.seen("manifest")] == [401, 200, 200, 200, 200]


async def test_nobody_in_particular_gets_a_token_too(fake, ask):
    put(fake)
    fake.knobs.auth = "bearer"
    assert (await ask().manifest(at(), Tag("v1"))).raw
    assert not fake.seen("token")[0].authorization
    fake.knobs.is_anonymous_allowed = False
    with pytest.raises(UpstreamRefused, match="wants credentials"):
        await ask().manifest(at(), Tag("v1"))


async def test_ngcs_challenge_has_no_service_and_its_scope_in_the_realm(fake, ask, known):
    put(fake)
    fake.knobs.auth, fake.knobs.users, fake.knobs.is_ngc = "bearer", {"u": "hunter2"}, True
    assert (await ask(**known).manifest(at(), Tag("v1"))).raw
    query = fake.seen("token")[0].query
    assert query in ("scope=repository:acme/app:pull", "scope=repository%3Aacme%2Fapp%3Apull")


async def test_the_scope_is_our_own_whatever_the_challenge_asks_for(fake, ask):
    put(fake)
    fake.knobs.auth = "bearer"
    fake.knobs.challenge = (
        f'Bearer realm="{fake.url}/token?account=x",service="s",scope="repository:other/secret:pull,push"'
    )
    await ask().manifest(at(), Tag("v1"))
    assert "other" not in fake.seen("token")[0].query
    assert "account=x" in fake.seen("token")[0].query
    fake.knobs.challenge = f'Bearer realm="{fake.url}/token",service="s",scope="aws"'
    await ask().manifest(at(), Tag("v1"))
    assert "scope=aws" in fake.seen("token")[-1].query


async def test_a_token_is_fetched_once_by_however_many_ask(fake, ask):
    put(fake)
    fake.knobs.auth = "bearer"
    registry = ask()
    await asyncio.gather(*(registry.manifest(at(), Tag("v1")) for _ in range(20)))
    assert fake.count("token") <= 2
    fake.expire_tokens()
    fake.forget()
    await asyncio.gather(*(registry.manifest(at(), Tag("v1")) for _ in range(20)))
    assert fake.count("token") <= 2


@pytest.mark.parametrize(("life", "good_for"), [(300, 269), (None, 47), (10, 7), (-5, 47), (10**9, 86_000)])
async def test_a_token_is_fetched_anew_before_its_end(fake, ask, life, good_for):
    put(fake)
    fake.knobs.auth, fake.knobs.token_seconds = "bearer", life
    now = [1000.0]
    registry = ask(clock=lambda: now[0])
    await registry.manifest(at(), Tag("v1"))
    now[0] += good_for
    await registry.manifest(at(), Tag("v1"))
    assert fake.count("token") == 1
    now[0] += 500
    await registry.manifest(at(), Tag("v1"))
    assert fake.count("token") == 2
    assert [seen.status for seen in fake.seen("manifest")] == [401, 200, 200, 200]


async def test_a_token_that_is_refused_is_fetched_anew_once(fake, ask):
    put(fake)
    fake.knobs.auth = "bearer"
    registry = ask()
    await registry.manifest(at(), Tag("v1"))
    fake.expire_tokens()
    assert (await registry.manifest(at(), Tag("v1"))).raw
    fake.forget()
    fake.knobs.fail(401, kinds={"manifest"})
    fake.knobs.challenge = f'Bearer realm="{fake.url}/token"'
    with pytest.raises(UpstreamRefused):
        await registry.manifest(at(), Tag("v1"))
    assert fake.count("manifest") <= 3


async def test_t09_credentials_do_not_go_to_a_realm_of_the_upstreams_choice(fake, ask, known):
    """CVE-2026-33540: nothing at all is asked there, and the error names the line that would allow it."""
    put(fake)
    async with FakeRegistry() as thief:
        fake.knobs.auth, fake.knobs.realm = "bearer", f"{thief.url}/token"
        for settings in ({}, known):
            with pytest.raises(UpstreamRefused) as error:
                await ask(**settings).manifest(at(), Tag("v1"))
            assert f'upstreams.up.example.realms: ["{thief.url}/token"]' in error.value.message
        assert not thief.requests


async def test_t09_a_realm_must_match_exactly_but_for_its_query(fake, ask, known):
    put(fake)
    async with FakeRegistry() as server:
        server.knobs.users = fake.knobs.users = {"u": "hunter2"}
        fake.knobs.auth = "bearer"
        fake.tokens = server.tokens
        settings = {**known, "realms": [f"{server.url}/token"]}
        for realm in ("/token/", "/token2", "/other/../token2", "/TOKEN"):
            fake.knobs.realm = server.url + realm
            with pytest.raises(UpstreamRefused, match="realms"):
                await ask(**settings).manifest(at(), Tag("v1"))
        for realm in (f"http://u:p@{server.host}/token", "http:///token", "token", "", "ftp://x/token"):
            fake.knobs.realm = realm
            fake.knobs.challenge = f'Bearer realm="{realm}"'
            with pytest.raises(UpstreamRefused):
                await ask(**settings).manifest(at(), Tag("v1"))
        assert not server.requests
        fake.knobs.challenge, fake.knobs.realm = None, f"{server.url}/token"
        assert (await ask(**settings).manifest(at(), Tag("v1"))).raw
        assert server.seen("token")[0].authorization.startswith("Basic ")


async def test_t09_a_token_servers_redirect_is_not_followed(fake, ask, known):
    put(fake)
    async with FakeRegistry() as thief:
        fake.knobs.auth, fake.knobs.users = "bearer", {"u": "hunter2"}
        fake.knobs.redirect, fake.knobs.location = 307, f"{thief.url}/token"
        fake.knobs.redirect_kinds = frozenset({"token"})
        with pytest.raises(UpstreamRefused):
            await ask(**known, redirects=[thief.host]).manifest(at(), Tag("v1"))
        assert not thief.requests


@pytest.mark.parametrize(
    "answer", ["{}", '{"token": 7}', '{"token": "a b"}', "[]", "junk", '{"token":"a","token":"b"}']
)
async def test_an_answer_without_a_token_is_refused(fake, ask, answer):
    put(fake)
    fake.knobs.auth = "bearer"
    fake.knobs.token_body = answer
    with pytest.raises(UpstreamRefused, match="without a token"):
        await ask().manifest(at(), Tag("v1"))


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, UpstreamRefused), (403, UpstreamRefused), (429, UpstreamThrottled), (500, UpstreamUnavailable)],
)
async def test_a_token_servers_failure_is_said_as_it_is(fake, ask, known, status, error):
    put(fake)
    fake.knobs.auth = "bearer"
    fake.knobs.fail(status, kinds={"token"})
    with pytest.raises(error):
        await ask(**known).manifest(at(), Tag("v1"))


@pytest.mark.parametrize("challenge", ["Negotiate", "", 'Digest realm="x"'])
async def test_another_kind_of_login_is_refused(fake, ask, known, challenge):
    fake.knobs.auth, fake.knobs.challenge = "bearer", challenge
    with pytest.raises(UpstreamRefused, match="other than Basic and Bearer"):
        await ask(**known).manifest(at(), Tag("v1"))


# The closed world.


async def test_upstreams_are_a_closed_world_and_start_with_all_of_them_down(fake):
    upstreams = Upstreams(
        {"docker.io": UpstreamSettings(), "up.example": UpstreamSettings(url="http://127.0.0.1:1")},
        emit=lambda event: None,
        default="docker.io",
    )
    assert upstreams.names == {"docker.io", "up.example"}
    assert upstreams.default == "docker.io"
    assert upstreams.registry("up.example").name == "up.example"
    with pytest.raises(NotAllowed, match="add it under upstreams"):
        upstreams.registry("evil.example")
    await upstreams.close()


async def test_egress_through_a_proxy_checks_names_and_resolves_none(fake, ask):
    """The fake stands in for the proxy: it is asked with the whole URL, and no name is resolved but the proxy's."""
    put(fake)
    looked_up = []

    async def lookup(host, port, family):
        looked_up.append(host)
        return [(socket.AF_INET, "127.0.0.1")]

    registry = ask(url="http://registry.example", proxy=fake.url, lookup=lookup)
    assert (await registry.manifest(at(), Tag("v1"))).raw
    assert fake.seen("manifest")[0].headers["Host"] == "registry.example"
    fake.knobs.redirect, fake.knobs.location = 307, "http://metadata.google.internal/x"
    with pytest.raises(UpstreamRefused, match="metadata"):
        await body(registry, fake.put_blob(NAME, b"x"))
    assert not looked_up


async def test_a_whole_image_comes_as_it_was_made(fake, ask):
    image = make_image("one", layers=2)
    fake.put_image(NAME, image, "v1")
    registry = ask()
    fetched = await registry.manifest(at(), Tag("v1"))
    assert (fetched.raw, fetched.digest, fetched.content_type) == (image.manifest, image.digest, image.media_type)
    for digest, raw in image.blobs.items():
        assert await body(registry, digest) == raw
