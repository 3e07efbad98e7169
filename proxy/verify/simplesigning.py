"""A cosign signature is proved over the payload's bytes as they came, bound to the subject, or it is a Rejection.

Form: cosign SIGNATURE_SPEC, payload: containers-signature(5) with cosign's own `critical.type`. No field outside the
signed bytes is believed; a log entry or certificate beside a bare key's signature is neither needed nor looked at.
"""

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from proxy.errors import PratiqueError
from proxy.oci import mediatype
from proxy.oci.digest import Digest, require_digest
from proxy.oci.reference import ImageName, Repository
from proxy.oci.strictjson import as_object, parse
from proxy.verify.evidence import Evidence, Found, Rejection
from proxy.verify.keys import verify_signature
from proxy.verify.lookup import CERTIFICATES, SIGNATURE
from proxy.verify.material import KeySigner

MAX_PAYLOAD = 256 * 1024  # bytes; real ones are under 1 KiB, and each is scanned in full
TYPE = "cosign container image signature"
_MAX_SIGNATURE_TEXT = 16 * 1024  # an RSA-8192 signature in base64 is under 2 KiB
_WHITE_SPACE = str.maketrans("", "", " \t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")
# Names under which tools write docker.io into what they sign.
_DOCKER_HUB = frozenset({"index.docker.io", "registry-1.docker.io"})

Proof: TypeAlias = Evidence | Rejection


@dataclass(frozen=True, slots=True)
class Payload:
    """What the signed bytes say. `names` is empty where they name no repository."""

    subject: str
    names: tuple[str, ...]
    claims: Mapping[str, str] = field(hash=False)


def prove(
    found: Found, *, subject: Digest, repository: Repository, signers: Sequence[KeySigner], now: datetime
) -> tuple[Proof, ...]:
    """Evidence for each signer who proves it, else one Rejection. Raises nothing (T35, T55).

    `now` is aware UTC and is compared with a bare key's window. A name that a signer's preset maps (`signed_as`)
    also counts as `repository`; whether the names suffice is the policy's to say.
    """
    try:
        return _prove(found, subject=subject, repository=repository, signers=signers, now=now)
    except PratiqueError as error:
        return (_reject(found, error.message),)
    except Exception as error:  # noqa: BLE001 whatever fails while proving is not proved (evidence.md 0)
        return (_reject(found, f"it could not be read ({type(error).__name__}); sign the image again"),)


def read_payload(raw: bytes) -> Payload:
    """Return what a simple-signing payload says; raise ManifestInvalid or ValueError unless it has one meaning."""
    if len(raw) > MAX_PAYLOAD:
        raise ValueError("the payload is over 256 KiB, which no signing tool writes")
    document = as_object(parse(raw, what="payload"), what="payload", names={"critical", "optional"})
    critical = _exactly(document.get("critical"), {"identity", "image", "type"}, what="critical")
    image = _exactly(critical["image"], {"docker-manifest-digest"}, what="critical.image")
    identity = _exactly(critical["identity"], {"docker-reference"}, what="critical.identity")
    if critical["type"] != TYPE:
        raise ValueError(f"the payload's critical.type is {_shown(critical['type'])}, not {TYPE!r}")
    return Payload(
        subject=str(image["docker-manifest-digest"]),
        names=_names(identity["docker-reference"]),
        claims=_claims(document.get("optional")),
    )


def read_signature(annotations: Mapping[str, str]) -> bytes:
    """The raw signature of a layer: base64, after white space is stripped (NGC folds its lines); else ValueError."""
    text = annotations.get(SIGNATURE, "")
    if not text:
        raise ValueError(f"the layer has no annotation {SIGNATURE}; it is not signed")
    if len(text) > _MAX_SIGNATURE_TEXT:
        raise ValueError("the signature annotation is over 16 KiB, which no key's signature is")
    try:
        return binascii.a2b_base64(text.translate(_WHITE_SPACE).translate(_URL_SAFE), strict_mode=True)
    except ValueError:
        raise ValueError("the signature annotation is not base64; sign the image again") from None


def _prove(
    found: Found, *, subject: Digest, repository: Repository, signers: Sequence[KeySigner], now: datetime
) -> tuple[Proof, ...]:
    try:
        payload, signature = _read(found, subject)
    except ValueError as error:
        return (_reject(found, str(error)),)
    holders = [
        signer
        for signer in signers
        if verify_signature(signer.key, signature=signature, message=found.payload, hash=signer.hash)
    ]
    if not holders:
        return (_reject(found, _why_nobody(found, signers), signer=signers[0].name if len(signers) == 1 else None),)
    speaking = [signer for signer in holders if _may_speak(signer, now)]
    if not speaking:
        return (_reject(found, _why_silent(holders[0], now), signer=holders[0].name),)
    return tuple(_evidence(found, payload, signer, subject, repository) for signer in speaking)


def _read(found: Found, subject: Digest) -> tuple[Payload, bytes]:
    if mediatype.bare(found.media_type) != mediatype.SIMPLE_SIGNING:
        raise ValueError(f"a layer of type {_shown(found.media_type)} is not a simple-signing signature")
    require_digest(found.payload, found.blob)
    signature = read_signature(found.annotations)
    payload = read_payload(found.payload)
    if payload.subject != str(subject):
        raise ValueError(f"it is a signature of {_shown(payload.subject)}, not of {subject}")
    return payload, signature


def _evidence(found: Found, payload: Payload, signer: KeySigner, subject: Digest, repository: Repository) -> Evidence:
    mapped = any(_covers(pattern, name) for name in payload.names for pattern in signer.signed_as)
    own = (str(repository),) if mapped and str(repository) not in payload.names else ()
    return Evidence(
        kind="signature",
        signer=signer.name,
        identity=f"key:{signer.spki}",
        subject=subject,
        names=payload.names + own,
        claims=payload.claims,
        sources=(found.manifest, found.blob),
        place=found.place,
        valid_until=signer.valid_until,
    )


def _may_speak(signer: KeySigner, now: datetime) -> bool:
    """T31: a bare key's signature carries no proved time, so the key's window is compared with now."""
    begun = signer.valid_from is None or signer.valid_from <= now
    return begun and (signer.valid_until is None or now < signer.valid_until)


def _covers(pattern: str, name: str) -> bool:
    """A name as it is written, or everything under `prefix/**`; presets use no other pattern."""
    return name == pattern or (pattern.endswith("/**") and name.startswith(pattern.removesuffix("**")))


def _exactly(value: Any, members: set[str], *, what: str) -> dict[str, Any]:
    # containers-signature(5): whoever does not know a member of `critical` must refuse it.
    document = as_object(value, what=f"payload's {what}")
    if document.keys() != members:
        odd = min(document.keys() ^ members)
        raise ValueError(f"the payload's {what} does not hold exactly {', '.join(sorted(members))}: see {_shown(odd)}")
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


def _why_nobody(found: Found, signers: Sequence[KeySigner]) -> str:
    if not signers:
        return "no key was given to check it with"
    asked = ", ".join(signer.name for signer in signers)
    if any(name in found.annotations for name in CERTIFICATES):
        return f"it is signed by a certificate's key, not by {asked}"
    return f"it was made by another key than {asked}, or its payload was changed"


def _why_silent(signer: KeySigner, now: datetime) -> str:
    if signer.valid_from is not None and now < signer.valid_from:
        return f"it is by {signer.name}, whose key is valid only from {signer.valid_from.isoformat()}"
    assert signer.valid_until is not None
    return f"it is by {signer.name}, whose key was valid until {signer.valid_until.isoformat()}; it needs a newer one"


def _reject(found: Found, reason: str, *, signer: str | None = None) -> Rejection:
    return Rejection(place=found.place, source=found.manifest, reason=reason, signer=signer)


def _shown(value: Any) -> str:
    """A stranger's text, bounded and printable, fit for a log line."""
    return repr(ascii(value)[1:-1][:80]) if isinstance(value, str) else f"of type {type(value).__name__}"
