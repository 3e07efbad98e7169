"""What is said of another digest, or cannot be said of any, is nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import PratiqueError
from proxy.oci.digest import Digest
from proxy.verify.evidence import NotProved
from proxy.verify.formats.statement import MAX_SUBJECTS, SIGN, TYPES, parse_statement

SUBJECT = Digest.of(b"the image")
OURS = {"digest": {"sha256": SUBJECT.hex}}
HONEST = {"_type": TYPES[1], "subject": [OURS], "predicateType": "https://acme.test/v1", "predicate": {"a": 1}}


def read(**changes):
    return parse_statement(json.dumps(HONEST | changes).encode(), subject=SUBJECT)


@pytest.mark.parametrize("kind", TYPES)
def test_both_versions_are_read(kind):
    statement = read(_type=kind)
    assert (statement.predicate_type, statement.predicate, statement.is_signature) == (
        "https://acme.test/v1",
        {"a": 1},
        False,
    )


def test_a_statement_may_lack_its_predicate_and_its_subjects_name():
    """cosign before 3.0.5 writes neither (evidence.md 1.5)."""
    document = {name: value for name, value in HONEST.items() if name != "predicate"}
    assert parse_statement(json.dumps(document).encode(), subject=SUBJECT).predicate is None


def test_t37_foreign_algorithms_beside_ours_are_not_looked_at_and_alone_are_nothing():
    assert read(subject=[{"name": "x", "digest": {"sha1": "0", "sha256": SUBJECT.hex, "gitCommit": "1"}}])
    with pytest.raises(NotProved, match="it speaks of sha256 of type NoneType, not of sha256"):
        read(subject=[{"digest": {"sha512": SUBJECT.hex, "gitCommit": SUBJECT.hex}}])


@pytest.mark.parametrize(
    "text", [SUBJECT.hex.upper(), SUBJECT.hex[:-1], SUBJECT.hex + "0", f"sha256:{SUBJECT.hex}", None]
)
def test_t37_a_subject_that_is_nearly_ours_is_anothers(text):
    with pytest.raises(NotProved, match="it speaks of sha256"):
        read(subject=[{"digest": {"sha256": text}}])


def test_t37_one_subject_of_many_may_be_ours():
    others = [{"name": f"{number}", "digest": {"sha256": f"{number:064x}"}} for number in range(MAX_SUBJECTS - 1)]
    assert read(subject=[*others, OURS])
    with pytest.raises(NotProved, match="and 1022 more"):
        read(subject=others)


def test_t51_a_hundred_thousand_subjects_are_refused():
    with pytest.raises(NotProved, match="names 100000 subjects; at most 1024"):
        read(subject=[OURS] * 100_000)


def test_a_sha512_image_is_named_by_its_own_algorithm():
    image = Digest.of(b"x", "sha512")
    raw = json.dumps(HONEST | {"subject": [{"digest": {"sha512": image.hex}}]}).encode()
    assert parse_statement(raw, subject=image).predicate == {"a": 1}
    with pytest.raises(NotProved):
        parse_statement(raw, subject=SUBJECT)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"_type": "https://in-toto.io/Statement/v2"}, "_type is 'https://in-toto.io/Statement/v2'"),
        ({"_type": None}, "_type is of type NoneType"),
        ({"predicateType": ""}, "no predicateType"),
        ({"predicateType": 7}, "no predicateType"),
        ({"predicateType": "x" * 1025}, "no predicateType"),
        ({"subject": []}, "names no subject"),
        ({"subject": None}, "names no subject"),
        ({"subject": OURS}, "names no subject"),
        ({"subject": [OURS, "x"]}, "not a JSON object"),
        ({"subject": [OURS, {"digest": []}]}, "not a JSON object"),
        ({"subject": [{"digest": {"SHA256": SUBJECT.hex}}]}, "spells 'sha256' as 'SHA256'"),
        ({"subject": [{"Digest": {"sha256": SUBJECT.hex}}]}, "spells 'digest' as 'Digest'"),
        ({"PredicateType": SIGN}, "spells 'predicateType' as 'PredicateType'"),
    ],
)
def test_t22_a_malformed_statement_is_refused(changes, sentence):
    with pytest.raises((NotProved, PratiqueError), match=sentence):
        read(**changes)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"{} {}", b"\xef\xbb\xbf{}", b"[" * 100_000])
def test_t06_what_is_no_document_is_refused(raw):
    with pytest.raises((NotProved, PratiqueError)):
        parse_statement(raw, subject=SUBJECT)


def test_claims_are_the_annotations_of_our_subject_in_a_signature_alone():
    """cosign v3 keeps `-a key=value` there (tools.md)."""
    subject = [
        {"digest": {"sha256": "0" * 64}, "annotations": {"build": "foreign"}},
        OURS | {"annotations": {"build": "1", "n": 2}},
    ]
    assert read(predicateType=SIGN, subject=subject).claims == {"build": "1"}
    assert read(subject=subject).claims == {}


def test_a_signature_that_claims_two_things_of_one_image_is_refused():
    twice = [OURS | {"annotations": {"build": build}} for build in ("1", "2")]
    with pytest.raises(NotProved, match="names this image twice"):
        read(predicateType=SIGN, subject=twice)
    assert read(predicateType=SIGN, subject=[twice[0], twice[0]]).claims == {"build": "1"}
    assert read(subject=[OURS | {"name": "a"}, OURS | {"name": "b"}]).predicate == {"a": 1}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(HONEST)), json_values))
def test_t55_any_shape_is_refused_in_our_words_or_is_still_of_this_subject(changes):
    document = HONEST | changes
    try:
        read = parse_statement(json.dumps(document).encode(), subject=SUBJECT)
    except (NotProved, PratiqueError):
        return
    assert document["subject"] == [OURS]
    assert read.predicate_type == document["predicateType"]
