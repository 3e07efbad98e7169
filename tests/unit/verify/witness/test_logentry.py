"""An entry of a log counts only for the signature, signer and bytes that it records (T20)."""

import base64
import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from proxy.verify.evidence import NotProved
from proxy.verify.witness import logbody
from proxy.verify.witness.logentry import Entry, from_annotation, from_bundle, require_binding
from tests.fakes.attached import Attached, attached
from tests.fakes.layouts import needs_vectors
from tests.fakes.tlogs import KINDS, FakeLog, body_of

LOG = FakeLog()
HEX_KINDS = [kind for kind in KINDS if kind not in {"hashedrekord 0.0.2", "dsse 0.0.2"}]
PEM_KINDS = HEX_KINDS
SIGNED_KINDS = [kind for kind in KINDS if kind != "intoto 0.0.1"]  # that one records no signature
LISTING_KINDS = ["dsse 0.0.1", "dsse 0.0.2", "intoto 0.0.2"]
RECORDED = {  # what each kind holds a hash of
    "hashedrekord 0.0.1": "message",
    "hashedrekord 0.0.2": "message",
    "rekord 0.0.1": "message",
    "dsse 0.0.1": "payload",
    "dsse 0.0.2": "payload",
    "intoto 0.0.2": "payload",
    "intoto 0.0.1": "envelope",
}


def with_entries() -> list[Attached]:
    return [each for each in attached() if each.annotation or each.items]


def entries_of(each: Attached) -> list[Entry]:
    entries = [from_bundle(item) for item in each.items]
    return entries + ([from_annotation(each.annotation)] if each.annotation else [])


@functools.cache
def certified(name: str) -> tuple[bytes, bytes]:
    """A key's SubjectPublicKeyInfo and a certificate of it, both DER; one pair for each name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki, certificate.public_bytes(Encoding.DER)


def signing(*, is_certificate: bool = False) -> dict:
    """What `require_binding` is asked about."""
    key, certificate = certified("team")
    return {
        "signature": b"\x30\x45 our signature \xff",
        "message": b"DSSEv1 what is signed",
        "payload": b"what is said",
        "envelope": b'{"payload": "what is said"}',
        "key_der": key,
        "certificate_der": certificate if is_certificate else None,
    }


def logged(kind: str, *, is_certificate: bool = False, **changes: bytes) -> Entry:
    """An entry of that kind about `signing`, but for `changes` to what it records."""
    about = signing(is_certificate=is_certificate)
    key = about["certificate_der"] or about["key_der"]
    recorded = {name: about[name] for name in ("signature", "message", "payload", "envelope")} | {"key": key} | changes
    return LOG.entry(body_of(kind, is_certificate=is_certificate, **recorded))


def rewritten(entry: Entry, old: str, new: str) -> Entry:
    """The same entry with one text of its body replaced."""
    assert old in entry.body.decode()
    return replace(entry, body=entry.body.decode().replace(old, new).encode())


@needs_vectors
@pytest.mark.parametrize("each", with_entries(), ids=lambda each: each.name)
def test_every_entry_of_the_vectors_is_bound_to_its_signature(each):
    for entry in entries_of(each):
        assert require_binding(entry, **each.bound) == f"{entry.kind} {entry.version}"


@needs_vectors
@pytest.mark.parametrize("each", with_entries(), ids=lambda each: each.name)
def test_t20_no_entry_of_the_vectors_is_bound_to_another_signing(each):
    other_key, other_certificate = certified("other")
    changed: dict = dict.fromkeys(("signature", "message", "payload", "envelope"), b"another")
    changed |= {"key_der": other_key, "certificate_der": other_certificate}
    for entry in entries_of(each):
        with pytest.raises(NotProved, match=r"^its log entry records"):
            require_binding(entry, **changed)
        with pytest.raises(NotProved, match=r"another key|another certificate|instead of the certificate"):
            require_binding(entry, **each.bound | {"key_der": other_key, "certificate_der": other_certificate})


@needs_vectors
def test_the_vectors_hold_enough_entries_and_kinds_to_mean_something():
    entries = [entry for each in with_entries() for entry in entries_of(each)]
    assert len(entries) >= 30
    assert {f"{each.kind} {each.version}" for each in entries} == {
        "hashedrekord 0.0.1",
        "hashedrekord 0.0.2",
        "dsse 0.0.1",
        "intoto 0.0.1",
    }
    assert {each.promise is None for each in entries} == {each.proof is None for each in entries} == {True, False}


@pytest.mark.parametrize("is_certificate", [False, True], ids=["key", "certificate"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_of_each_kind_binds_its_signing(kind, is_certificate):
    entry = logged(kind, is_certificate=is_certificate)
    assert require_binding(entry, **signing(is_certificate=is_certificate)) == kind


@pytest.mark.parametrize("kind", SIGNED_KINDS)
def test_t20_an_entry_of_another_signature_binds_nothing(kind):
    with pytest.raises(NotProved, match="records another signature"):
        require_binding(logged(kind, signature=b"\x30\x45 theirs \xff"), **signing())


@pytest.mark.parametrize("kind", KINDS)
def test_t20_an_entry_of_another_key_binds_nothing(kind):
    with pytest.raises(NotProved, match="records another key"):
        require_binding(logged(kind, key=certified("other")[0]), **signing())


@pytest.mark.parametrize("kind", KINDS)
def test_t20_an_entry_of_another_certificate_binds_nothing(kind):
    entry = logged(kind, is_certificate=True, key=certified("other")[1])
    with pytest.raises(NotProved, match="records another certificate"):
        require_binding(entry, **signing(is_certificate=True))


@pytest.mark.parametrize("kind", KINDS)
def test_t20_an_entry_of_a_bare_key_does_not_stand_in_for_the_certificate_that_signed(kind):
    with pytest.raises(NotProved, match="bare key instead of the certificate"):
        require_binding(logged(kind), **signing(is_certificate=True))


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_of_a_certificate_binds_the_bare_key_that_it_certifies(kind):
    assert require_binding(logged(kind, is_certificate=True), **signing()) == kind
    with pytest.raises(NotProved, match="the certificate of another key"):
        require_binding(logged(kind, is_certificate=True, key=certified("other")[1]), **signing())


@pytest.mark.parametrize("kind", KINDS)
def test_t20_an_entry_of_other_bytes_binds_nothing(kind):
    entry = logged(kind, **{RECORDED[kind]: b"what somebody else said"})
    with pytest.raises(NotProved, match="the hash of other bytes"):
        require_binding(entry, **signing())


@pytest.mark.parametrize("kind", HEX_KINDS)
@pytest.mark.parametrize("name", ["sha512", "sha384", "sha1", "md5", "SHA256", ""])
def test_t20_a_hash_under_another_algorithms_name_binds_nothing(kind, name):
    entry = rewritten(logged(kind), '"algorithm": "sha256"', f'"algorithm": "{name}"')
    with pytest.raises(NotProved, match=r"other bytes|other than SHA-256"):
        require_binding(entry, **signing())


@pytest.mark.parametrize("kind", ["hashedrekord 0.0.2", "dsse 0.0.2"])
@pytest.mark.parametrize("name", ["SHA2_512", "SHA2_384", "SHA3_256", "HASH_ALGORITHM_UNSPECIFIED"])
def test_t20_a_digest_under_another_algorithms_name_binds_nothing(kind, name):
    with pytest.raises(NotProved, match=r"other bytes|other than SHA-256"):
        require_binding(rewritten(logged(kind), "SHA2_256", name), **signing())


def test_the_longer_hashes_that_cosign_logs_for_larger_curves_bind():
    digest = hashlib.sha512(signing()["message"]).hexdigest()
    entry = rewritten(logged("hashedrekord 0.0.1"), hashlib.sha256(signing()["message"]).hexdigest(), digest)
    entry = rewritten(entry, '"algorithm": "sha256"', '"algorithm": "sha512"')
    assert require_binding(entry, **signing()) == "hashedrekord 0.0.1"


def test_t20_an_intoto_entry_binds_its_payload_beside_its_envelope():
    with pytest.raises(NotProved, match="the hash of other bytes"):
        require_binding(logged("intoto 0.0.1", payload=b"else"), **signing())


def test_an_intoto_entry_of_2021_that_has_no_payload_hash_is_bound_by_its_envelope():
    document = json.loads(logged("intoto 0.0.1").body)
    del document["spec"]["content"]["payloadHash"]
    assert require_binding(LOG.entry(json.dumps(document).encode()), **signing()) == "intoto 0.0.1"


def test_t20_an_intoto_entry_binds_no_signature_that_stands_outside_an_envelope():
    with pytest.raises(NotProved, match="the signature is in none"):
        require_binding(logged("intoto 0.0.1"), **signing() | {"envelope": None})


def test_an_intoto_entry_whose_signature_is_encoded_only_once_binds_too():
    once = base64.b64encode(signing()["signature"]).decode()
    twice = base64.b64encode(once.encode()).decode()
    assert require_binding(rewritten(logged("intoto 0.0.2"), twice, once), **signing()) == "intoto 0.0.2"


@pytest.mark.parametrize("kind", LISTING_KINDS)
def test_an_entry_that_lists_a_stranger_too_binds_our_signing(kind):
    ours, theirs = json.loads(logged(kind).body), json.loads(logged(kind, signature=b"\xff theirs").body)
    signatures_of(ours).insert(0, signatures_of(theirs)[0])
    assert require_binding(LOG.entry(json.dumps(ours).encode()), **signing()) == kind


@pytest.mark.parametrize("kind", LISTING_KINDS)
def test_t20_our_signature_beside_anothers_key_and_our_key_beside_anothers_signature_bind_nothing(kind):
    half, rest = logged(kind, key=certified("other")[0]), logged(kind, signature=b"\xff theirs")
    document = json.loads(half.body)
    signatures_of(document).append(signatures_of(json.loads(rest.body))[0])
    with pytest.raises(NotProved, match="records another key"):
        require_binding(LOG.entry(json.dumps(document).encode()), **signing())


@pytest.mark.parametrize("kind", LISTING_KINDS)
@pytest.mark.parametrize("count", [0, 65])
def test_t51_an_entry_that_lists_no_signature_or_a_flood_binds_nothing(kind, count):
    document = json.loads(logged(kind).body)
    signatures_of(document)[:] = signatures_of(document) * count
    with pytest.raises(NotProved, match="between 1 and 64 signatures"):
        require_binding(LOG.entry(json.dumps(document).encode()), **signing())


def signatures_of(document: dict) -> list:
    spec = document["spec"]
    return (spec.get("dsseV002") or spec.get("content", {}).get("envelope") or spec)["signatures"]


@pytest.mark.parametrize(
    "kind",
    ["rfc3161 0.0.1", "alpine 0.0.1", "tuf 0.0.1", "cose 0.0.1", "hashedrekord 0.0.3", "dsse 1.0.0", "Dsse 0.0.1"],
)
def test_t20_an_entry_of_an_unknown_kind_binds_nothing(kind):
    name, _, version = kind.partition(" ")
    document = json.loads(logged("dsse 0.0.1").body) | {"kind": name, "apiVersion": version}
    with pytest.raises(NotProved, match=r"not known to record|of which kind"):
        require_binding(replace(logged("dsse 0.0.1"), body=json.dumps(document).encode()), **signing())


def test_t20_what_the_body_says_counts_and_not_what_stands_beside_it():
    claimed = replace(logged("dsse 0.0.1", signature=b"\xff theirs"), kind="intoto", version="0.0.1")
    with pytest.raises(NotProved, match="records another signature"):
        require_binding(claimed, **signing())


def test_t20_a_rekord_of_another_format_binds_nothing():
    with pytest.raises(NotProved, match="another format than x509"):
        require_binding(rewritten(logged("rekord 0.0.1"), '"format": "x509"', '"format": "pgp"'), **signing())


@pytest.mark.parametrize("kind", PEM_KINDS)
def test_a_chain_behind_the_certificate_does_not_matter_and_one_before_it_does(kind):
    about = signing(is_certificate=True)
    blocks = [pem(about["certificate_der"]), pem(certified("authority")[1])]
    old = base64.b64encode(pem(about["certificate_der"]).encode()).decode()
    for order, is_bound in ((blocks, True), (blocks[::-1], False)):
        entry = rewritten(logged(kind, is_certificate=True), old, base64.b64encode("".join(order).encode()).decode())
        if is_bound:
            assert require_binding(entry, **about) == kind
        else:
            with pytest.raises(NotProved, match="another certificate"):
                require_binding(entry, **about)


def pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(der).decode()}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("text", ["", "none", "-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----\n", "é"])
def test_t55_an_entry_whose_key_is_no_pem_binds_nothing(text):
    key = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(signing()['key_der']).decode()}\n-----END PUBLIC KEY-----\n"
    old, new = (base64.b64encode(each.encode()).decode() for each in (key, text))
    with pytest.raises(NotProved, match=r"neither a public key nor|records another key"):
        require_binding(rewritten(logged("dsse 0.0.1"), old, new), **signing())


@pytest.mark.parametrize("change", [{"publicKey": {"rawBytes": "AAAA"}, "x509Certificate": {"rawBytes": "AAAA"}}, {}])
def test_t55_a_verifier_that_is_two_or_none_binds_nothing(change):
    document = json.loads(logged("dsse 0.0.2").body)
    document["spec"]["dsseV002"]["signatures"][0]["verifier"] = change
    with pytest.raises(NotProved, match="exactly one public key or certificate"):
        require_binding(LOG.entry(json.dumps(document).encode()), **signing())


def test_t55_a_certificate_that_is_none_binds_no_bare_key():
    with pytest.raises(NotProved, match="cannot be read"):
        require_binding(logged("dsse 0.0.2", is_certificate=True, key=b"\x30\x03\x02\x01\x01"), **signing())


def annotation(**changes: object) -> str:
    payload = {
        "body": base64.b64encode(logged("dsse 0.0.1").body).decode(),
        "integratedTime": 1_780_000_000,
        "logIndex": 7,
        "logID": "ab" * 32,
    }
    signed = changes.pop("SignedEntryTimestamp", "AAAA")
    return json.dumps({"SignedEntryTimestamp": signed, "Payload": payload | changes})


def test_an_annotation_is_read_as_it_stands():
    entry = from_annotation(annotation())
    assert (entry.log_id, entry.index, entry.integrated_time) == (b"\xab" * 32, 7, 1_780_000_000)
    assert (entry.promise, entry.proof, entry.kind, entry.version) == (b"\0\0\0", None, "dsse", "0.0.1")
    assert entry.body == logged("dsse 0.0.1").body


def test_base64_that_was_folded_or_made_url_safe_on_its_way_is_read():
    body = base64.b64encode(logged("dsse 0.0.1").body).decode()
    folded = "\n".join(body[at : at + 60] for at in range(0, len(body), 60))
    assert from_annotation(annotation(body=folded, SignedEntryTimestamp="-_-_")).promise == b"\xfb\xff\xbf"


@pytest.mark.parametrize(
    "change",
    [
        {"logID": "ab" * 31},
        {"logID": 7},
        {"logID": "zz" * 32},
        {"logIndex": -1},
        {"logIndex": 2**63},
        {"logIndex": True},
        {"logIndex": 1.5},
        {"logIndex": None},
        {"integratedTime": "soon"},
        {"integratedTime": -1},
        {"body": "!"},
        {"body": None},
        {"body": base64.b64encode(b"[]").decode()},
        {"body": base64.b64encode(b'{"kind":"dsse","kind":"dsse"}').decode()},
        {"body": base64.b64encode(b'{"kind":"dsse","apiVersion":"0.0.1","spec":[]}').decode()},
        {"body": base64.b64encode(b'{"kind":"a\\nb","apiVersion":"0.0.1","spec":{}}').decode()},
        {"SignedEntryTimestamp": None},
        {"SignedEntryTimestamp": "!"},
    ],
    ids=str,
)
def test_t55_an_annotation_with_a_field_that_is_none_is_refused(change):
    with pytest.raises(NotProved):
        from_annotation(annotation(**change))


@pytest.mark.parametrize("text", ["", "null", "{}", "[]", '{"Payload": {}}', annotation() + "x", "\ud800"])
def test_t55_an_annotation_that_is_none_is_refused(text):
    with pytest.raises(NotProved):
        from_annotation(text)


def test_t55_an_annotation_or_body_beyond_every_tools_size_is_refused_unread():
    with pytest.raises(NotProved, match="over 2 MiB"):
        from_annotation("[" * (2 * logbody.MAX_BODY + 1))
    with pytest.raises(NotProved, match="over 1 MiB"):
        logbody.read(b"[" * (logbody.MAX_BODY + 1))


def item(**changes: object) -> dict:
    proof = {"logIndex": "3", "treeSize": "7", "rootHash": "AAAA", "hashes": ["AAAA"], "checkpoint": {"envelope": "x"}}
    honest = {
        "logIndex": "3",
        "logId": {"keyId": base64.b64encode(b"\xab" * 32).decode()},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": "1780000000",
        "inclusionPromise": {"signedEntryTimestamp": "AAAA"},
        "inclusionProof": proof,
        "canonicalizedBody": base64.b64encode(logged("dsse 0.0.1").body).decode(),
    }
    return honest | changes


def test_an_item_of_a_bundle_is_read_as_it_stands():
    entry = from_bundle(item())
    assert (entry.log_id, entry.index, entry.integrated_time) == (b"\xab" * 32, 3, 1_780_000_000)
    assert entry.promise == b"\0\0\0"
    assert entry.proof is not None
    assert (entry.proof.log_index, entry.proof.tree_size, entry.proof.checkpoint) == (3, 7, "x")


def test_protobuf_leaves_out_what_is_zero():
    read = from_bundle({name: value for name, value in item().items() if name in {"logId", "canonicalizedBody"}})
    assert (read.index, read.integrated_time, read.promise, read.proof) == (0, None, None, None)
    assert from_bundle(item(integratedTime="0")).integrated_time is None


@pytest.mark.parametrize(
    "change",
    [
        {"kindVersion": {"kind": "intoto", "version": "0.0.1"}},
        {"kindVersion": {"kind": "dsse"}},
        {"kindVersion": None},
        {"logId": {}},
        {"logId": "x"},
        {"logIndex": "-1"},
        {"logIndex": "9" * 20},
        {"logIndex": "\u0661"},
        {"inclusionPromise": {}},
        {"inclusionPromise": "x"},
        {"inclusionProof": []},
        {"inclusionProof": {"treeSize": "7"}},
        {"inclusionProof": {"treeSize": "7", "rootHash": "AAAA", "hashes": "AAAA"}},
        {"inclusionProof": {"treeSize": "7", "rootHash": "AAAA", "hashes": ["AAAA"] * 65}},
        {"inclusionProof": {"treeSize": "7", "rootHash": "AAAA", "hashes": [None]}},
        {"inclusionProof": {"treeSize": "7", "rootHash": "AAAA", "checkpoint": {"envelope": 7}}},
        {"canonicalizedBody": None},
    ],
    ids=str,
)
def test_t55_an_item_of_a_bundle_with_a_field_that_is_none_is_refused(change):
    with pytest.raises(NotProved):
        from_bundle(item(**change))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("AAAA") | st.just({"x": "AAAA"}),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=8,
)


def paths_in(value: object, path: tuple = ()) -> list[tuple]:
    """Every place in a JSON value, so that each can be spoiled."""
    found = [path]
    if isinstance(value, dict):
        found += [each for name in value for each in paths_in(value[name], (*path, name))]
    if isinstance(value, list):
        found += [each for number, inside in enumerate(value) for each in paths_in(inside, (*path, number))]
    return found


def spoiled(value: object, path: tuple, by: object) -> object:
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = spoiled(copy[path[0]], path[1:], by)
    return copy


def is_told(attempt: Callable[[], object]) -> bool:
    """Whether it says something, or says in words why not; every other exception is a defect."""
    try:
        return attempt() is not None
    except NotProved as error:
        return str(error).isprintable()


@given(data=st.data(), junk=JSON)
def test_t55_whatever_stands_in_an_item_is_read_or_not_proved(data, junk):
    path = data.draw(st.sampled_from(paths_in(item())))
    assert is_told(lambda: from_bundle(spoiled(item(), path, junk)))


@given(data=st.data(), junk=JSON)
def test_t55_whatever_stands_in_an_annotation_is_read_or_not_proved(data, junk):
    document = json.loads(annotation())
    path = data.draw(st.sampled_from(paths_in(document)))
    assert is_told(lambda: from_annotation(json.dumps(spoiled(document, path, junk))))


@given(data=st.data(), junk=JSON, kind=st.sampled_from(KINDS))
def test_t55_whatever_stands_in_a_body_is_bound_or_not_proved(data, junk, kind):
    document = json.loads(logged(kind).body)
    path = data.draw(st.sampled_from(paths_in(document)))
    body = json.dumps(spoiled(document, path, junk)).encode()
    assert is_told(lambda: require_binding(replace(logged(kind), body=body), **signing()))


@given(text=st.text(max_size=200), raw=st.binary(max_size=200))
def test_t55_garbage_is_not_proved(text, raw):
    for attempt in (lambda: from_annotation(text), lambda: logbody.read(raw)):
        with pytest.raises(NotProved):
            attempt()
