"""What is kept with an image is read back as it was found, and never makes an image impossible to judge."""

import pytest

from proxy.demo.images import Blob, make_image, new_key, sign, signature_tag
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.verify import lookup
from tests.fakes.gathering import Port, evidence, parsed, statement

APP = "acme/app"
IMAGE = make_image("app")


@pytest.fixture
async def port():
    async with Port() as made:
        made.upstream.put_image(APP, IMAGE)
        yield made


def bundle(text, subject=IMAGE):
    return evidence(Blob(text.encode(), mediatype.SIGSTORE_BUNDLE), subject=subject)


async def kept(port, *images):
    for image in images:
        port.upstream.put_image(APP, image)
    got = await port.fetch(APP, IMAGE.digest)
    await port.keep(APP, IMAGE.digest, got)
    return got


async def test_nothing_is_stored_before_something_was_kept(port):
    port.upstream.put_image(APP, bundle("one"))
    await port.fetch(APP, IMAGE.digest)
    assert (await port.stored(APP, IMAGE.digest)).proofs == ()


async def test_what_was_kept_is_found_again_and_with_what_the_upstream_has_it_is_the_same(port):
    got = await kept(port, bundle("one"), bundle("two"))
    stored = await port.stored(APP, IMAGE.digest)
    assert stored.found == got.found
    assert stored.with_more(await port.fetch(APP, IMAGE.digest)).found == got.found


async def test_what_was_kept_proves_when_the_upstream_forgot_it(port):
    one = bundle("one")
    await kept(port, one)
    del port.upstream.repos[APP].manifests[one.digest]
    together = (await port.stored(APP, IMAGE.digest)).with_more(await port.fetch(APP, IMAGE.digest))
    assert [found.payload for found in together.found] == [b"one"]


async def test_a_stored_manifest_whose_blob_is_gone_yields_nothing_and_harms_nothing(port):
    await kept(port, bundle("one"), bundle("two"))
    await port.content.delete(Digest.of(b"one"))
    assert [found.payload for found in (await port.stored(APP, IMAGE.digest)).found] == [b"two"]


async def test_a_stored_manifest_that_is_gone_yields_nothing_and_harms_nothing(port):
    one = bundle("one")
    await kept(port, one, bundle("two"))
    await port.content.delete(one.digest)
    assert [found.payload for found in (await port.stored(APP, IMAGE.digest)).found] == [b"two"]


async def test_t50_what_was_learned_over_years_is_read_up_to_the_cap_the_smallest_first(port, monkeypatch):
    await kept(port, bundle("s" * 10), bundle("m" * 100), bundle("l" * 1000))
    monkeypatch.setattr(lookup, "MAX_TOTAL", 500)
    assert {found.payload[:1] for found in (await port.stored(APP, IMAGE.digest)).found} == {b"s", b"m"}


async def test_a_carrier_that_is_stored_brings_who_signed_it(port):
    carrier = evidence(Blob(statement(IMAGE.digest), mediatype.IN_TOTO), subject=IMAGE)
    vouching = sign(carrier.digest, private=new_key("team")[0], reference_name="x")
    port.upstream.put_image(APP, vouching, tag=str(signature_tag(carrier.digest)))
    got = await kept(port, carrier)
    assert (await port.stored(APP, IMAGE.digest)).found == got.found
    assert {found.subject for found in got.found} == {None, carrier.digest}


async def test_what_was_kept_for_one_image_is_not_found_for_another(port):
    await kept(port, bundle("one"))
    assert (await port.stored(APP, make_image("other").digest)).found == ()
    assert (await port.stored("acme/other", IMAGE.digest)).found == ()


async def test_the_images_own_media_type_and_size_are_what_a_synthesised_referrer_names(port):
    api = await port.also("api.github.com")
    port.upstream.put_image(APP, IMAGE)
    api.put_attestation("orgs/acme", IMAGE.digest, {"mediaType": mediatype.SIGSTORE_BUNDLE})
    source = ["api.github.com/orgs/acme"]
    got = await port.fetch(APP, IMAGE.digest, manifest=parsed(IMAGE), elsewhere=source)
    assert [proof.manifest.subject.size for proof in got.proofs] == [IMAGE.size]
    got = await port.fetch(APP, IMAGE.digest, elsewhere=source)
    assert [proof.manifest.subject.size for proof in got.proofs] == [0]


async def test_evidence_whose_other_layers_cannot_be_had_is_kept_without_them(port):
    made = evidence(Blob(b"one", mediatype.SIGSTORE_BUNDLE), Blob(b"sbom", "text/spdx+json"), subject=IMAGE)
    port.upstream.put_image(APP, made)
    del port.upstream.repos[APP].blobs[Digest.of(b"sbom")]
    got = await port.fetch(APP, IMAGE.digest)
    await port.keep(APP, IMAGE.digest, got)
    assert [found.payload for found in (await port.stored(APP, IMAGE.digest)).found] == [b"one"]
    assert await port.content.size(Digest.of(b"sbom")) is None
