"""Images and signatures of other projects, as scenes: each with the signer that its README expects to be proved."""

import base64
import json
from pathlib import Path
from typing import Any

import cbor2
from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificates

from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import Manifest, parse_manifest
from proxy.oci.reference import EvidenceTag, Repository
from proxy.policy.match import TextPattern
from proxy.verify.evidence import Found, Target
from proxy.verify.material import KeylessSigner, Signer, TrustMaterial, X509Signer, X509Store
from tests.fakes.layouts import VECTORS, Layout, read_layout
from tests.fakes.vectors import Scene, founds_of, material_of, target_of

PROD = "roots/sigstore-prod.json"
GITHUB_ACTIONS = "https://token.actions.githubusercontent.com"
SLSA_GENERATOR = (
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"
)
_CONNAISSEUR = VECTORS / "cosign-connaisseur" / "testimage"
_NOTATION = VECTORS / "notation-connaisseur"
_ALPINE = VECTORS / "notation-go-alpine"


def keyless(issuer: str, subject: str, root: str = PROD, name: str = "publisher") -> KeylessSigner:
    return KeylessSigner(name, root, issuer, TextPattern.exact(subject))


def slsa(version: str) -> Scene:
    """v1.4.0: a Rekor `intoto 0.0.1` entry; v2.1.0: `dsse 0.0.1`. SLSA v0.2 provenance in `.att`."""
    signer = keyless(GITHUB_ACTIONS, f"{SLSA_GENERATOR}@refs/tags/{version}")
    return _of_layout(VECTORS / "oci-slsa-att" / version, signer)


def private_sigstore() -> Scene:
    """`.sig` and `.att` under a private Fulcio, Rekor and CT log, whose root file leaves out empty fields."""
    root = "oci-private-sigstore/trusted_root.json"
    folder = VECTORS / "oci-private-sigstore"
    issuer = "https://kubernetes.default.svc.cluster.local"
    signer = keyless(issuer, "https://kubernetes.io/namespaces/default/serviceaccounts/default", root)
    return _of_layout(folder / "layout", signer)


def connaisseur(subject: str, *signers: Signer, repository: str = "securesystemsengineering/testimage") -> Scene:
    dashed = subject.replace(":", "-")
    raw = (_CONNAISSEUR / "manifests" / f"{dashed}.sig.json").read_bytes()
    founds = _founds(raw, f"{dashed}.sig", lambda digest: _unterminated(_CONNAISSEUR / "blobs" / f"{digest}.json"))
    return _of_founds(subject, Repository("docker.io", repository), founds, *signers)


def connaisseur_keyless() -> Scene:
    signer = keyless("https://github.com/login/oauth", "philipp.belitz@securesystems.de")
    subject = "sha256:31dc72a13a0c34b40eb95419d2b2fd67320c856baf3b72da518023ee8d370aee"
    return connaisseur(subject, signer, repository="phbelitz/rekor-test")


def cluster_api() -> Scene:
    """registry.k8s.io's signature of cluster-api-controller."""
    folder = VECTORS / "cosign-registry-k8s-io-capi" / "sig0"
    said, payload = json.loads((folder / "layer.json").read_text()), (folder / "payload.json").read_bytes()
    layer = said["layer"]
    found = Found(
        f"{said['image_digest'].replace(':', '-')}.sig",
        Digest.of(b"its manifest is not in the vectors"),
        Digest.parse(layer["digest"]),
        layer["mediaType"],
        layer["annotations"],
        payload,
    )
    signer = keyless("https://accounts.google.com", "krel-trust@k8s-releng-prod.iam.gserviceaccount.com")
    repository = Repository("registry.k8s.io", "cluster-api/cluster-api-controller")
    return _of_founds(said["image_digest"], repository, (found,), signer)


def kubewarden() -> Scene:
    """A bundle v0.3 of cosign v3: Rekor v1 entry with proof, SET and timestamp."""
    raw = (VECTORS / "bundle-cosign3-sign-kubewarden" / "bundle.json").read_bytes()
    statement = json.loads(base64.b64decode(json.loads(raw)["dsseEnvelope"]["payload"]))
    workflow = "https://github.com/kubewarden/kubewarden-controller/.github/workflows/release.yml@refs/tags/v1.34.0"
    found = Found("referrers", Digest.of(b"m"), Digest.of(raw), mediatype.SIGSTORE_BUNDLE, {}, raw)
    subject = "sha256:" + statement["subject"][0]["digest"]["sha256"]
    repository = Repository("ghcr.io", "kubewarden/kubewarden-controller")
    return _of_founds(subject, repository, (found,), keyless(GITHUB_ACTIONS, workflow))


def notation_connaisseur() -> Scene:
    folder = _NOTATION / "testimage" / "manifests"
    subject = "sha256:a136cc4e785798e5e8483047cf621cf0a0300a93d47703a3f066c340c070f5cf"
    image = (folder / f"{subject}.json").read_bytes()
    index = json.loads((folder / f"{subject.replace(':', '-')}.json").read_bytes())
    (entry,) = (each for each in index["manifests"] if "notary" in each.get("artifactType", ""))
    founds = _founds(
        (folder / f"{entry['digest']}.json").read_bytes(),
        "fallback",
        lambda digest: _unterminated(_NOTATION / "testimage" / "blobs" / f"{digest}.json"),
    )
    pem = (_NOTATION / "trust.yaml").read_text()
    block = "\n".join(line.strip() for line in pem[pem.index("-----BEGIN") :].splitlines())
    anchors = tuple(load_pem_x509_certificates(block[: block.index("-----END CERTIFICATE-----") + 25].encode()))
    return _of_anchors(subject, image, founds, anchors)


def notation_alpine(form: str) -> Scene:
    """`jws` or `cose`, of notation-go's alpine; the anchor is the envelope's own self-signed certificate."""
    digest = "sha256:19dbd2e48e921426ee8ace4dc892edfb2ecdc1d1a72d5416c83670c30acecef0"
    image = (_ALPINE / "oci-layout" / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    raw = (_ALPINE / f"{form}_signature.sig").read_bytes()
    kind = {"jws": "application/jose+json", "cose": "application/cose"}[form]
    found = Found("referrers", Digest.of(b"m"), Digest.of(raw), kind, {}, raw)
    return _of_anchors(digest, image, (found,), (_own_anchor(raw, form),))


def _own_anchor(raw: bytes, form: str) -> Certificate:
    if form == "jws":
        return load_der_x509_certificate(base64.b64decode(json.loads(raw)["header"]["x5c"][-1]))
    chain = cbor2.loads(raw).value[1][33]
    return load_der_x509_certificate(chain if isinstance(chain, bytes) else chain[-1])


def _of_anchors(subject: str, image: bytes, founds: tuple[Found, ...], anchors: tuple[Certificate, ...]) -> Scene:
    subject_name = tuple(
        (each.rfc4514_attribute_name, str(each.value))
        for each in anchors[0].subject
        if each.rfc4514_attribute_name == "CN"
    )
    signer = X509Signer("publisher", "store", subject=subject_name)
    target = Target(Repository("docker.io", "a/b"), Digest.parse(subject), json.loads(image)["mediaType"], len(image))
    material = TrustMaterial(signers={}, stores={"store": X509Store("store", anchors)})
    return Scene(target, founds, (signer,), material, manifest=image)


def _of_layout(folder: Path, *signers: Signer) -> Scene:
    layout, subject = tagged(folder)
    return Scene(
        target=target_of(layout, subject, Repository("ghcr.io", "a/b")),
        founds=founds_of(layout, subject),
        signers=signers,
        material=material_of(*signers),
        manifest=layout.manifests[subject][0],
    )


def tagged(folder: Path) -> tuple[Layout, Digest]:
    """cosign's own layouts mark what an entry is by an annotation."""
    layout = read_layout(folder)
    for entry in json.loads((folder / "index.json").read_text())["manifests"]:
        kind = entry["annotations"].get("kind", "").rpartition("/")[2]
        if kind in ("sigs", "atts"):
            suffix = {"sigs": ".sig", "atts": ".att"}[kind]
            layout.tags[EvidenceTag(layout.roots[0], suffix).tag.name] = Digest.parse(entry["digest"])
    return layout, layout.roots[0]


def _of_founds(subject: str, repository: Repository, founds: tuple[Found, ...], *signers: Signer) -> Scene:
    target = Target(repository, Digest.parse(subject), mediatype.OCI_MANIFEST, 400)
    return Scene(target, founds, signers, material_of(*signers))


def _founds(raw: bytes, place: str, read: Any) -> tuple[Found, ...]:
    manifest = parse_manifest(raw, digest=Digest.of(raw), content_type=mediatype.OCI_MANIFEST)
    assert isinstance(manifest, Manifest)
    return tuple(
        Found(place, manifest.digest, layer.digest, layer.media_type, layer.annotations, read(layer.digest))
        for layer in manifest.layers
    )


def _unterminated(file: Path) -> bytes:
    """Without the newline that an editor put behind the last brace."""
    return file.read_bytes().rstrip(b"\n")
