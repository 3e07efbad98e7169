"""The engine: one neutral record of a signature, and who of the signers made it. No form of storage is known here.

Bare keys first, by the signature alone; what came beside it is read only if a signer needs it (`attach`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from proxy.errors import PratiqueError
from proxy.oci.digest import Digest
from proxy.verify.evidence import Evidence, Found, NotProved, Proved, Rejection
from proxy.verify.material import KeylessSigner, KeySigner, Signer, TrustMaterial, X509Signer
from proxy.verify.signers.barekey import has_signed, is_bare, prove_key, why_nobody
from proxy.verify.signers.certified import require_leaf
from proxy.verify.signers.keyless import prove_keyless
from proxy.verify.signers.ownpki import prove_company
from proxy.verify.signers.voices import Signed, Silence, Stamp, Voice

__all__ = ["Signed", "Silence", "Stamp", "Voice", "evidence_of", "guarded", "prove_signed", "reject", "testify"]

_MAX_REASONS = 4  # in one Rejection


def prove_signed(
    signed: Signed,
    *,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    revocation: Mapping[str, bytes],
    attach: Callable[[Signed], Signed] | None = None,
) -> tuple[Voice | Silence, ...]:
    """A Voice for each signer who made this signature; Silences, most telling first, where nobody (yet) did.

    `now` is aware UTC. `attach` adds certificates, log entries and stamps, and raises NotProved or PratiqueError
    where they are malformed: that silences the signers who need them, and nobody else.
    """
    if not signers:
        return (Silence(None, "no signer was given to check it with"),)
    keys = [signer for signer in signers if isinstance(signer, KeySigner)]
    holders = [signer for signer in keys if has_signed(signer, signed)]
    said: list[Voice | Silence] = [
        prove_key(signed, signer, material=material, now=now) for signer in holders if is_bare(signer)
    ]
    others = [signer for signer in signers if not isinstance(signer, KeySigner)]
    needy = [signer for signer in holders if not is_bare(signer)]
    if needy or others:
        try:
            full = attach(signed) if attach else signed
        except (NotProved, PratiqueError) as error:
            said.append(Silence(None, str(error)))
        else:
            said += [prove_key(full, signer, material=material, now=now) for signer in needy]
            said += _certified(full, others, material, now, revocation)
    if any(isinstance(each, Voice) for each in said):
        # What is silent only until more is known of it is told beside who spoke: another signer may be needed too.
        return tuple(each for each in said if isinstance(each, Voice) or each.wanted or each.is_open)
    return _silences(signed, keys if not holders else (), others, said)


def evidence_of(voice: Voice, found: Found, *, kind: str, form: str, subject: Digest, **said: Any) -> Evidence:
    """What `voice` says of `subject` by `found`; `said` are Evidence's names, claims, predicate_type and predicate."""
    return Evidence(
        kind=kind,
        form=form,
        subject=subject,
        signer=voice.signer,
        identity=voice.identity,
        sources=(found.manifest, found.blob),
        place=found.place,
        proved_at=voice.proved_at,
        valid_until=voice.valid_until,
        rests_on=voice.rests_on,
        certificate=voice.certificate,
        log=voice.log,
        warnings=voice.warnings,
        unasked=voice.wanted,
        **({"names": None, "claims": {}} | said),
    )


def testify(found: Found, said: Iterable[Voice | Silence], speak: Callable[[Voice], Evidence]) -> Proved:
    """Evidence of each Voice, or one Rejection that joins the Silences' reasons, what is wanted, and what was out of reach."""
    answers = tuple(said)
    wanted = tuple(dict.fromkeys(url for each in answers for url in each.wanted))
    voices = [each for each in answers if isinstance(each, Voice)]
    silences = [each for each in answers if isinstance(each, Silence)]
    gaps = tuple(dict.fromkeys(each.reason for each in silences if each.is_open))
    if voices:
        return Proved(tuple(speak(voice) for voice in voices), (), wanted, gaps)
    return Proved((), (_joined(found, silences),), wanted, gaps)


def reject(found: Found, reason: str, *, signer: str | None = None) -> Proved:
    return Proved(rejections=(Rejection(found.place, found.manifest, reason, signer),))


def guarded(found: Found, prove: Callable[[], Proved]) -> Proved:
    """Whatever fails while proving is a Rejection (T35, T55)."""
    try:
        return prove()
    except NotProved as error:
        return reject(found, str(error))
    except PratiqueError as error:
        return reject(found, error.message)
    except Exception as error:  # noqa: BLE001 whatever fails while proving is not proved (evidence.md 0)
        return reject(found, f"it could not be read ({type(error).__name__}); sign the image again")


def _certified(
    signed: Signed,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    answers: Mapping[str, bytes],
) -> Iterable[Voice | Silence]:
    if not signers:
        return
    try:
        leaf = require_leaf(signed)
    except NotProved as error:
        yield Silence(signers[0].name if len(signers) == 1 else None, _asked(error, signers))
        return
    keyless = [signer for signer in signers if isinstance(signer, KeylessSigner)]
    company = [signer for signer in signers if isinstance(signer, X509Signer)]
    yield from prove_keyless(signed, leaf, signers=keyless, material=material)
    yield from prove_company(signed, leaf, signers=company, material=material, now=now, answers=answers)


def _asked(error: NotProved, signers: Sequence[Signer]) -> str:
    return f"{error}, so not by {', '.join(signer.name for signer in signers)}"


def _silences(
    signed: Signed, keys: Sequence[KeySigner], others: Sequence[Signer], said: Sequence[Voice | Silence]
) -> tuple[Silence, ...]:
    """What to tell. Of a signature with a certificate, that no key made it is no news where identities were asked for."""
    told = [each for each in said if isinstance(each, Silence)]
    if keys and not (signed.is_certified and others):
        told.insert(0, why_nobody(signed, keys))
        # And of a bare key's, that it has no certificate is none where keys were asked for.
        told = told[:1] if not signed.is_certified else told
    return tuple(told)


def _joined(found: Found, silences: Sequence[Silence]) -> Rejection:
    reasons = list(dict.fromkeys(each.reason for each in silences))
    names = {each.signer for each in silences}
    signer = names.pop() if len(names) == 1 else None
    return Rejection(found.place, found.manifest, "; ".join(reasons[:_MAX_REASONS]), signer)
