"""The platform of a bare image comes from its config."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.images import make_image
from proxy.errors import ManifestInvalid
from proxy.oci.config import MAX_CONFIG, platform_of
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest


def test_a_made_image_names_its_platform():
    image = make_image("x", architecture="arm64")
    config = Digest.parse(json.loads(image.manifest)["config"]["digest"])
    assert platform_of(image.blobs[config]) == Platform("linux", "arm64")


def test_a_variant_is_read():
    assert platform_of(b'{"os":"linux","architecture":"arm","variant":"v7"}') == Platform("linux", "arm", "v7")


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"\x1f\x8b\x08", b'"linux"', b'{"os":"","architecture":""}', b'{"name":"chart"}']
)
def test_what_names_no_platform_has_none(raw):
    assert platform_of(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        b'{"os":"linux","os":"windows","architecture":"amd64"}',
        b'{"os":"linux","OS":"windows","architecture":"amd64"}',
        b'{"OS":"linux"}',
        b'\xef\xbb\xbf{"os":"linux"}',
        b' {"os":',
        b'{"os":5}',
        b'{"os":"linux","architecture":"amd64"}' + b" " * MAX_CONFIG,
    ],
)
def test_t06_a_config_that_clients_could_read_otherwise_is_refused(raw):
    with pytest.raises(ManifestInvalid):
        platform_of(raw)


@given(st.binary(max_size=60) | st.text(alphabet='{}":,os linux\\', max_size=40).map(str.encode))
def test_t55_no_bytes_lead_to_another_error(raw):
    try:
        found = platform_of(raw)
    except ManifestInvalid:
        return
    assert found is None or found.os or found.architecture
