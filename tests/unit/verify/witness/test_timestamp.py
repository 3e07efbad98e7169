"""A timestamp proves a time only by the key of an authority that is trusted at that time, and over this signature (T33)."""

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import rfc3161_client
from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from proxy.verify import trustedroot
from proxy.verify.evidence import NotProved
from proxy.verify.material import Authority, TrustRoot, Window
from proxy.verify.witness import timestamptoken
from proxy.verify.witness.timestamp import prove, prove_under
from tests.fakes.attached import PROD, Attached, attached, notation_tokens
from tests.fakes.layouts import LAB, needs_vectors
from tests.fakes.tsas import START, WITHIN, FakeAuthority, issue, make_root

MESSAGE = b"the signature that was made"
ANCHORS = LAB / "trust" / "x509" / "tsa_a.root.pem"


@functools.cache
def tsa(kind: str = "EC") -> FakeAuthority:
    """One for each kind of key, since keys are slow to make."""
    keys = {
        "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EC384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
    }
    return FakeAuthority.make(key=keys.get(kind, keys["EC"])())


def proved(token: bytes, *authorities: Authority, imprints: Sequence[bytes] = (MESSAGE,)) -> datetime:
    listed = authorities or (tsa().authority,)
    time, item, index = prove(token, imprints=imprints, authorities=listed)
    assert item in {each.item for each in listed}
    assert imprints[index] == MESSAGE
    return time


def refused(token: bytes, reason: str, *authorities: Authority, imprints: Sequence[bytes] = (MESSAGE,)) -> None:
    with pytest.raises(NotProved, match=reason):
        proved(token, *authorities, imprints=imprints)


def stamped() -> list[Attached]:
    return [each for each in attached() if each.tokens]


def root_of(name: str) -> TrustRoot:
    return trustedroot.parse(name, (LAB / "trust" / "roots" / f"{name}.json").read_bytes())


@needs_vectors
@pytest.mark.parametrize("each", stamped(), ids=lambda each: each.name)
def test_every_timestamp_of_the_vectors_is_proved(each):
    root = trustedroot.parse("root", each.root.read_bytes())
    for token in each.tokens:
        time, item, index = prove(token, imprints=each.imprints, authorities=root.timestamp_authorities)
        assert time.tzinfo is not None
        assert item in root.items
        # cosign's `.att` stamps the whole envelope, a bundle the signature (evidence.md 1.2).
        assert index == (0 if each.envelope is None else 1)


@needs_vectors
@pytest.mark.parametrize("each", stamped(), ids=lambda each: each.name)
def test_the_library_that_others_use_agrees_on_every_timestamp_of_the_vectors(each):
    """An independent reader: it needs the certificates taken out, since cosign v2's are in no order that it takes."""
    (authority,) = trustedroot.parse("root", each.root.read_bytes()).timestamp_authorities
    leaf, *between, root = authority.chain
    builder = rfc3161_client.VerifierBuilder(tsa_certificate=leaf, intermediates=between, roots=[root])
    for token in each.tokens:
        time, _, index = prove(token, imprints=each.imprints, authorities=[authority])
        response = rfc3161_client.decode_timestamp_response(without_certificates(token))
        assert builder.build().verify_message(response, each.imprints[index])
        assert response.tst_info.gen_time == time


def without_certificates(token: bytes) -> bytes:
    response = tsp.TimeStampResp.load(token)
    signed = response["time_stamp_token"]["content"]
    kept = {name: signed[name] for name in ("version", "digest_algorithms", "encap_content_info", "signer_infos")}
    content = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(kept)})
    return tsp.TimeStampResp({"status": response["status"], "time_stamp_token": content}).dump()


@needs_vectors
@pytest.mark.parametrize("each", stamped(), ids=lambda each: each.name)
def test_t33_no_timestamp_of_the_vectors_stamps_another_signature(each):
    root = trustedroot.parse("root", each.root.read_bytes())
    for token in each.tokens:
        with pytest.raises(NotProved, match="stamps something else"):
            prove(token, imprints=[each.imprints[-1] + b" "], authorities=root.timestamp_authorities)


@needs_vectors
@pytest.mark.parametrize("name", ["tsa_b", "tsaonly_b"])
def test_t33_no_timestamp_of_the_lab_passes_under_its_other_authority_of_the_same_name(name):
    tokens = [token for each in stamped() if each.root.name == "full.json" for token in each.tokens]
    assert len(tokens) >= 15
    for token in tokens:
        with pytest.raises(NotProved, match=r"neither it nor the trust root holds|no certificate authority"):
            prove(token, imprints=[b""], authorities=root_of(name).timestamp_authorities)


@needs_vectors
def test_t31_no_timestamp_of_the_lab_is_proved_by_an_authority_that_was_retired_before():
    closed = root_of("tsa_closed").timestamp_authorities
    for each in (each for each in stamped() if each.root.name == "full.json"):
        for token in each.tokens:
            with pytest.raises(NotProved, match="was trusted only within"):
                prove(token, imprints=each.imprints, authorities=closed)


@needs_vectors
def test_t33_a_timestamp_of_the_lab_proves_nothing_under_anothers_trust_root():
    prod = trustedroot.parse("prod", PROD.read_bytes()).timestamp_authorities
    for each in (each for each in stamped() if each.root.name == "full.json"):
        with pytest.raises(NotProved):
            prove(each.tokens[0], imprints=each.imprints, authorities=prod)


@needs_vectors
@pytest.mark.parametrize(("name", "token", "signature"), notation_tokens(), ids=lambda each: str(each)[:30])
def test_every_timestamp_of_notation_is_proved_under_the_stores_anchor(name, token, signature):
    anchors = x509.load_pem_x509_certificates(ANCHORS.read_bytes())
    time, chain, _ = prove_under(token, imprints=[signature], anchors=anchors)
    assert time.date().isoformat() == "2026-11-21"
    assert (len(chain), chain[-1]) == (3, anchors[0])
    with pytest.raises(NotProved, match="stamps something else"):
        prove_under(token, imprints=[signature + b" "], anchors=anchors)
    with pytest.raises(NotProved, match="no certificate authority"):
        prove_under(token, imprints=[signature], anchors=[make_root()[0]])


@needs_vectors
def test_enough_timestamps_were_found_to_mean_something():
    """T23: an empty list of vectors would pass everything."""
    assert len([token for each in stamped() for token in each.tokens]) >= 20
    assert {name for name, _, _ in notation_tokens()} >= {"notation-timestamp-cose", "notation-timestamp-jws"}
    unsorted = [each for each in stamped() if each.name == "v2-key-tsa"]
    with pytest.raises(ValueError, match="InvalidSetOrdering"):
        rfc3161_client.decode_timestamp_response(unsorted[0].tokens[0])


@pytest.mark.parametrize("certificates", [None, ()], ids=["inside", "none"])
def test_a_timestamp_is_proved_with_its_certificates_inside_or_without(certificates):
    assert proved(tsa().stamp(MESSAGE, certificates=certificates)) == WITHIN


def test_an_authority_that_lists_no_leaf_takes_it_from_the_token():
    roots = tsa().authority_of_roots
    assert proved(tsa().stamp(MESSAGE), roots) == WITHIN
    refused(tsa().stamp(MESSAGE, certificates=()), "neither it nor the trust root holds", roots)


def test_a_bare_token_is_read_as_one_in_its_response():
    assert proved(tsa().stamp(MESSAGE, is_bare=True)) == WITHIN
    assert prove_under(tsa().stamp(MESSAGE, is_bare=True), imprints=[MESSAGE], anchors=tsa().chain[-1:])[0] == WITHIN


@pytest.mark.parametrize("imprints", [(MESSAGE, b"envelope"), (b"envelope", MESSAGE)])
def test_it_is_told_which_of_the_imprints_was_stamped(imprints):
    assert proved(tsa().stamp(MESSAGE), imprints=imprints) == WITHIN


@pytest.mark.parametrize(
    ("kind", "wishes"),
    [
        ("EC", {"imprint": "sha512"}),
        ("EC", {"digest": "sha384", "signature": "sha512"}),
        ("EC", {"named_by": "sha384"}),
        ("EC", {"names": "v1"}),
        ("EC", {"accuracy": {"seconds": 1}}),
        ("EC", {"accuracy": {"millis": 500}}),
        ("EC384", {"signature": "sha384"}),
        ("RSA", {}),
        ("RSA", {"digest": "sha512", "signature": "sha512"}),
        ("RSA", {"algorithm": "sha256_rsa"}),
        ("RSA", {"is_pss": True}),
    ],
    ids=str,
)
def test_what_real_authorities_write_is_proved(kind, wishes):
    assert proved(tsa(kind).stamp(MESSAGE, **wishes), tsa(kind).authority) == WITHIN


def test_a_time_with_a_fraction_is_kept():
    assert proved(tsa().stamp(MESSAGE, at="20260601000000.5Z")) == WITHIN + timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("wishes", "accuracy"),
    [
        ({}, timedelta(0)),
        ({"policy": "0.4.0.2023.1.1"}, timedelta(seconds=1)),
        ({"policy": "0.4.0.2023.1.1", "accuracy": {"millis": 5}}, timedelta(milliseconds=5)),
        ({"accuracy": {"seconds": 2, "millis": 3, "micros": 4}}, timedelta(seconds=2, milliseconds=3, microseconds=4)),
        ({"accuracy": {"seconds": 60}}, timedelta(seconds=60)),
    ],
)
def test_how_far_a_time_may_be_off_is_told_by_the_token_else_by_its_policy(wishes, accuracy):
    """Notation, "Validate Trusted Timestamp"; RFC 3628 5.1 for the policy."""
    found = prove_under(tsa().stamp(MESSAGE, **wishes), imprints=[MESSAGE], anchors=tsa().chain[-1:])
    assert (found.time, found.accuracy) == (WITHIN, accuracy)


def test_certificates_that_are_in_no_order_are_read():
    for order in (tsa().chain, tsa().chain[::-1]):
        assert proved(tsa().stamp(MESSAGE, certificates=order), tsa().authority_of_roots) == WITHIN


# Windows and chains.


@pytest.mark.parametrize("at", [START - timedelta(days=1), START + timedelta(days=200)])
def test_t31_an_authority_proves_no_time_outside_its_window(at):
    closed = Authority(chain=tsa().chain, window=Window(START, START + timedelta(days=199)))
    refused(tsa().stamp(MESSAGE, at=at), "was trusted only within|is valid from", closed)


def test_an_authority_that_is_listed_twice_is_good_in_either_window():
    early = Authority(chain=tsa().chain, window=Window(START, START + timedelta(days=1)))
    assert proved(tsa().stamp(MESSAGE), early, tsa().authority) == WITHIN


def test_t21_the_whole_chain_must_be_valid_at_the_stamped_time():
    root, key = make_root()
    short = FakeAuthority.make(root=(root, key), days=30)
    refused(short.stamp(MESSAGE), "certificate is valid from", short.authority)
    refused(short.stamp(MESSAGE), "certificate is valid from", short.authority_of_roots)
    with pytest.raises(NotProved, match="certificate is valid from"):
        prove_under(short.stamp(MESSAGE), imprints=[MESSAGE], anchors=[root])


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        ({"eku": None}, "no extended key usage"),
        ({"eku": [ExtendedKeyUsageOID.CODE_SIGNING]}, "does not permit timeStamping"),
        ({"eku": [ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING]}, "alone and critical"),
        ({"is_eku_critical": False}, "alone and critical"),
        ({"is_authority": True}, "a certificate authority's"),
    ],
    ids=str,
)
def test_t33_a_certificate_that_is_not_for_stamping_stamps_nothing(leaf, reason):
    wrong = FakeAuthority.make(**leaf)
    refused(wrong.stamp(MESSAGE), reason, wrong.authority_of_roots)
    with pytest.raises(NotProved, match=reason):
        prove_under(wrong.stamp(MESSAGE), imprints=[MESSAGE], anchors=wrong.chain[-1:])


def test_t33_the_authoritys_own_certificate_stamps_nothing():
    root, key = make_root()
    sole = FakeAuthority(key, (root,))
    reason = "a certificate authority's|no extended key usage"
    refused(sole.stamp(MESSAGE), reason, sole.authority)
    with pytest.raises(NotProved, match=reason):
        prove_under(sole.stamp(MESSAGE), imprints=[MESSAGE], anchors=[root])


def test_t33_an_authority_that_is_not_in_the_root_proves_nothing():
    stranger = FakeAuthority.make()
    refused(stranger.stamp(MESSAGE), "neither it nor|no certificate authority")
    refused(stranger.stamp(MESSAGE), "neither it nor|no certificate authority", tsa().authority_of_roots)
    with pytest.raises(NotProved, match="no certificate authority"):
        prove_under(stranger.stamp(MESSAGE), imprints=[MESSAGE], anchors=tsa().chain[-1:])


def test_t23_no_authority_at_all_proves_nothing():
    with pytest.raises(NotProved):
        prove(tsa().stamp(MESSAGE), imprints=[MESSAGE], authorities=[])
    with pytest.raises(NotProved):
        prove_under(tsa().stamp(MESSAGE), imprints=[MESSAGE], anchors=[])
    with pytest.raises(NotProved, match="stamps something else"):
        prove(tsa().stamp(MESSAGE), imprints=[], authorities=[tsa().authority])


def test_t33_one_authority_is_not_another_under_the_same_root():
    """Where the root lists the very leaf, a sister of it under the same CA must not pass for it."""
    root = make_root()
    first, second = FakeAuthority.make(root=root), FakeAuthority.make(root=root)
    refused(second.stamp(MESSAGE), "no certificate authority", first.authority)
    assert proved(second.stamp(MESSAGE), first.authority, second.authority) == WITHIN


# Tokens that lie.


def test_t33_a_certificate_that_is_named_and_did_not_sign_proves_nothing():
    stranger = FakeAuthority.make()
    forged = stranger.stamp(MESSAGE, named=tsa().chain[0], sid=tsa().chain[0], certificates=tsa().chain)
    refused(forged, "was not signed by the certificate that it names")
    refused(forged, "was not signed by the certificate that it names", tsa().authority_of_roots)


def test_t33_injected_certificates_change_nothing():
    stranger = FakeAuthority.make()
    for order in ((*stranger.chain, *tsa().chain), (*tsa().chain, *stranger.chain)):
        assert proved(tsa().stamp(MESSAGE, certificates=order)) == WITHIN
        refused(stranger.stamp(MESSAGE, certificates=order), "neither it nor|no certificate authority")


def test_t33_an_injected_certificate_of_the_same_name_and_number_is_not_the_signers():
    key = ec.generate_private_key(ec.SECP256R1())
    root = make_root()
    honest = FakeAuthority.make(root=root)
    twin = issue("tsa", key, by=(honest.chain[1], honest.key))  # its issuer's name and not its key
    forged = FakeAuthority(key, (twin, *honest.chain[1:])).stamp(MESSAGE)
    refused(forged, "no certificate authority|neither it nor", honest.authority_of_roots)
    forged = FakeAuthority(key, (twin, *honest.chain[1:])).stamp(MESSAGE, named=honest.chain[0], sid=honest.chain[0])
    refused(forged, "was not signed by|neither it nor", honest.authority_of_roots)


def test_t53_a_token_with_too_many_certificates_is_refused():
    refused(tsa().stamp(MESSAGE, certificates=tsa().chain * 4), "brings 12 certificates")


def test_t33_two_names_of_one_signer_are_refused():
    refused(tsa().stamp(MESSAGE, sid=FakeAuthority.make().chain[0]), "names two certificates as its signer's")


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"status": "granted_with_mods"}, "did not grant"),
        ({"status": "rejection"}, "did not grant"),
        ({"signers": 0}, "exactly one signer"),
        ({"signers": 2}, "exactly one signer"),
        ({"kind": "data"}, "is no timestamp"),
        ({"claimed": "data"}, "is no timestamp"),
        ({"content_digest": b"\0" * 32}, "content was changed"),
        ({"values": 2}, "says something twice"),
        ({"values": 0}, "says something twice"),
        ({"names": "none"}, "does not sign which certificate"),
        ({"without": ["message_digest"]}, "lacks what must be signed"),
        ({"without": ["content_type"]}, "lacks what must be signed"),
        ({"more": [{"type": "message_digest", "values": [b"\0" * 32]}]}, "says something twice"),
        ({"imprint": "sha1"}, "other than SHA-256"),
        ({"digest": "sha1"}, "other than SHA-256"),
        ({"signature": "sha1"}, "other than SHA-256"),
        ({"named_by": "sha1"}, "other than SHA-256"),
        ({"algorithm": "sha256_rsa"}, "kind of signature is not verified"),
        ({"algorithm": "ed25519"}, "kind of signature|cannot be read"),
        ({"algorithm": "sha384_ecdsa"}, "was not signed by the certificate"),
        ({"accuracy": {"seconds": 61}}, "more than a minute"),
        ({"accuracy": {"seconds": 60, "micros": 1}}, "more than a minute"),
        ({"content": b"\x30\x03\x02\x01\x01"}, "cannot be read"),
        ({"at": "20261301000000Z"}, "cannot be read|holds no time"),
        ({"at": "00000101000000Z"}, "cannot be read|holds no time"),
    ],
    ids=str,
)
def test_t33_a_token_that_is_not_what_it_must_be_proves_nothing(wishes, reason):
    refused(tsa().stamp(MESSAGE, **wishes), reason)


def test_t33_rsa_and_its_hash_are_not_exchanged():
    refused(tsa("RSA").stamp(MESSAGE, digest="sha512"), "was not signed by", tsa("RSA").authority)
    refused(tsa("RSA").stamp(MESSAGE, algorithm="sha256_ecdsa"), "kind of signature", tsa("RSA").authority)


def test_a_key_that_is_not_verified_here_is_refused_in_words():
    other = FakeAuthority.make(key=None)
    other.chain = (issue("tsa", ed25519.Ed25519PrivateKey.generate(), by=make_root()), *other.chain[1:])
    with pytest.raises(NotProved):
        prove(other.stamp(MESSAGE), imprints=[MESSAGE], authorities=[other.authority])


@pytest.mark.parametrize("part", ["content", "signed", "signature"])
def test_t33_one_changed_byte_of_what_is_signed_proves_nothing(part):
    token = tsa().stamp(MESSAGE)
    inside = getattr(timestamptoken.read(token), part)
    inside = inside[1:] if part == "signed" else inside  # its tag is another inside the token
    start = token.index(inside)
    for at in range(start, start + len(inside)):
        refused(token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :], "timestamp|certificate")


def test_t33_the_content_of_another_timestamp_does_not_fit_its_signature():
    early, late = (tsa().stamp(MESSAGE, at=at) for at in (START, WITHIN))
    swapped = early.replace(timestamptoken.read(early).content, timestamptoken.read(late).content)
    assert swapped != early
    refused(swapped, "content was changed after it was signed")


def test_what_is_signed_is_the_bytes_that_came_and_no_rewriting_of_them():
    """The parser fills in defaults: SHA-256 in `signingCertificate` is one, which must not stand there twice."""
    token = tsa().stamp(MESSAGE)
    assert timestamptoken.read(token).signed[1:] in token


# Bytes that are no token.


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        b"\x30\x80\x00\x00",
        b"\x06\x01\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x03\x02\x01\x00",
        b"\x30\x05\x30\x03\x02\x01\x00",
        b"\x30\x05\x30\x03\x02\x01\x02",
        b"-----BEGIN PKCS7-----",
        b"\x30" * 4096,
    ],
)
def test_t55_garbage_is_no_timestamp(raw):
    refused(raw, "timestamp")


def test_t55_a_token_beyond_every_tools_size_is_refused_unread():
    refused(b"\x30" * (timestamptoken.MAX_TOKEN + 1), "over 64 KiB")


def test_t55_bytes_behind_a_token_are_refused():
    refused(tsa().stamp(MESSAGE) + b"\0", "cannot be read")
    refused(tsa().stamp(MESSAGE, is_bare=True) + b"\0", "cannot be read")


def test_t55_what_is_encapsulated_and_not_signed_is_no_timestamp():
    refused(cms.ContentInfo({"content_type": "data", "content": b"x"}).dump(), "is not signed")


@given(raw=st.binary(max_size=400))
def test_t55_whatever_bytes_come_they_prove_nothing(raw):
    for token in (raw, b"\x30\x82" + len(raw).to_bytes(2, "big") + raw):
        with pytest.raises(NotProved) as caught:
            prove(token, imprints=[MESSAGE], authorities=[tsa().authority])
        assert str(caught.value).isprintable()


def time_or_words(token: bytes, imprints: Sequence[bytes], authorities: Sequence[Authority]) -> datetime | None:
    """The time, or None where it is refused in words. What is not signed in a token may change; the time may not."""
    try:
        return prove(token, imprints=imprints, authorities=authorities)[0]
    except NotProved as error:
        return None if str(error).isprintable() else START


@given(data=st.data())
def test_t55_a_good_token_with_bytes_changed_inserted_or_cut_proves_nothing_new(data):
    token = tsa().stamp(MESSAGE)
    at = data.draw(st.integers(0, 2**16)) % len(token)
    cut = data.draw(st.integers(0, 8))
    broken = token[:at] + data.draw(st.binary(max_size=8)) + token[at + cut :]
    for authority in (tsa().authority, tsa().authority_of_roots):
        assert time_or_words(broken, [MESSAGE], [authority]) in {WITHIN, None}


@needs_vectors
@given(data=st.data())
def test_t55_a_real_token_with_bytes_changed_proves_nothing_new(data):
    root = root_of("full")
    each = data.draw(st.sampled_from([each for each in stamped() if each.root.name == "full.json"]))
    token = bytearray(each.tokens[0])
    honest = prove(bytes(token), imprints=each.imprints, authorities=root.timestamp_authorities)
    for at in data.draw(st.lists(st.integers(0, len(token) - 1), min_size=1, max_size=4)):
        token[at] = data.draw(st.integers(0, 255))
    assert time_or_words(bytes(token), each.imprints, root.timestamp_authorities) in {honest[0], None}
