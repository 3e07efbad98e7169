"""What the file says of its signers as a whole. Law: one voice counts once (T30), and a time is asked of who proves one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from proxy.policy.match import TextPattern
from proxy.policy.requirements import AtLeast, AttestationRequirement, Requirement, SignatureRequirement
from proxy.policy.rules import SignerSpec, TrustRootSpec
from proxy.policy.words.draft import Draft
from proxy.policy.words.wording import unknown
from proxy.yamlfile import Path


@dataclass(frozen=True, slots=True)
class Voices:
    """`names` are all that the file gives to signers, usable or not; None where they cannot be known.

    `timeless` are presets whose signatures carry no time that anybody proves.
    """

    names: frozenset[str] | None
    specs: Mapping[str, SignerSpec]
    roots: Mapping[str, TrustRootSpec]
    timeless: Collection[str] = field(default=())

    def require(self, draft: Draft, path: Path, name: str) -> None:
        """Blame a name that no signer has."""
        if name and self.names is not None and name not in self.names:
            draft.blame(path, unknown(name, self.names, "signer", "add it under signers"))

    def voice(self, name: str) -> tuple[object, ...] | None:
        """Equal for signers who are surely one and count once; None where the signer is not known."""
        spec = self.specs.get(name)
        if spec is None:
            return None
        if spec.key:
            return ("key", spec.key)
        if spec.preset:
            return ("preset", spec.preset, tuple(sorted(spec.parameters.items())))
        if spec.issuer and spec.subject and _is_literal(spec.subject):
            return ("identity", spec.issuer, spec.subject.text)
        return ("name", name)

    def proves_time(self, name: str) -> bool:
        """Whether a log or a timestamp proves when this signer spoke. True where it is not known, and told elsewhere."""
        spec = self.specs.get(name)
        if spec is None or spec.issuer:
            return True
        if spec.key:
            return spec.log == "required" or spec.timestamp or spec.log is None
        if spec.preset:
            return spec.preset not in self.timeless
        store = self.roots.get(spec.x509 or "")
        return spec.log == "required" or spec.timestamp or store is None or store.timestamps is not None

    def always_tell_time(self, requirement: Requirement) -> bool:
        """Whether an image cannot pass it without something whose time is proved."""
        if isinstance(requirement, SignatureRequirement | AttestationRequirement):
            return self.proves_time(requirement.signer)
        if isinstance(requirement, AtLeast):
            silent = sum(not self.always_tell_time(leaf) for leaf in requirement.of)
            return silent < requirement.count
        return False


def _is_literal(pattern: TextPattern) -> bool:
    return pattern.kind != "regex" and "*" not in pattern.text
