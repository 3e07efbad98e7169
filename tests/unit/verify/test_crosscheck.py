"""What the Sigstore project's own client says, and what it cannot say: the partition of every bundle that there is here.

The names are the partition: a new version of the library that learns a form, or forgets one, fails here first. The
vectors are read in place, through PRATIQUE_VECTORS or from `../shared/vectors` beside the project's root.
"""

import base64
import json
import re
import socket
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.digest import Digest
from proxy.verify.crosscheck import _Library, _of, second_opinion
from proxy.verify.trustedroot import parse
from tests.fakes import pki
from tests.fakes.layouts import LAB, VECTORS, needs_vectors
from tests.fakes.tlogs import FakeLog

pytestmark = needs_vectors
IMAGE = Digest.of(b"the image")
KUBEWARDEN = "kubewarden"
CHAIN = "failed to build timestamp certificate chain: validation failed: "

AGREES = {
    KUBEWARDEN,
    "v3-attest-fallback",
    "v3-keyless-ci-index-fb",
    "v3-keyless-ci-index-ref",
    "v3-keyless-regex",
    "v3-keyless-rekor1-fb",
    "v3-keyless-rekor1-ref",
    "v3-keyless-rekor1-tsa",
    "v3-keyless-rekor2-ecdsa-log",
    "v3-keyless-rekor2-fb",
    "v3-keyless-rekor2-ref",
    "v3-sign-and-attest-keyless",
}
A_BARE_KEY = {
    "mixed-sig-legacy-att-bundle",
    "v3-annotations",
    "v3-att-custom",
    "v3-att-openvex",
    "v3-att-slsa1",
    "v3-att-spdx",
    "v3-key-nolog-fb",
    "v3-key-nolog-ref",
    "v3-key-p384",
    "v3-key-p521",
    "v3-key-rekor2-fb",
    "v3-key-rekor2-ref",
    "v3-key-rsa3072",
    "v3-key-rsa4096",
    "v3-recursive-children",
    "v3-sign-predicate-via-attest",
    "v3-two-signers",
}
NO_LOG = {"v3-keyless-tsaonly-fb", "v3-keyless-tsaonly-ref"}


def bundles() -> dict[str, list[tuple[bytes, str]]]:
    """Every bundle of the vectors by its case's name, with the trust root that it is under."""
    found: dict[str, list[tuple[bytes, str]]] = {}
    if not LAB.is_dir():
        return found
    for case in json.loads((LAB / "cases.json").read_text()):
        root = f"lab/{case['trust']['trusted_root'] or 'trust/roots/full.json'}"
        for path in sorted((LAB / case["folder"] / "blobs" / "sha256").iterdir()):
            raw = path.read_bytes()
            if raw[:1] == b"{" and "sigstore.bundle" in str(json.loads(raw).get("mediaType")):
                found.setdefault(case["name"], []).append((raw, root))
    kubewarden = VECTORS / "bundle-cosign3-sign-kubewarden" / "bundle.json"
    return found | {KUBEWARDEN: [(kubewarden.read_bytes(), "roots/sigstore-prod.json")]}


ALL = bundles()


def root_of(path: str):
    return parse(path, (VECTORS / path).read_bytes())


def opinions(name: str):
    return [second_opinion(raw, root=root_of(root), digest=IMAGE) for raw, root in ALL[name]]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Whoever opens a socket here fails."""

    def refuse(*_):
        raise AssertionError("the second opinion asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_every_bundle_is_in_one_part():
    assert set(ALL) == AGREES | A_BARE_KEY | NO_LOG


@pytest.mark.parametrize("name", sorted(AGREES & set(ALL)))
def test_the_library_agrees(name):
    for opinion in opinions(name):
        assert (opinion.word, opinion.reason) == ("agrees", "")
        assert re.fullmatch(r"sigstore \d+\.\d+\.\d+", opinion.by)


@pytest.mark.parametrize("name", sorted((A_BARE_KEY | NO_LOG) & set(ALL)))
def test_what_the_library_does_not_support_is_no_opinion(name):
    for opinion in opinions(name):
        assert opinion.word == "unsupported"
        assert opinion.reason


# --- the library's limits, one by one


def changed(name: str, change, *, root: str | None = None):
    """The opinion on a bundle after `change` was done to its JSON."""
    raw, own = ALL[name][0]
    document = json.loads(raw)
    change(document)
    return second_opinion(json.dumps(document).encode(), root=root_of(root or own), digest=IMAGE)


def material(document):
    return document["verificationMaterial"]


def entry(document):
    return material(document)["tlogEntries"][0]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("v3-keyless-rekor1-ref", lambda d: entry(d).pop("inclusionProof"), id="a SET alone"),
        pytest.param(
            "v3-keyless-rekor1-ref", lambda d: entry(d)["inclusionProof"].pop("checkpoint"), id="no checkpoint"
        ),
        pytest.param("v3-keyless-rekor1-ref", lambda d: material(d)["tlogEntries"].append(entry(d)), id="two entries"),
        pytest.param("v3-keyless-rekor1-ref", lambda d: material(d).pop("tlogEntries"), id="no entry"),
        pytest.param(
            "v3-keyless-rekor1-ref",
            lambda d: entry(d)["kindVersion"].update(kind="intoto", version="0.0.2"),
            id="an intoto entry with a SET's time",
        ),
        pytest.param(
            "v3-keyless-rekor2-ref", lambda d: entry(d)["kindVersion"].update(kind="dsse"), id="a dsse 0.0.2 entry"
        ),
        pytest.param(
            "v3-keyless-rekor2-ref", lambda d: entry(d)["kindVersion"].update(version="0.0.9"), id="an unknown version"
        ),
        pytest.param("v3-keyless-rekor2-ref", lambda d: d.update(mediaType="application/x"), id="an unknown form"),
        pytest.param("v3-keyless-rekor2-ref", lambda d: d.update(more=1), id="a field that it does not know"),
        pytest.param("v3-keyless-rekor2-ref", lambda d: d["dsseEnvelope"]["signatures"].clear(), id="no signature"),
        pytest.param("v3-keyless-rekor2-ref", lambda d: d.pop("dsseEnvelope"), id="no content"),
        pytest.param(
            "v3-keyless-rekor2-ref", lambda d: stamp(d, base64.b64encode(b"junk").decode()), id="a token of junk"
        ),
        pytest.param(
            "v3-keyless-rekor2-ref", lambda d: stamp(d, unsorted_token()), id="a token whose sets are not sorted"
        ),
        pytest.param(
            "v3-keyless-rekor2-ref",
            lambda d: material(d)["timestampVerificationData"]["rfc3161Timestamps"].append(stamps(d)[0]),
            id="one stamp twice",
        ),
    ],
)
def test_a_limit_of_the_library_is_no_opinion(name, change):
    opinion = changed(name, change)

    assert opinion.word == "unsupported", opinion.reason
    assert opinion.reason


def stamps(document) -> list:
    return material(document)["timestampVerificationData"]["rfc3161Timestamps"]


def stamp(document, token: str) -> None:
    stamps(document)[0]["signedTimestamp"] = token


def unsorted_token() -> str:
    """What cosign v2 got from the lab's own authority, and put beside a signature (evidence.md 2)."""
    for path in sorted((LAB / "layouts" / "v2-keyless-tsa-only" / "blobs" / "sha256").iterdir()):
        found = re.search(rb'"SignedRFC3161Timestamp\\":\\"([^\\"]+)', path.read_bytes())
        if found:
            return found.group(1).decode()
    raise AssertionError("the lab has no such token")


@pytest.mark.parametrize("root", ["roots/github.json", "lab/trust/roots/tsaonly.json"])
def test_a_root_without_logs_is_none_of_its(root):
    assert changed("v3-keyless-rekor2-ref", lambda _: None, root=root).word == "unsupported"


def test_a_root_without_timestamp_authorities_cannot_say_that_a_stamp_is_wrong():
    opinion = changed("v3-keyless-rekor1-tsa", lambda _: None, root="lab/trust/roots/rekor1.json")

    assert opinion.word == "unsupported"
    assert "no Timestamp Authorities" in opinion.reason


def test_a_root_that_it_does_not_read_is_none_of_its():
    raw, own = ALL["v3-keyless-rekor2-ref"][0]
    document = json.loads((VECTORS / own).read_bytes())
    for log in document["tlogs"]:
        log.pop("baseUrl", None)
    root = parse("odd", json.dumps(document).encode())

    assert second_opinion(raw, root=root, digest=IMAGE).word in {"agrees", "unsupported"}
    assert second_opinion(b"{}", root=replace(root, raw=b"{}"), digest=IMAGE).word == "unsupported"


def with_root(change):
    """The opinion on a good bundle under a root after `change` was done to its JSON."""
    raw, own = ALL["v3-keyless-rekor2-ref"][0]
    document = json.loads((VECTORS / own).read_bytes())
    change(document)
    return second_opinion(raw, root=parse("changed", json.dumps(document).encode()), digest=IMAGE)


def test_a_log_key_that_it_cannot_read_does_not_make_an_entry_wrong():
    def unread(document):
        for log in document["tlogs"]:
            log["publicKey"]["keyDetails"] = "PKIX_ED25519_PH"

    assert with_root(unread).word == "unsupported"


def test_a_stamper_without_its_chain_does_not_make_a_time_wrong():
    def leaf_alone(document):
        for each in document["timestampAuthorities"]:
            each["certChain"]["certificates"] = each["certChain"]["certificates"][:1]

    assert with_root(leaf_alone).word == "unsupported"


# --- hostile twins: each must be wrong


def flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[len(raw) // 2] ^= 1
    return base64.b64encode(raw).decode()


def other_certificate(document):
    raw, _ = ALL["v3-keyless-ci-index-ref"][0]
    material(document)["certificate"] = material(json.loads(raw))["certificate"]


def other_entry(document):
    raw, _ = ALL["v3-keyless-ci-index-ref"][0]
    material(document)["tlogEntries"] = material(json.loads(raw))["tlogEntries"]


def other_stamp(document):
    raw, _ = ALL["v3-keyless-ci-index-ref"][0]
    material(document)["timestampVerificationData"] = material(json.loads(raw))["timestampVerificationData"]


def resigned_certificate(document):
    """The same certificate, by an authority that nobody trusts."""
    mine = ec.generate_private_key(ec.SECP256R1())
    old = x509.load_der_x509_certificate(base64.b64decode(material(document)["certificate"]["rawBytes"]))
    builder = x509.CertificateBuilder(
        old.issuer, old.subject, old.public_key(), old.serial_number, old.not_valid_before_utc, old.not_valid_after_utc
    )
    for each in old.extensions:
        builder = builder.add_extension(each.value, each.critical)
    made = builder.sign(mine, hashes.SHA384()).public_bytes(Encoding.DER)
    material(document)["certificate"]["rawBytes"] = base64.b64encode(made).decode()


def _change(*path, by=flipped):
    def change(document):
        at = document
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = by(at[path[-1]])

    return change


VERIFICATION, ENTRY = "verificationMaterial", ("verificationMaterial", "tlogEntries", 0)
TWINS = {
    "signature": _change("dsseEnvelope", "signatures", 0, "sig"),
    "payload": _change("dsseEnvelope", "payload"),
    "payload type": _change("dsseEnvelope", "payloadType", by=lambda text: text + "x"),
    "certificate by nobody": resigned_certificate,
    "another's certificate": other_certificate,
    "another's entry": other_entry,
    "entry's body": _change(*ENTRY, "canonicalizedBody"),
    "root hash": _change(*ENTRY, "inclusionProof", "rootHash"),
    "proof's index": _change(*ENTRY, "inclusionProof", "logIndex", by=lambda text: str(int(text) ^ 1)),
    "proof without a hash": _change(*ENTRY, "inclusionProof", "hashes", by=lambda listed: listed[1:]),
    "proof with another hash": _change(
        *ENTRY, "inclusionProof", "hashes", by=lambda listed: [flipped(listed[0]), *listed[1:]]
    ),
    "checkpoint's size": _change(
        *ENTRY,
        "inclusionProof",
        "checkpoint",
        "envelope",
        by=lambda text: re.sub(r"\n\d+\n", "\n999999\n", text, count=1),
    ),
    "checkpoint of nobody": _change(
        *ENTRY,
        "inclusionProof",
        "checkpoint",
        "envelope",
        by=lambda text: text.partition("\n\n")[0] + "\n\n— x AAAAAAAA\n",
    ),
    "checkpoint that is none": _change(*ENTRY, "inclusionProof", "checkpoint", "envelope", by=lambda _: "x"),
}


def has(document, twin: str) -> bool:
    return "hash" not in twin or "root" in twin or bool(entry(document)["inclusionProof"].get("hashes"))


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    "name", [KUBEWARDEN, "v3-keyless-rekor1-ref", "v3-keyless-rekor1-tsa", "v3-keyless-rekor2-ref"]
)
def test_t20_a_hostile_twin_is_wrong(name, twin):
    if not has(json.loads(ALL[name][0][0]), twin):
        pytest.skip("the entry is alone in its log, so that its proof has no hashes")

    opinion = changed(name, TWINS[twin])

    assert opinion.word == "wrong", opinion.reason
    assert opinion.reason.isprintable()
    assert len(opinion.reason) <= 200


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param(
            "v3-keyless-rekor1-ref",
            _change(*ENTRY, "inclusionPromise", "signedEntryTimestamp"),
            id="a promise that nobody signed",
        ),
        pytest.param(
            "v3-keyless-rekor1-ref",
            _change(*ENTRY, "integratedTime", by=lambda text: str(int(text) + 1)),
            id="a time that the promise does not sign",
        ),
        pytest.param(
            "v3-keyless-rekor1-ref",
            _change(*ENTRY, "integratedTime", by=lambda text: str(int(text) + 86400)),
            id="a time when the certificate had ended",
        ),
        pytest.param("v3-keyless-rekor2-ref", other_stamp, id="another signature's stamp"),
        pytest.param(
            "v3-keyless-rekor2-ref",
            lambda d: d["verificationMaterial"].pop("timestampVerificationData"),
            id="no time at all",
        ),
    ],
)
def test_t32_a_time_that_is_not_proved_is_wrong(name, change):
    opinion = changed(name, change)

    assert opinion.word == "wrong", opinion.reason


@pytest.mark.parametrize("root", ["fulcio_b", "ct_b", "rekor_b"])
def test_a_bundle_under_somebody_elses_root_is_wrong(root):
    assert changed("v3-keyless-rekor1-ref", lambda _: None, root=f"lab/trust/roots/{root}.json").word == "wrong"


def test_a_stamp_by_somebody_elses_authority_is_wrong():
    assert changed("v3-keyless-rekor2-ref", lambda _: None, root="lab/trust/roots/tsa_b.json").word == "wrong"


# --- a Sigstore in memory: certificates and contents that the lab's bundles do not have


def identifier(holder: pki.Holder) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(holder.private.public_key())


@dataclass
class Sigstore:
    """A CA, a CT log and a Rekor v1 that agree with each other."""

    authority: pki.Holder = field(default_factory=lambda: pki.root("O=Acme,CN=fulcio", private=pki.key(which="fulcio")))
    ct: pki.CtLog = field(default_factory=pki.CtLog)
    log: FakeLog = field(default_factory=lambda: FakeLog(host="rekor.test", tree="1"))

    @property
    def root(self):
        window = {"start": "2026-01-01T00:00:00Z"}
        chain = [{"rawBytes": _b64(self.authority.der)}]
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_listed(self.log.private, self.log.id, "https://rekor.test", window)],
            "ctlogs": [_listed(self.ct.private, self.ct.id, "https://ct.test", window)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "Acme", "commonName": "fulcio"},
                    "uri": "https://fulcio.test",
                    "certChain": {"certificates": chain},
                    "validFor": window,
                }
            ],
        }
        return parse("memory", json.dumps(document).encode())

    def leaf(self, **knobs) -> pki.Holder:
        extra = [identifier(self.authority), *knobs.pop("extra", [])]
        return pki.leaf(self.authority, **({"extra": extra, "ct_logs": (self.ct,)} | knobs))

    def bundle(self, leaf: pki.Holder, message: bytes = b"the image", *, hash_with=None) -> bytes:
        """A message signature with a hashedrekord 0.0.1: SET, proof and checkpoint."""
        signature = leaf.private.sign(message, ec.ECDSA(hash_with or hashes.SHA256()))
        pem = leaf.certificate.public_bytes(Encoding.PEM)
        body = {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": Digest.of(message).hex}},
                "signature": {"content": _b64(signature), "publicKey": {"content": _b64(pem)}},
            },
        }
        entry = self.log.included(self.log.entry(json.dumps(body).encode(), index=3))
        entry = self.log.promised(entry, at=pki.NOW + timedelta(minutes=1))
        document = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"certificate": {"rawBytes": _b64(leaf.der)}, "tlogEntries": [_written(entry)]},
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": _b64(bytes.fromhex(Digest.of(message).hex))},
                "signature": _b64(signature),
            },
        }
        return json.dumps(document).encode()

    def opinion(self, leaf: pki.Holder, **knobs):
        return second_opinion(self.bundle(leaf, **knobs), root=self.root, digest=IMAGE)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _listed(private, log_id: bytes, url: str, window) -> dict:
    key = {"rawBytes": _b64(pki.spki(private)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": window}
    return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": {"keyId": _b64(log_id)}}


def _written(entry) -> dict:
    return {
        "logIndex": str(entry.index),
        "logId": {"keyId": _b64(entry.log_id)},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
        "integratedTime": str(entry.integrated_time),
        "inclusionPromise": {"signedEntryTimestamp": _b64(entry.promise)},
        "inclusionProof": {
            "logIndex": str(entry.proof.log_index),
            "rootHash": _b64(entry.proof.root_hash),
            "treeSize": str(entry.proof.tree_size),
            "hashes": [_b64(each) for each in entry.proof.hashes],
            "checkpoint": {"envelope": entry.proof.checkpoint},
        },
        "canonicalizedBody": _b64(entry.body),
    }


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    return Sigstore()


def test_a_message_signature_over_the_image_agrees_by_its_bytes_or_its_digest(sigstore):
    raw = sigstore.bundle(sigstore.leaf())

    assert second_opinion(raw, root=sigstore.root, digest=IMAGE).word == "agrees"
    assert second_opinion(raw, root=sigstore.root, digest=IMAGE, artifact=b"the image").word == "agrees"


def test_a_message_signature_over_another_image_is_wrong(sigstore):
    raw = sigstore.bundle(sigstore.leaf())

    for more in ({"digest": Digest.of(b"other")}, {"digest": IMAGE, "artifact": b"other"}):
        opinion = second_opinion(raw, root=sigstore.root, **more)
        assert (opinion.word, opinion.reason) == ("wrong", "Bundle message digest mismatch")


def test_a_message_signature_over_sha512_is_no_opinion(sigstore):
    raw = sigstore.bundle(sigstore.leaf())

    assert second_opinion(raw, root=sigstore.root, digest=Digest("sha512", "0" * 128)).word == "unsupported"


@pytest.mark.parametrize(("kind", "algorithm"), [("p384", hashes.SHA384()), ("p521", hashes.SHA512())])
def test_a_leaf_of_another_curve_is_no_opinion(sigstore, kind, algorithm):
    opinion = sigstore.opinion(sigstore.leaf(private=pki.key(kind)), hash_with=algorithm)

    assert (opinion.word, opinion.reason) == ("unsupported", "it verifies signatures of EC P-256 certificates alone")


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        pytest.param({"ct_logs": ()}, "SCT on signing certificate", id="no SCT"),
        pytest.param({"ct_logs": (pki.CtLog(is_broken=True),)}, "SCT verify failed", id="an SCT of something else"),
        pytest.param({"ct_logs": (pki.CtLog(private=pki.key(which="x")),)}, "SCT verify failed", id="a stranger's SCT"),
        pytest.param({"usages": ()}, "", id="no key usage"),
        pytest.param({"usages": ("content_commitment",)}, "Key usage", id="another key usage"),
        pytest.param({"purposes": [pki.STAMP]}, "Extended usage", id="another purpose"),
        pytest.param({"purposes": None}, "", id="no purpose"),
        pytest.param({"ca_flag": True, "usages": ("digital_signature", "key_cert_sign")}, "", id="an authority's"),
        pytest.param({"not_after": pki.NOW + timedelta(seconds=30)}, "validation time", id="one that had ended"),
        pytest.param({"not_before": pki.NOW + timedelta(minutes=2)}, "validation time", id="one that had not begun"),
    ],
)
def test_a_certificate_that_must_not_have_signed_is_wrong(sigstore, knobs, why):
    opinion = sigstore.opinion(sigstore.leaf(**knobs))

    assert opinion.word == "wrong", opinion.reason
    assert why in opinion.reason


def test_a_certificate_outside_the_webs_profile_is_no_opinion(sigstore):
    """Whose authority writes no key identifiers, as one made by hand does."""
    opinion = sigstore.opinion(pki.leaf(sigstore.authority, ct_logs=(sigstore.ct,)))

    assert opinion.word == "unsupported"
    assert "invalid extension: 2.5.29.35" in opinion.reason


def test_two_scts_are_no_opinion(sigstore):
    opinion = sigstore.opinion(sigstore.leaf(ct_logs=(sigstore.ct, pki.CtLog(private=pki.key(which="second")))))

    assert opinion.word == "unsupported"
    assert "Expected one certificate timestamp" in opinion.reason


# --- errors that no vector raises


@pytest.fixture(scope="module")
def library() -> _Library:
    return _Library(None, "sigstore", has_all_log_keys=True, has_all_stampers=True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a sentence of a later version", "wrong"),
        ("DSSE: invalid signature", "wrong"),
        ("not enough sources of verified time", "wrong"),
        ("failed to verify SCT on signing certificate: Expected one certificate timestamp, found 2", "unsupported"),
        ("failed to verify SCT on signing certificate: SCT verify failed: keyring: invalid signature", "wrong"),
        ("failed to verify SCT on signing certificate: Found unexpected hash algorithm in SCT: only", "unsupported"),
        (
            "failed to build timestamp certificate chain: validation failed: cert is not valid at validation time",
            "wrong",
        ),
        (
            "failed to build timestamp certificate chain: validation failed: Forbidden public key algorithm: x",
            "unsupported",
        ),
        (
            f"{CHAIN}invalid extension: 2.5.29.35: Certificate is missing required extension",
            "unsupported",
        ),
        (
            f"{CHAIN}invalid extension: 2.5.29.19: Certificate is missing required extension",
            "wrong",
        ),
        (
            f"{CHAIN}signature does not match (encountered processing <Name(CN=Forbidden public key algorithm)>)",
            "wrong",
        ),
    ],
)
def test_a_sentence_of_the_verifying_part_is_told_apart(library, text, word):
    from sigstore.errors import VerificationError

    assert _of(VerificationError(text), library).word == word


def test_other_errors_of_the_verifying_part_are_told_apart(library):
    from sigstore.errors import MetadataError

    missing = x509.ExtensionNotFound("no key usage", x509.KeyUsage.oid)
    for error in (ValueError("invalid body"), InvalidSignature(), missing):
        assert _of(error, library).word == "wrong"
    for error in (MetadataError("CTFE keys not found"), TypeError("x"), AttributeError("x"), KeyError("x")):
        assert _of(error, library).word == "unsupported"


def test_what_is_not_read_of_a_root_makes_nothing_wrong():
    from sigstore.errors import VerificationError

    partial = _Library(None, "sigstore", has_all_log_keys=False, has_all_stampers=False)

    for text in (
        "invalid log entry: x",
        "failed to verify SCT on signing certificate: x",
        "not enough sources of verified",
    ):
        word = _of(VerificationError(text + " time"), partial).word
        assert word == "unsupported"
    assert _of(VerificationError("DSSE: invalid signature"), partial).word == "wrong"


@given(st.data())
def test_t55_a_bundle_with_any_byte_changed_is_never_more_than_an_opinion(data):
    raw, root = ALL["v3-keyless-rekor2-ref"][0]
    changed_raw = bytearray(raw)
    changed_raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    assert second_opinion(bytes(changed_raw), root=root_of(root), digest=IMAGE).word in {
        "agrees",
        "wrong",
        "unsupported",
    }
