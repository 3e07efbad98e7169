"""What was found in several places counts once, and the order of a listing decides nothing."""

import base64
import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.digest import Digest
from proxy.oci.mediatype import IN_TOTO
from proxy.verify.evidence import Proved
from proxy.verify.formats.annotations import SPELLINGS
from proxy.verify.lookup import SIGNATURE
from tests.unit.verify.conftest import BUNDLE, DSSE, SHAPES, SIMPLE


def test_nothing_found_proves_nothing(lab):
    assert lab.prove() == Proved()


def test_t30_the_same_signature_in_two_places_counts_once_and_the_tag_is_named(lab):
    tagged = lab.found()
    referred = dataclasses.replace(tagged, place="referrers", manifest=Digest.of(b"1"))
    fallen = dataclasses.replace(tagged, place="fallback", manifest=Digest.of(b"2"))
    proved = lab.prove(fallen, referred, tagged)
    assert [each.place for each in proved.evidence] == [tagged.place]
    assert proved.rejections == ()


def test_t30_one_signer_who_signs_the_same_payload_twice_is_one_piece_of_evidence(lab):
    first = lab.found()
    second = lab.found()
    assert first.annotations != second.annotations
    proved = lab.prove(first, second)
    assert len(proved.evidence) == 1


def test_one_payload_by_two_signers_is_two_pieces_of_evidence(lab):
    signers = (lab.signer("alice"), lab.signer("bob"))
    proved = lab.prove(lab.found(by="alice"), lab.found(by="bob"), signers=signers)
    assert {each.signer for each in proved.evidence} == {"alice", "bob"}
    assert proved.rejections == ()


def test_two_payloads_by_one_signer_keep_their_own_claims(lab):
    founds = [lab.found(lab.payload(optional={"build": build})) for build in ("1", "2")]
    proved = lab.prove(*founds)
    assert sorted(each.claims["build"] for each in proved.evidence) == ["1", "2"]


def test_foreign_evidence_is_shown_and_is_not_fatal(lab):
    good, foreign = lab.found(), lab.found(by="stranger")
    proved = lab.prove(foreign, good)
    assert len(proved.evidence) == 1
    assert len(proved.rejections) == 1


def test_a_signature_that_is_folded_otherwise_is_the_same_signature(lab):
    found = lab.found()
    folded = dataclasses.replace(found, annotations={SIGNATURE: found.annotations[SIGNATURE] + "\n"})
    broken = dataclasses.replace(folded, blob=Digest.of(b"other"))
    proved = lab.prove(found, folded, broken)
    assert (len(proved.evidence), len(proved.rejections)) == (1, 1)


def test_a_false_twin_with_the_same_digest_does_not_hide_the_good_one(lab):
    """Its bytes are not what the digest names; it sorts first, and is rejected by itself."""
    good = lab.found()
    twin = dataclasses.replace(good, payload=b"junk", manifest=Digest("sha256", "0" * 64))
    proved = lab.prove(twin, good)
    assert (len(proved.evidence), len(proved.rejections)) == (1, 1)


def test_t50_a_flood_by_a_third_party_does_not_deny_and_the_order_decides_nothing(lab):
    flood = [
        dataclasses.replace(
            lab.found(), annotations={SIGNATURE: base64.b64encode(b"junk %d" % n).decode()}, place="referrers"
        )
        for n in range(200)
    ]
    founds = [*flood, lab.found(), lab.found(by="stranger")]
    first = lab.prove(*founds)
    assert len(first.evidence) == 1
    for seed in range(5):
        shuffled = list(founds)
        random.Random(seed).shuffle(shuffled)  # noqa: S311 an order, not a secret
        assert lab.prove(*shuffled) == first


@pytest.mark.parametrize("media_type", ["text/plain", "application/json", "", "application/vnd.dsse.envelope.v2+json"])
def test_t41_a_layer_of_any_other_type_is_one_rejection_that_names_it(lab, media_type):
    proved = lab.prove(lab.found(media_type=media_type))
    assert proved.evidence == ()
    assert [each.reason for each in proved.rejections] == [
        f"a layer of type '{media_type}' is no evidence that is read here"
    ]


def test_every_form_is_read_by_its_type_whatever_its_case_and_parameters(lab):
    envelope = lab.envelope()
    for shape in SHAPES:
        found = lab.shaped(shape, envelope)
        shouted = dataclasses.replace(found, media_type=found.media_type.upper() + "; charset=utf-8")
        assert len(lab.prove(shouted).evidence) == 1


@pytest.mark.parametrize("media_type", ["application/jose+json", "application/cose"])
def test_t41_junk_under_notations_types_is_a_rejection(lab, media_type):
    proved = lab.prove(lab.layer(b"junk", media_type=media_type))
    assert (len(proved.evidence), len(proved.rejections)) == (0, 1)


def test_t26_an_image_with_attestations_alone_has_no_signature(lab):
    proved = lab.prove(*(lab.shaped(shape, lab.envelope()) for shape in SHAPES))
    assert {each.kind for each in proved.evidence} == {"attestation"}
    assert len(proved.evidence) == 3


def test_t24_one_broken_piece_of_evidence_in_each_form_does_not_hide_a_good_one(lab):
    broken = [lab.shaped(shape, lab.envelope(signatures=[])) for shape in SHAPES]
    junk = [lab.layer(b"{", media_type=each.media_type) for each in broken]
    proved = lab.prove(*broken, *junk, lab.found())
    assert [each.kind for each in proved.evidence] == ["signature"]
    assert len(proved.rejections) == 4


@given(
    st.sampled_from([SIMPLE, DSSE, BUNDLE, IN_TOTO, "application/jose+json", "application/cose", ""]),
    st.binary(max_size=300),
    st.dictionaries(st.sampled_from(SPELLINGS), st.text(max_size=80), max_size=4),
)
def test_t55_whatever_is_found_under_whatever_type_is_one_rejection(lab, media_type, raw, annotations):
    found = lab.layer(raw, media_type=media_type, annotations=annotations)
    proved = lab.prove(found, signers=(lab.signer(), lab.signer("needy", needs_log=True, root="corp")))
    assert (len(proved.evidence), len(proved.rejections)) == (0, 1)
    assert proved.rejections[0].reason.isprintable()
