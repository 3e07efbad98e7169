"""A Sigstore bundle v0.1 to v0.3: one document that holds the signature, who made it, and the proofs of log and time.

Form: protobuf-specs `sigstore_bundle.proto` as JSON; cosign's BUNDLE_SPEC (evidence.md 1.5). A field that is not known
is refused: a verifier that skips what it does not understand believes less than was said, or more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from proxy.oci.digest import Digest, require_digest
from proxy.oci.strictjson import as_object, parse
from proxy.verify.certificates.certificate import MAX_CERTIFICATES
from proxy.verify.encoding import read_base64, shown
from proxy.verify.evidence import Evidence, Found, NotProved, Proved, Target
from proxy.verify.formats import dsse
from proxy.verify.formats.statement import PAYLOAD_TYPE, speaker
from proxy.verify.hashed import Hashed, Message, hash_of
from proxy.verify.material import Signer, TrustMaterial
from proxy.verify.signers.moments import MAX_ENTRIES, MAX_STAMPS
from proxy.verify.signers.signed import Signed, Stamp, Voice, evidence_of, guarded, prove_signed, testify
from proxy.verify.witness import logentry
from proxy.verify.witness.logentry import Entry

PREFIX = "application/vnd.dev.sigstore.bundle"
_VERSIONS: Mapping[str, str] = {
    **{f"{PREFIX}+json;version={version}": version for version in ("0.1", "0.2", "0.3")},
    **{f"{PREFIX}.v{version}+json": version for version in ("0.1", "0.2", "0.3")},
}
_FIELDS = frozenset({"mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"})
_WHO = ("publicKey", "x509CertificateChain", "certificate")
_MATERIAL_FIELDS = frozenset({*_WHO, "tlogEntries", "timestampVerificationData"})
_MESSAGE_FIELDS = frozenset({"messageDigest", "signature"})
_HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


@dataclass(frozen=True, slots=True)
class Bundle:
    """Exactly one of `envelope` and `signature` is set; `digest` is what a message signature says that it is over.

    `certificates`, `entries` and `tokens` are JSON values, counted and not read.
    """

    version: str
    envelope: dsse.Envelope | None
    signature: bytes | None
    digest: tuple[str, bytes] | None
    hint: str | None
    certificates: tuple[Any, ...] = field(default=(), repr=False)
    entries: tuple[Any, ...] = field(default=(), repr=False)
    tokens: tuple[Any, ...] = field(default=(), repr=False)


def prove(
    found: Found,
    *,
    target: Target,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    revocation: Mapping[str, bytes],
    manifest: bytes | None = None,
) -> Proved:
    """Evidence for each signer of the bundle, else one Rejection; raise NotProved or PratiqueError if malformed.

    A message signature is over the bytes of `manifest`, the target's; without them it is refused. It signs the image.
    """
    require_digest(found.payload, found.blob)
    about = found.subject or target.digest
    artifact = manifest if about == target.digest else None
    return _prove(found, about, artifact, signers, material, now, revocation)


def prove_bare(
    raw: bytes,
    *,
    artifact: bytes | None,
    digest: Digest,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
) -> Proved:
    """What a bundle in a file proves of the artifact with that digest, offline; raise nothing.

    `artifact` are its bytes where they are at hand. Without them a message signature is held against the digest, which
    no Ed25519 key signs; a statement only names it.
    """
    blob = Digest.of(raw)
    found = Found("file", blob, blob, PREFIX, {}, raw)
    known = artifact if artifact is not None else Hashed(digest.algorithm, bytes.fromhex(digest.hex))
    return guarded(found, lambda: _prove(found, digest, known, signers, material, now, {}))


def parse_bundle(raw: bytes) -> Bundle:
    """Return the bundle in `raw`, its limits checked; raise NotProved or ManifestInvalid unless it has one meaning."""
    document = _known(parse(raw, what="bundle"), _FIELDS, what="bundle")
    version = _version(document.get("mediaType"))
    material = _known(document.get("verificationMaterial"), _MATERIAL_FIELDS, what="bundle's verificationMaterial")
    envelope, message = _one_of(document, ("dsseEnvelope", "messageSignature"), what="content")
    signature, digest = _message(message) if message is not None else (None, None)
    hint, certificates = _who(material)
    stamps = material.get("timestampVerificationData")
    listed = _known(stamps, {"rfc3161Timestamps"}, what="bundle's timestampVerificationData") if stamps else {}
    return Bundle(
        version=version,
        envelope=None if envelope is None else dsse.read_envelope(envelope, limit=1),
        signature=signature,
        digest=digest,
        hint=hint,
        certificates=certificates,
        entries=_listed(material, "tlogEntries", limit=MAX_ENTRIES),
        tokens=_listed(listed, "rfc3161Timestamps", limit=MAX_STAMPS),
    )


def _prove(
    found: Found,
    about: Digest,
    artifact: Message | None,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    revocation: Mapping[str, bytes],
) -> Proved:
    bundle = parse_bundle(found.payload)
    signed = _signed(bundle, about, artifact)
    said = prove_signed(
        signed, signers=signers, material=material, now=now, revocation=revocation, attach=_attaching(bundle)
    )
    if bundle.envelope is not None:
        return testify(found, said, speaker(found, bundle.envelope.payload, subject=about, form="bundle"))

    def speak(voice: Voice) -> Evidence:
        return evidence_of(voice, found, kind="signature", form="bundle", subject=about)

    return testify(found, said, speak)


def _signed(bundle: Bundle, about: Digest, artifact: Message | None) -> Signed:
    is_certified = bool(bundle.certificates)
    if bundle.envelope is not None:
        dsse.require_type(bundle.envelope, PAYLOAD_TYPE)
        pae, signature, payload = bundle.envelope.pae, bundle.envelope.signatures[0], bundle.envelope.payload
        return Signed(pae, signature, payload, hint=bundle.hint, is_certified=is_certified)
    assert bundle.signature is not None
    message = _artifact(bundle, about, artifact)
    return Signed(message, bundle.signature, message, hint=bundle.hint, is_certified=is_certified)


def _artifact(bundle: Bundle, about: Digest, artifact: Message | None) -> Message:
    if artifact is None:
        raise NotProved(f"it is a signature over bytes, not over a digest, and the bytes of {about} are not at hand")
    if isinstance(artifact, bytes):
        require_digest(artifact, about)
    if bundle.digest is None:
        return artifact
    algorithm, said = bundle.digest
    if hash_of(artifact, algorithm) != said:
        raise NotProved(f"it is a signature of {algorithm}:{said.hex()[:128]}, not of {about}")
    return artifact


def _attaching(bundle: Bundle) -> Callable[[Signed], Signed]:
    def attach(signed: Signed) -> Signed:
        return replace(
            signed,
            certificates=tuple(_der(each) for each in bundle.certificates),
            entries=tuple(_entry(each, bundle.version) for each in bundle.entries),
            stamps=tuple(Stamp(_token(each), (signed.signature,)) for each in bundle.tokens),
        )

    return attach


def _entry(value: Any, version: str) -> Entry:
    """BUNDLE_SPEC: v0.1 requires the log's promise; later versions an inclusion proof, which v0.1 may lack."""
    entry = logentry.from_bundle(value)
    if version == "0.1" and entry.promise is None:
        raise NotProved("the log entry of a bundle v0.1 must hold an inclusion promise")
    if version != "0.1" and entry.proof is None:
        raise NotProved(f"the log entry of a bundle v{version} must hold an inclusion proof")
    return entry


def _version(value: Any) -> str:
    text = value.replace(" ", "") if isinstance(value, str) else ""
    if text not in _VERSIONS:
        raise NotProved(f"its mediaType is {shown(value)}, not a Sigstore bundle v0.1 to v0.3")
    return _VERSIONS[text]


def _message(value: Any) -> tuple[bytes, tuple[str, bytes] | None]:
    message = _known(value, _MESSAGE_FIELDS, what="bundle's messageSignature")
    signature = read_base64(message.get("signature"), what="bundle's signature")
    if message.get("messageDigest") is None:
        return signature, None
    named = _known(message["messageDigest"], {"algorithm", "digest"}, what="bundle's messageDigest")
    algorithm = named.get("algorithm")
    if not isinstance(algorithm, str) or algorithm not in _HASHES:
        raise NotProved(f"the bundle's messageDigest is by {shown(algorithm)}, not by {', '.join(_HASHES)}")
    return signature, (_HASHES[algorithm], read_base64(named.get("digest"), what="bundle's messageDigest"))


def _who(material: Mapping[str, Any]) -> tuple[str | None, tuple[Any, ...]]:
    """The key's hint or the certificates, of which there must be one kind."""
    key, listed, single = _one_of(material, _WHO, what="verificationMaterial")
    if key is not None:
        hint = _known(key, {"hint"}, what="bundle's publicKey").get("hint")
        return hint if isinstance(hint, str) else None, ()
    if single is not None:
        return None, (single,)
    found = _known(listed, {"certificates"}, what="bundle's x509CertificateChain")
    certificates = _listed(found, "certificates", limit=MAX_CERTIFICATES)
    if not certificates:
        raise NotProved("the bundle's x509CertificateChain is empty")
    return None, certificates


def _one_of(document: Mapping[str, Any], names: Sequence[str], *, what: str) -> list[Any]:
    """The values of a protobuf oneof, all None but one; null is absent."""
    values = [document.get(name) for name in names]
    if sum(value is not None for value in values) != 1:
        raise NotProved(f"the bundle's {what} must hold exactly one of {', '.join(names)}")
    return values


def _listed(document: Mapping[str, Any], name: str, *, limit: int) -> tuple[Any, ...]:
    """T51: a bounded list, in which nothing stands twice."""
    value = document.get(name) or []
    if not isinstance(value, list) or len(value) > limit:
        raise NotProved(f"the bundle's {name} is not a list of at most {limit}")
    if any(each in value[:at] for at, each in enumerate(value)):
        raise NotProved(f"the bundle's {name} holds one item twice")
    return tuple(value)


def _der(value: Any) -> bytes:
    return read_base64(_known(value, {"rawBytes"}, what="bundle's certificate").get("rawBytes"), what="certificate")


def _token(value: Any) -> bytes:
    token = _known(value, {"signedTimestamp"}, what="bundle's timestamp").get("signedTimestamp")
    return read_base64(token, what="bundle's timestamp")


def _known(value: Any, names: frozenset[str] | set[str], *, what: str) -> dict[str, Any]:
    document = as_object(value, what=what, names=names)
    unknown = min(document.keys() - names, default=None)
    if unknown is not None:
        raise NotProved(f"the {what} holds {shown(unknown)}, which is not known; a newer Pratique may read it")
    return document
