"""The commands that ask the same question without us, by cosign: whoever doubts a Decision can run them.

One for each signature and attestation that the rule asks for; versions 2 and 3 take them both, but where a hint says so.
What a command cannot ask is said as well, so that nobody takes a weaker question for the same one.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import TypeAlias
from urllib.parse import urlsplit

from proxy.cli.notation import notation_commands
from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.decision import Check, Decision
from proxy.policy.match import TextPattern
from proxy.policy.requirements import AtLeast, AttestationRequirement, SignatureRequirement
from proxy.policy.rules import Rule
from proxy.verify.material import KeylessSigner, KeySigner, Pattern, Signer, TrustRoot, X509Signer

_Asking: TypeAlias = SignatureRequirement | AttestationRequirement
_ELSEWHERE = "evidenceFrom "
_OTHER_NAME = "not this repository; add"  # Proofs.misnamed
_GITHUB_API = "api.github.com/"
# The curve's own hash, where it is not the SHA-256 that `cosign verify` takes for granted.
_CURVE_HASHES = {"secp384r1": "sha384", "secp521r1": "sha512"}
_WILD = {"*": "[^/]*", "**": ".*"}
# Which of Fulcio's extensions cosign can be asked for; it compares them exactly.
_EXTENSION_FLAGS = {
    "githubWorkflowTrigger": "--certificate-github-workflow-trigger",
    "githubWorkflowSha": "--certificate-github-workflow-sha",
    "githubWorkflowName": "--certificate-github-workflow-name",
    "githubWorkflowRepository": "--certificate-github-workflow-repository",
    "githubWorkflowRef": "--certificate-github-workflow-ref",
}


@dataclass(frozen=True, slots=True)
class Equivalents:
    """Lines to paste, and sentences about what must be there for them or what they leave unasked."""

    cosign: tuple[str, ...] = ()
    notation: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    config: Config
    loaded: LoadedPolicy
    repository: Repository
    cosign: list[str] = field(default_factory=list)
    notation: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def file(self, name: str | None) -> str:
        """A file as the policy names it."""
        return str(self.config.policy.parent / (name or ""))


def equivalents(
    config: Config, loaded: LoadedPolicy, rule: Rule, decision: Decision, children: Iterable[Decision] = ()
) -> Equivalents:
    """What asks cosign and notation the same; empty where the rule asks for nobody's word, as with reviewed digests."""
    draft = _Draft(config, loaded, decision.repository)
    checks = [check for each in (decision, *children) for check in _flat(each.checks)]
    for leaf in rule.require.leaves:
        if isinstance(leaf, SignatureRequirement | AttestationRequirement):
            _add(draft, leaf, _said(leaf, checks), decision.digest)
    for each in rule.require.of:
        if isinstance(each, AtLeast) and each.count < len(each.of):
            draft.hints.append(f"of the {len(each.of)} that {each.name} names, {each.count} must succeed")
    if any(_OTHER_NAME in check.summary for check in checks if not check.passed):
        draft.hints.append("cosign does not compare the name that was signed with the image's own, as the rule does")
    return Equivalents(*(tuple(dict.fromkeys(each)) for each in (draft.cosign, draft.notation, draft.hints)))


def _add(draft: _Draft, leaf: _Asking, said: Mapping[str, str], otherwise: Digest) -> None:
    """The lines for one requirement. `said` is what proved it, `otherwise` what it is about where nothing did."""
    signer = draft.loaded.material.signers.get(leaf.signer)
    if signer is None:
        draft.hints.append(f"the key of {leaf.signer} is revoked; cosign does not know that, and would accept it")
        return
    digest = Digest.parse(said["subject"]) if said.get("subject") else otherwise
    if _is_notation(signer, said):
        assert isinstance(signer, X509Signer), "nobody else speaks by Notation"
        image, insecure = image_of(draft.config, draft.repository, digest)
        lines, hints = notation_commands(
            draft.config, draft.loaded, signer, leaf, image=image, is_insecure=bool(insecure)
        )
        draft.notation += lines
        draft.hints += hints
    elif said.get("form") == "carried":
        draft.hints.append(
            f"{leaf.name}: BuildKit's statement is not signed itself; it counts by the signature of the manifest that "
            "lists it, and no command of cosign's asks for that"
        )
    else:
        draft.cosign.append(_cosign(draft, leaf, signer, said, digest))
    draft.hints += _unasked(leaf, signer)


def _unasked(leaf: _Asking, signer: Signer) -> Iterator[str]:
    """What no command asks, and the rule does."""
    if isinstance(leaf, AttestationRequirement):
        asked = ["where"] if leaf.where else []
        asked += ["condition"] if leaf.condition is not None else []
        asked += ["maxAge"] if leaf.max_age is not None else []
        if asked:
            yield f"{leaf.name}: cosign prints the statement; whether it is as {' and '.join(asked)} ask must be read in it"
    if isinstance(signer, KeySigner) and (signer.valid_from or signer.valid_until):
        yield f"cosign knows no time in which {signer.name}'s key may be used, as the policy does"


def image_of(config: Config, repository: Repository, digest: Digest) -> tuple[str, list[str]]:
    """Where a tool finds it: under the upstream's own address, where the operator gave it one; and cosign's flags."""
    url = config.upstreams[repository.upstream].url
    if url is None:
        return f"{repository}@{digest}", []
    parts = urlsplit(url)
    insecure = ["--allow-http-registry"] if parts.scheme == "http" else []
    return f"{parts.netloc}/{repository.name}@{digest}", insecure


def _flat(checks: Iterable[Check]) -> Iterator[Check]:
    for check in checks:
        yield check
        yield from _flat(check.checks)


def _said(leaf: _Asking, checks: Iterable[Check]) -> Mapping[str, str]:
    """What proved this requirement, if it was: `Check.details`."""
    word = "signature" if isinstance(leaf, SignatureRequirement) else "attestation"
    found = (each.details for each in checks if (each.name, each.word) == (leaf.name, word))
    return next((each for each in found if each.get("signer") == leaf.signer), {})


def _is_notation(signer: Signer, said: Mapping[str, str]) -> bool:
    if not isinstance(signer, X509Signer):
        return False
    return said["form"].startswith("notation") if said.get("form") else signer.san is None


def _cosign(draft: _Draft, leaf: _Asking, signer: Signer, said: Mapping[str, str], digest: Digest) -> str:
    parts = ["cosign", "verify"]
    if isinstance(leaf, AttestationRequirement):
        parts = ["cosign", "verify-attestation", "--type", said.get("predicateType") or leaf.types[0]]
    parts += [*_by(draft, signer, said), *_by_referrer(draft, said)]
    for claim, value in sorted(leaf.claims.items()) if isinstance(leaf, SignatureRequirement) else ():
        parts += ["-a", f"{claim}={value}"]
    image, insecure = image_of(draft.config, draft.repository, digest)
    return _elsewhere(draft, said) + shlex.join([*parts, *insecure, image])


def _by_referrer(draft: _Draft, said: Mapping[str, str]) -> list[str]:
    """The experimental form of cosign 2: a plain signature that is found as a referrer instead of by its tag."""
    place = said.get("place", "").split(" ")[0]
    if said.get("form") != "simple-signing" or place not in ("referrers", "fallback"):
        return []
    draft.hints.append("of several signatures of this form, cosign looks at one alone")
    return ["--experimental-oci11"]


def _elsewhere(draft: _Draft, said: Mapping[str, str]) -> str:
    """The variable that names the repository of `evidenceFrom`, where it was found there."""
    source = said.get("place", "").partition(_ELSEWHERE)[2].split(" ")[0]
    if source.startswith(_GITHUB_API):
        owner = source.removeprefix(_GITHUB_API).split("/")[1]
        draft.hints.append(
            f"it is kept by GitHub's API, where `gh attestation verify oci://IMAGE --owner {owner}` looks"
        )
        return ""
    return f"COSIGN_REPOSITORY={shlex.quote(source)} " if source else ""


def _by(draft: _Draft, signer: Signer, said: Mapping[str, str]) -> list[str]:
    """Who must have signed, and what of the machinery must be proved."""
    if isinstance(signer, KeySigner):
        return _by_key(draft, signer, said)
    if isinstance(signer, KeylessSigner):
        return [
            *_identity(signer.subject, signer.issuer),
            *_extensions(draft, signer),
            *_under(draft, signer.root, said),
        ]
    return _by_company(draft, signer)


def _by_key(draft: _Draft, signer: KeySigner, said: Mapping[str, str]) -> list[str]:
    parts = ["--key", _key(draft, signer.name)]
    if signer.needs_log or signer.needs_timestamp:
        parts += _root_file(draft, signer.root, said)
    elif said.get("form") == "bundle":
        # cosign 2 reads no bundle without one, though nothing of it is asked.
        parts += ["--trusted-root", _shipped("sigstore")]
    parts += [] if signer.needs_log else ["--insecure-ignore-tlog=true"]
    parts += ["--use-signed-timestamps"] if signer.needs_timestamp else []
    curve = getattr(getattr(signer.key, "curve", None), "name", "")
    departs = signer.hash or _CURVE_HASHES.get(curve)
    parts += ["--signature-digest-algorithm", departs] if departs else []
    if type(signer.key).__name__.startswith("Ed25519"):
        draft.hints.append(
            f"cosign signs with {signer.name}'s Ed25519 key over SHA-512, and its own verify refuses that"
        )
    return parts


def _identity(subject: Pattern, issuer: str) -> list[str]:
    who = ["--certificate-identity", subject.text]
    expression = _expression(subject)
    if expression:
        who = ["--certificate-identity-regexp", expression]
    return [*who, "--certificate-oidc-issuer", issuer]


def _expression(subject: Pattern) -> str:
    """RE2 that must match the whole, since cosign's may match any part; "" for a literal."""
    if not isinstance(subject, TextPattern) or subject.kind == "exact":
        return ""
    if subject.kind == "glob" and "*" not in subject.text:
        return ""
    if subject.kind == "regex":
        return f"^(?:{subject.text})$"
    parts = re.split(r"(\*\*|\*)", subject.text)
    return f"^{''.join(_WILD.get(part) or re.escape(part) for part in parts)}$"


def _extensions(draft: _Draft, signer: KeylessSigner) -> list[str]:
    parts: list[str] = []
    for name, pattern in sorted(signer.extensions.items()):
        flag = _EXTENSION_FLAGS.get(name)
        if flag and not _expression(pattern):
            parts += [flag, pattern.text]
        else:
            draft.hints.append(f"cosign cannot ask for the certificate's {name} to be {pattern.text}; see it above")
    return parts


def _under(draft: _Draft, name: str, said: Mapping[str, str]) -> list[str]:
    """The root, and what of the public instance's custom it does not have (evidence.md 0)."""
    root = draft.loaded.material.roots.get(name)
    parts = _root_file(draft, name, said)
    if root is not None and not root.logs:
        parts += ["--insecure-ignore-tlog=true"]
    if root is not None and not root.ct_logs:
        parts += ["--insecure-ignore-sct=true"]
    if root is not None and _needs_stamps(root, said):
        parts += ["--use-signed-timestamps"]
    return parts


def _needs_stamps(root: TrustRoot, said: Mapping[str, str]) -> bool:
    """Whether the time can only be a timestamp's: no log, or one that signs no time (Rekor v2)."""
    if not root.timestamp_authorities:
        return False
    return not root.logs or (bool(said.get("logIndex")) and not said.get("logIntegratedAt"))


def _root_file(draft: _Draft, name: str | None, said: Mapping[str, str]) -> list[str]:
    """Nothing for the public instance's root, which cosign keeps itself."""
    spec = draft.loaded.policy.trust_roots.get(name or "")
    if name is None or (spec is None and name == "sigstore"):
        return []
    if said.get("form") == "dsse":
        draft.hints.append(
            f"cosign 2 takes no root file for attestations of this form; it reads the parts of {name} as PEM files from "
            "SIGSTORE_ROOT_FILE, SIGSTORE_REKOR_PUBLIC_KEY and SIGSTORE_CT_LOG_PUBLIC_KEY_FILE"
        )
    if spec is not None and spec.file:
        return ["--trusted-root", draft.file(spec.file)]
    if spec is None:
        return ["--trusted-root", _shipped(name)]
    draft.hints.append(f"{name}.json stands for the root that TUF brings; `pratique trust show` says which that is")
    return ["--trusted-root", f"{name}.json"]


def _shipped(root: str) -> str:
    return str(resources.files("proxy.trust").joinpath("roots", f"{root}.json"))


def _by_company(draft: _Draft, signer: X509Signer) -> list[str]:
    """A certificate under a company's own CA; no issuer vouches there, and cosign wants one to be named all the same."""
    spec = draft.loaded.policy.trust_roots[signer.store]
    if signer.subject:
        draft.hints.append(f"cosign cannot ask for the subject of {signer.name}'s certificate; see it above")
    draft.hints.append(
        "cosign 3 reads no chain beside a signature; name the authorities in between with --ca-intermediates"
    )
    parts = ["--ca-roots", draft.file(spec.certificates)]
    who = ["--certificate-identity-regexp", ".*"]
    if signer.san is not None:
        who = _identity(signer.san, "")[:2]
    parts += [*who, "--certificate-oidc-issuer-regexp", ".*"]
    parts += ["--insecure-ignore-sct=true"]
    if not signer.needs_log:
        parts += ["--insecure-ignore-tlog=true"]
    elif signer.root != "sigstore":
        draft.hints.append(
            f"cosign takes no root file beside a company's CA; it reads the key of {signer.root}'s log as PEM from "
            "SIGSTORE_REKOR_PUBLIC_KEY"
        )
    if spec.timestamps:
        parts += ["--use-signed-timestamps", "--timestamp-certificate-chain", draft.file(spec.timestamps)]
    return parts


def _key(draft: _Draft, name: str) -> str:
    spec = draft.loaded.policy.signers[name]
    if spec.key is not None:
        return draft.file(spec.key)
    from proxy.trust.presets import preset

    return str(resources.files("proxy.trust").joinpath("keys", preset(spec.preset or "").file))
