"""A bare key speaks by its signature alone, unless its signer asks for a log or a timestamp under a trust root.

Nothing that came beside the signature is read for a signer who asks for neither (evidence.md 0): it can neither help
nor harm, and costs nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy.verify.evidence import NotProved
from proxy.verify.hashed import Hashed
from proxy.verify.keys import verify_signature
from proxy.verify.material import KeySigner, Signer, TrustMaterial, TrustRoot
from proxy.verify.signers.moments import Moments, prove_moments
from proxy.verify.signers.voices import Signed, Silence, Voice

_NOTHING_PROVED = Moments()


def is_bare(signer: Signer) -> bool:
    """Whether the signer needs nothing but the signature."""
    return isinstance(signer, KeySigner) and not signer.needs_log and not signer.needs_timestamp


def has_signed(signer: KeySigner, signed: Signed) -> bool:
    return verify_signature(signer.key, signature=signed.signature, message=signed.message, hash=signer.hash)


def prove_key(signed: Signed, signer: KeySigner, *, material: TrustMaterial, now: datetime) -> Voice | Silence:
    """Whether a signer whose key made this signature may speak: not revoked, logged and stamped as asked, in time."""
    if signer.spki in material.revoked:
        return Silence(signer.name, f"it is by {signer.name}, whose key is revoked: {material.revoked[signer.spki]}")
    try:
        moments = _NOTHING_PROVED if is_bare(signer) else _moments(signed, signer, material, now)
        _require_window(signer, moments, now)
    except NotProved as error:
        return Silence(signer.name, f"it is by {signer.name}, but {error}")
    return Voice(
        signer=signer.name,
        identity=f"key:{signer.spki}",
        proved_at=moments.proved_at,
        valid_until=None if moments.times else signer.valid_until,
        rests_on=(signer.item, *moments.items),
        log=moments.log,
    )


def why_nobody(signed: Signed, signers: Sequence[KeySigner]) -> Silence:
    """The sentence where none of these keys made the signature."""
    asked = ", ".join(signer.name for signer in signers)
    only = signers[0].name if len(signers) == 1 else None
    if signed.is_certified:
        return Silence(only, f"it is signed by a certificate's key, not by {asked}")
    if isinstance(signed.message, Hashed):
        known = (
            f"only the {signed.message.algorithm} hash of the bytes was given, and a key may sign another or the bytes"
        )
        return Silence(only, f"it was made by another key than {asked}, or is over other bytes; {known}")
    return Silence(only, f"it was made by another key than {asked}, or its payload was changed")


def require_root(material: TrustMaterial, name: str | None) -> TrustRoot:
    """The trust root of that name, fresh enough to be used; else NotProved."""
    if name is not None and name in material.stale:
        raise NotProved(f"trust root {name} must not be used: {material.stale[name]}")
    if name is None or name not in material.roots:
        raise NotProved(f"trust root {name} is not loaded; see `pratique trust show`")
    return material.roots[name]


def _moments(signed: Signed, signer: KeySigner, material: TrustMaterial, now: datetime) -> Moments:
    return prove_moments(
        signed,
        root=require_root(material, signer.root),
        key_der=signer.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        certificate_der=None,
        needs_log=signer.needs_log,
        needs_timestamp=signer.needs_timestamp,
        otherwise=now,
    )


def _require_window(signer: KeySigner, moments: Moments, now: datetime) -> None:
    """T31: the key's window covers the proved times; without any it is compared with now."""
    if signer.valid_from is None and signer.valid_until is None:
        return
    when = moments.extremes or (now,)
    if signer.valid_from is not None and when[0] < signer.valid_from:
        raise NotProved(f"its key is valid only from {signer.valid_from.isoformat()}")
    if signer.valid_until is not None and when[-1] >= signer.valid_until:
        raise NotProved(f"its key was valid until {signer.valid_until.isoformat()}; it needs a newer one")
