"""A Notation signature is proved for each signer whose trust store and identity it fits, or it is a Rejection.

Order: envelope → signature → payload → time → chain at that time → identity → revocation. Trust store and trust policy
specification, "Signature Verification", at level `strict`: expiry and time are enforced; revocation as the store says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509

from proxy.oci import mediatype
from proxy.oci.digest import require_digest
from proxy.verify.certificates import certificate, revocation
from proxy.verify.encoding import shown
from proxy.verify.evidence import CertificateFacts, Evidence, Found, NotProved, Proved, Rejection, Target
from proxy.verify.material import Signer, TrustMaterial, X509Signer, X509Store
from proxy.verify.notation import cose, jws
from proxy.verify.notation.envelope import MAX_ENVELOPE, Envelope
from proxy.verify.notation.moments import Moments, find_path, prove_moments
from proxy.verify.notation.rules import require_signature, require_target, require_usage
from proxy.verify.signers.certified import require_not_revoked, told
from proxy.verify.signers.signed import evidence_of, guarded, testify
from proxy.verify.signers.voices import Silence, Voice

JWS, COSE = "application/jose+json", "application/cose"
_READERS = {JWS: jws.read, COSE: cose.read}


@dataclass(frozen=True, slots=True)
class _Asking:
    """What every signer is asked with."""

    material: TrustMaterial
    now: datetime
    answers: Mapping[str, bytes] = field(repr=False)


def prove(
    found: Found,
    *,
    target: Target,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    revocation: Mapping[str, bytes],
) -> tuple[Evidence | Rejection, ...]:
    """Evidence for each signer who proves it, else one Rejection; see `prove_with_wanted`."""
    proved = prove_with_wanted(found, target=target, signers=signers, material=material, now=now, revocation=revocation)
    return (*proved.evidence, *proved.rejections)


def prove_with_wanted(
    found: Found,
    *,
    target: Target,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    revocation: Mapping[str, bytes],
) -> Proved:
    """Evidence for each X509Signer who proves it, else one Rejection, and which revocation answers are wanted.

    Raises nothing (T35, T55). `now` is aware UTC; `revocation` maps what was wanted to what was answered (DER). Signers of
    another kind cannot speak by Notation.
    """
    asking = _Asking(material, now, revocation)
    return guarded(found, lambda: _prove(found, target, signers, asking))


def _prove(found: Found, target: Target, signers: Sequence[Signer], asking: _Asking) -> Proved:
    if found.subject not in (None, target.digest):
        raise NotProved("a Notation signature of an attestation's manifest is not read; sign that one with cosign")
    envelope = _read(found)
    certificates = certificate.load_chain(envelope.certificates)
    require_usage(certificates[0])
    require_signature(envelope, certificates[0])
    claims = require_target(envelope.payload, target)
    expires_at = envelope.attributes.expires_at
    if expires_at is not None and asking.now >= expires_at:
        raise NotProved(f"the signature expired at {expires_at.isoformat()}; it needs a newer one")
    return testify(
        found,
        _said(envelope, certificates, [each for each in signers if isinstance(each, X509Signer)], asking),
        lambda voice: evidence_of(
            voice, found, kind="signature", form=envelope.form, subject=target.digest, names=None, claims=claims
        ),
    )


def _read(found: Found) -> Envelope:
    require_digest(found.payload, found.blob)
    if len(found.payload) > MAX_ENVELOPE:
        raise NotProved("the signature envelope is over 128 KiB, which no signing tool writes")
    read = _READERS.get(mediatype.bare(found.media_type))
    if read is None:
        raise NotProved(f"a layer of type {shown(found.media_type)} is not a Notation signature")
    return read(found.payload)


def _said(
    envelope: Envelope, certificates: Sequence[x509.Certificate], signers: Sequence[X509Signer], asking: _Asking
) -> Iterable[Voice | Silence]:
    if not signers:
        yield Silence(None, "it is a Notation signature, and no signer that was asked has an X.509 trust store")
    for name in dict.fromkeys(signer.store for signer in signers):
        asked = [signer for signer in signers if signer.store == name]
        only = asked[0].name if len(asked) == 1 else None
        try:
            yield from _under(_store(asking.material, name), envelope, certificates, asked, asking)
        except revocation.Unasked as error:
            yield Silence(only, f"it is not proved under trust store {name}: {error}", error.wanted)
        except NotProved as error:
            yield Silence(only, f"it is not proved under trust store {name}: {error}")


def _store(material: TrustMaterial, name: str) -> X509Store:
    if name not in material.stores:
        raise NotProved("it is not loaded; see `pratique trust show`")
    return material.stores[name]


def _under(
    store: X509Store,
    envelope: Envelope,
    certificates: Sequence[x509.Certificate],
    asked: Sequence[X509Signer],
    asking: _Asking,
) -> Iterable[Voice | Silence]:
    moments = prove_moments(envelope, store=store, now=asking.now)
    path = find_path(certificates, store=store, moments=moments, now=asking.now)
    facts = certificate.facts(certificates[0], authority=path[-1])
    require_not_revoked((*path, *moments.stamper), facts, material=asking.material)
    speaking = [signer for signer in asked if _is_by(certificates[0], facts, signer)]
    if not speaking:
        names = ", ".join(signer.name for signer in asked)
        reason = f"signed, but by {told(facts)} instead of {names}; add a signer for it, or ask the publisher"
        yield Silence(asked[0].name if len(asked) == 1 else None, reason)
        return
    voice = _voice(store, path, moments, facts, asking)
    if envelope.attributes.expires_at is not None:
        until = envelope.attributes.expires_at
        voice = replace(voice, valid_until=min(until, voice.valid_until or until))
    yield from (replace(voice, signer=signer.name) for signer in speaking)


def _is_by(leaf: x509.Certificate, facts: CertificateFacts, signer: X509Signer) -> bool:
    """Whether its subject has all that the signer names; a signer that names neither subject nor SAN is nobody."""
    if not signer.subject and signer.san is None:
        return False
    if signer.san is not None and not (facts.san and signer.san.matches(facts.san)):
        return False
    return not signer.subject or set(signer.subject) <= set(certificate.subject_attributes(leaf))


def _voice(
    store: X509Store,
    path: tuple[x509.Certificate, ...],
    moments: Moments,
    facts: CertificateFacts,
    asking: _Asking,
) -> Voice:
    """What it rests on, once neither its chain nor the timestamp authority's was revoked (T34)."""
    # Only a timestamp shows that a certificate was revoked after it signed.
    at = moments.proved_at if moments.stamper else None
    checked = [revocation.check(path, store=store, now=asking.now, answers=asking.answers, at=at)]
    if moments.stamper:
        checked.append(revocation.check(moments.stamper, store=store, now=asking.now, answers=asking.answers))
    ends = [each.not_valid_after_utc for each in path]
    return Voice(
        signer="",
        identity=f"x509:{facts.authority} {facts.subject or facts.san}",
        proved_at=moments.proved_at,
        valid_until=min(ends) if asking.now in moments.times else None,
        rests_on=tuple(dict.fromkeys(store.item(each[-1]) for each in (path, moments.stamper) if each)),
        certificate=facts,
        warnings=tuple(dict.fromkeys(text for each in checked for text in each.warnings)),
        wanted=tuple(dict.fromkeys(key for each in checked for key in each.wanted)),
    )
