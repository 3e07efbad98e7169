"""Descriptors out of hostile objects: every place where a digest, a size or a URL may stand."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ManifestInvalid
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.document import read_annotations, read_descriptor, read_platform, read_text

DIGEST = Digest.of(b"layer")
PLAIN = {"mediaType": "application/x", "digest": str(DIGEST), "size": 5}


def read(**changes):
    return read_descriptor({**PLAIN, **changes}, what="layer")


def test_a_descriptor_is_read_whole():
    found = read(
        platform={"os": "linux", "architecture": "arm64", "variant": "v8", "os.version": "1"},
        artifactType="application/y",
        annotations={"a": "b", "A": "c"},
        unknown=[1],
    )
    assert (found.media_type, found.digest, found.size) == ("application/x", DIGEST, 5)
    assert found.platform == Platform("linux", "arm64", "v8")
    assert found.artifact_type == "application/y"
    assert found.annotations == {"a": "b", "A": "c"}


@pytest.mark.parametrize("size", [-1, True, False, 1.0, "5", None, [], 2**63, 10**30])
def test_t08_a_size_is_a_count_of_bytes(size):
    with pytest.raises(ManifestInvalid, match="size"):
        read(size=size)


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:../../x", f"sha256:{DIGEST.hex.upper()}", "md5:00", "sha256+b64u:abc", None, 5, f"{DIGEST} "],
)
def test_t07_a_digest_is_one_or_is_refused(digest):
    with pytest.raises(ManifestInvalid, match="digest"):
        read(digest=digest)


@pytest.mark.parametrize(
    "media_type",
    [None, "", "x", 5, "a/b\r\nX-Evil: 1", "a/\x7f", "a/\N{LATIN SMALL LETTER E WITH ACUTE}", "a/" + "b" * 128],
)
def test_a_media_type_is_what_a_header_may_carry(media_type):
    with pytest.raises(ManifestInvalid, match="mediaType"):
        read(mediaType=media_type)


@pytest.mark.parametrize("urls", [["https://evil.example/layer"], "https://evil.example", {}, [None], 0, False])
def test_clients_1_4_urls_are_refused_since_clients_would_bypass_us(urls):
    with pytest.raises(ManifestInvalid, match="bypass"):
        read(urls=urls)


@pytest.mark.parametrize("urls", [None, []])
def test_empty_urls_lead_nowhere_and_pass(urls):
    assert read(urls=urls).digest == DIGEST


def test_clients_1_4_urls_in_another_spelling_are_refused():
    with pytest.raises(ManifestInvalid, match="urls"):
        read(URLs=["https://evil.example/layer"])


def test_clients_1_4_a_nondistributable_layer_is_refused():
    with pytest.raises(ManifestInvalid, match="non-distributable"):
        read(mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")


def test_embedded_data_must_be_what_the_digest_names():
    assert read(data=base64.b64encode(b"layer").decode()).size == 5
    for data in (base64.b64encode(b"evil!").decode(), "%%%", 5, "", "\N{LATIN SMALL LETTER E WITH ACUTE}"):
        with pytest.raises(ManifestInvalid, match="embedded"):
            read(data=data)
    with pytest.raises(ManifestInvalid, match="embedded"):
        read(data=base64.b64encode(b"layer").decode(), size=6)


@pytest.mark.parametrize("annotations", [[], "x", {"a": 1}, {"a": None}, {"a": {}}])
def test_annotations_are_strings(annotations):
    with pytest.raises(ManifestInvalid, match="annotations"):
        read_annotations(annotations, what="layer")
    assert read_annotations(None, what="layer") == {}


@pytest.mark.parametrize("platform", [None, {}, {"os": "", "architecture": ""}, {"os.version": "1"}])
def test_a_platform_without_os_and_architecture_is_none(platform):
    assert read_platform(platform, what="config") is None


@pytest.mark.parametrize(
    "platform", [[], "linux/amd64", {"os": 1}, {"os": "li/nux"}, {"os": "a\n"}, {"OS": "linux"}, {"os": "x" * 65}]
)
def test_a_platform_of_other_than_plain_words_is_refused(platform):
    with pytest.raises(ManifestInvalid):
        read_platform(platform, what="config")


def test_an_empty_text_is_none():
    assert read_text("", what="x") is None
    with pytest.raises(ManifestInvalid, match="not a string"):
        read_text(5, what="x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)


@given(
    JSON,
    st.dictionaries(
        st.sampled_from(["mediaType", "digest", "size", "urls", "data", "platform", "annotations", "artifactType"]),
        JSON,
    ),
)
def test_t55_no_value_leads_to_another_error(value, changes):
    for candidate in (value, changes, {**PLAIN, **changes}):
        try:
            found = read_descriptor(candidate, what="layer")
        except ManifestInvalid:
            continue
        assert found.size >= 0
