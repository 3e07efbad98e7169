"""Entries of `require`. Law: each asks for one thing that can be proved, by somebody who is named, and nothing in it is idle."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from proxy.errors import RequestError
from proxy.oci.digest import Digest
from proxy.policy.requirements import (
    All,
    AtLeast,
    AttestationRequirement,
    Covers,
    DigestRequirement,
    Leaf,
    Requirement,
    SignatureRequirement,
)
from proxy.policy.who.voices import Voices
from proxy.policy.words.attestations import AttestationReader
from proxy.policy.words.draft import Draft
from proxy.policy.words.wording import NAME, NAME_HELP, listed, not_a_digest
from proxy.policy.words.written import RequirementEntry
from proxy.yamlfile import Path

# What one requirement may be, by its field, and as it is written.
_KINDS = {
    "signature": "signature",
    "attestation": "attestation",
    "image": "image",
    "digest": "digest",
    "at_least": "atLeast",
}
# Each other field, and the kinds that it belongs to.
_BELONGS = {
    "claims": ("signature",),
    "by": ("attestation",),
    "where": ("attestation",),
    "condition": ("attestation",),
    "max_age": ("attestation",),
    "grace": ("attestation",),
    "levels": ("attestation",),
    "vex": ("attestation",),
    "covers": ("signature", "attestation"),
    "of": ("at_least",),
}
_COUNTED: TypeAlias = SignatureRequirement | AttestationRequirement | DigestRequirement


@dataclass(frozen=True, slots=True)
class RequirementReader:
    """`covers` is the rule's own, for what does not say another."""

    draft: Draft
    voices: Voices
    covers: Covers

    def require(self, path: Path, entries: Sequence[RequirementEntry], *, whose: str) -> All:
        """What the list asks for; what is wrong goes into the draft. `whose`: what must be proved by it."""
        if not entries and self.draft.is_whole(path):
            self.draft.blame(
                path[:-1], f"`require` is missing: say what proves {whose}, such as [{{ signature: <signer> }}]"
            )
        found = [self._requirement((*path, index), entry) for index, entry in enumerate(entries)]
        given = Counter(entry.name for entry in entries if entry.name)
        for index, entry in enumerate(entries):
            if given[entry.name] > 1:
                self.draft.blame(
                    (*path, index, "name"), f"{entry.name!r} is the name of two requirements; a name tells one"
                )
        return All(tuple(each for each in found if each is not None))

    def _requirement(self, path: Path, entry: RequirementEntry) -> Requirement | None:
        kind = self._kind(path, entry)
        if entry.name and not NAME.fullmatch(entry.name):
            self.draft.blame((*path, "name"), NAME_HELP)
        if kind == "at_least":
            return self._at_least(path, entry)
        return self._leaf(kind, path, entry)

    def _leaf(self, kind: str | None, path: Path, entry: RequirementEntry) -> Leaf | None:
        reader = AttestationReader(self.draft, self.voices, self.covers)
        if kind == "signature":
            self.voices.require(self.draft, (*path, "signature"), entry.signature)
            covers = entry.covers or self.covers
            return SignatureRequirement(entry.name or "signature", entry.signature, entry.claims, covers)
        if kind == "digest":
            return self._digests(path, entry)
        if kind == "attestation":
            return reader.attestation(path, entry)
        if kind == "image":
            return reader.image(path, entry)
        return None

    def _kind(self, path: Path, entry: RequirementEntry) -> str | None:
        """The one thing that it asks for, or None where it asks for nothing or for several things."""
        kinds = [kind for kind in _KINDS if kind in entry.model_fields_set]
        if not kinds and self.draft.is_whole(path):
            self.draft.blame(
                path,
                "it asks for nothing: write `signature`, `attestation` with `by`, `image`, `digest`, or `atLeast` with `of`",
            )
        if len(kinds) > 1:
            words = " and ".join(f"`{_KINDS[kind]}`" for kind in kinds)
            self.draft.blame(
                path, f"{words} are two requirements; write each as an entry of its own, and both must pass"
            )
        for word, owners in _BELONGS.items():
            if word in entry.model_fields_set and kinds and not set(owners) & set(kinds):
                alias = RequirementEntry.model_fields[word].alias or word
                owned = listed(f"`{_KINDS[owner]}`" for owner in owners)
                inside = ", and within `image` the image's own" if kinds == ["image"] and word != "of" else ""
                self.draft.blame((*path, alias), f"`{alias}` belongs to {owned}{inside}; remove it")
        return kinds[0] if len(kinds) == 1 else None

    def _digests(self, path: Path, entry: RequirementEntry) -> DigestRequirement:
        found = []
        for index, text in enumerate(entry.digest):
            try:
                found.append(Digest.parse(text))
            except RequestError:
                self.draft.blame((*path, "digest", index), not_a_digest(text))
        return DigestRequirement(entry.name or "digest", frozenset(found))

    def _at_least(self, path: Path, entry: RequirementEntry) -> AtLeast:
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
        counted = self._counted((*path, "of"), entry.of)
        for index in _repeated([leaf.plain() for leaf in counted] if whole else []):
            self.draft.blame((*path, "of", index), "the same stands above, and counts once; remove it")
        self._distinct((*path, "atLeast"), count, counted, is_whole=whole and len(counted) == len(entry.of))
        return AtLeast(entry.name or "at-least", count, tuple(counted))

    def _counted(self, path: Path, entries: Sequence[RequirementEntry]) -> list[_COUNTED]:
        leaves: list[_COUNTED] = []
        for index, each in enumerate(entries):
            here = (*path, index)
            if "at_least" in each.model_fields_set or "image" in each.model_fields_set:
                word = "atLeast" if "at_least" in each.model_fields_set else "image"
                self.draft.blame(here, f"`{word}` does not stand inside atLeast; write it as an entry of `require`")
                continue
            leaf = self._requirement(here, each)
            if isinstance(leaf, _COUNTED):
                leaves.append(leaf)
        return leaves

    def _distinct(self, path: Path, count: int, counted: Sequence[_COUNTED], *, is_whole: bool) -> None:
        """Two signers with one key file count once, so `atLeast` over them may never pass (T30)."""
        heard = [None if isinstance(leaf, DigestRequirement) else self.voices.voice(leaf.signer) for leaf in counted]
        digests = any(isinstance(leaf, DigestRequirement) for leaf in counted)
        known = {voice for voice in heard if voice is not None}
        unknown = sum(voice is None for voice in heard) - sum(isinstance(leaf, DigestRequirement) for leaf in counted)
        reachable = len(known) + int(digests)
        if is_whole and not unknown and reachable < count <= len(counted):
            text = (
                f"these are {reachable} distinct keys or identities, and each counts once; {count} can never be reached"
            )
            self.draft.blame(path, text)


def _repeated(things: Sequence[object]) -> list[int]:
    return [index for index, thing in enumerate(things) if thing in things[:index]]
