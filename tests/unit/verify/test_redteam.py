"""Attacks on proving that were tried, and what they meet: whoever has no key of a signer's adds nothing, and stalls nothing."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import RFC822Name

from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.manifest import Manifest
from proxy.policy.match import TextPattern
from proxy.verify.encoding import read_base64
from proxy.verify.evidence import Found, NotProved
from proxy.verify.formats.statement import SIGN
from proxy.verify.lookup import MAX_REFERRER_LAYERS, MAX_SIGNATURES, SIGNATURE, evidence_layers, signature_layers
from proxy.verify.material import KeylessSigner, KeySigner, RevokedIdentity, TrustMaterial, X509Signer, X509Store
from proxy.verify.signers import moments
from proxy.verify.signers.moments import MAX_STAMPS, prove_moments
from proxy.verify.signers.voices import Signed, Stamp
from proxy.verify.trustedroot import parse
from tests.fakes import pki
from tests.fakes.notary import Pen
from tests.fakes.signing import AT, GITHUB, Key, Sigstore, Workflow, b64, envelope, pae
from tests.fakes.site import simple_payload, statement
from tests.unit.verify.conftest import BUNDLE, DSSE, SIMPLE, Lab

SCAN = "https://cosign.sigstore.dev/attestation/vuln/v1"
SAN = "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1"
NOW = datetime(2026, 11, 5, tzinfo=UTC)


# --- DSSE, statements and bundles


def test_t24_a_signature_among_strangers_counts_once_and_nobody_elses_does(lab):
    raw = json.dumps(lab.statement(SIGN)).encode()
    lab.signer("team")
    ours = Key(lab.private["team"]).sign(pae(raw))
    strangers = [Key(ec.generate_private_key(ec.SECP256R1())).sign(pae(raw)) for _ in range(6)]
    found = lab.layer(envelope(raw, *strangers, ours, ours), media_type=DSSE)
    proved = lab.prove(found, signers=(lab.signer("team"), lab.signer("other")))
    assert [each.signer for each in proved.evidence] == ["team"]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/vnd.in-toto+json;charset=utf-8",
        "application/vnd.in-toto+JSON",
        "application/vnd.in-toto+json 2 {}",
        "application/vnd.in-toto",
    ],
)
def test_t22_a_payload_signed_as_another_type_is_never_read_as_a_statement(lab, kind):
    signed = lab.envelope(lab.statement(SIGN), signed_type=kind)
    for said in (signed, signed | {"payloadType": "application/vnd.in-toto+json"}):
        assert lab.prove(lab.shaped("att", said)).evidence == ()


def test_t36_what_is_signed_in_one_form_is_nothing_in_another(lab):
    """One key signs payloads, envelopes and manifests: none of these bytes can be read as another's."""
    lab.signer("team")
    key = Key(lab.private["team"])
    payload = simple_payload(lab.subject, str(lab.repository))
    simple, raw = key.sign(payload), json.dumps(lab.statement(SIGN)).encode()
    dsse = key.sign(pae(raw))
    as_envelope = lab.layer(envelope(payload, simple), media_type=DSSE)
    as_payload = lab.found(pae(raw), annotations={SIGNATURE: b64(dsse)})
    as_message = lab.layer(
        json.dumps(lab.bundle(messageSignature={"signature": b64(simple)})).encode(), media_type=BUNDLE
    )
    proved = lab.prove(as_envelope, as_payload, as_message, manifest=payload)
    assert proved.evidence == ()
    assert len(proved.rejections) == 3


@pytest.mark.parametrize(
    "more",
    [
        {"certificate": {"rawBytes": "AA=="}},
        {"x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}]}},
        {"publicKey": None},
    ],
)
def test_t29_a_bundle_that_names_a_key_and_a_certificate_or_neither_speaks_for_nobody(lab, more):
    made = lab.bundle(dsseEnvelope=lab.envelope(lab.statement(SIGN)))
    made["verificationMaterial"] |= more
    assert lab.prove(lab.layer(json.dumps(made).encode(), media_type=BUNDLE)).evidence == ()


def test_t06_a_bundle_with_an_envelope_and_a_message_signature_has_two_meanings_and_none(lab):
    made = lab.bundle(dsseEnvelope=lab.envelope(lab.statement(SIGN)), messageSignature={"signature": "AA=="})
    assert lab.prove(lab.layer(json.dumps(made).encode(), media_type=BUNDLE)).evidence == ()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"_type":%b,"subject":%b,"predicateType":"a","predicateType":"b","predicate":{}}',
        b'{"_type":%b,"subject":%b,"predicateType":"a","predicat\\u0065Type":"b","predicate":{}}',
        b'{"_type":%b,"subject":%b,"predicateType":"a","PredicateType":"b","predicate":{}}',
        b'{"_type":%b,"subject":%b,"predicateType":"a","predicate":{"a":[{"b":1,"b":2}]}}',
        b'{"_type":%b,"subject":%b,"predicateType":"a","predicate":{"n":1e999}}',
        b'{"_type":%b,"subject":%b,"predicateType":"a","predicate":NaN}',
        b'\xef\xbb\xbf{"_type":%b,"subject":%b,"predicateType":"a","predicate":{}}',
        b'{"_type":%b,"subject":%b,"predicateType":"a","predicate":{}}{}',
    ],
)
def test_t06_a_statement_that_two_parsers_read_differently_says_nothing_though_it_is_signed(lab, raw):
    subject = json.dumps([{"digest": {"sha256": lab.subject.hex}}]).encode()
    signed = lab.envelope(raw % (b'"https://in-toto.io/Statement/v1"', subject))
    assert lab.prove(lab.shaped("att", signed)).evidence == ()


@pytest.mark.parametrize(
    "digest",
    [
        lambda own: {"sha256": own.hex.upper()},
        lambda own: {"SHA256": own.hex},
        lambda own: {"sha512": own.hex},
        lambda own: {"sha256": own.hex[:63]},
        lambda own: {"sha256": f"{own.hex}0"},
        lambda own: {"sha256": [own.hex]},
        lambda own: {"sha256": f"sha256:{own.hex}"},
        lambda own: {"sha1": own.hex, "gitCommit": own.hex},
        lambda own: {},
        lambda own: own.hex,
    ],
)
def test_t37_a_subject_is_the_images_digest_exactly_or_another_thing(lab, digest):
    signed = lab.envelope(lab.statement(subject=[{"name": str(lab.subject), "digest": digest(lab.subject)}]))
    assert lab.prove(lab.shaped("att", signed)).evidence == ()


def test_t37_one_of_a_thousand_subjects_is_enough_and_a_thousand_others_are_nothing(lab):
    others = [{"name": f"{n}", "digest": {"sha256": hashlib.sha256(b"%d" % n).hexdigest()}} for n in range(1023)]
    ours = {"name": "x", "digest": {"sha256": lab.subject.hex}}
    for subjects, count in (([*others, ours], 1), ([ours, *others], 1), (others, 0), ([*others, ours, ours], 0)):
        signed = lab.envelope(lab.statement(subject=subjects))
        assert len(lab.prove(lab.shaped("att", signed)).evidence) == count


def test_t26_a_scan_by_the_right_signer_under_every_name_for_it_signs_nothing(lab):
    for predicate_type in (
        SCAN,
        f"{SIGN}/",
        f"{SIGN}#",
        f" {SIGN}",
        SIGN.upper(),
        "https://sigstore.dev/cosign/sign/v2",
    ):
        for shape in ("att", "referrer", "bundle"):
            proved = lab.prove(lab.shaped(shape, lab.envelope(lab.statement(predicate_type))))
            assert [each.kind for each in proved.evidence] == ["attestation"]


def test_t24_a_statement_counts_by_who_signed_its_carrier_and_not_by_who_attested_of_it(lab):
    carrier = Digest.of(b"an attestation manifest")
    bare = lab.layer(
        json.dumps(lab.statement(SIGN)).encode(), media_type="application/vnd.in-toto+json", carriers=(carrier,)
    )
    about_carrier = Lab(subject=carrier, private=lab.private)
    attested = about_carrier.shaped("att", about_carrier.envelope(about_carrier.statement(SCAN)), subject=carrier)
    of_another = about_carrier.shaped("referrer", about_carrier.envelope(), subject=Digest.of(b"another"))
    assert [each.kind for each in lab.prove(bare, attested, of_another).evidence] == ["attestation"]
    signed = about_carrier.found(about_carrier.payload(), subject=carrier)
    kinds = [(each.kind, each.subject == lab.subject) for each in lab.prove(bare, signed).evidence]
    # What is carried is an attestation, even where it calls itself a signature.
    assert sorted(kinds) == [("attestation", True), ("signature", False)]


# --- Who counts


def company(*signers, **knobs):
    root = pki.root("O=Acme,CN=root")
    holder = root.issue("O=Acme,CN=builder", purposes=[pki.CODE], sans=(RFC822Name("a@acme.test"),), **knobs)
    store = X509Store("corp", (root.certificate,), revocation="skip")
    return holder, TrustMaterial({each.name: each for each in signers}, stores={"corp": store})


def certified(lab: Lab, holder: pki.Holder) -> Found:
    payload = simple_payload(lab.subject, str(lab.repository))
    leaf, *chain = (each.public_bytes(Encoding.PEM).decode() for each in holder.chain)
    beside = {"dev.sigstore.cosign/certificate": leaf, "dev.sigstore.cosign/chain": "".join(chain)}
    return lab.found(payload, annotations={SIGNATURE: b64(Key(holder.private).sign(payload))} | beside)


def test_t30_one_certificate_is_one_voice_by_whichever_of_its_names_it_is_asked_for(lab):
    one = X509Signer("one", "corp", san=TextPattern.exact("a@acme.test"))
    two = X509Signer("two", "corp", subject=(("O", "Acme"),))
    holder, material = company(one, two, private=pki.key(which="b"))
    proved = lab.prove(certified(lab, holder), signers=(one, two), material=material)
    assert {each.signer for each in proved.evidence} == {"one", "two"}
    assert len({each.identity for each in proved.evidence}) == 1
    about = {"mediaType": lab.target.media_type, "digest": str(lab.subject), "size": lab.target.size}
    noted = lab.layer(Pen(holder, artifact=about).write(), media_type="application/jose+json")
    again = lab.prove(noted, signers=(one, two), material=material)
    assert {each.identity for each in again.evidence} == {each.identity for each in proved.evidence}


def test_t30_a_key_with_a_certificate_is_one_voice_with_that_key_alone(lab):
    team, two = lab.signer("team"), X509Signer("two", "corp", subject=(("O", "Acme"),))
    holder, material = company(team, two, private=lab.private["team"])
    proved = lab.prove(certified(lab, holder), signers=(team, two), material=material)
    assert {each.signer for each in proved.evidence} == {"team", "two"}
    assert {each.identity for each in proved.evidence} == {f"key:{team.spki}"}


def test_t62_whatever_is_revoked_makes_every_decision_anew():
    signer = KeylessSigner("ci", "sigstore", GITHUB, TextPattern.exact(SAN))
    names, before = frozenset({"ci"}), TrustMaterial({"ci": signer})
    revoked = (
        replace(before, revoked={"ab" * 32: "lost"}),
        replace(before, revoked_identities=(RevokedIdentity(GITHUB, TextPattern.exact(SAN), "left"),)),
        TrustMaterial({}),
    )
    assert len({each.fingerprint(names) for each in (before, *revoked)}) == 4


# --- Floods


def test_t50_of_a_referrers_many_layers_a_few_are_read_and_of_a_tags_many(lab):
    config = Descriptor("application/vnd.oci.empty.v1+json", Digest.of(b"{}"), 2)
    layers = tuple(Descriptor(DSSE, Digest.of(b"%d" % n), 9) for n in range(100))
    subject = Descriptor("application/vnd.oci.image.manifest.v1+json", lab.subject, 400)
    tag = Manifest(b"", Digest.of(b""), "application/vnd.oci.image.manifest.v1+json", config, layers)
    listed = replace(tag, subject=subject)
    for read in (signature_layers, evidence_layers):
        assert (len(read(tag).layers), read(tag).skipped) == (MAX_SIGNATURES, 100 - MAX_SIGNATURES)
        assert (len(read(listed).layers), read(listed).skipped) == (MAX_REFERRER_LAYERS, 100 - MAX_REFERRER_LAYERS)
        reverse = replace(listed, layers=layers[::-1])
        assert read(reverse) == read(listed)


def test_t51_junk_timestamps_beside_a_signature_cost_a_few_readings_and_a_good_one_counts(monkeypatch):
    sigstore = Sigstore()
    root, signed = parse("stamped", sigstore.stamped), b"signature"
    good = Stamp(sigstore.stamper.stamp(signed, at=AT), (signed,))
    junk = [Stamp(b"\x30\x03\x02\x01" + bytes([n]), (signed,)) for n in range(MAX_STAMPS - 1)]
    read = []
    prove = moments.timestamp.prove
    monkeypatch.setattr(moments.timestamp, "prove", lambda *given, **more: (read.append(1), prove(*given, **more))[1])

    def proved(*stamps: Stamp):
        whole = Signed(b"m", signed, b"m", stamps=stamps)
        asked = {"key_der": b"", "certificate_der": None, "needs_log": False, "needs_timestamp": True}
        return prove_moments(whole, root=root, otherwise=None, **asked)

    assert proved(*junk[:7], good).proved_at == AT
    assert proved(good, *junk).proved_at == AT
    read.clear()
    with pytest.raises(NotProved):
        proved(*junk)
    assert len(read) <= 8


# --- Times


@pytest.mark.parametrize("minutes", [-30, 30])
def test_t31_a_workflow_that_was_logged_outside_of_its_certificates_ten_minutes_proves_nothing(lab, minutes):
    """An old valid signature cannot be logged anew, nor one be made now and dated back."""
    sigstore = Sigstore()
    workflow = Workflow(sigstore, SAN)
    payload = statement(lab.subject, SIGN, {})
    made = workflow.bundle(payload, at=AT)
    raw = json.dumps(made["dsseEnvelope"]).encode()
    leaf = base64.b64decode(made["verificationMaterial"]["certificate"]["rawBytes"])
    entry = sigstore.record(
        "dsse 0.0.1",
        at=AT + timedelta(minutes=minutes),
        signature=base64.b64decode(made["dsseEnvelope"]["signatures"][0]["sig"]),
        message=pae(payload),
        payload=payload,
        envelope=raw,
        key=leaf,
        is_certificate=True,
    )
    late = json.loads(json.dumps(made))
    item = late["verificationMaterial"]["tlogEntries"][0]
    proof = entry.proof
    item |= {"logIndex": str(entry.index), "integratedTime": str(entry.integrated_time)}
    item |= {"inclusionPromise": {"signedEntryTimestamp": b64(entry.promise)}, "canonicalizedBody": b64(entry.body)}
    item["inclusionProof"] = {
        "logIndex": str(proof.log_index),
        "rootHash": b64(proof.root_hash),
        "treeSize": str(proof.tree_size),
        "hashes": [b64(each) for each in proof.hashes],
        "checkpoint": {"envelope": proof.checkpoint},
    }
    signer = KeylessSigner("ci", "logged", GITHUB, TextPattern.exact(SAN))
    material = TrustMaterial({"ci": signer}, roots={"logged": parse("logged", sigstore.logged)})
    counts = [
        len(
            lab.prove(
                lab.layer(json.dumps(each).encode(), media_type=BUNDLE), signers=(signer,), material=material, now=NOW
            ).evidence
        )
        for each in (made, late)
    ]
    assert counts == [1, 0]


def test_t31_a_retired_key_is_not_revived_by_a_timestamp_of_today(lab):
    sigstore = Sigstore()
    private = ec.generate_private_key(ec.SECP256R1())
    spki = hashlib.sha256(pki.spki(private)).hexdigest()
    signer = KeySigner("old", private.public_key(), spki, valid_until=AT, needs_timestamp=True, root="stamped")
    material = TrustMaterial({"old": signer}, roots={"stamped": parse("stamped", sigstore.stamped)})
    for at, count in ((AT - timedelta(days=1), 1), (AT, 0), (AT + timedelta(days=1), 0)):
        raw = json.dumps(Key(private, sigstore.stamper).bundle(statement(lab.subject, SIGN, {}), at=at)).encode()
        found = lab.layer(raw, media_type=BUNDLE)
        assert len(lab.prove(found, signers=(signer,), material=material, now=NOW).evidence) == count


def test_base64_that_decoders_read_differently_is_nothing():
    for text in ("YQ=", "YQ==YQ==", "Y*Q=", "YQ==\x00", "\N{CYRILLIC SMALL LETTER A}Q=="):
        with pytest.raises(NotProved):
            read_base64(text, what="text")


def test_simple_signing_by_the_right_key_for_another_form_of_the_digest_is_of_another_image(lab):
    for digest in (
        f"sha256:{lab.subject.hex.upper()}",
        f"SHA256:{lab.subject.hex}",
        f" sha256:{lab.subject.hex}",
        lab.subject.hex,
        str(Digest.of(b"the image", "sha512")),
    ):
        payload = lab.payload()
        payload["critical"]["image"]["docker-manifest-digest"] = digest
        found = lab.found(payload)
        assert found.media_type == SIMPLE
        assert lab.prove(found).evidence == ()
