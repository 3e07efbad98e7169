import json

import pytest

from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.upstream.listed import by_tag, fallback_tag

SUBJECT = Digest.of(b"subject")


def listing(*digests):
    entries = [{"mediaType": mediatype.OCI_MANIFEST, "digest": str(each), "size": 1} for each in digests]
    return json.dumps({"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": entries}).encode()


def test_the_fallback_tag_is_the_digest_with_a_dash():
    assert fallback_tag(SUBJECT).name == f"sha256-{SUBJECT.hex}"
    assert len(fallback_tag(Digest.of(b"subject", "sha512")).name) == len("sha512-") + 64


def test_what_the_fallback_tag_lists_comes_sorted_and_once():
    one, two = sorted([Digest.of(b"1"), Digest.of(b"2")])
    raw = listing(two, one, two)
    assert [each.digest for each in by_tag(raw, tagged=Digest.of(raw), subject=SUBJECT)] == [one, two]


@pytest.mark.parametrize("raw", [b"", b"{}", b"junk", b'{"layers":[],"config":{}}', b'{"manifests":[],"manifests":[]}'])
def test_a_fallback_tag_of_another_kind_lists_nothing(raw):
    assert by_tag(raw, tagged=Digest.of(raw), subject=SUBJECT) == ()


def test_an_image_that_answers_for_its_own_fallback_tag_lists_nothing():
    raw = listing(Digest.of(b"child"))
    assert by_tag(raw, tagged=Digest.of(raw), subject=Digest.of(raw)) == ()
