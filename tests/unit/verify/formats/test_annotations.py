"""What stands beside a layer is read only for who needs it, in either spelling, and with one meaning."""

from dataclasses import replace

import pytest

from proxy.errors import PratiqueError
from proxy.verify.evidence import NotProved
from proxy.verify.formats.annotations import attaching, has_certificate, said_beside
from proxy.verify.signers.voices import Signed
from tests.fakes.layouts import needs_vectors
from tests.fakes.vectors import Scene, beside, scene_named

BARE = Signed(b"m", b"s", b"p")
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def attached(imprints=(b"s",), **annotations) -> Signed:
    return attaching({f"dev.sigstore.cosign/{name}": value for name, value in annotations.items()}, *imprints)(BARE)


def test_nothing_beside_a_layer_adds_nothing():
    assert attaching({}, b"s")(BARE) == BARE


def test_certificates_come_leaf_first():
    signed = attached(certificate=CERTIFICATE, chain=CERTIFICATE.replace("AAAA", "BBBB") * 2)
    assert [der[:1] for der in signed.certificates] == [b"\0", b"\x04", b"\x04"]
    assert attached(chain=CERTIFICATE).certificates == ()


def test_a_timestamp_is_over_any_of_what_it_may_be_over():
    (stamp,) = attached((b"envelope", b"s"), rfc3161timestamp='{"SignedRFC3161Timestamp": "YWJj"}').stamps
    assert (stamp.token, stamp.imprints) == (b"abc", (b"envelope", b"s"))


@pytest.mark.parametrize(
    ("annotations", "sentence"),
    [
        ({"certificate": "x"}, "annotation certificate does not hold PEM"),
        ({"certificate": CERTIFICATE * 2}, "annotation certificate holds over 1 certificates"),
        ({"certificate": CERTIFICATE, "chain": CERTIFICATE * 10}, "annotation chain holds over 9"),
        ({"bundle": "{"}, "log entry"),
        ({"bundle": "[]"}, "log entry"),
        ({"rfc3161timestamp": "{}"}, "rfc3161timestamp is not text"),
        ({"rfc3161timestamp": "7"}, "rfc3161timestamp is not a JSON object"),
        ({"rfc3161timestamp": '{"SignedRFC3161Timestamp": "?"}'}, "rfc3161timestamp is not base64"),
        ({"certificate": "x" * (1 << 20) + "x"}, "over 1 MiB"),
    ],
)
def test_t22_a_malformed_annotation_is_refused(annotations, sentence):
    with pytest.raises((NotProved, PratiqueError), match=sentence):
        attached(**annotations)


def test_t06_two_spellings_that_say_different_things_are_refused():
    other = {"dev.cosignproject.cosign/certificate": CERTIFICATE}
    assert attaching(other, b"s")(BARE).certificates
    both = other | {"dev.sigstore.cosign/certificate": CERTIFICATE}
    assert attaching(both, b"s")(BARE).certificates
    with pytest.raises(NotProved, match="two different annotations for its certificate"):
        attaching(other | {"dev.sigstore.cosign/certificate": CERTIFICATE + " "}, b"s")(BARE)


def test_that_there_is_a_certificate_is_seen_in_either_spelling_and_not_read():
    assert has_certificate({"dev.cosignproject.cosign/certificate": "junk"})
    assert has_certificate({"dev.sigstore.cosign/certificate": "junk"})
    assert not has_certificate({"dev.sigstore.cosign/certificate": "", "dev.sigstore.cosign/chain": "x"})


def test_a_fold_in_the_signature_is_no_difference_and_anything_else_is():
    name, log = "dev.cosignproject.cosign/signature", "dev.sigstore.cosign/bundle"
    assert said_beside({name: "a b\n"}) == said_beside({name: "ab", "unknown": "x"})
    assert said_beside({name: "ab"}) != said_beside({name: "ab", log: "x"})


@needs_vectors
@pytest.mark.parametrize("name", ["v2-keyless-tsa-and-rekor1", "v2-att-keyless-tsa", "v2-own-pki"])
def test_the_other_spelling_proves_the_same(name):
    scene: Scene = scene_named(name)
    spelled = [
        replace(
            found,
            annotations={
                key.replace("dev.sigstore.cosign/", "dev.cosignproject.cosign/"): value
                for key, value in found.annotations.items()
            },
        )
        for found in scene.founds
    ]
    assert scene.prove(*spelled).evidence == scene.prove().evidence != ()


@needs_vectors
def test_a_layer_stripped_of_its_log_entry_does_not_hide_the_one_that_has_it():
    """T50: the twin has the same blob and the same signature, and comes first."""
    scene = scene_named("v2-keyless-email")
    (honest,) = scene.founds
    stripped = replace(beside(honest, bundle=None), place="a")
    proved = scene.prove(stripped, honest)
    assert (len(proved.evidence), len(proved.rejections)) == (1, 1)
