"""What the drill pulls is real: a node unpacks it, and its signatures are cosign's."""

import base64
import gzip
import hashlib
import io
import json
import tarfile

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from proxy.demo.images import (
    as_referrer,
    make_image,
    make_index,
    merge_signatures,
    new_key,
    sign,
    signature_tag,
    tampered,
)
from proxy.errors import ContentMismatch
from proxy.oci import mediatype
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest, require_digest
from proxy.oci.manifest import is_evidence_manifest, parse_manifest

ANNOTATION = "dev.cosignproject.cosign/signature"


def parsed(image):
    require_digest(image.manifest, image.digest)
    return parse_manifest(image.manifest, digest=image.digest, content_type=image.media_type)


@pytest.mark.parametrize("layers", [1, 3])
def test_an_image_is_whole_and_unpacks(layers):
    image = make_image("signed", layers=layers, layer_size=2000)
    manifest = parsed(image)
    assert {blob.digest for blob in manifest.blobs} == set(image.blobs)
    for blob in manifest.blobs:
        require_digest(image.blobs[blob.digest], blob.digest)
        assert blob.size == len(image.blobs[blob.digest])
    archives = [gzip.decompress(image.blobs[layer.digest]) for layer in manifest.layers]
    config = json.loads(image.blobs[manifest.config.digest])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(archive).hexdigest()}" for archive in archives]
    for number, archive in enumerate(archives):
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            assert [(entry.name, entry.size) for entry in files] == [(f"layer-{number}.bin", 2000)]


def test_the_same_label_makes_the_same_bytes_and_another_makes_others():
    assert make_image("a") == make_image("a")
    assert make_image("a").digest != make_image("b").digest
    assert not set(make_image("a").blobs) & set(make_image("b").blobs)


def test_an_index_lists_its_images_by_platform():
    images = [make_image("x", architecture=architecture) for architecture in ("amd64", "arm64")]
    index = make_index(images)
    assert [child.platform for child in parsed(index).children] == [
        Platform("linux", "amd64"),
        Platform("linux", "arm64"),
    ]
    assert [child.digest for child in parsed(index).children] == [image.digest for image in images]
    assert index.tree == (index, *images)
    assert parsed(make_index(images, media_type=mediatype.DOCKER_LIST)).media_type == mediatype.DOCKER_LIST


def test_a_tampered_image_has_the_same_manifest_over_other_bytes_of_the_same_length():
    image = make_image("x")
    bad = tampered(image)
    layer = parsed(image).layers[0]
    assert (bad.manifest, bad.digest) == (image.manifest, image.digest)
    assert len(bad.blobs[layer.digest]) == layer.size
    with pytest.raises(ContentMismatch):
        require_digest(bad.blobs[layer.digest], layer.digest)


@pytest.mark.parametrize("newlines", [False, True])
def test_a_signature_is_cosigns_and_verifies_over_the_layers_bytes(newlines):
    private, pem = new_key("publisher")
    image = make_image("x")
    found = sign(
        image.digest,
        private=private,
        reference_name="nvcr.io/nvidia/x",
        annotations={"build": "4711"},
        newlines=newlines,
    )
    manifest = parsed(found)
    layer = manifest.layers[0]
    payload = found.blobs[layer.digest]
    assert layer.media_type == mediatype.SIMPLE_SIGNING
    assert is_evidence_manifest(manifest)
    encoded = layer.annotations[ANNOTATION]
    assert ("\n" in encoded) is newlines
    load_pem_public_key(pem).verify(base64.b64decode(encoded), payload, ec.ECDSA(hashes.SHA256()))
    assert json.loads(payload) == {
        "critical": {
            "identity": {"docker-reference": "nvcr.io/nvidia/x"},
            "image": {"docker-manifest-digest": str(image.digest)},
            "type": "cosign container image signature",
        },
        "optional": {"build": "4711"},
    }


def test_without_claims_optional_is_null():
    found = sign(Digest.of(b"x"), private=new_key("k")[0], reference_name="a.io/x")
    assert json.loads(found.blobs[parsed(found).layers[0].digest])["optional"] is None


def test_keys_of_one_seed_are_one_key_and_signatures_are_deterministic():
    (private, pem), (again, same) = new_key("k"), new_key("k")
    assert pem == same
    assert sign(Digest.of(b"x"), private=private, reference_name="a.io/x") == sign(
        Digest.of(b"x"), private=again, reference_name="a.io/x"
    )
    assert len({pem, new_key("other")[1], new_key()[1], new_key()[1]}) == 4


def test_merged_signatures_keep_every_layer_in_order():
    image = make_image("x")
    (alice, _), (bob, bob_pem) = new_key("alice"), new_key("bob")
    merged = merge_signatures(*(sign(image.digest, private=key, reference_name="a.io/x") for key in (alice, bob)))
    first, second = parsed(merged).layers
    assert first.digest == second.digest
    payload = merged.blobs[first.digest]
    public = load_pem_public_key(bob_pem)
    public.verify(base64.b64decode(second.annotations[ANNOTATION]), payload, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(first.annotations[ANNOTATION]), payload, ec.ECDSA(hashes.SHA256()))


def test_a_signature_can_be_a_referrer():
    image = make_image("x")
    found = parsed(as_referrer(sign(image.digest, private=new_key("k")[0], reference_name="a.io/x"), subject=image))
    assert (found.subject.digest, found.subject.size) == (image.digest, image.size)
    assert found.artifact_type == found.config.media_type == mediatype.COSIGN_SIGNATURE_ARTIFACT


def test_a_signatures_tag_names_its_subject():
    digest = Digest.of(b"x")
    assert signature_tag(digest).name == f"sha256-{digest.hex}.sig"
