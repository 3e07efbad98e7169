"""The lab's images as material for `evidence.py`: what was found, whom to believe, and the peer's line for the same question."""

import contextlib
import datetime as dt
import json
import pathlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import yaml
from cryptography import x509

from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.oci.reference import Repository
from proxy.policy.hearing import Brief, Seen
from proxy.policy.match import TextPattern
from proxy.policy.words.document import parse_policy
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer
from proxy.verify import trustedroot
from proxy.verify.evidence import Found, Target
from proxy.verify.material import KeylessSigner, TrustMaterial, X509Signer, X509Store
from tests.fakes.layouts import LAB, Layout, read_layout
from tests.fakes.registry import FakeRegistry

# name → which of the goals it is held against
CASES = {
    "v2-key-p256": "key",
    "v2-key-rsa2048": "key",
    "v2-key-rsa4096": "key",
    "v2-key-p384": "other key",
    "v2-key-p521": "other key",
    "v3-key-nolog-ref": "key",
    "v2-keyless-email": "keyless",
    "v2-keyless-ci": "keyless",
    "v3-keyless-rekor1-ref": "bundle",
    "v3-keyless-rekor2-ref": "bundle",
    "v3-keyless-rekor2-ecdsa-log": "bundle",
    "v3-keyless-tsaonly-ref": "bundle",
    "notation-p256-jws": "notation",
    "notation-timestamp-cose": "notation",
}
_EVIDENCE = ("simplesigning", "dsse", "sigstore.bundle", "jose", "cose")
_IDENTITY = "O=acme.test,CN=release-signer"


@dataclass(frozen=True)
class Material:
    """One lab image: `wanted` is its case's one signer."""

    name: str
    case: dict
    wanted: dict
    layout: Layout = field(repr=False)
    target: Target
    founds: tuple[Found, ...] = field(repr=False)
    trust: TrustMaterial = field(repr=False)
    now: dt.datetime


@dataclass(frozen=True)
class Line:
    words: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def read_material(name: str) -> Material:
    case = next(each for each in json.loads((LAB / "cases.json").read_text()) if each["name"] == name)
    layout = read_layout(LAB / case["folder"])
    digest = Digest.parse(case["digest"])
    raw, media_type = layout.manifests[digest]
    wanted = case["require"]["signature"]["any_of"][0]
    target = Target(Repository("reg.test", case["repo"]), digest, media_type, len(raw))
    now = dt.datetime.now(dt.UTC)
    return Material(name, case, wanted, layout, target, _founds(layout, digest), _trust(case, wanted), now)


def hearing_of(material: Material) -> tuple[Brief, object]:
    """The same image before the judge, under a policy that asks for its one signer."""
    raw, media_type = material.layout.manifests[material.target.digest]
    rule = {"match": f"reg.test/{material.case['repo']}", "require": [{"signature": "lab"}]}
    rule["signedAs"] = ["**"]
    signers = {"lab": {"preset": "nvidia-ngc"}}  # whom it means stands in the material
    policy = parse_policy(
        yaml.safe_dump({"version": 1, "signers": signers, "images": [rule]}), file="policy.yaml", now=material.now
    )
    manifest = parse_manifest(raw, digest=material.target.digest, content_type=media_type)
    own = Seen(material.target, material.founds, gathered=True)
    return Brief(rule["match"], manifest, own, material.now), policy


@contextlib.asynccontextmanager
async def served(material: Material) -> AsyncIterator[str]:
    """A registry on loopback that holds the image with its evidence: `host:port`."""
    async with FakeRegistry() as registry:
        material.layout.put_in(registry, material.case["repo"])
        registry.knobs.has_referrers_api = material.case["api"] == "referrers"
        yield registry.url.removeprefix("http://")


def peer_line(material: Material, address: str, folder: pathlib.Path) -> Line | None:
    """The peer's command for the same question; None where no peer can be asked so."""
    image = f"{address}/{material.case['repo']}@{material.target.digest}"
    if "notation" in material.wanted:
        return _notation(material, image, folder)
    root = material.case["trust"]["trusted_root"]
    trusted = ["--trusted-root", str(LAB / root)] if root else []
    binary = "cosign2" if material.name.startswith("v2") else "cosign3"
    if "key" in material.wanted:
        words = [binary, "verify", "--key", str(LAB / material.wanted["key"]), "--insecure-ignore-tlog=true"]
        # cosign v3 checks P-384 and P-521 over SHA-256 alone
        hashes = {"p384": "sha384", "p521": "sha512"}
        named = next((name for curve, name in hashes.items() if curve in material.name), None)
        words += ["--signature-digest-algorithm", named] if named else []
        return Line((*words, "--allow-http-registry", image))
    asked = material.wanted["keyless"]
    words = [
        binary,
        "verify",
        "--certificate-identity",
        asked["identity"],
        "--certificate-oidc-issuer",
        asked["issuer"],
    ]
    if "tsaonly" in material.name:
        words += ["--use-signed-timestamps", "--insecure-ignore-tlog=true", "--insecure-ignore-sct=true"]
    elif "rekor2" in material.name:
        words += ["--use-signed-timestamps"]
    return Line((*words, *trusted, "--allow-http-registry", image))


def _notation(material: Material, image: str, folder: pathlib.Path) -> Line:
    home = folder / "notation"
    store = home / "truststore" / "x509"
    for kind, files in (("ca", material.wanted["x509"]), ("tsa", [material.wanted["notation"].get("timestamp")])):
        (store / kind / "lab").mkdir(parents=True)
        for file in filter(None, files):
            (store / kind / "lab" / pathlib.Path(file).name).write_bytes((LAB / file).read_bytes())
    stores = ["ca:lab"] + (["tsa:lab"] if "timestamp" in material.wanted["notation"] else [])
    policy = {
        "name": "lab",
        "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"},
        "trustStores": stores,
        "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme.test, CN=release-signer"],
    }
    (home / "trustpolicy.json").write_text(json.dumps({"version": "1.0", "trustPolicies": [policy]}))
    return Line(("notation", "verify", "--insecure-registry", image), {"XDG_CONFIG_HOME": str(folder)})


def _founds(layout: Layout, subject: Digest) -> tuple[Found, ...]:
    found = []
    for digest, (raw, media_type) in layout.manifests.items():
        manifest = parse_manifest(raw, digest=digest, content_type=media_type)
        if manifest.is_index or digest == subject:
            continue
        found += [
            Found("referrers", digest, layer.digest, layer.media_type, layer.annotations, layout.blobs[layer.digest])
            for layer in manifest.layers
            if any(kind in layer.media_type for kind in _EVIDENCE)
        ]
    return tuple(found)


def _trust(case: dict, wanted: dict) -> TrustMaterial:
    root = case["trust"]["trusted_root"]
    roots = {"lab": trustedroot.parse("lab", (LAB / root).read_bytes())} if root else {}
    if "key" in wanted:
        return TrustMaterial({"lab": load_signer(KeySource("lab", file=LAB / wanted["key"]))}, roots=roots)
    if "keyless" in wanted:
        asked = wanted["keyless"]
        signer = KeylessSigner("lab", "lab", asked["issuer"], TextPattern.exact(asked["identity"]))
        return TrustMaterial({"lab": signer}, roots=roots)
    stamps = wanted["notation"].get("timestamp")
    store = X509Store("lab", _certificates(wanted["x509"]), _certificates([stamps] if stamps else []))
    pairs = tuple(tuple(pair.split("=")) for pair in _IDENTITY.split(","))
    return TrustMaterial({"lab": X509Signer("lab", "lab", pairs)}, stores={"lab": store})


def _certificates(files: list[str]) -> tuple[x509.Certificate, ...]:
    return tuple(each for file in files for each in x509.load_pem_x509_certificates((LAB / file).read_bytes()))
