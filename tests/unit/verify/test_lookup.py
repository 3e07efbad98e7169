"""Hints order and never exclude, and no flood or order of listing changes what is read (T50)."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Manifest
from proxy.oci.mediatype import (
    COSIGN_SIGNATURE_ARTIFACT,
    EMPTY,
    OCI_CONFIG,
    OCI_MANIFEST,
    SIGSTORE_BUNDLE,
    SIMPLE_SIGNING,
)
from proxy.oci.reference import Tag
from proxy.verify.lookup import (
    CERTIFICATES,
    MAX_SIGNATURES,
    SIGNATURE,
    ReferrersSource,
    TagSource,
    likely_first,
    signature_layers,
    sources,
)

SUBJECT = Digest.of(b"subject")


def referrer(number: int, artifact_type: str | None = None) -> Descriptor:
    return Descriptor(OCI_MANIFEST, Digest.of(str(number).encode()), 100, artifact_type=artifact_type)


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


def test_the_signature_tag_is_asked_first_and_the_referrers_always():
    assert sources(SUBJECT) == (TagSource(Tag(f"sha256-{SUBJECT.hex}.sig")), ReferrersSource())


def test_a_sha512_subject_has_a_tag_that_fits_into_a_tag():
    first, _ = sources(Digest.of(b"subject", "sha512"))
    assert isinstance(first, TagSource)
    assert len(first.tag.name) <= 128


def test_t50_own_looking_referrers_come_first_in_a_flood_by_others():
    """A scanner's ten thousand reports do not push the signature out of the first 64."""
    flood = [referrer(number, "application/sarif+json") for number in range(10_000)]
    own = referrer(-1, COSIGN_SIGNATURE_ARTIFACT)
    unnamed = referrer(-2)
    ggcr = referrer(-3, EMPTY)
    bundle = referrer(-4, SIGSTORE_BUNDLE)
    ordered = likely_first([*flood, bundle, ggcr, unnamed, own])
    assert ordered[0] == own
    assert set(ordered[1:3]) == {unnamed, ggcr}
    assert ordered[3] == bundle
    assert len(ordered) == 10_004


def test_a_type_with_parameters_or_capitals_is_the_same_hint():
    own = referrer(1, COSIGN_SIGNATURE_ARTIFACT.upper() + "; charset=utf-8")
    assert likely_first([referrer(0, "text/html"), own])[0] == own


def test_a_digest_that_is_listed_twice_counts_once_under_its_likelier_hint():
    plain, own = referrer(1, "text/html"), referrer(1, COSIGN_SIGNATURE_ARTIFACT)
    assert likely_first([plain, own]) == likely_first([own, plain]) == (own,)


@given(st.permutations([referrer(n, kind) for n in range(4) for kind in (None, "a/b", COSIGN_SIGNATURE_ARTIFACT)]))
def test_t50_the_order_of_a_listing_decides_nothing(listed):
    assert likely_first(listed) == likely_first(
        sorted(listed, key=lambda each: (each.digest, each.artifact_type or ""))
    )


def test_only_layers_of_the_simple_signing_type_are_signatures():
    """T41: an artifact type and a junk layer are no evidence."""
    junk = layer(1, media_type="application/vnd.oci.image.layer.v1.tar+gzip")
    assert signature_layers(manifest(junk)) == ((), 0)
    mine = layer(2, media_type=SIMPLE_SIGNING + "; x=y")
    assert signature_layers(manifest(junk, mine)) == ((mine,), 0)


def test_one_payload_with_two_signatures_is_two_layers_and_with_one_it_is_one():
    first, second = layer(1, "YQ=="), layer(1, "Yg==")
    assert signature_layers(manifest(first, second, first)).layers == (first, second)


def test_t50_a_flood_of_layers_is_cut_and_counted_and_signed_ones_come_first():
    unsigned = [layer(number, signature="") for number in range(9_000)]
    keyless = [layer(number, **{CERTIFICATES[0]: "PEM"}) for number in range(100)]
    good = layer(-1)
    read, skipped = signature_layers(manifest(*unsigned, *keyless, good))
    assert len(read) == MAX_SIGNATURES
    assert skipped == 9_101 - MAX_SIGNATURES
    assert read[0] == good


@given(st.randoms(use_true_random=False))
def test_t50_the_order_of_the_layers_decides_nothing(random):
    layers = [layer(number) for number in range(MAX_SIGNATURES + 10)]
    shuffled = list(layers)
    random.shuffle(shuffled)
    assert signature_layers(manifest(*shuffled)) == signature_layers(manifest(*layers))
