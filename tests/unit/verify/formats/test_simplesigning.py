"""Each test breaks one thing in an honest signature, and the answer is a Rejection that says which."""

import base64
import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.verify.evidence import Evidence, Found, Rejection
from proxy.verify.formats.simplesigning import MAX_PAYLOAD, read_payload, read_signature
from proxy.verify.lookup import CERTIFICATES, SIGNATURE
from proxy.verify.material import KeySigner


def only(proofs) -> Evidence | Rejection:
    (proof,) = proofs
    return proof


def refusal(lab, found: Found, *signers) -> str:
    proof = only(lab.proofs(found, *signers or (lab.signer(),)))
    assert isinstance(proof, Rejection)
    return proof.reason


def test_an_honest_signature_is_evidence_with_all_that_it_says(lab):
    found = lab.found(lab.payload(optional={"build": "4711", "at": 1700000000}))
    proof = only(lab.proofs(found, lab.signer()))
    assert proof == Evidence(
        kind="signature",
        signer="team",
        identity=f"key:{lab.signer().spki}",
        subject=lab.subject,
        names=("nvcr.io/nvidia/cuda",),
        claims={"build": "4711"},
        sources=(found.manifest, found.blob),
        place=found.place,
        rests_on=(lab.signer().item,),
    )


def test_a_payload_without_optional_claims_nothing(lab):
    payload = lab.payload()
    del payload["optional"]
    assert only(lab.proofs(lab.found(payload), lab.signer())).claims == {}


def test_the_same_key_under_two_names_is_one_identity(lab):
    """T30: `atLeast` counts identities."""
    again = dataclasses.replace(lab.signer(), name="again")
    proofs = lab.proofs(lab.found(), lab.signer(), again)
    assert [proof.signer for proof in proofs] == ["team", "again"]
    assert len({proof.identity for proof in proofs}) == 1


def test_only_the_signer_who_signed_proves_it(lab):
    proof = only(lab.proofs(lab.found(by="two"), lab.signer("one"), lab.signer("two")))
    assert isinstance(proof, Evidence)
    assert proof.signer == "two"


def test_t24_a_signature_by_an_unknown_key_is_rejected_once_whatever_the_number_of_signers(lab):
    found = lab.found(by="stranger")
    assert "another key than one, two" in refusal(lab, found, lab.signer("one"), lab.signer("two"))
    assert only(lab.proofs(found, lab.signer())).signer == "team"
    assert only(lab.proofs(found)).reason == "no signer was given to check it with"


def test_t04_a_payload_that_is_not_what_its_digest_names_is_rejected(lab):
    assert "the bytes are sha256:" in refusal(lab, lab.found(blob=Digest.of(b"other")))


def test_t36_a_payload_that_was_written_anew_with_the_same_meaning_is_rejected(lab):
    """The signature is over the bytes received: canonical or pretty JSON of the same values is another payload."""
    found = lab.found()
    raw = json.dumps(json.loads(found.payload), indent=1).encode()
    anew = dataclasses.replace(found, payload=raw, blob=Digest.of(raw))
    assert "payload was changed" in refusal(lab, anew)


def test_t11_a_signature_of_another_image_is_rejected_with_its_digest(lab):
    other = Digest.of(b"another image of the same publisher")
    payload = lab.payload()
    payload["critical"]["image"]["docker-manifest-digest"] = str(other)
    assert refusal(lab, lab.found(payload)) == f"it is a signature of '{other}', not of {lab.subject}"


def test_t11_the_names_of_another_product_are_shown_to_the_policy_and_not_changed(lab):
    payload = lab.payload()
    payload["critical"]["identity"]["docker-reference"] = "nvcr.io/nvidia/tensorflow:24.10@" + str(lab.subject)
    assert only(lab.proofs(lab.found(payload), lab.signer())).names == ("nvcr.io/nvidia/tensorflow",)


@pytest.mark.parametrize(
    ("reference", "names"),
    [
        ("index.docker.io/acme/x", ("docker.io/acme/x",)),
        ("registry-1.docker.io/library/x:1", ("docker.io/library/x",)),
        ("busybox", ("docker.io/library/busybox",)),
        ("127.0.0.1:5001/hidden/x:v1", ("127.0.0.1:5001/hidden/x",)),
        ("index.docker.io/busybox", ("docker.io/library/busybox",)),
        ("", ()),
        ("ghcr.io/ACME/x", ()),
        ("ghcr.io/x\n", ()),
        ("ghcr.io/../x", ()),
        ("x@sha256:cut", ()),
        (None, ()),
        (["ghcr.io/x"], ()),
    ],
)
def test_the_name_in_the_payload_is_one_repository_or_none(lab, reference, names):
    payload = lab.payload()
    payload["critical"]["identity"]["docker-reference"] = reference
    assert only(lab.proofs(lab.found(payload), lab.signer())).names == names


@pytest.mark.parametrize(
    ("mapped", "names"),
    [
        (("pkg.example/old/**",), ("pkg.example/old/kube/api", "nvcr.io/nvidia/cuda")),
        (("pkg.example/old/kube/api",), ("pkg.example/old/kube/api", "nvcr.io/nvidia/cuda")),
        (("pkg.example/old",), ("pkg.example/old/kube/api",)),
        (("pkg.example/ol/**",), ("pkg.example/old/kube/api",)),
        ((), ("pkg.example/old/kube/api",)),
    ],
)
def test_a_presets_names_count_as_the_repository_and_nothing_near_them_does(lab, mapped, names):
    payload = lab.payload()
    payload["critical"]["identity"]["docker-reference"] = "pkg.example/old/kube/api"
    proof = only(lab.proofs(lab.found(payload), lab.signer(signed_as=mapped)))
    assert proof.names == names


def test_t61_a_presets_mapping_names_the_repository_that_is_asked_for(lab):
    signer = lab.signer(signed_as=("nvcr.io/nvidia/**",))
    target = dataclasses.replace(lab.target, repository=Repository("mirror.example", "cuda"))
    assert only(lab.proofs(lab.found(), signer, target=target)).names == ("nvcr.io/nvidia/cuda", "mirror.example/cuda")


@pytest.mark.parametrize("kind", ["atomic container signature", "Cosign container image signature", "", None, 7])
def test_t22_a_payload_of_another_type_is_rejected(lab, kind):
    payload = lab.payload()
    payload["critical"]["type"] = kind
    assert "critical.type" in refusal(lab, lab.found(payload))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"critical": null}',
        b'{"critical": {}}',
        b'{"critical": {"type": "cosign container image signature", "image": [], "identity": {}}}',
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b'{"optional": NaN}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_t06_a_payload_that_is_malformed_is_rejected_though_it_is_signed(lab, raw):
    assert "payload" in refusal(lab, lab.found(raw))


def test_t06_a_key_that_stands_twice_is_rejected_though_it_is_signed(lab):
    twice = json.dumps(lab.payload()).replace('"critical"', '"critical": {}, "critical"', 1).encode()
    assert "twice" in refusal(lab, lab.found(twice))
    folded = json.dumps(lab.payload() | {"Critical": {}}).encode()
    assert "spells 'critical' as 'Critical'" in refusal(lab, lab.found(folded))


@pytest.mark.parametrize("where", ["critical", "image", "identity"])
def test_a_critical_member_that_is_not_known_is_rejected(lab, where):
    payload = lab.payload()
    place = payload["critical"] if where == "critical" else payload["critical"][where]
    place["not-before"] = "2030"
    assert "see 'not-before'" in refusal(lab, lab.found(payload))


def test_t08_a_payload_beyond_the_cap_is_rejected_unread(lab):
    assert "256 KiB" in refusal(lab, lab.found(b"{" + b" " * MAX_PAYLOAD + b"}"))


def test_t41_a_layer_of_another_type_is_not_a_signature(lab):
    assert "is no evidence that is read here" in refusal(lab, lab.found(media_type="text/plain"))


def test_t24_a_layer_without_a_signature_is_rejected(lab):
    assert "it is not signed" in refusal(lab, lab.found(annotations={}))
    assert "it is not signed" in refusal(lab, lab.found(annotations={SIGNATURE: ""}))


@pytest.mark.parametrize("text", ["?", "YQ", "YQ==YQ==", "YQ==\x00", "ä", "Y Q = = =", "=", "YR==YQ"])
def test_t24_a_signature_that_is_not_base64_is_rejected(lab, text):
    assert "not base64" in refusal(lab, lab.found(annotations={SIGNATURE: text}))


def test_t08_a_signature_beyond_the_cap_is_rejected(lab):
    assert "16 KiB" in refusal(lab, lab.found(annotations={SIGNATURE: "A" * 20_000}))


def test_white_space_in_the_annotation_is_stripped_as_nvcr_io_folds_it(lab):
    found = lab.found()
    text = found.annotations[SIGNATURE]
    folded = " \t" + "\r\n".join(text[at : at + 20] for at in range(0, len(text), 20)) + "\n"
    proof = only(lab.proofs(dataclasses.replace(found, annotations={SIGNATURE: folded}), lab.signer()))
    assert isinstance(proof, Evidence)


@given(st.binary(min_size=1, max_size=100))
def test_both_alphabets_of_base64_are_read(signature):
    for text in (base64.b64encode(signature), base64.urlsafe_b64encode(signature)):
        assert read_signature({SIGNATURE: text.decode()}) == signature


def test_t20_a_foreign_log_entry_beside_a_bare_keys_signature_is_not_looked_at(lab):
    """With `log: none` it neither helps nor harms."""
    bundle = {"dev.sigstore.cosign/bundle": '{"SignedEntryTimestamp": "foreign"}'}
    good = lab.found()
    good = dataclasses.replace(good, annotations=dict(good.annotations) | bundle)
    assert isinstance(only(lab.proofs(good, lab.signer())), Evidence)
    foreign = lab.found(by="stranger")
    foreign = dataclasses.replace(foreign, annotations=dict(foreign.annotations) | bundle)
    assert "another key" in refusal(lab, foreign)


def test_t21_a_signature_by_a_certificate_says_so(lab):
    found = lab.found(by="stranger")
    keyless = dataclasses.replace(found, annotations=dict(found.annotations) | {CERTIFICATES[0]: "PEM"})
    assert "by a certificate's key, not by team" in refusal(lab, keyless)


WINDOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "sentence"),
    [
        (WINDOW, None, ""),
        (WINDOW + timedelta(seconds=1), None, "valid only from 2026-11-01T00:00:01"),
        (None, WINDOW, "valid until 2026-11-01"),
        (None, WINDOW + timedelta(seconds=1), ""),
    ],
)
def test_t31_a_bare_keys_window_is_compared_with_now(lab, valid_from, valid_until, sentence):
    signer = lab.signer(valid_from=valid_from, valid_until=valid_until)
    proof = only(lab.proofs(lab.found(), signer))
    if sentence:
        assert isinstance(proof, Rejection)
        assert sentence in proof.reason
        assert proof.signer == "team"
    else:
        assert isinstance(proof, Evidence)
        assert proof.valid_until == valid_until


def test_t31_a_retired_signer_does_not_silence_one_who_may_speak(lab):
    retired = dataclasses.replace(lab.signer(), name="retired", valid_until=WINDOW)
    assert only(lab.proofs(lab.found(), retired, lab.signer())).signer == "team"


def test_the_publishers_own_hash_is_used_alone(lab):
    assert "another key" in refusal(lab, lab.found(), lab.signer(hash="sha512"))


class Breaks:
    """A key whose library fails in a way that nobody thought of."""

    def __getattribute__(self, name):
        raise RuntimeError("broken")


def test_t35_any_exception_while_proving_is_a_rejection(lab):
    broken = KeySigner(name="broken", key=ed25519.Ed25519PrivateKey.generate().public_key(), spki="", hash=None)
    object.__setattr__(broken, "key", Breaks())
    assert "RuntimeError" in refusal(lab, lab.found(), broken)


def test_a_strangers_text_is_bounded_and_printable_in_a_reason(lab):
    payload = lab.payload()
    payload["critical"]["type"] = "\x1b[31m\n" + "x" * 100_000
    reason = refusal(lab, lab.found(payload))
    assert reason.isprintable()
    assert len(reason) < 300


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from([SIGNATURE, CERTIFICATES[0], "x"]), st.text(max_size=60), max_size=3),
    st.sampled_from(["application/vnd.dev.cosign.simplesigning.v1+json", "", "x", "\x00"]),
)
@example(b"[" * 5000, {SIGNATURE: "AA=="}, "application/vnd.dev.cosign.simplesigning.v1+json")
def test_t55_whatever_is_found_no_exception_escapes_and_nothing_is_proved(lab, raw, annotations, media_type):
    found = Found("referrers", Digest.of(b"m"), Digest.of(raw), media_type, annotations, raw)
    proof = only(lab.proofs(found, lab.signer()))
    assert isinstance(proof, Rejection)
    assert proof.reason


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "critical": st.fixed_dictionaries(
                {},
                optional={
                    "identity": json_values | st.fixed_dictionaries({"docker-reference": json_values}),
                    "image": json_values | st.fixed_dictionaries({"docker-manifest-digest": json_values}),
                    "type": json_values | st.just("cosign container image signature"),
                },
            ),
            "optional": json_values,
        },
    )
)
def test_t55_a_signed_payload_of_any_shape_proves_this_subject_or_nothing(lab, payload):
    raw = json.dumps(payload).encode()
    proof = only(lab.proofs(lab.found(raw), lab.signer()))
    assert isinstance(proof, Rejection)


def test_the_payload_is_read_as_it_is_written(lab):
    read = read_payload(json.dumps(lab.payload(optional={"a": "b"})).encode())
    assert (read.subject, read.names, read.claims) == (str(lab.subject), ("nvcr.io/nvidia/cuda",), {"a": "b"})


def test_a_sha512_subject_is_bound_as_well(lab):
    lab.subject = Digest("sha512", hashlib.sha512(b"image").hexdigest())
    assert isinstance(only(lab.proofs(lab.found(), lab.signer())), Evidence)
