"""The vectors as a verifier sees them: what was found of an image, who was asked for, and what must come of it."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificates

from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest, parse_manifest
from proxy.oci.reference import EvidenceTag, Repository
from proxy.policy.match import TextPattern
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer
from proxy.verify import trustedroot
from proxy.verify.evidence import Found, Proved, Target
from proxy.verify.material import KeylessSigner, Signer, TrustMaterial, TrustRoot, X509Signer, X509Store
from proxy.verify.prove import prove_all
from tests.fakes.layouts import LAB, VECTORS, Layout, read_layout

NOW = datetime(
    2026, 11, 22, tzinfo=UTC
)  # after the last signature of the lab and the assets, before their certificates end
_LAYERS = ("application/vnd.dev.sigstore.bundle", "application/jose+json", "application/cose")


@dataclass(frozen=True)
class Scene:
    """One image: all that was found of it, and who is asked. `claims` and `predicates` by the signer's name."""

    target: Target
    founds: tuple[Found, ...] = field(repr=False)
    signers: tuple[Signer, ...] = ()
    material: TrustMaterial = field(default_factory=lambda: TrustMaterial(signers={}), repr=False)
    now: datetime = NOW
    manifest: bytes | None = field(default=None, repr=False)

    def prove(self, *founds: Found, **changes: Any) -> Proved:
        """By prove_all; `founds` and `changes` stand in for what is here."""
        scene = replace(self, **changes)
        return prove_all(
            founds or scene.founds,
            target=scene.target,
            signers=scene.signers,
            material=scene.material,
            now=scene.now,
            manifest=scene.manifest,
        )


def cases() -> list[dict[str, Any]]:
    return json.loads((LAB / "cases.json").read_text()) if LAB.is_dir() else []


def scene_of(case: dict[str, Any], *, signers: tuple[Signer, ...] | None = None) -> Scene:
    """A lab case with the signers that its `require` names."""
    layout, digest = read_layout(LAB / case["folder"]), Digest.parse(case["digest"])
    port = "5003" if case["api"] == "referrers" else "5001"
    asked = signers if signers is not None else tuple(signer_of(each) for each in wanted(case))
    return Scene(
        target=target_of(layout, digest, Repository(f"127.0.0.1:{port}", case["repo"])),
        founds=founds_of(layout, digest),
        signers=asked,
        material=material_of(*asked),
        manifest=layout.manifests[digest][0],
    )


def wanted(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Each signer that the case names, for a signature or an attestation, once."""
    lists = [case["require"].get("signature", {}), *case["require"].get("attestations", [])]
    found = [each for one in lists for each in (*one.get("any_of", []), *one.get("all_of", []))]
    return list({json.dumps(each, sort_keys=True): each for each in found}.values())


def signer_of(asked: dict[str, Any]) -> Signer:
    """The signer of one `require` entry; its name is the entry's JSON, its root or store the path of a file."""
    name, root = json.dumps(asked, sort_keys=True), asked.get("trusted_root")
    if "key" in asked:
        return load_signer(
            KeySource(
                name,
                file=LAB / asked["key"],
                hash=asked.get("hash"),
                needs_log=asked["log"] == "required",
                needs_timestamp=asked.get("timestamp") == "required",
                valid_until=datetime.fromisoformat(asked["valid_until"]) if "valid_until" in asked else None,
                root=root,
            )
        )
    if "keyless" in asked:
        who = asked["keyless"]
        exact = "identity" in who
        subject = TextPattern.exact(who["identity"]) if exact else TextPattern.regex(who["identity_regex"])
        extensions = {_camel(key): TextPattern.exact(value) for key, value in who.get("extensions", {}).items()}
        return KeylessSigner(name, root, who["issuer"], subject, extensions)
    if "own_pki" in asked:
        return X509Signer(
            name,
            _store_name(asked),
            san=TextPattern.exact(asked["own_pki"]["identity"]),
            needs_log=asked.get("log") == "required",
            needs_timestamp=asked.get("timestamp") == "required",
            root=root,
        )
    return X509Signer(name, _store_name(asked), subject=_subject(asked["notation"]["trusted_identity"]))


def material_of(*signers: Signer, **roots: TrustRoot) -> TrustMaterial:
    """Material with every root and store that these signers name."""
    names = {signer.root for signer in signers if signer.root} - roots.keys()
    stores = {signer.store for signer in signers if isinstance(signer, X509Signer)}
    return TrustMaterial(
        signers={signer.name: signer for signer in signers},
        roots={name: root_of(name) for name in names} | roots,
        stores={name: store_of(name) for name in stores},
    )


@cache
def root_of(name: str) -> TrustRoot:
    """A trusted root by its path, relative to the lab or to the vectors."""
    file = LAB / name if (LAB / name).is_file() else VECTORS / name
    return trustedroot.parse(name, file.read_bytes())


def store_of(name: str) -> X509Store:
    """`certificates|timestamps|crls`, paths relative to the lab; the latter two may be missing."""
    anchors, stamps, crls = (*name.split("|"), "", "")[:3]
    given = tuple(Path(each).read_bytes() for each in crls.split(",") if each)
    return X509Store(name, _pem(anchors), _pem(stamps) if stamps else (), crls=given)


def target_of(layout: Layout, digest: Digest, repository: Repository) -> Target:
    raw, media_type = layout.manifests[digest]
    return Target(repository, digest, media_type, len(raw))


def founds_of(layout: Layout, subject: Digest) -> tuple[Found, ...]:
    """What a registry that holds this layout would give: `.sig`, `.att`, the fallback tag, and referrers."""
    founds: list[Found] = []
    for suffix in (".sig", ".att", ""):
        tag = EvidenceTag(subject, suffix).tag.name
        if tag in layout.tags:
            founds += _founds(layout, tag if suffix else "fallback", layout.tags[tag], subject)
    for digest in (each for each in layout.roots if each not in layout.tags.values()):
        founds += _founds(layout, "referrers", digest, subject)
    return tuple(founds)


def expected(case: dict[str, Any], proved: Proved) -> list[str]:
    """What the case requires and was not proved: nothing, where all is well."""
    missing = []
    signature = case["require"].get("signature")
    if signature and not _is_met(signature, [each for each in proved.evidence if each.kind == "signature"]):
        missing.append("signature")
    for each in case["require"].get("attestations", []):
        kind = each.get("predicate_type", "signature")
        said = [one for one in proved.evidence if kind in (one.kind, one.predicate_type)]
        if not _is_met(each, said):
            missing.append(kind)
    return missing


def _is_met(asked: dict[str, Any], evidence: list[Any]) -> bool:
    def has(one: dict[str, Any]) -> bool:
        claims = one.get("annotations") or one.get("notation", {}).get("user_metadata") or {}
        name = json.dumps(one, sort_keys=True)
        return any(each.signer == name and claims.items() <= each.claims.items() for each in evidence)

    met = [has(one) for one in asked.get("all_of", [])]
    any_of = [has(one) for one in asked.get("any_of", [])]
    return all(met) and (any(any_of) or not any_of) and bool(met or any_of)


def _founds(layout: Layout, place: str, digest: Digest, subject: Digest) -> list[Found]:
    raw, media_type = layout.manifests[digest]
    document = parse_manifest(raw, digest=digest, content_type=media_type)
    if isinstance(document, Index):
        return [found for each in document.manifests for found in _founds(layout, place, each.digest, subject)]
    if place in ("referrers", "fallback") and (document.subject is None or document.subject.digest != subject):
        return []
    founds = [found_in(document, layout, place, number) for number in _evidence_layers(document)]
    if any(found.carriers for found in founds):
        # A bare statement is said by who signed its manifest (evidence.md 5, Docker Hardened Images).
        founds += [replace(each, subject=digest) for each in founds_of(layout, digest)]
    return founds


def _evidence_layers(document: Manifest) -> list[int]:
    kinds = (mediatype.SIMPLE_SIGNING, mediatype.DSSE, mediatype.IN_TOTO, *_LAYERS)
    return [
        number for number, layer in enumerate(document.layers) if mediatype.bare(layer.media_type).startswith(kinds)
    ]


def found_in(document: Manifest, layout: Layout, place: str, number: int) -> Found:
    layer = document.layers[number]
    found = Found(place, document.digest, layer.digest, layer.media_type, layer.annotations, layout.blobs[layer.digest])
    is_statement = mediatype.bare(layer.media_type) == mediatype.IN_TOTO
    return replace(found, carriers=(document.digest,)) if is_statement else found


def _store_name(asked: dict[str, Any]) -> str:
    parts = [
        asked["x509"][0],
        asked.get("timestamps") or asked.get("notation", {}).get("timestamp", ""),
        ",".join(asked.get("crls", ())),
    ]
    return "|".join(parts).rstrip("|")


def _pem(name: str) -> tuple[Any, ...]:
    found = load_pem_x509_certificates(Path(LAB / name).read_bytes())
    return tuple({each.fingerprint(SHA256()): each for each in found}.values())


def _subject(text: str) -> tuple[tuple[str, str], ...]:
    pairs = text.removeprefix("x509.subject:").split(",")
    return tuple((name.strip(), value) for name, _, value in (pair.partition("=") for pair in pairs))


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)


def case_named(name: str) -> dict[str, Any]:
    return next(case for case in cases() if case["name"] == name)


def scene_named(case: str, /, *, root: str | None = None, **fields: Any) -> Scene:
    """A lab case by its name, with another trusted root, or other fields of its signers, if they are given."""
    scene = scene_of(case_named(case))
    changes = fields | ({"root": root} if root else {})
    signers = tuple(replace(signer, **changes) for signer in scene.signers)
    return replace(scene, signers=signers, material=material_of(*signers))


def twin(found: Found, change: Any) -> Found:
    """The same evidence with its JSON changed in place by `change`, under the digest that it then has."""
    document = json.loads(found.payload)
    change(document)
    raw = json.dumps(document).encode()
    return replace(found, payload=raw, blob=Digest.of(raw))


def beside(found: Found, **annotations: str | None) -> Found:
    """The same layer with cosign's annotations changed; None takes one away."""
    said = {f"dev.sigstore.cosign/{name}": value for name, value in annotations.items()}
    kept = {name: value for name, value in found.annotations.items() if name not in said}
    return replace(found, annotations=kept | {name: value for name, value in said.items() if value is not None})


def said_beside(found: Found, name: str) -> str:
    return found.annotations[f"dev.sigstore.cosign/{name}"]
