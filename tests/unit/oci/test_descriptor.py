"""Platforms as people and indexes write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NameInvalid
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm/v7", "linux/arm/v7"),
    ],
)
def test_platforms_are_normalised(text, expected):
    assert str(Platform.parse(text)) == expected


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux//v7"])
def test_what_is_no_platform_is_refused(text):
    with pytest.raises(NameInvalid):
        Platform.parse(text)


def test_without_a_variant_every_variant_is_covered():
    assert Platform("linux", "arm64").covers(Platform("linux", "arm64", "v8"))
    assert not Platform("linux", "arm", "v7").covers(Platform("linux", "arm", "v6"))
    assert not Platform("linux", "arm64").covers(Platform("linux", "amd64"))
    assert not Platform("linux", "amd64").covers(Platform("windows", "amd64"))


def test_spellings_of_an_architecture_cover_each_other():
    assert Platform("linux", "amd64").covers(Platform("linux", "x86_64"))


def test_t10_only_unknown_unknown_marks_an_attestation_child():
    assert Platform("unknown", "unknown").is_unknown
    assert not Platform("linux", "unknown").is_unknown


def test_descriptors_are_hashable_whatever_their_annotations():
    digest = Digest.of(b"x")
    assert len({Descriptor("a/b", digest, 1, annotations={"k": "v"}), Descriptor("a/b", digest, 1)}) == 2


@given(st.text(alphabet="linuxamd64/ ", max_size=20) | st.text(max_size=20))
def test_no_text_leads_to_another_error(text):
    try:
        platform = Platform.parse(text)
    except NameInvalid:
        return
    assert platform.os
    assert platform.architecture
