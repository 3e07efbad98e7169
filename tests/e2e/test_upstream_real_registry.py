"""The upstream room against Debian's docker-registry."""

import pytest

from proxy.demo.images import make_image, make_index
from proxy.errors import BlobUnknown, ManifestUnknown, NameUnknown, UpstreamRefused
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.upstream.registry import Registry
from proxy.upstream.settings import UpstreamSettings
from tests.e2e.registries import DockerRegistry

pytestmark = pytest.mark.e2e
HERE = Repository("up.example", "acme/app")
USER, PASSWORD = "vendor", "hunter2"


@pytest.mark.parametrize("is_private", [False, True])
async def test_an_image_is_fetched_whole_by_tag_and_by_digest(tmp_path, is_private):
    images = [make_image("one", architecture=each, layer_size=300_000) for each in ("amd64", "arm64")]
    index = make_index(images)
    (tmp_path / "pw").write_text(PASSWORD)
    settings = {"credentials": {"username": USER, "passwordFile": tmp_path / "pw"}} if is_private else {}
    with DockerRegistry(tmp_path / "upstream", user=f"{USER}:{PASSWORD}" if is_private else "") as upstream:
        upstream.push("acme/app", index, "v1")
        settings = UpstreamSettings.model_validate({"url": upstream.url, **settings})
        registry = Registry("up.example", settings, emit=lambda event: None)
        fetched = await registry.manifest(HERE, Tag("v1"))
        assert (fetched.raw, fetched.digest, fetched.content_type) == (index.manifest, index.digest, index.media_type)
        assert await registry.head(HERE, Tag("v1")) == index.digest
        for image in images:
            assert (await registry.manifest(HERE, image.digest)).raw == image.manifest
            for digest, raw in image.blobs.items():
                assert await registry.small_blob(HERE, digest, limit=1 << 20) == raw
                async with registry.blob(HERE, digest, start=len(raw) // 2) as stream:
                    assert (stream.start, stream.size) == (len(raw) // 2, len(raw))
                    assert b"".join([chunk async for chunk in stream.chunks]) == raw[len(raw) // 2 :]
        assert await registry.tags(HERE) == ("v1",)
        assert await registry.referrers(HERE, index.digest) == ()  # 404, and no fallback tag
        with pytest.raises(ManifestUnknown):
            await registry.manifest(HERE, Tag("v2"))
        with pytest.raises(BlobUnknown):
            await registry.small_blob(HERE, Digest.of(b"nothing"), limit=10)
        with pytest.raises(NameUnknown):
            await registry.tags(Repository("up.example", "acme/other"))
        await registry.close()


async def test_a_private_registry_refuses_a_stranger_and_it_is_never_404(tmp_path):
    (tmp_path / "pw").write_text("wrong")
    wrong = {"credentials": {"username": USER, "passwordFile": tmp_path / "pw"}}
    with DockerRegistry(tmp_path / "upstream", user=f"{USER}:{PASSWORD}") as upstream:
        for more in ({}, wrong):
            settings = UpstreamSettings.model_validate({"url": upstream.url, **more})
            registry = Registry("up.example", settings, emit=lambda event: None)
            with pytest.raises(UpstreamRefused, match=r"upstreams\.up\.example\.credentials"):
                await registry.manifest(HERE, Tag("v1"))
            await registry.close()
