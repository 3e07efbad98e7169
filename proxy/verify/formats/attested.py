"""DSSE envelopes as layers: cosign's `.att`, and in-toto referrers (evidence.md 1.2, 1.5). An envelope, not a name, proves.

The timestamp beside it is over the whole envelope, or over its signature where cosign v3 took it out of a bundle.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from proxy.oci.digest import require_digest
from proxy.verify.evidence import Found, Proved, Target
from proxy.verify.formats import dsse
from proxy.verify.formats.annotations import attaching, has_certificate
from proxy.verify.formats.statement import PAYLOAD_TYPE, speaker
from proxy.verify.material import Signer, TrustMaterial
from proxy.verify.signers.signed import Signed, Silence, Voice, prove_signed, testify


def prove(
    found: Found,
    *,
    target: Target,
    signers: Sequence[Signer],
    material: TrustMaterial,
    now: datetime,
    revocation: Mapping[str, bytes],
) -> Proved:
    """Evidence for each signer of the envelope, else one Rejection; raise NotProved or PratiqueError if malformed.

    The statement is read only once somebody is known to have signed it.
    """
    require_digest(found.payload, found.blob)
    envelope = dsse.parse_envelope(found.payload)
    dsse.require_type(envelope, PAYLOAD_TYPE)
    said: list[Voice | Silence] = []
    for signature in envelope.signatures:
        said += prove_signed(
            Signed(
                message=envelope.pae,
                signature=signature,
                payload=envelope.payload,
                envelope=found.payload,
                is_certified=has_certificate(found.annotations),
            ),
            signers=signers,
            material=material,
            now=now,
            revocation=revocation,
            attach=attaching(found.annotations, found.payload, signature),
        )
    subject = found.subject or target.digest
    return testify(found, _once(said), speaker(found, envelope.payload, subject=subject, form="dsse"))


def _once(said: Sequence[Voice | Silence]) -> Sequence[Voice | Silence]:
    """A signer who signs one envelope twice says it once (T30)."""
    return tuple({(type(each), each.signer, getattr(each, "reason", "")): each for each in reversed(said)}.values())
