"""Listings of referrers: complete, in one order, and hints only (T50)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ManifestInvalid
from proxy.oci import mediatype
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_MANIFEST, parse_manifest
from proxy.oci.referrers import build_index, filtered, merge, parse_listing


def descriptor(text, **changes):
    return Descriptor(mediatype.OCI_MANIFEST, Digest.of(text.encode()), len(text), **changes)


FULL = descriptor(
    "full", artifact_type="a/b", annotations={"z": "1", "a": "2"}, platform=Platform("linux", "arm", "v7")
)
DESCRIPTORS = st.builds(
    descriptor,
    st.text(max_size=3),
    artifact_type=st.none() | st.just("a/b"),
    annotations=st.dictionaries(st.text(max_size=3).filter(str.isascii), st.just("x"), max_size=2),
)


@given(st.lists(DESCRIPTORS, max_size=6))
def test_what_we_build_is_an_index_and_is_read_back(descriptors):
    raw = build_index(descriptors)
    assert parse_listing(raw) == tuple(descriptors)
    assert raw == build_index(parse_listing(raw))


def test_an_index_is_written_as_the_spec_has_it():
    raw = build_index([FULL])
    document = json.loads(raw)
    assert (document["schemaVersion"], document["mediaType"]) == (2, mediatype.OCI_INDEX)
    entry = document["manifests"][0]
    assert list(entry["annotations"]) == ["a", "z"]
    assert entry["platform"] == {"architecture": "arm", "os": "linux", "variant": "v7"}
    assert entry["artifactType"] == "a/b"
    assert parse_manifest(raw, digest=Digest.of(raw), content_type=mediatype.OCI_INDEX).children == (FULL,)


def test_clients_8_no_referrers_is_an_empty_index():
    assert json.loads(build_index([])) == {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": []}


@given(st.lists(st.lists(DESCRIPTORS, max_size=5), max_size=3))
def test_t50_merging_does_not_depend_on_the_order_of_a_listing(listings):
    merged = merge(*listings)
    digests = [each.digest for each in merged]
    assert digests == sorted(set(digests))
    assert digests == [each.digest for each in merge(*reversed(listings))]


def test_the_first_of_two_entries_of_one_digest_wins():
    told = descriptor("x", artifact_type="a/b")
    assert merge([told], [descriptor("x", artifact_type="other/x")]) == (told,)


def test_filtering_is_by_artifact_type():
    one, two = descriptor("1", artifact_type="a/b"), descriptor("2")
    assert filtered([one, two], "a/b") == (one,)
    assert filtered([one, two], None) == (one, two)


def test_t50_a_broken_entry_hides_no_other():
    good = json.loads(build_index([FULL]))["manifests"][0]
    hostile = [
        None,
        {},
        {**good, "digest": "md5:00"},
        {**good, "size": -1},
        {**good, "urls": ["https://evil.example"]},
        {**good, "annotations": {"a": 1}},
    ]
    raw = json.dumps({"schemaVersion": 2, "manifests": [*hostile, good, *hostile]}).encode()
    assert parse_listing(raw) == (FULL,)


def test_t50_ten_thousand_entries_are_read():
    entries = [descriptor(str(number)) for number in range(12_000)]
    assert len(parse_listing(build_index(entries))) == 12_000


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b'{"errors":[]}',
        b'{"manifests":{}}',
        b'{"manifests":[],"layers":[]}',
        b'{"manifests":[],"manifests":[]}',
        b'{"mediaType":"image/png","manifests":[]}',
        b'{"mediaType":["x"],"manifests":[]}',
        b" " * (MAX_MANIFEST + 1),
    ],
)
def test_what_is_no_index_does_not_prove_that_there_are_none(raw):
    with pytest.raises(ManifestInvalid):
        parse_listing(raw)


def test_an_empty_list_that_go_never_made_is_empty():
    assert parse_listing(b'{"schemaVersion":2,"manifests":null}') == ()


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,manifests1', max_size=40).map(str.encode))
def test_t55_no_bytes_lead_to_another_error(raw):
    with pytest.raises(ManifestInvalid):
        parse_listing(raw)
