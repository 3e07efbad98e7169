import random

import pytest

from proxy.demo.images import Blob, make_image, new_key, sign
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.pipeline.gathering.proofs import INDEX, REFERRERS, Gathered, Proof, gathered, rests_on
from proxy.verify.evidence import Rejection
from tests.fakes.gathering import evidence, parsed, statement

IMAGE = make_image("app")


def proof(label: str, *slots: str, **more) -> Proof:
    signature = sign(make_image(label).digest, private=new_key("team")[0], reference_name="reg.test/acme/app")
    manifest = parse_manifest(signature.manifest, digest=signature.digest, content_type=signature.media_type)
    return Proof(manifest, dict(signature.blobs), slots=slots or ("tag",), **more)


def carrying(*slots: str, **more) -> Proof:
    image = evidence(Blob(statement(IMAGE.digest), mediatype.IN_TOTO), subject=IMAGE)
    return Proof(parsed(image), dict(image.blobs), slots=slots or (REFERRERS,), **more)


def of(*proofs: Proof, gaps: tuple[str, ...] = ()) -> Gathered:
    return gathered(proofs, (), gaps)


def test_what_is_stored_and_what_is_found_count_once_and_together():
    one, two = proof("one"), proof("two")
    both = of(one).with_more(of(one, two))
    assert [each.manifest.digest for each in both.proofs] == sorted([one.manifest.digest, two.manifest.digest])
    assert len(both.found) == 2


def test_a_source_that_is_out_of_reach_takes_nothing_from_what_is_stored():
    kept = of(proof("one")).with_more(of(gaps=("the referrers could not be read",)))
    assert len(kept.found) == 1
    assert kept.gaps == ("the referrers could not be read",)


def test_a_blob_that_could_not_be_read_now_is_taken_from_what_is_stored():
    whole = proof("one")
    torn = Proof(whole.manifest, {}, slots=whole.slots)
    assert of(torn).with_more(of(whole)).found == of(whole).with_more(of(torn)).found == of(whole).found


def test_one_manifest_in_two_places_is_one_proof_that_is_served_in_both_and_a_tag_names_it():
    joined = of(proof("one", REFERRERS), proof("one", "sha256-x.sig"))
    assert [each.slots for each in joined.proofs] == [("sha256-x.sig", REFERRERS)]
    assert [found.place for found in joined.found] == ["sha256-x.sig"]


def test_who_carries_a_statement_is_known_from_every_place_that_it_was_found_in():
    one, two = sorted([Digest.of(b"1"), Digest.of(b"2")])
    joined = of(carrying(REFERRERS, carriers=(two,)), carrying(INDEX, carriers=(one,)))
    assert [found.carriers for found in joined.found] == [(one, two)]


def test_the_same_manifest_from_elsewhere_or_about_another_subject_is_another_proof():
    own, elsewhere = proof("one"), proof("one", origin="evidenceFrom reg.test/x")
    carrier = proof("one", subject=Digest.of(b"carrier"))
    got = of(own, elsewhere, carrier)
    assert len(got.proofs) == 3
    assert {found.place for found in got.found} == {"tag", "evidenceFrom reg.test/x"}
    assert {found.subject for found in got.found} == {None, Digest.of(b"carrier")}


def test_only_bare_statements_have_carriers_and_without_any_they_are_not_found():
    assert [found.carriers for found in of(carrying(carriers=(IMAGE.digest,))).found] == [(IMAGE.digest,)]
    assert of(carrying()).found == ()
    assert [found.carriers for found in of(proof("one", carriers=(IMAGE.digest,))).found] == [()]


@pytest.mark.parametrize("seed", range(4))
def test_t50_the_order_of_arrival_decides_nothing(seed):
    proofs = [proof("one", "tag"), proof("two", REFERRERS), proof("one", REFERRERS), carrying(carriers=(IMAGE.digest,))]
    rejections = [Rejection("b", None, "junk"), Rejection("a", None, "junk"), Rejection("a", None, "junk")]
    gaps, nothing = ["y", "x", "x"], ["tag", None]
    ordered = gathered(proofs, rejections, gaps, nothing_at=nothing)
    turned = random.Random(seed)  # noqa: S311 a shuffle that can be repeated keeps no secret
    for each in (proofs, rejections, gaps, nothing):
        turned.shuffle(each)
    other = gathered(proofs, rejections, gaps, nothing_at=nothing)
    assert other == ordered
    assert other.gaps == ("x", "y")
    assert [each.place for each in other.rejections] == ["a", "b"]


def test_a_decision_rests_on_what_it_used_and_on_who_signed_the_carriers_of_it():
    statement_proof = carrying(carriers=(Digest.of(b"carrier"),))
    vouching = proof("one", subject=Digest.of(b"carrier"))
    stranger, unused = proof("two", subject=Digest.of(b"other")), proof("three")
    everything = [statement_proof, vouching, stranger, unused]
    (blob,) = [layer.digest for layer in statement_proof.manifest.layers]
    assert rests_on(everything, {blob}) == [statement_proof, vouching]
    assert rests_on(everything, {unused.manifest.digest}) == [unused]
    assert rests_on(everything, set()) == []
