"""A cosign signature is proved over the payload's bytes as they came, bound to the subject, or it is a Rejection.

Form: cosign SIGNATURE_SPEC, payload: containers-signature(5) with cosign's own `critical.type` (evidence.md 1.1, 1.4).
No field outside the signed bytes is believed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proxy.errors import PratiqueError
from proxy.oci import mediatype
from proxy.oci.digest import Digest, require_digest
from proxy.oci.reference import ImageName, Repository
from proxy.oci.strictjson import as_object, parse
from proxy.verify.encoding import read_base64, shown
from proxy.verify.evidence import Evidence, Found, NotProved, Proved, Target
from proxy.verify.formats.annotations import SIGNATURE, attaching, has_certificate
from proxy.verify.material import Signer, TrustMaterial, X509Signer
from proxy.verify.signers.signed import Signed, Voice, evidence_of, prove_signed, testify

MAX_PAYLOAD = 256 * 1024  # bytes; real ones are under 1 KiB, and each is scanned in full
TYPE = "cosign container image signature"
_MAX_SIGNATURE_TEXT = 16 * 1024  # an RSA-8192 signature in base64 is under 2 KiB
# Names under which tools write docker.io into what they sign.
_DOCKER_HUB = frozenset({"index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True)
class Payload:
    """What the signed bytes say. `names` is empty where they name no repository."""

    subject: str
    names: tuple[str, ...]
    claims: Mapping[str, str] = field(hash=False)


def prove(
    found: Found,
    *,
    target: Target,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    revocation: Mapping[str, bytes],
) -> Proved:
    """Evidence for each signer who proves it, else one Rejection; raise NotProved or PratiqueError if it is malformed.

    A name that a signer's preset maps (`signed_as`) also counts as the target's repository; whether the names suffice
    is the policy's to say.
    """
    subject = found.subject or target.digest
    payload, signature = _read(found, subject)
    signed = Signed(found.payload, signature, found.payload, is_certified=has_certificate(found.annotations))
    said = prove_signed(
        signed,
        signers=signers,
        material=material,
        now=now,
        revocation=revocation,
        attach=attaching(found.annotations, signature),
    )
    mapping = {signer.name: signer for signer in signers}

    def speak(voice: Voice) -> Evidence:
        names = payload.names + _mapped(payload, mapping[voice.signer], target.repository)
        return evidence_of(
            voice, found, kind="signature", form="simple-signing", subject=subject, names=names, claims=payload.claims
        )

    return testify(found, said, speak)


def read_payload(raw: bytes) -> Payload:
    """Return what a simple-signing payload says; raise ManifestInvalid or NotProved unless it has one meaning."""
    if len(raw) > MAX_PAYLOAD:
        raise NotProved("the payload is over 256 KiB, which no signing tool writes")
    document = as_object(parse(raw, what="payload"), what="payload", names={"critical", "optional"})
    critical = _exactly(document.get("critical"), {"identity", "image", "type"}, what="critical")
    image = _exactly(critical["image"], {"docker-manifest-digest"}, what="critical.image")
    identity = _exactly(critical["identity"], {"docker-reference"}, what="critical.identity")
    if critical["type"] != TYPE:
        raise NotProved(f"the payload's critical.type is {shown(critical['type'])}, not {TYPE!r}")
    return Payload(
        subject=str(image["docker-manifest-digest"]),
        names=_names(identity["docker-reference"]),
        claims=_claims(document.get("optional")),
    )


def read_signature(annotations: Mapping[str, str]) -> bytes:
    """The raw signature of a layer: base64, after white space is stripped (NGC folds its lines); else NotProved."""
    text = annotations.get(SIGNATURE, "")
    if not text:
        raise NotProved(f"the layer has no annotation {SIGNATURE}; it is not signed")
    if len(text) > _MAX_SIGNATURE_TEXT:
        raise NotProved("the signature annotation is over 16 KiB, which no key's signature is")
    return read_base64(text, what="signature annotation")


def _read(found: Found, subject: Digest) -> tuple[Payload, bytes]:
    if mediatype.bare(found.media_type) != mediatype.SIMPLE_SIGNING:
        raise NotProved(f"a layer of type {shown(found.media_type)} is not a simple-signing signature")
    require_digest(found.payload, found.blob)
    signature = read_signature(found.annotations)
    payload = read_payload(found.payload)
    if payload.subject != str(subject):
        raise NotProved(f"it is a signature of {shown(payload.subject)}, not of {subject}")
    return payload, signature


def _mapped(payload: Payload, signer: Signer, repository: Repository) -> tuple[str, ...]:
    patterns = () if isinstance(signer, X509Signer) else signer.signed_as
    is_mapped = any(_covers(pattern, name) for name in payload.names for pattern in patterns)
    return (str(repository),) if is_mapped and str(repository) not in payload.names else ()


def _covers(pattern: str, name: str) -> bool:
    """A name as it is written, or everything under `prefix/**`; presets use no other pattern."""
    return name == pattern or (pattern.endswith("/**") and name.startswith(pattern.removesuffix("**")))


def _exactly(value: Any, members: set[str], *, what: str) -> dict[str, Any]:
    # containers-signature(5): whoever does not know a member of `critical` must refuse it.
    document = as_object(value, what=f"payload's {what}")
    if document.keys() != members:
        odd = min(document.keys() ^ members)
        raise NotProved(f"the payload's {what} does not hold exactly {', '.join(sorted(members))}: see {shown(odd)}")
    return document


def _names(reference: Any) -> tuple[str, ...]:
    """The repository in `docker-reference` without tag and digest, with docker.io under one name; () if it is none."""
    if not isinstance(reference, str):
        return ()
    try:
        found = ImageName.parse(reference).repository
        if found.upstream in _DOCKER_HUB:
            found = ImageName.parse(f"docker.io/{found.name}").repository
    except PratiqueError:
        return ()
    return (str(found),)


def _claims(optional: Any) -> Mapping[str, str]:
    """The signed annotations (`cosign sign -a key=value`); what is not text, such as a creator's time, is no claim."""
    if optional is None:
        return {}
    claims = as_object(optional, what="payload's optional")
    return {name: value for name, value in claims.items() if isinstance(value, str)}
