"""Hints order and never exclude, and no flood or order of listing changes what is read (T50)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.oci.mediatype import (
    COSE,
    COSIGN_SIGNATURE_ARTIFACT,
    DSSE,
    EMPTY,
    IN_TOTO,
    JOSE,
    NOTARY_SIGNATURE,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    SIGSTORE_BUNDLE,
    SIMPLE_SIGNING,
)
from proxy.oci.reference import Tag
from proxy.verify.lookup import (
    ANYTHING,
    CERTIFICATES,
    MAX_EVIDENCE,
    MAX_REFERRERS,
    MAX_SIGNATURES,
    SIGN_PREDICATE,
    SIGNATURE,
    ReferrersSource,
    TagSource,
    Wants,
    attestations_in,
    carrier_sources,
    evidence_layers,
    likely_first,
    predicate_hint,
    signature_layers,
    size_limit,
    sources,
)

SUBJECT = Digest.of(b"subject")
SBOM, SLSA = "https://spdx.dev/Document", "https://slsa.dev/provenance/v1"
BUNDLE_HINT = "dev.sigstore.bundle.predicateType"


def referrer(number: int, artifact_type: str | None = None, **annotations: str) -> Descriptor:
    named = {name.replace("__", "."): text for name, text in annotations.items()}
    digest = Digest.of(str(number).encode())
    return Descriptor(OCI_MANIFEST, digest, 100, artifact_type=artifact_type, annotations=named)


def bundle(number: int, predicate_type: str | None = None) -> Descriptor:
    hint = {BUNDLE_HINT: predicate_type} if predicate_type else {}
    return Descriptor(
        OCI_MANIFEST, Digest.of(str(number).encode()), 100, artifact_type=SIGSTORE_BUNDLE, annotations=hint
    )


def layer(number: int, signature: str = "c2ln", media_type: str = SIMPLE_SIGNING, **more: str) -> Descriptor:
    annotations = ({SIGNATURE: signature} if signature else {}) | more
    return Descriptor(media_type, Digest.of(str(number).encode()), 250, annotations=annotations)


def manifest(*layers: Descriptor) -> Manifest:
    return Manifest(
        raw=b"",
        digest=Digest.of(b""),
        media_type=OCI_MANIFEST,
        config=Descriptor(OCI_CONFIG, SUBJECT, 2),
        layers=layers,
    )


def test_signatures_attestations_and_referrers_are_looked_up_and_an_unsigned_sbom_is_not():
    hexed = f"sha256-{SUBJECT.hex}"
    assert sources(SUBJECT) == (TagSource(Tag(f"{hexed}.sig")), TagSource(Tag(f"{hexed}.att")), ReferrersSource())


def test_of_a_carrier_only_who_signed_it_is_looked_up():
    assert carrier_sources(SUBJECT) == (TagSource(Tag(f"sha256-{SUBJECT.hex}.sig")), ReferrersSource())


def test_a_sha512_subject_has_a_tag_that_fits_into_a_tag():
    first, *_ = sources(Digest.of(b"subject", "sha512"))
    assert isinstance(first, TagSource)
    assert len(first.tag.name) <= 128


def test_t50_own_looking_referrers_come_first_in_a_flood_by_others():
    """A scanner's ten thousand reports do not push the signature out of the first 64."""
    flood = [referrer(number, "application/sarif+json") for number in range(10_000)]
    own = referrer(-1, COSIGN_SIGNATURE_ARTIFACT)
    unnamed = referrer(-2)
    ggcr = referrer(-3, EMPTY)
    late = bundle(-4)
    ordered = likely_first([*flood, late, ggcr, unnamed, own])
    assert ordered[0] == own
    assert set(ordered[:4]) == {own, unnamed, ggcr, late}
    assert len(ordered) == 10_004


@pytest.mark.parametrize("looks_like", [COSIGN_SIGNATURE_ARTIFACT, NOTARY_SIGNATURE, SIGSTORE_BUNDLE, EMPTY, None])
def test_t50_a_flood_of_one_kind_pushes_out_nothing_of_another(looks_like):
    """Each kind takes its turn: ten thousand that look like Notation, like bundles or like nothing leave room."""
    flood = [referrer(number, looks_like) for number in range(10_000)]
    own = [
        referrer(-1, COSIGN_SIGNATURE_ARTIFACT),
        referrer(-2, NOTARY_SIGNATURE),
        bundle(-3),
        bundle(-4, SIGN_PREDICATE),
        bundle(-5, SLSA),
        referrer(-6, EMPTY),
    ]
    others = [each for each in own if each.artifact_type != looks_like or each.annotations]
    first = likely_first([*flood, *own])[:MAX_REFERRERS]
    assert set(others) <= set(first)
    assert set(likely_first([*own, *reversed(flood)])[:MAX_REFERRERS]) == set(first)


def test_t50_a_flood_of_one_wanted_predicate_pushes_out_no_other_wanted_one():
    flood = [bundle(number, SBOM) for number in range(10_000)]
    slsa = bundle(-1, SLSA)
    wants = Wants(predicate_types=frozenset({SBOM, SLSA}))
    assert slsa in likely_first([*flood, slsa], wants)[:4]


def test_what_a_rule_cannot_use_comes_last_and_is_still_there():
    vex, slsa, sign, plain = bundle(1, "https://openvex.dev/ns"), bundle(2, SLSA), bundle(3, SIGN_PREDICATE), bundle(4)
    ordered = likely_first([vex, slsa, sign, plain], Wants(predicate_types=frozenset({SLSA})))
    assert ordered == (sign, slsa, plain, vex)
    ordered = likely_first([vex, slsa, sign, plain], Wants(signatures=False, predicate_types=frozenset({SLSA})))
    assert ordered[:2] == (slsa, plain)
    assert set(ordered[2:]) == {vex, sign}
    assert set(likely_first([vex, slsa, sign, plain])) == {vex, slsa, sign, plain}


def test_a_type_with_parameters_or_capitals_is_the_same_hint():
    own = referrer(1, COSIGN_SIGNATURE_ARTIFACT.upper() + "; charset=utf-8")
    assert likely_first([referrer(0, "text/html"), own])[0] == own
    old = referrer(2, "application/vnd.dev.sigstore.bundle+json;version=0.1")
    assert likely_first([referrer(0, "text/html"), old])[0] == old


def test_a_digest_that_is_listed_twice_counts_once_under_its_likelier_hint():
    plain, own = referrer(1, "text/html"), referrer(1, COSIGN_SIGNATURE_ARTIFACT)
    assert likely_first([plain, own]) == likely_first([own, plain]) == (own,)


@given(st.permutations([referrer(n, kind) for n in range(4) for kind in (None, "a/b", COSIGN_SIGNATURE_ARTIFACT)]))
def test_t50_the_order_of_a_listing_decides_nothing(listed):
    assert likely_first(listed) == likely_first(
        sorted(listed, key=lambda each: (each.digest, each.artifact_type or ""))
    )


@pytest.mark.parametrize("media_type", [SIMPLE_SIGNING, DSSE, SIGSTORE_BUNDLE, JOSE, COSE, SIMPLE_SIGNING + "; x=y"])
def test_layers_that_claim_a_signature_are_read_and_no_others(media_type):
    """T41: an artifact type and a junk layer are no evidence."""
    junk, sbom = layer(1, media_type=OCI_LAYER), layer(3, media_type="text/spdx+json")
    assert evidence_layers(manifest(junk, sbom)) == ((), 0)
    mine = layer(2, media_type=media_type)
    assert signature_layers(manifest(junk, sbom, mine)) == evidence_layers(manifest(junk, sbom, mine)) == ((mine,), 0)


def test_a_bare_statement_is_read_where_attestations_are_wanted_and_is_never_a_signature():
    statement = layer(1, "", media_type=IN_TOTO)
    assert evidence_layers(manifest(statement)).layers == (statement,)
    assert evidence_layers(manifest(statement), Wants(predicate_types=frozenset())).layers == ()
    assert signature_layers(manifest(statement)).layers == ()


def test_one_payload_with_two_signatures_is_two_layers_and_with_one_it_is_one():
    first, second = layer(1, "YQ=="), layer(1, "Yg==")
    assert signature_layers(manifest(first, second, first)).layers == (first, second)


def test_a_twin_of_a_layer_with_another_certificate_beside_it_does_not_stand_in_for_it():
    bogus, good = layer(1, "", DSSE, **{CERTIFICATES[0]: "junk"}), layer(1, "", DSSE, **{CERTIFICATES[0]: "PEM"})
    assert set(signature_layers(manifest(bogus, good)).layers) == {bogus, good}


def test_t50_a_flood_of_layers_is_cut_and_counted_and_signed_ones_come_first():
    unsigned = [layer(number, signature="") for number in range(9_000)]
    keyless = [layer(number, **{CERTIFICATES[0]: "PEM"}) for number in range(100)]
    good = layer(-1)
    read, skipped = signature_layers(manifest(*unsigned, *keyless, good))
    assert len(read) == MAX_SIGNATURES
    assert skipped == 9_101 - MAX_SIGNATURES
    assert read[0] == good


def test_t50_of_a_hundred_thousand_attestations_the_wanted_ones_are_read():
    flood = [layer(number, "", DSSE, predicateType="https://acme.test/junk") for number in range(10_000)]
    good = layer(-1, "", DSSE, predicateType=SLSA)
    read, skipped = evidence_layers(manifest(*flood, good), Wants(predicate_types=frozenset({SLSA})))
    assert read[0] == good
    assert (len(read), skipped) == (MAX_SIGNATURES, 10_001 - MAX_SIGNATURES)


@given(st.randoms(use_true_random=False))
def test_t50_the_order_of_the_layers_decides_nothing(random):
    layers = [layer(number) for number in range(MAX_SIGNATURES + 10)]
    shuffled = list(layers)
    random.shuffle(shuffled)
    assert signature_layers(manifest(*shuffled)) == signature_layers(manifest(*layers))


def test_the_attestation_manifests_of_one_child_are_found_in_its_index():
    def child(number: int, kind: str, of: Digest) -> Descriptor:
        annotations = {"vnd.docker.reference.type": kind, "vnd.docker.reference.digest": str(of)}
        return Descriptor(OCI_MANIFEST, Digest.of(b"%d" % number), 100, annotations=annotations)

    mine, other = child(1, "attestation-manifest", SUBJECT), child(2, "attestation-manifest", Digest.of(b"x"))
    foreign = child(3, "something-else", SUBJECT)
    image = Descriptor(OCI_MANIFEST, SUBJECT, 100)
    index = Index(b"", Digest.of(b"index"), OCI_INDEX, (image, foreign, other, mine, mine))
    assert attestations_in(index, SUBJECT) == (mine,)


@pytest.mark.parametrize("name", [BUNDLE_HINT, "predicateType", "in-toto.io/predicate-type"])
def test_a_predicate_type_is_told_in_one_of_three_places_or_nowhere(name):
    assert predicate_hint({name: SLSA}) == SLSA
    assert predicate_hint({name: ""}) is None
    assert predicate_hint({}) is None


def test_no_kind_of_evidence_may_be_larger_than_the_cap():
    assert size_limit(layer(1)) == 64 * 1024
    assert size_limit(layer(1, media_type=JOSE)) == size_limit(layer(1, media_type=COSE)) == 1024 * 1024
    assert size_limit(layer(1, media_type=DSSE)) == size_limit(layer(1, media_type=IN_TOTO)) == MAX_EVIDENCE


def test_a_rule_that_asks_for_nothing_by_name_can_use_anything():
    assert ANYTHING.has_attestations
    assert ANYTHING.covers("https://acme.test/x")
    only_signed = Wants(predicate_types=frozenset())
    assert not only_signed.has_attestations
    assert only_signed.covers(SIGN_PREDICATE)
    assert not only_signed.covers(SLSA)
