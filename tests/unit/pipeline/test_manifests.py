"""A manifest and its config, wherever they are nearest: nothing is stored by a look, and nothing but the right bytes are taken."""

import pytest

from proxy.demo.images import make_image, make_index
from proxy.errors import ContentMismatch, Inconclusive, NotAllowed, UpstreamError
from proxy.oci.descriptor import Platform
from proxy.pipeline.manifests import platform_in, require_child
from tests.fakes.courtroom import REPOSITORY, Courtroom
from tests.fakes.gathering import parsed
from tests.fakes.site import image

TEAM = "require: [{ signature: team }]"


@pytest.fixture
async def court(tmp_path):
    async with Courtroom(tmp_path, TEAM) as made:
        yield made


async def test_a_look_stores_nothing_and_what_is_kept_needs_no_upstream(court):
    app = court.put(image())
    manifests = court.rooms.manifests
    assert await manifests.here(REPOSITORY, app.digest) is None
    found = await manifests.get(REPOSITORY, app.digest)
    assert found.raw == app.manifest
    assert [each async for each in court.content.scan()] == []
    config = await manifests.config(REPOSITORY, found)
    await manifests.keep(REPOSITORY, found, config=config)
    await court.upstream.stop()
    assert (await manifests.here(REPOSITORY, app.digest)).raw == app.manifest
    assert await manifests.config(REPOSITORY, found, is_here=True) == config


async def test_what_is_asked_for_here_alone_asks_no_upstream(court):
    app = court.put(image())
    court.upstream.forget()
    with pytest.raises(Inconclusive, match="not kept here"):
        await court.rooms.manifests.config(REPOSITORY, parsed(app), is_here=True)
    assert await court.rooms.manifests.here(REPOSITORY, app.digest) is None
    assert court.upstream.counts == {}


async def test_t01_other_bytes_than_the_digest_are_taken_for_nothing(court):
    app = court.put(image())
    court.upstream.knobs.swapped = {app.digest: make_image("other").manifest}
    with pytest.raises((ContentMismatch, UpstreamError)):
        await court.rooms.manifests.get(REPOSITORY, app.digest)
    assert await court.rooms.manifests.here(REPOSITORY, app.digest) is None


async def test_only_an_image_has_a_platform_and_one_that_names_none_is_unknown(court):
    app = image()
    court.put(app)
    court.put(make_index([app]), tag="index")
    manifests = court.rooms.manifests
    assert await manifests.platform(REPOSITORY, parsed(app)) == Platform("linux", "amd64")
    assert await manifests.platform(REPOSITORY, parsed(make_index([app]))) is None
    assert platform_in(b"{}") == Platform("unknown", "unknown")
    with pytest.raises(NotAllowed, match="its config is not one"):
        platform_in(b'{"os": "linux", "os": "windows"}')


def test_a_child_is_what_its_index_says_of_it():
    app = parsed(image())
    require_child(app, media_type=app.media_type, size=len(app.raw))
    for media_type, size in (
        (app.media_type, len(app.raw) + 1),
        ("application/vnd.oci.image.index.v1+json", len(app.raw)),
    ):
        with pytest.raises(ContentMismatch, match="the index says"):
            require_child(app, media_type=media_type, size=size)
