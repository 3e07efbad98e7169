"""A keyless signature speaks for an identity: a certificate that a trusted authority gave at the time that is proved.

Order (evidence.md 0): signature → time → chain at that time → SCT → log → identity. What the trust root lists it
requires: a log entry if it lists logs, else a timestamp if it lists timestamp authorities, an SCT if it lists CT logs.
"""

from collections.abc import Iterable, Sequence

from cryptography import x509

from proxy.verify.certificates import certificate, chain, sct
from proxy.verify.evidence import CertificateFacts, NotProved
from proxy.verify.material import KeylessSigner, TrustMaterial, TrustRoot
from proxy.verify.signers.barekey import require_root
from proxy.verify.signers.certified import Leaf, require_not_revoked, told
from proxy.verify.signers.moments import Moments, prove_moments
from proxy.verify.signers.voices import Signed, Silence, Voice


def prove_keyless(
    signed: Signed, leaf: Leaf, *, signers: Sequence[KeylessSigner], material: TrustMaterial
) -> Iterable[Voice | Silence]:
    """A Voice for each signer whose identity it is, else one Silence for each trust root that was tried."""
    for name in dict.fromkeys(signer.root for signer in signers):
        asked = [signer for signer in signers if signer.root == name]
        try:
            yield from _under(signed, leaf, asked, require_root(material, name), material)
        except NotProved as error:
            yield Silence(_only(asked), f"it is not proved under trust root {name}: {error}")


def _under(
    signed: Signed, leaf: Leaf, asked: Sequence[KeylessSigner], root: TrustRoot, material: TrustMaterial
) -> Iterable[Voice | Silence]:
    moments = _moments(signed, leaf, root)
    path, items = _chain(leaf, root, moments)
    facts = certificate.facts(leaf.certificate, authority=path[-1])
    if not facts.san:
        certificate.san_of(leaf.certificate)
    require_not_revoked(path, facts, material=material)
    speaking = [signer for signer in asked if not _faults(facts, signer)]
    if not speaking:
        return [Silence(_only(asked), _why_another(facts, asked))]
    return [
        Voice(
            signer=signer.name,
            identity=f"keyless:{facts.issuer} {facts.san}",
            proved_at=moments.proved_at,
            rests_on=tuple(dict.fromkeys((*items, *moments.items))),
            certificate=facts,
            log=moments.log,
        )
        for signer in speaking
    ]


def _moments(signed: Signed, leaf: Leaf, root: TrustRoot) -> Moments:
    moments = prove_moments(
        signed,
        root=root,
        key_der=leaf.key_der,
        certificate_der=leaf.der,
        needs_log=bool(root.logs),
        needs_timestamp=not root.logs and bool(root.timestamp_authorities),
        otherwise=None,
    )
    if not moments.times:
        raise NotProved(
            "nothing proves when it was signed; it needs a signed entry timestamp of the log or an RFC 3161 timestamp"
        )
    return moments


def _chain(leaf: Leaf, root: TrustRoot, moments: Moments) -> tuple[tuple[x509.Certificate, ...], tuple[str, ...]]:
    """The chain at the earliest proved time, and the items of its authorities at all of them and of the CT logs."""
    found = [
        chain.find(leaf.certificate, intermediates=leaf.intermediates, authorities=root.authorities, at=moment)
        for moment in moments.extremes
    ]
    path = found[0][0]
    items = [authority.item for _, authority in found]
    if root.ct_logs:
        if len(path) < 2:
            raise NotProved("the certificate is itself an anchor, so no CT log can have seen it")
        items += sct.require(leaf.certificate, issuer=path[1], logs=root.ct_logs)
    return path, root.resting_on(dict.fromkeys(items))


def _faults(facts: CertificateFacts, signer: KeylessSigner) -> list[str]:
    """What of the identity is another's; empty where it is the signer's."""
    faults = []
    if facts.issuer != signer.issuer or not signer.subject.matches(facts.san):
        faults.append("identity")
    faults += [
        name
        for name, pattern in signer.extensions.items()
        if name not in facts.extensions or not pattern.matches(facts.extensions[name])
    ]
    return faults


def _why_another(facts: CertificateFacts, asked: Sequence[KeylessSigner]) -> str:
    near = [(signer, faults) for signer in asked if "identity" not in (faults := _faults(facts, signer))]
    if near:
        signer, faults = near[0]
        said = facts.extensions.get(faults[0])
        what = f"its certificate says {faults[0]} {said[:200]!r}" if said else f"its certificate says no {faults[0]}"
        return f"signed by {told(facts)}, but {what}, which {signer.name} does not allow"
    names = ", ".join(signer.name for signer in asked)
    return f"signed, but by {told(facts)} instead of {names}; add a signer for this identity, or ask the publisher"


def _only(asked: Sequence[KeylessSigner]) -> str | None:
    return asked[0].name if len(asked) == 1 else None
