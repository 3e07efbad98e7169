"""The closed lists of media types."""

import pytest

from proxy.oci import mediatype


def test_parameters_and_case_do_not_count():
    assert mediatype.bare(" Application/JOSE+json ; charset=utf-8") == "application/jose+json"
    assert mediatype.is_index(mediatype.OCI_INDEX.upper() + ";v=1")


@pytest.mark.parametrize(
    "media_type",
    [
        mediatype.SIMPLE_SIGNING,
        mediatype.DSSE,
        mediatype.IN_TOTO,
        mediatype.SIGSTORE_BUNDLE,
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/jose+json",
        "application/cose",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.2+json",
        "text/spdx",
        "text/spdx+json",
        "application/spdx+json",
        "application/vnd.cyclonedx",
        "application/vnd.cyclonedx+json",
        "application/vnd.cyclonedx+xml",
        "application/vnd.syft+json",
        mediatype.EMPTY,
    ],
)
def test_t60_evidence_types_are_on_the_list(media_type):
    assert mediatype.is_evidence(media_type)
    assert mediatype.is_evidence_config(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        mediatype.OCI_LAYER,
        mediatype.OCI_CONFIG,
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/octet-stream",
        "application/vnd.amazon.soci.index.v1+json",
        "application/vnd.dev.cosign.simplesigning.v1+json.tar",
    ],
)
def test_t60_what_could_run_is_not_on_the_list(media_type):
    assert not mediatype.is_evidence(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ],
)
def test_nondistributable_layers_are_known(media_type):
    assert mediatype.is_nondistributable(media_type)
    assert not mediatype.is_nondistributable(mediatype.OCI_LAYER)


def test_an_upstream_is_asked_for_the_four_types_and_not_for_schema_1():
    asked = mediatype.ACCEPT_MANIFESTS.split(", ")
    assert set(asked) == mediatype.MANIFESTS | mediatype.INDEXES | {"*/*"}


def test_what_carries_a_signature_is_evidence_and_not_all_evidence_carries_one():
    signed = {mediatype.SIMPLE_SIGNING, mediatype.DSSE, mediatype.SIGSTORE_BUNDLE, mediatype.JOSE, mediatype.COSE}
    assert all(mediatype.is_signed(each) and mediatype.is_evidence(each) for each in signed)
    for unsigned in (mediatype.IN_TOTO, "text/spdx+json", "application/vnd.cyclonedx+json", mediatype.EMPTY):
        assert mediatype.is_evidence(unsigned)
        assert not mediatype.is_signed(unsigned)


def test_a_bundle_is_known_under_each_of_its_names():
    for version in ("0.1", "0.2", "0.3"):
        assert mediatype.is_bundle(f"application/vnd.dev.sigstore.bundle+json;version={version}")
        assert mediatype.is_bundle(f"application/vnd.dev.sigstore.bundle.v{version}+json")
    assert not mediatype.is_bundle("application/vnd.dev.sigstore.bundle.v0.3+json.tar")
    assert not mediatype.is_bundle(mediatype.DSSE)
