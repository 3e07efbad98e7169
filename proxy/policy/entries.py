"""One entry of `images`, from what is written to a Rule. Law: it asks for something, and nothing in it is without effect."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches

from proxy.errors import ConfigError, RequestError
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.policy.draft import Draft
from proxy.policy.match import Glob
from proxy.policy.requirements import HUB, All, AtLeast, DigestRequirement, Requirement, SignatureRequirement
from proxy.policy.rules import Mode, Rule
from proxy.policy.written import RequirementEntry, RuleEntry
from proxy.yamlfile import Path

TTL = timedelta(minutes=5)  # face.md: how long `follow` answers without asking the upstream
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_HELP = "a name is letters, digits, . _ and -, at most 64 of them"
# What one requirement may be, by its field, and the field that belongs to it alone.
_KINDS = {"signature": "claims", "digest": None, "at_least": "of"}
_WORDS = {"signature": "signature", "digest": "digest", "at_least": "atLeast"}


@dataclass(frozen=True, slots=True)
class RuleReader:
    """`signers` are all names that the file gives to signers, usable or not; None where they cannot be known."""

    draft: Draft
    mode: Mode
    signers: frozenset[str] | None

    def rule(self, path: Path, entry: RuleEntry) -> Rule | None:
        """The rule, or None where it has no pattern or requires nothing; what is wrong goes into the draft."""
        glob = self._glob(path, entry.match)
        require = self._require((*path, "require"), entry.require)
        if entry.ttl is not None and entry.pinning != "follow":
            self.draft.blame((*path, "ttl"), "only `pinning: follow` asks again; remove it, or follow")
        if entry.ttl == timedelta(0):
            self.draft.blame((*path, "ttl"), "zero would ask the upstream at every pull; write a span, such as 5m")
        rule = Rule(
            glob=glob or Glob.parse("**"),
            mode=entry.mode or self.mode,
            tags=self._tags((*path, "tags"), entry.tags) or None,
            pinning=entry.pinning,
            ttl=entry.ttl or TTL,
            platforms=self._platforms((*path, "platforms"), entry.platforms),
            require=All(require),
            signed_as=self._signed_as((*path, "signedAs"), entry.signed_as),
        )
        return rule if glob else None

    def _glob(self, path: Path, text: str) -> Glob | None:
        if not text:
            if self.draft.is_whole((*path, "match")):
                self.draft.blame(path, "`match` is required: which names this rule is for, such as nvcr.io/nvidia/**")
            return None
        try:
            glob = parse_match(text)
        except ConfigError as error:
            self.draft.blame((*path, "match"), error.message)
            return None
        host = glob.segments[0]
        if not any(mark in host for mark in "*.:") and host != "localhost":
            self.draft.warn((*path, "match"), f"{host!r} does not look like a registry; a pattern begins with its host")
        return glob

    def _tags(self, path: Path, texts: Sequence[str]) -> tuple[Glob, ...]:
        found = []
        for index, text in enumerate(texts):
            try:
                found.append(Glob.parse_tag(text))
            except ConfigError as error:
                self.draft.blame((*path, index), error.message)
        return tuple(found)

    def _signed_as(self, path: Path, texts: Sequence[str]) -> tuple[Glob, ...]:
        found = []
        for index, text in enumerate(texts):
            spelling = next((hub for hub in HUB if text.startswith(hub)), None)
            try:
                found.append(Glob.parse(f"docker.io/{text.removeprefix(spelling)}" if spelling else text))
            except ConfigError as error:
                self.draft.blame((*path, index), error.message)
        return tuple(found)

    def _platforms(self, path: Path, texts: Sequence[str]) -> tuple[Platform, ...]:
        found = []
        for index, text in enumerate(texts):
            try:
                platform = Platform.parse(text)
            except RequestError as error:
                self.draft.blame((*path, index), error.message)
                continue
            if platform.is_unknown:
                self.draft.blame(
                    (*path, index), "unknown/unknown marks attestations, which are never the image; remove it"
                )
            found.append(platform)
        return tuple(found)

    def _require(self, path: Path, entries: Sequence[RequirementEntry]) -> tuple[Requirement, ...]:
        if not entries and self.draft.is_whole(path):
            self.draft.blame(
                path[:-1], "`require` is missing: say what proves an image, such as [{ signature: <signer> }]"
            )
        found = [self._requirement((*path, index), entry) for index, entry in enumerate(entries)]
        given = Counter(entry.name for entry in entries if entry.name)
        for index, entry in enumerate(entries):
            if given[entry.name] > 1:
                self.draft.blame(
                    (*path, index, "name"), f"{entry.name!r} is the name of two requirements; a name tells one"
                )
        return tuple(each for each in found if each is not None)

    def _requirement(self, path: Path, entry: RequirementEntry) -> Requirement | None:
        kind = self._kind(path, entry)
        if entry.name and not NAME.fullmatch(entry.name):
            self.draft.blame((*path, "name"), NAME_HELP)
        if kind == "signature":
            return self._signature(path, entry)
        if kind == "digest":
            return self._digests(path, entry)
        if kind == "at_least":
            return self._at_least(path, entry)
        return None

    def _kind(self, path: Path, entry: RequirementEntry) -> str | None:
        """The one thing that it asks for, or None where it asks for nothing or for several things."""
        kinds = [kind for kind in _KINDS if kind in entry.model_fields_set]
        if not kinds and self.draft.is_whole(path):
            self.draft.blame(path, "it asks for nothing: write `signature`, `digest`, or `atLeast` with `of`")
        if len(kinds) > 1:
            words = " and ".join(f"`{_WORDS[kind]}`" for kind in kinds)
            self.draft.blame(
                path, f"{words} are two requirements; write each as an entry of its own, and both must pass"
            )
        for kind, belonging in _KINDS.items():
            if belonging in entry.model_fields_set and kinds and kind not in kinds:
                self.draft.blame((*path, belonging), f"`{belonging}` belongs to `{_WORDS[kind]}`; remove it")
        return kinds[0] if len(kinds) == 1 else None

    def _signature(self, path: Path, entry: RequirementEntry) -> SignatureRequirement:
        if self.signers is not None and entry.signature not in self.signers:
            self.draft.blame(
                (*path, "signature"), unknown(entry.signature, self.signers, "signer", "add it under signers")
            )
        return SignatureRequirement(entry.name or "signature", entry.signature, entry.claims)

    def _digests(self, path: Path, entry: RequirementEntry) -> DigestRequirement:
        found = []
        for index, text in enumerate(entry.digest):
            try:
                found.append(Digest.parse(text))
            except RequestError:
                self.draft.blame((*path, "digest", index), not_a_digest(text))
        return DigestRequirement(entry.name or "digest", frozenset(found))

    def _at_least(self, path: Path, entry: RequirementEntry) -> AtLeast | None:
        count = entry.at_least or 0
        whole = self.draft.is_whole(path)
        if count < 1:
            self.draft.blame((*path, "atLeast"), f"{count} asks for nothing; write 1 or more")
        if not entry.of and self.draft.is_whole((*path, "of")):
            self.draft.blame(path, "`atLeast` needs `of`: the list of what counts")
        if whole and entry.of and count > len(entry.of):
            self.draft.blame(
                (*path, "atLeast"), f"{count} of {len(entry.of)} can never pass; list more, or ask for less"
            )
        leaves: list[SignatureRequirement | DigestRequirement] = []
        for index, each in enumerate(entry.of):
            here = (*path, "of", index)
            if "at_least" in each.model_fields_set:
                self.draft.blame(here, "`atLeast` does not stand inside another; write it as an entry of `require`")
                continue
            leaf = self._requirement(here, each)
            if isinstance(leaf, SignatureRequirement | DigestRequirement):
                leaves.append(leaf)
        for index in _repeated([leaf.plain() for leaf in leaves] if whole else []):
            self.draft.blame((*path, "of", index), "the same stands above, and counts once; remove it")
        return AtLeast(entry.name or "at-least", count, tuple(leaves))


def parse_match(text: str) -> Glob:
    """A pattern over repositories; raise ConfigError for one that can never match a name as we write it."""
    glob = Glob.parse(text)
    host, *rest = glob.segments
    if text.startswith(HUB):
        raise ConfigError(f"{text!r}: Docker Hub is named docker.io here; write docker.io/{'/'.join(rest)}")
    if host == "docker.io" and len(rest) == 1 and rest[0] != "**":
        raise ConfigError(f"{text!r} matches nothing: Docker Hub's own images are docker.io/library/{rest[0]}")
    if not rest and host != "**":
        raise ConfigError(f"{text!r} matches nothing: a name is host/repository; write {text}/** for all of a registry")
    return glob


def not_a_digest(text: str) -> str:
    return f"{text[:24]!r} is not a digest; write sha256: and 64 lower-case hex digits, whole"


def unknown(name: str, known: Iterable[str], what: str, remedy: str) -> str:
    """There is no such thing; what was meant, where that can be guessed."""
    near = get_close_matches(name, sorted(known), n=1)
    return f"there is no {what} {name!r}; " + (f"did you mean {near[0]!r}?" if near else remedy)


def _repeated(things: Sequence[object]) -> list[int]:
    return [index for index, thing in enumerate(things) if thing in things[:index]]
