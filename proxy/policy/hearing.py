"""One hearing: what was found is proved, second opinions are asked, and the judge is told. Law: a pure function of its Brief.

A Brief is plain data, so that the same hearing can be held in this process, in a worker, or years later from a record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from proxy.errors import NotAllowed
from proxy.oci import mediatype
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import Index, Manifest
from proxy.policy.decision import Decision
from proxy.policy.evaluate import (
    BaseImage,
    Case,
    Child,
    Wanted,
    decision_key,
    evaluate,
    exceptions_in_force,
)
from proxy.policy.match import Glob
from proxy.policy.requirements import ImageRequirement
from proxy.policy.rules import Policy, Rule
from proxy.verify.crosscheck import Opinion, second_opinion
from proxy.verify.evidence import Evidence, Found, Proved, Rejection, Target
from proxy.verify.material import KeylessSigner, KeySigner, Signer, TrustMaterial, TrustRoot, X509Signer
from proxy.verify.prove import prove_all

_LIGHT = 64 * 1024  # characters of annotations; a signature with certificates and a log entry has ten thousand
OURS, THEIRS = "pratique", "sigstore-python"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found about one manifest, and what could not be read. `gathered`: it was looked for at all.

    `raw` are the manifest's own bytes, which a message signature is over; None where they are the Brief's.
    """

    target: Target
    founds: tuple[Found, ...] = field(default=(), repr=False)
    rejections: tuple[Rejection, ...] = ()
    gaps: tuple[str, ...] = ()
    gathered: bool = False
    raw: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Brief:
    """All that is known about one image, unproved. `rule` is the governing rule's `match`; `now` is aware UTC.

    `is_base`: it is judged as a base image, by what that rule's `base` requires; `any_name`: the rule counts whatever
    the repository is called, since another rule names it for its bases. `index` is the Index that names it, where it is
    judged as that Index's child. `config_raw` is b"" for what has no image config. `revocation` are CRLs and OCSP answers
    by what was wanted, b"" where nobody answered.
    """

    rule: str
    manifest: Manifest | Index
    own: Seen
    now: datetime
    config_raw: bytes | None = field(default=None, repr=False)
    platform: Platform | None = None
    index: Seen | None = None
    children: tuple[Child, ...] | None = None
    bases: tuple[BaseImage, ...] | None = None
    revocation: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    was_admitted: bool = False
    is_base: bool = False
    any_name: bool = False

    @property
    def founds(self) -> tuple[Found, ...]:
        return (*self.own.founds, *(self.index.founds if self.index else ()))

    @property
    def size(self) -> int:
        """Bytes to be read: what decides where the hearing is held."""
        read = [found.payload for found in self.founds]
        return sum(map(len, (*read, *self.revocation.values(), self.config_raw or b"")))

    @property
    def is_light(self) -> bool:
        """Whether there are only cosign's small signatures to look at: no second opinion, no predicate, no condition on one.

        Certificates, log entries and timestamps stand in annotations: with megabytes of them it is not light.
        """
        beside = sum(len(text) for found in self.founds for text in found.annotations.values())
        is_simple = all(mediatype.bare(found.media_type) == mediatype.SIMPLE_SIGNING for found in self.founds)
        return is_simple and beside <= _LIGHT


def rule_of(policy: Policy, match: str, *, is_base: bool = False, any_name: bool = False) -> Rule:
    """The rule of that pattern, or what it requires of a base image; raise NotAllowed where the policy has none."""
    found = next((rule for rule in policy.rules if rule.match == match), None)
    if found is None:
        raise NotAllowed(f"the policy has no rule {match} any more")
    if not is_base:
        return replace(found, glob=Glob.parse("**")) if any_name else found
    if found.base is None or found.base.require is None:
        raise NotAllowed(f"rule {match} asks nothing of a base image of its own")
    # A base image has a name of its own: the rule that asks for it governs it whatever that is.
    return replace(
        found, glob=Glob.parse("**"), require=found.base.require, base=None, mode="enforce", platforms=(), tags=None
    )


def asks_of_children(rule: Rule) -> bool:
    """Whether some requirement is about each platform's own manifest, so that an Index's Decision does not settle it."""
    per_child = any(getattr(leaf, "covers", "index") != "index" for leaf in rule.require.leaves)
    return per_child or rule.base is not None or any(isinstance(leaf, ImageRequirement) for leaf in rule.require.leaves)


def key_of(
    policy: Policy, material: TrustMaterial, rule: Rule, target: Target, now: datetime, *, index: Digest | None
) -> str:
    """What the Decision of this hearing is looked up by (face.md, "Semantics")."""
    return decision_key(
        repository=target.repository,
        digest=target.digest,
        rule=rule,
        exceptions=exceptions_in_force(
            policy, repository=target.repository, digest=target.digest, now=now, index=index
        ),
        trust_fingerprint=material.fingerprint(rule.signer_names),
        index=index,
        revoked=policy.revoked_digests,
    )


def hear(
    brief: Brief, policy: Policy, material: TrustMaterial, *, kept: list[Proved] | None = None
) -> Decision | Wanted:
    """Prove, ask for second opinions, judge. Raise NotAllowed for a rule that is not there; nothing else.

    `kept` takes what was proved, for a caller that lets go of it later: an SBOM's million objects take their time.
    """
    rule = rule_of(policy, brief.rule, is_base=brief.is_base, any_name=brief.any_name)
    signers = [material.signers[name] for name in sorted(rule.signer_names) if name in material.signers]
    own = _proved(brief.own, signers, material, brief)
    index = _proved(brief.index, signers, material, brief) if brief.index else Proved()
    if kept is not None:
        kept += (own, index)
    target, under = brief.own.target, brief.index.target.digest if brief.index else None
    return evaluate(
        Case(
            policy=policy,
            rule=rule,
            repository=target.repository,
            digest=target.digest,
            manifest=brief.manifest,
            platform=brief.platform,
            evidence=own.evidence,
            rejections=(*own.rejections, *index.rejections, *_said(brief)),
            gaps=(*_gaps(brief), *_stale(signers, material), *own.gaps, *index.gaps),
            gathered=brief.own.gathered,
            exceptions=exceptions_in_force(
                policy, repository=target.repository, digest=target.digest, now=brief.now, index=under
            ),
            key=key_of(policy, material, rule, target, brief.now, index=under),
            now=brief.now,
            config_raw=brief.config_raw,
            index=under,
            index_evidence=index.evidence,
            children=brief.children,
            bases=brief.bases,
            wanted_urls=tuple(dict.fromkeys((*own.wanted, *index.wanted))),
            was_admitted=brief.was_admitted,
        )
    )


def _proved(seen: Seen, signers: list[Signer], material: TrustMaterial, brief: Brief) -> Proved:
    raw = brief.manifest.raw if seen is brief.own else seen.raw
    proved = prove_all(
        seen.founds,
        target=seen.target,
        signers=signers,
        material=material,
        now=brief.now,
        revocation=brief.revocation,
        manifest=raw,
    )
    payloads = {(found.manifest, found.blob): found.payload for found in seen.founds}
    artifacts = {seen.target.digest: raw} if raw is not None else {}
    checked = [_crosschecked(each, payloads, artifacts, material) for each in proved.evidence]
    struck = {each.source for each in checked if isinstance(each, Rejection)}
    # What was said only because a struck signature vouched for it is not said at all.
    evidence = [each for each in checked if isinstance(each, Evidence) and struck.isdisjoint(each.sources)]
    disputed = [each for each in checked if isinstance(each, Rejection)]
    return Proved(tuple(evidence), (*proved.rejections, *disputed), proved.wanted, proved.gaps)


def _crosschecked(
    evidence: Evidence,
    payloads: Mapping[tuple[Digest, Digest], bytes],
    artifacts: Mapping[Digest, bytes],
    material: TrustMaterial,
) -> Evidence | Rejection:
    """Two verifiers must agree about what both can read; "unsupported" is no opinion (evidence.md 0)."""
    signer = material.signers[evidence.signer]
    root = None if isinstance(signer, X509Signer) else material.roots.get(_root(signer) or "")
    if evidence.form != "bundle" or evidence.certificate is None or root is None:
        return replace(evidence, opinions=(OURS,))
    place, blob, subject = evidence.sources[0], evidence.sources[1], evidence.subject
    opinion = _opinion(blob, payloads[place, blob], root, subject, artifacts.get(subject))
    if opinion.word == "wrong":
        said = f"{OURS} proved it, {THEIRS} says {opinion.reason}"
        reason = f"verifiers disagree: {said}; report it, and admit nothing by it"
        return Rejection(evidence.place, place, reason, evidence.signer, is_alarm=True)
    return replace(evidence, opinions=(OURS, THEIRS) if opinion.word == "agrees" else (OURS,))


_OPINIONS: dict[tuple[Digest, str, Digest], Opinion] = {}  # an opinion is a pure function of these three
_MOST_OPINIONS = 1024


def _opinion(blob: Digest, bundle: bytes, root: TrustRoot, subject: Digest, artifact: bytes | None) -> Opinion:
    """The library's word, asked once for the same bytes: a judgement has several rounds, and the library is slow."""
    key = (blob, root.sha256, subject)
    found = _OPINIONS.get(key)
    if found is None:
        found = second_opinion(bundle, root=root, digest=subject, artifact=artifact)
        if len(_OPINIONS) >= _MOST_OPINIONS:
            _OPINIONS.clear()
        _OPINIONS[key] = found
    return found


def _said(brief: Brief) -> Iterable[Rejection]:
    return (*brief.own.rejections, *(brief.index.rejections if brief.index else ()))


def _gaps(brief: Brief) -> Iterable[str]:
    return (*brief.own.gaps, *(brief.index.gaps if brief.index else ()))


def _stale(signers: Iterable[Signer], material: TrustMaterial) -> Iterable[str]:
    """A root that must not be used is a source that could not be read: nothing is inferred from it."""
    names = {root for signer in signers if (root := _root(signer)) is not None}
    return [material.stale[name] for name in sorted(names & material.stale.keys())]


def _root(signer: Signer) -> str | None:
    """The Sigstore trust root that it needs: a bare key without log and timestamp needs none, nor does a company's CA."""
    if isinstance(signer, KeySigner):
        return signer.root if signer.needs_log or signer.needs_timestamp else None
    return signer.root if isinstance(signer, KeylessSigner) or signer.needs_log else None
