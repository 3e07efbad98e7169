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
from proxy.verify.signers.certified import company_identity, require_not_revoked
from proxy.verify.signers.ownpki import only, require_store, silence, speaking
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
        try:
            yield from _under(require_store(asking.material, name), envelope, certificates, asked, asking)
        except NotProved as error:
            yield silence(error, asked)


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
    signers, why_not = speaking(certificates[0], facts, asked)
    if not signers:
        yield Silence(only(asked), why_not)
        return
    lacking = {signer.name: lack for signer in signers if (lack := _lack(signer, moments))}
    yield from (Silence(name, lack) for name, lack in lacking.items())
    if len(lacking) < len(signers):
        voice = _voice(store, envelope, path, moments, facts, asking)
        yield from (replace(voice, signer=signer.name) for signer in signers if signer.name not in lacking)


def _lack(signer: X509Signer, moments: Moments) -> str:
    """What the signer asks for beside the signature and is not there."""
    if signer.needs_log:
        return f"it is by {signer.name}, but no log holds Notation signatures, and the signer requires one"
    if signer.needs_timestamp and not moments.stamper:
        return f"it is by {signer.name}, but no timestamp that its trust store knows proves when it was made"
    return ""


def _voice(
    store: X509Store,
    envelope: Envelope,
    path: tuple[x509.Certificate, ...],
    moments: Moments,
    facts: CertificateFacts,
    asking: _Asking,
) -> Voice:
    """What it rests on, once neither its chain nor the timestamp authority's was revoked (T34)."""
    # Only a timestamp shows that a certificate was revoked after it signed.
    asked = [revocation.Path(path, moments.proved_at if moments.stamper else None)]
    asked += [revocation.Path(moments.stamper)] if moments.stamper else []
    checked = revocation.check(*asked, store=store, now=asking.now, answers=asking.answers)
    ends = [envelope.attributes.expires_at, checked.until]
    ends += [each.not_valid_after_utc for each in path] if asking.now in moments.times else []
    return Voice(
        signer="",
        identity=company_identity(path[0], facts, material=asking.material),
        proved_at=moments.proved_at,
        valid_until=min((end for end in ends if end is not None), default=None),
        rests_on=tuple(dict.fromkeys(store.item(each[-1]) for each in (path, moments.stamper) if each)),
        certificate=facts,
        warnings=checked.warnings,
        wanted=checked.wanted,
    )
