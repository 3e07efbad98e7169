"""A bare Sigstore bundle, offline: who is asked for meets the trust root, and both verifiers must agree. No policy, no network.

What the root lists it requires, of a key as well, where one is named beside the key; a key alone needs its signature only.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from proxy.errors import ConfigError
from proxy.oci.digest import Digest
from proxy.policy.match import TextPattern
from proxy.trust.keeper import build, load_root
from proxy.trust.settings import HeldRoot, KeylessSource, KeySource, SignerSource
from proxy.trust.shipped import SHIPPED
from proxy.verify.crosscheck import WRONG, second_opinion
from proxy.verify.evidence import Evidence, Proved, Rejection
from proxy.verify.formats.bundle import prove_bare
from proxy.verify.material import TrustMaterial, TrustRoot

ROOT = "sigstore"  # where the operator named none
OURS, THEIRS = "pratique", "sigstore-python"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who must have signed: a key as PEM, or an identity of this issuer. `root` is a trusted root file's bytes.

    Without `root`, an identity stands under the sigstore root that is shipped, and a key under none.
    """

    name: str  # what sentences call it
    key: bytes | None = field(default=None, repr=False)
    subject: TextPattern | None = None
    issuer: str = ""
    root: bytes | None = field(default=None, repr=False)
    root_shown: str = ROOT  # what sentences call the root


def material_for(speaker: Speaker) -> TrustMaterial:
    """The one signer and the one root. Raise ConfigError with a sentence for a key or a root that cannot be read."""
    if speaker.key is not None and speaker.root is None:
        return build([KeySource(speaker.name, pem=speaker.key, shown=speaker.name)], revoked={})
    root = _root(speaker)
    return build([_source(speaker, root)], revoked={}, roots={root.name: root})


def prove(bundle: bytes, *, artifact: bytes | None, digest: Digest, material: TrustMaterial, now: datetime) -> Proved:
    """What the bundle proves of the artifact with this digest; raise nothing. `now` is aware UTC."""
    proved = prove_bare(
        bundle,
        artifact=artifact,
        digest=digest,
        signers=tuple(material.signers.values()),
        material=material,
        now=now,
    )
    heard = [_crosschecked(each, bundle, material, artifact=artifact, digest=digest) for each in proved.evidence]
    disagreed = tuple(each for each in heard if isinstance(each, Rejection))
    agreed = () if disagreed else tuple(each for each in heard if isinstance(each, Evidence))
    return Proved(agreed, (*proved.rejections, *disagreed), proved.wanted, proved.gaps)


def _root(speaker: Speaker) -> TrustRoot:
    if speaker.root is None:
        return load_root(ROOT, SHIPPED[ROOT].held())
    return load_root(speaker.root_shown, HeldRoot(speaker.root, "file"))


def _source(speaker: Speaker, root: TrustRoot) -> SignerSource:
    if speaker.key is not None:
        return KeySource(
            speaker.name,
            pem=speaker.key,
            shown=speaker.name,
            needs_log=bool(root.logs),
            needs_timestamp=not root.logs and bool(root.timestamp_authorities),
            root=root.name,
        )
    if speaker.subject is None or not speaker.issuer:
        raise ConfigError("nobody is named who must have signed; name a key, or an identity with its issuer")
    return KeylessSource(speaker.name, root.name, speaker.issuer, speaker.subject)


def _crosschecked(
    evidence: Evidence, bundle: bytes, material: TrustMaterial, *, artifact: bytes | None, digest: Digest
) -> Evidence | Rejection:
    """As `policy.hearing` does for an image (evidence.md 0): "unsupported" is no opinion, and it has none on bare keys."""
    root = next(iter(material.roots.values()), None)
    if evidence.certificate is None or root is None:
        return replace(evidence, opinions=(OURS,))
    opinion = second_opinion(bundle, root=root, digest=digest, artifact=artifact)
    if opinion.word == WRONG:
        reason = (
            f"verifiers disagree: {OURS} proved it, {THEIRS} says {opinion.reason}; report it, and do not rely on it"
        )
        return Rejection(evidence.place, evidence.sources[0], reason, evidence.signer, is_alarm=True)
    return replace(evidence, opinions=(OURS, THEIRS) if opinion.word == "agrees" else (OURS,))
