"""Images and signatures that other projects published, as the registries that had them, with a policy that admits each.

    for exhibit in exhibits():
        exhibit.put_in(registry)
        policy.yaml = exhibit.policy()                    # admits exhibit.name by exhibit.reference
        for strange in exhibit.strangers: …               # exhibit.policy(strange) must refuse it

What has no image bytes of its own is shown to the verifier alone: tests/fakes/scenes.py. `tests/fakes/readme.py` says of
every vector where it is shown.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cbor2
import yaml
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from proxy.demo.images import Blob
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from tests.fakes.gathering import evidence
from tests.fakes.layouts import LAB, VECTORS, Layout
from tests.fakes.registry import FakeRegistry
from tests.fakes.scenes import GITHUB_ACTIONS, PROD, SLSA_GENERATOR, tagged

SLSA = "https://slsa.dev/provenance/v0.2"
_COSIGN = VECTORS / "cosign-connaisseur"
_NOTATION = VECTORS / "notation-connaisseur"
_ALPINE = VECTORS / "notation-go-alpine"
_PRIVATE = VECTORS / "oci-private-sigstore"
_LAB_STORE = LAB / "trust" / "x509" / "n_p256.root.pem"


@dataclass(frozen=True)
class Exhibit:
    """One image. `strangers` replace entries of `signers`, `roots` or `require`: each policy with one must refuse it.

    `is_whole`: every blob of it is here. `names` are what its payload calls it, where that is not the repository.
    """

    name: str
    folder: str
    layout: Layout = field(repr=False)
    reference: str
    signers: Mapping[str, Any]
    require: tuple[Any, ...]
    roots: Mapping[str, Any] = field(default_factory=dict)
    strangers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    is_whole: bool = True
    has_api: bool = False

    @property
    def repository(self) -> str:
        return f"others/{self.name}"

    def put_in(self, registry: FakeRegistry) -> None:
        self.layout.put_in(registry, self.repository)
        registry.knobs.has_referrers_api = self.has_api

    def policy(self, stranger: str | None = None) -> str:
        """policy.yaml, with what this stranger puts in the place of what is right."""
        wrong = self.strangers[stranger] if stranger else {}
        rule: dict[str, Any] = {"match": f"reg.test/{self.repository}", "require": list(self.require)}
        rule |= {"signedAs": list(self.names)} if self.names else {}
        rule |= {"require": wrong["require"]} if "require" in wrong else {}
        document = {
            "version": 1,
            "trustRoots": {**self.roots, **wrong.get("roots", {})},
            "signers": {**self.signers, **wrong.get("signers", {})},
            "images": [rule],
        }
        return yaml.safe_dump({word: value for word, value in document.items() if value})


def exhibits() -> list[Exhibit]:
    """All of them; none where the vectors are not here."""
    if not LAB.is_dir():
        return []
    return [
        slsa("v1.4.0"),
        slsa("v2.1.0"),
        private_sigstore(),
        keyless(),
        *(by_keys(subject, signed_by) for subject, signed_by in BY_KEYS.items()),
        notation(),
        alpine("jws"),
        alpine("cose"),
    ]


def slsa(version: str) -> Exhibit:
    layout, subject = tagged(VECTORS / "oci-slsa-att" / version)
    identity = f"{SLSA_GENERATOR}@refs/tags/{version}"
    other = "v1.4.0" if version == "v2.1.0" else "v2.1.0"
    asked = {"attestation": "slsa-provenance", "by": "publisher"}
    return Exhibit(
        f"slsa-{version}",
        "oci-slsa-att",
        layout,
        str(subject),
        {"publisher": _identity(identity)},
        (asked,),
        {"prod": _root(PROD)},
        {
            "another tag of the generator": _says(_identity(f"{SLSA_GENERATOR}@refs/tags/{other}")),
            "another issuer": _says(_identity(identity, issuer="https://gitlab.com")),
            **_strange_roots("lab/trust/roots/rekor1.json"),
            "another predicate": {"require": [asked | {"attestation": "sbom"}]},
            "T26: provenance is no signature": {"require": [{"signature": "publisher"}]},
        },
    )


def private_sigstore() -> Exhibit:
    layout, subject = tagged(_PRIVATE / "layout")
    identity = {
        "issuer": "https://kubernetes.default.svc.cluster.local",
        "subject": "https://kubernetes.io/namespaces/default/serviceaccounts/default",
        "trustRoot": "prod",
    }
    signature, attested = {"signature": "publisher"}, {"attestation": SLSA, "by": "publisher"}
    return Exhibit(
        "private-sigstore",
        "oci-private-sigstore",
        layout,
        str(subject),
        {"publisher": identity},
        (signature, attested),
        {"prod": _root("oci-private-sigstore/trusted_root.json")},
        {
            "another account": _says(identity | {"subject": identity["subject"][:-1]}),
            **_strange_roots(PROD),
            "another predicate": {"require": [signature, attested | {"attestation": "vuln"}]},
        },
        names=("registry.local:5001/sigstore/testimage",),
    )


def keyless() -> Exhibit:
    subject = "sha256:31dc72a13a0c34b40eb95419d2b2fd67320c856baf3b72da518023ee8d370aee"
    right = _identity("philipp.belitz@securesystems.de", issuer="https://github.com/login/oauth")
    return Exhibit(
        "connaisseur-keyless",
        "cosign-connaisseur",
        _published(_COSIGN / "testimage", "keyless.json", subject),
        subject,
        {"publisher": right},
        ({"signature": "publisher"},),
        {"prod": _root(PROD)},
        {
            "another address": _says(right | {"subject": "philipp.belitz@securesystems.de.evil.test"}),
            "another issuer": _says(right | {"issuer": "https://accounts.google.com"}),
            **_strange_roots("roots/sigstore-staging.json"),
            "a bare key": _says({"key": str(_COSIGN / "alice.pub"), "log": "none"}),
        },
        names=("docker.io/phbelitz/rekor-test",),
        is_whole=False,
    )


BY_KEYS = {
    "sha256:071bf7a986f1ca9cb2a1f0bc8392822a7777f90d58f2d2c6f271913e08de7c81": ("alice",),
    "sha256:bfec161fecb0a887df7cb85e4da327c65986ccda7060cf3cd92171c6c90d7533": ("alice", "bob", "charlie"),
}


def by_keys(subject: str, signed_by: tuple[str, ...]) -> Exhibit:
    everyone = ("alice", "bob", "charlie", "default")
    signers = {name: {"key": str(_COSIGN / f"{name}.pub"), "log": "none"} for name in everyone}
    manifest = f"multi-cosigned-{'-'.join(signed_by)}.json"
    strangers = set(everyone) - set(signed_by)
    return Exhibit(
        f"connaisseur-{'-'.join(signed_by)}",
        "cosign-connaisseur",
        _published(_COSIGN / "testimage", manifest, subject),
        subject,
        signers,
        tuple({"signature": name, "name": name} for name in signed_by),
        strangers={
            **{f"the key {name}": {"require": [{"signature": name}]} for name in sorted(strangers)},
            "T30: one more than there are": {
                "require": [{"atLeast": len(signed_by) + 1, "of": [{"signature": name} for name in everyone]}]
            },
        },
        names=("docker.io/securesystemsengineering/testimage",),
        is_whole=False,
    )


def notation() -> Exhibit:
    """By a fallback tag, as the registry had it that does not answer the referrers API."""
    subject = "sha256:a136cc4e785798e5e8483047cf621cf0a0300a93d47703a3f066c340c070f5cf"
    trusted = {
        each["name"]: each["cert"] for each in yaml.safe_load((_NOTATION / "trust.yaml").read_text())["trustRoots"]
    }
    layout = _published(_NOTATION / "testimage", "notation-sign.json", subject)
    layout.blobs[Digest.parse(Digest.EMPTY_JSON)] = b"{}"
    right = {"x509": "store", "subject": "O=SSE, OU=Defensive, CN=securesystems.de"}
    return Exhibit(
        "connaisseur-notation",
        "notation-connaisseur",
        layout,
        subject,
        {"publisher": right},
        ({"signature": "publisher"},),
        {"store": {"certificates": trusted["default"]}},
        {
            "another subject": _says(right | {"subject": "O=SSE, CN=securesystems.dev"}),
            "the other anchor": {"roots": {"store": {"certificates": trusted["different-cert"]}}},
        },
        is_whole=False,
    )


def alpine(form: str) -> Exhibit:
    """notation-go's alpine; the envelope stands in a manifest that refers to the image, as notation writes it."""
    layout, subject = tagged(_ALPINE / "oci-layout")
    raw = (_ALPINE / f"{form}_signature.sig").read_bytes()
    image = layout.manifests[subject]
    kind = {"jws": mediatype.JOSE, "cose": mediatype.COSE}[form]
    refers = {"mediaType": image[1], "digest": str(subject), "size": len(image[0])}
    signature = evidence(Blob(raw, kind), artifact_type=mediatype.NOTARY_SIGNATURE, subject=None)
    document = json.loads(signature.manifest) | {"subject": refers}
    made = json.dumps(document).encode()
    layout.blobs.update(signature.blobs)
    layout.manifests[Digest.of(made)] = made, mediatype.OCI_MANIFEST
    right = {"x509": "store", "subject": "O=Notary, CN=alpine"}
    return Exhibit(
        f"alpine-{form}",
        "notation-go-alpine",
        layout,
        "v2",
        {"publisher": right},
        ({"signature": "publisher"},),
        {"store": {"certificates": own_anchor(raw, form)}},
        {
            "another subject": _says(right | {"subject": "O=Notary, CN=busybox"}),
            "another store": {"roots": {"store": {"certificates": _LAB_STORE.read_text()}}},
        },
        has_api=True,
    )


def own_anchor(raw: bytes, form: str) -> str:
    """The envelope's self-signed test certificate, as PEM."""
    if form == "jws":
        der = base64.b64decode(json.loads(raw)["header"]["x5c"][-1])
    else:
        chain = cbor2.loads(raw).value[1][33]
        der = chain if isinstance(chain, bytes) else chain[-1]
    return load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()


def with_files(exhibit: Exhibit, folder: Path) -> Exhibit:
    """Certificates of a policy are files: those of this exhibit, written there."""

    def written(roots: Mapping[str, Any], name: str) -> dict[str, Any]:
        return {root: entry | _as_file(entry, folder / f"{name}-{root}.pem") for root, entry in roots.items()}

    strangers = {
        name: {**each, "roots": written(each["roots"], f"strange-{number}")} if "roots" in each else each
        for number, (name, each) in enumerate(exhibit.strangers.items())
    }
    return replace(exhibit, roots=written(exhibit.roots, "right"), strangers=strangers)


def _as_file(entry: Mapping[str, Any], file: Path) -> dict[str, str]:
    text = entry.get("certificates", "")
    if "-----BEGIN" not in text:
        return {}
    file.write_text(text)
    return {"certificates": str(file)}


def _published(folder: Path, image: str, subject: str) -> Layout:
    """Manifests and blobs as connaisseur's tests have them: each file is one, and an editor ended it with a newline."""
    layout = Layout()
    for file in sorted((folder / "blobs").iterdir()):
        raw = _exactly(file, file.stem)
        layout.blobs[Digest.of(raw)] = raw
    digest = Digest.parse(subject)
    files = [folder / "manifests" / image, *sorted((folder / "manifests").glob(f"{digest.dashed}*.json"))]
    files += [file for file in sorted((folder / "manifests").glob("sha256:*.json")) if _refers(file, subject)]
    for file in files:
        raw = _exactly(file, subject if file.name == image else file.stem)
        found = Digest.of(raw)
        layout.manifests[found] = raw, json.loads(raw)["mediaType"]
        if file.stem.startswith("sha256-"):
            layout.tags[file.stem] = found
    layout.roots = [digest]
    assert digest in layout.manifests
    return layout


def _refers(file: Path, subject: str) -> bool:
    return json.loads(file.read_text()).get("subject", {}).get("digest") == subject


def _exactly(file: Path, name: str) -> bytes:
    """The file's bytes, without the newline behind the last brace where its name says that they had none."""
    raw = file.read_bytes()
    if name.startswith("sha256:"):
        (raw,) = {each for each in (raw, raw.rstrip(b"\n")) if str(Digest.of(each)) == name}
    return raw


def _identity(subject: str, *, issuer: str = GITHUB_ACTIONS) -> dict[str, Any]:
    return {"issuer": issuer, "subject": subject, "trustRoot": "prod"}


def _root(path: str) -> dict[str, str]:
    file = VECTORS / path
    return {"file": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def _says(signer: Mapping[str, Any]) -> dict[str, Any]:
    return {"signers": {"publisher": dict(signer)}}


def _strange_roots(*paths: str) -> dict[str, dict[str, Any]]:
    return {f"the root {path}": {"roots": {"prod": _root(path)}} for path in paths}
