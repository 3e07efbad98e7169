import pytest

from proxy.demo.images import make_image, new_key, sign
from proxy.oci.manifest import parse_manifest
from proxy.pipeline.gather import Gathered, Proof, _gathered
from proxy.verify.evidence import Rejection


def proof(label: str, place: str) -> Proof:
    signature = sign(make_image(label).digest, private=new_key("team")[0], reference_name="reg.test/acme/app")
    manifest = parse_manifest(signature.manifest, digest=signature.digest, content_type=signature.media_type)
    return Proof(place, manifest, dict(signature.blobs))


def gathered(*proofs: Proof, gaps: tuple[str, ...] = ()) -> Gathered:
    return _gathered(proofs, (), gaps)


def test_what_is_stored_and_what_is_found_count_once_and_together():
    one, two = proof("one", "tag"), proof("two", "tag")
    both = gathered(one).with_more(gathered(one, two))
    assert [each.manifest.digest for each in both.proofs] == sorted([one.manifest.digest, two.manifest.digest])
    assert len(both.found) == 2


def test_a_source_that_is_out_of_reach_takes_nothing_from_what_is_stored():
    kept = gathered(proof("one", "tag")).with_more(gathered(gaps=("the referrers could not be read",)))
    assert len(kept.found) == 1
    assert kept.gaps == ("the referrers could not be read",)


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_arrival_decides_nothing(turned):
    proofs = [proof(label, place) for label, place in (("one", "tag"), ("two", "referrers"), ("three", "tag"))]
    rejections = (Rejection("b", None, "junk"), Rejection("a", None, "junk"))
    ordered = _gathered(proofs, rejections, ("y", "x"))
    other = _gathered(proofs[::-1], rejections[::-1], ("x", "y")) if turned else ordered
    assert other == ordered
    assert other.gaps == ("x", "y")
    assert [each.place for each in other.rejections] == ["a", "b"]
