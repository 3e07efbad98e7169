"""What was found in several places counts once, and the order of a listing decides nothing."""

import base64
import dataclasses
import random

from proxy.oci.digest import Digest
from proxy.verify.lookup import SIGNATURE
from proxy.verify.prove import prove_all


def test_nothing_found_proves_nothing(lab):
    assert prove_all([], signers=[lab.signer()], **lab.asked) == ((), ())


def test_t30_the_same_signature_in_two_places_counts_once_and_the_tag_is_named(lab):
    tagged = lab.found()
    referred = dataclasses.replace(tagged, place="referrers", manifest=Digest.of(b"1"))
    fallen = dataclasses.replace(tagged, place="fallback", manifest=Digest.of(b"2"))
    evidence, rejections = prove_all([fallen, referred, tagged], signers=[lab.signer()], **lab.asked)
    assert [each.place for each in evidence] == [tagged.place]
    assert rejections == ()


def test_t30_one_signer_who_signs_the_same_payload_twice_is_one_piece_of_evidence(lab):
    first = lab.found()
    second = lab.found()
    assert first.annotations != second.annotations
    evidence, _ = prove_all([first, second], signers=[lab.signer()], **lab.asked)
    assert len(evidence) == 1


def test_one_payload_by_two_signers_is_two_pieces_of_evidence(lab):
    signers = [lab.signer("alice"), lab.signer("bob")]
    evidence, rejections = prove_all([lab.found(by="alice"), lab.found(by="bob")], signers=signers, **lab.asked)
    assert {each.signer for each in evidence} == {"alice", "bob"}
    assert rejections == ()


def test_two_payloads_by_one_signer_keep_their_own_claims(lab):
    founds = [lab.found(lab.payload(optional={"build": build})) for build in ("1", "2")]
    evidence, _ = prove_all(founds, signers=[lab.signer()], **lab.asked)
    assert sorted(each.claims["build"] for each in evidence) == ["1", "2"]


def test_foreign_evidence_is_shown_and_is_not_fatal(lab):
    good, foreign = lab.found(), lab.found(by="stranger")
    evidence, rejections = prove_all([foreign, good], signers=[lab.signer()], **lab.asked)
    assert len(evidence) == 1
    assert len(rejections) == 1


def test_a_signature_that_is_folded_otherwise_is_the_same_signature(lab):
    found = lab.found()
    folded = dataclasses.replace(found, annotations={SIGNATURE: found.annotations[SIGNATURE] + "\n"})
    broken = dataclasses.replace(folded, blob=Digest.of(b"other"))
    evidence, rejections = prove_all([found, folded, broken], signers=[lab.signer()], **lab.asked)
    assert (len(evidence), len(rejections)) == (1, 1)


def test_a_false_twin_with_the_same_digest_does_not_hide_the_good_one(lab):
    """Its bytes are not what the digest names; it sorts first, and is rejected by itself."""
    good = lab.found()
    twin = dataclasses.replace(good, payload=b"junk", manifest=Digest("sha256", "0" * 64))
    evidence, rejections = prove_all([twin, good], signers=[lab.signer()], **lab.asked)
    assert (len(evidence), len(rejections)) == (1, 1)


def test_t50_a_flood_by_a_third_party_does_not_deny_and_the_order_decides_nothing(lab):
    flood = [
        dataclasses.replace(
            lab.found(), annotations={SIGNATURE: base64.b64encode(b"junk %d" % n).decode()}, place="referrers"
        )
        for n in range(200)
    ]
    founds = [*flood, lab.found(), lab.found(by="stranger")]
    first = prove_all(founds, signers=[lab.signer()], **lab.asked)
    assert len(first[0]) == 1
    for seed in range(5):
        shuffled = list(founds)
        random.Random(seed).shuffle(shuffled)  # noqa: S311 an order, not a secret
        assert prove_all(shuffled, signers=[lab.signer()], **lab.asked) == first
