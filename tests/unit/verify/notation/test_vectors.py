"""The verifier agrees with the world: what real notation signed is proved here, and its twins are not.

The vectors are read in place, through PRATIQUE_VECTORS or from `../shared/vectors` beside the project's root. The twins
are signed with the lab's own throwaway keys, so that nothing but the one thing is wrong.
"""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import cbor2
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.verify.evidence import Target
from proxy.verify.material import X509Signer, X509Store
from tests.fakes.layouts import LAB, VECTORS, needs_vectors
from tests.fakes.notary import NAME, Court, Pen, base64url
from tests.fakes.pki import Holder

NOW = datetime(2026, 11, 22, tzinfo=UTC)  # after the lab was made, and after its shortest certificate ended
PRIVATE = LAB / "trust" / "private" / "pki"
ALPINE, CONNAISSEUR = VECTORS / "notation-go-alpine", VECTORS / "notation-connaisseur"
pytestmark = needs_vectors


def cases() -> list:
    if not LAB.is_dir():
        return []
    listed = json.loads((LAB / "cases.json").read_text())
    return [pytest.param(case, id=case["name"]) for case in listed if case["name"].startswith("notation-")]


def certificates(path) -> tuple:
    return tuple(x509.load_pem_x509_certificates((LAB / path).read_bytes()))


def court_of(case) -> Court:
    (asked,) = case["require"]["signature"]["any_of"]
    said = asked["notation"]["trusted_identity"].removeprefix("x509.subject:").split(",")
    stamps = certificates(asked["notation"]["timestamp"]) if "timestamp" in asked["notation"] else ()
    roots = tuple(each for path in asked["x509"] for each in certificates(path))
    entry = next(each for each in index_of(case) if each["digest"] == case["digest"])
    return Court(
        X509Store("vendors", roots, stamps),
        X509Signer("vendor", "vendors", tuple(tuple(each.strip().split("=")) for each in said)),
        Target(Repository("reg.test", case["repo"]), Digest.parse(case["digest"]), entry["mediaType"], entry["size"]),
        now=NOW,
    )


def index_of(case) -> list[dict]:
    return json.loads((LAB / case["folder"] / "index.json").read_text())["manifests"]


def blob_of(case, digest: str) -> bytes:
    return (LAB / case["folder"] / "blobs" / digest.replace(":", "/")).read_bytes()


def envelopes_of(case) -> list[bytes]:
    """Those that come with the image, whatever index or tag lists them."""
    found = []
    for path in sorted((LAB / case["folder"] / "blobs" / "sha256").iterdir()):
        raw = path.read_bytes()
        document = json.loads(raw) if raw[:1] == b"{" else {}
        if document.get("subject", {}).get("digest") == case["digest"]:
            found += [blob_of(case, layer["digest"]) for layer in document["layers"]]
    return found


@pytest.mark.parametrize("case", cases())
def test_each_of_the_labs_images_is_proved_as_notation_proves_it(case):
    court = court_of(case)

    proved = [court.hear(raw) for raw in envelopes_of(case)]

    # One of `notation-two-one-untrusted` is by another company.
    assert len(proved) == (2 if "two-one" in case["name"] else 1)
    (evidence,) = [evidence for each in proved for evidence in each.evidence]
    asked = case["require"]["signature"]["any_of"][0]["notation"]
    assert (evidence.proved_at is not None) == ("timestamp" in asked)
    assert evidence.claims.items() >= asked.get("user_metadata", {}).items()


@pytest.mark.parametrize("case", cases())
def test_t12_no_signature_outlives_its_proof(case):
    court = court_of(case)
    court.now = datetime(2040, 1, 1, tzinfo=UTC)

    found = [evidence for raw in envelopes_of(case) for evidence in court.hear(raw).evidence]

    # A timestamp holds; a certificate, or an expiry that was signed, does not.
    assert bool(found) == ("timestamp" in case["require"]["signature"]["any_of"][0]["notation"])


@pytest.mark.parametrize("case", cases())
def test_t04_no_signature_is_of_another_image(case):
    court = court_of(case)
    for target in (
        replace(court.target, digest=Digest.of(b"another")),
        replace(court.target, size=court.target.size + 1),
        replace(court.target, media_type="application/vnd.docker.distribution.manifest.v2+json"),
    ):
        court.target = target
        assert not [evidence for raw in envelopes_of(case) for evidence in court.hear(raw).evidence]


@pytest.mark.parametrize("case", cases())
def test_t33_a_timestamp_of_another_signature_proves_no_time(case):
    """The token of one lab signature moved to another: both envelopes carry it unsigned."""
    court = court_of(case)
    if not court.store.timestamp_roots:
        court.store = replace(court.store, timestamp_roots=certificates("trust/x509/tsa_a.root.pem"))
    token = token_of(
        "notation-timestamp-cose" if case["name"] != "notation-timestamp-cose" else "notation-timestamp-jws"
    )

    for raw in envelopes_of(case):
        assert not court.hear(with_token(raw, token)).evidence


def token_of(name: str) -> bytes:
    (raw,) = envelopes_of({"folder": f"layouts/{name}", **named(name)})
    if raw[:1] == b"{":
        return base64.b64decode(json.loads(raw)["header"][f"{NAME}timestampSignature"])
    return cbor2.loads(raw).value[1][f"{NAME}timestampSignature"]


def named(name: str) -> dict:
    return next(case for case in json.loads((LAB / "cases.json").read_text()) if case["name"] == name)


def with_token(raw: bytes, token: bytes) -> bytes:
    name = f"{NAME}timestampSignature"
    if raw[:1] == b"{":
        document = json.loads(raw)
        document["header"][name] = base64.b64encode(token).decode()
        return json.dumps(document).encode()
    items = cbor2.loads(raw).value
    return cbor2.dumps(cbor2.CBORTag(18, [items[0], {**items[1], name: token}, *items[2:]]))


def holder_of(name: str) -> Holder:
    """The lab's own key with its chain, to sign what notation would not."""
    private = load_pem_private_key((PRIVATE / f"{name}.key").read_bytes(), None)
    above = None
    for certificate in reversed(x509.load_pem_x509_certificates((PRIVATE / f"{name}.crt").read_bytes())):
        above = Holder(certificate, private, above)
    return above


@pytest.mark.parametrize("form", ["jws", "cose"])
@pytest.mark.parametrize("name", ["n_p256", "n_p384", "n_rsa2048", "n_rsa3072"])
def test_twins_by_the_labs_own_keys_are_proved_only_where_all_is_right(name, form):
    holder = holder_of(name)
    court = court_of(named("notation-p256-jws"))
    court.store = X509Store("vendors", (holder.chain[-1],))
    honest = {"digest": str(court.target.digest), "size": court.target.size, "mediaType": court.target.media_type}

    def hear(**knobs):
        return court.hear(Pen(holder, form, artifact=honest | knobs.pop("artifact", {}), **knobs).write())

    assert hear().evidence
    assert not hear(artifact={"size": 1}).evidence
    assert not hear(artifact={"mediaType": "x/y"}).evidence
    assert not hear(artifact={"digest": str(Digest.of(b"another"))}).evidence
    assert not hear(private=holder_of("n_p256_dev").private).evidence
    assert not hear(protected={"crit": [f"{NAME}signingScheme", "acme.test"], "acme.test": 1}).evidence


def test_another_name_under_the_same_root_is_somebody_else():
    holder = holder_of("n_p256_dev")
    court = court_of(named("notation-p256-jws"))
    honest = {"digest": str(court.target.digest), "size": court.target.size}

    assert "signed, but by" in court.reason(Pen(holder, artifact=honest).write())


@pytest.mark.parametrize("file", ["jws_signature.sig", "cose_signature.sig"])
def test_notation_gos_own_image_is_proved_by_its_self_signed_certificate(file):
    raw = (ALPINE / file).read_bytes()
    (entry,) = json.loads((ALPINE / "oci-layout" / "index.json").read_text())["manifests"]
    leaf = x509.load_der_x509_certificate(chain_in(raw)[0])
    court = Court(
        X509Store("vendors", (leaf,)),
        X509Signer("vendor", "vendors", (("O", "Notary"), ("CN", "alpine"))),
        Target(Repository("reg.test", "alpine"), Digest.parse(entry["digest"]), entry["mediaType"], entry["size"]),
        now=NOW,
    )

    assert court.hear(raw).evidence
    court.store = X509Store("vendors", certificates("trust/x509/n_p256.root.pem"))
    assert court.reason(raw)


def chain_in(raw: bytes) -> list[bytes]:
    if raw[:1] == b"{":
        return [base64.b64decode(each) for each in json.loads(raw)["header"]["x5c"]]
    return cbor2.loads(raw).value[1][33]


def test_connaisseurs_image_is_proved_by_the_right_one_of_its_two_anchors():
    trust = {
        each["name"]: each["cert"] for each in yaml.safe_load((CONNAISSEUR / "trust.yaml").read_text())["trustRoots"]
    }
    manifests = CONNAISSEUR / "testimage" / "manifests"
    signature = json.loads(
        (manifests / "sha256:d397b30282982b80818b2705f8d542d35158bc59d8bf42549f3e898f23d55a77.json").read_text()
    )
    subject, (layer,) = signature["subject"], signature["layers"]
    raw = (CONNAISSEUR / "testimage" / "blobs" / f"{layer['digest']}.json").read_bytes()
    right, wrong = (x509.load_pem_x509_certificate(trust[name].encode()) for name in ("default", "different-cert"))
    court = Court(
        X509Store("vendors", (wrong, right)),
        X509Signer("vendor", "vendors", (("CN", "securesystems.de"), ("OU", "Defensive"))),
        Target(Repository("reg.test", "app"), Digest.parse(subject["digest"]), subject["mediaType"], subject["size"]),
        now=NOW,
    )

    (evidence,) = court.hear(raw).evidence

    assert evidence.form == "notation-jws"
    court.store = X509Store("vendors", (wrong,))
    assert court.reason(raw)


def test_t36_the_labs_signature_with_another_protected_header_is_refused():
    court = court_of(named("notation-p256-jws"))
    (raw,) = envelopes_of(named("notation-p256-jws"))
    document = json.loads(raw)
    said = json.loads(base64.urlsafe_b64decode(document["protected"] + "=="))
    document["protected"] = base64url(json.dumps(said).encode())  # the same, with spaces

    assert "it was changed since" in court.reason(json.dumps(document).encode())
