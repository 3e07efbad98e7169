"""From what is written to what it means. Law: a policy that contradicts itself, or has a part without effect, is refused."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from proxy.oci.digest import Digest
from proxy.policy.exceptions import ExceptionGrant
from proxy.policy.match import Glob
from proxy.policy.requirements import DigestRequirement
from proxy.policy.rules import Base, Policy, Rule, SignerSpec, TrustRootSpec
from proxy.policy.who.signers import SignerReader
from proxy.policy.who.voices import Voices
from proxy.policy.words.draft import Draft
from proxy.policy.words.entries import RuleReader
from proxy.policy.words.grants import GrantReader
from proxy.policy.words.revocations import Revocations
from proxy.policy.words.roots import RootReader
from proxy.policy.words.wording import unknown
from proxy.policy.words.written import PolicyDocument
from proxy.yamlfile import Path


@dataclass(slots=True)
class Meaning:
    """Reads each entry alone, then what they say of one another. What is wrong goes into the draft.

    `timeless` are presets whose signatures carry no time that anybody proves.
    """

    draft: Draft
    written: PolicyDocument
    now: datetime
    timeless: Collection[str] = ()

    def policy(self) -> Policy:
        """What the file means; of no worth where the draft has problems."""
        if self.written.version != 1:
            self.draft.blame(("version",), f"this program reads version 1, not {self.written.version}")
        roots = self._roots()
        signers = self._signers(roots)
        rules = self._rules(Voices(self._names("signers"), signers, roots, self.timeless))
        self._order(rules)
        grants = self._grants(rules)
        revoked = Revocations(self.draft)
        for index, entry in enumerate(self.written.revoked):
            revoked.add(("revoked", index), entry)
        self._warn(rules, roots, revoked.digests)
        return Policy(
            rules=tuple(sorted(self._based(rules, grants, revoked), key=lambda rule: rule.glob.specificity)),
            signers=signers,
            exceptions=grants,
            revoked_digests=revoked.digests,
            revoked_keys=tuple(revoked.keys.items()),
            warnings=tuple(self.draft.warnings),
            trust_roots=roots,
            revoked_identities=tuple(revoked.identities),
        )

    def _roots(self) -> dict[str, TrustRootSpec]:
        reader = RootReader(self.draft)
        return {name: reader.root(("trustRoots", name), entry) for name, entry in self.written.trust_roots.items()}

    def _signers(self, roots: Mapping[str, TrustRootSpec]) -> dict[str, SignerSpec]:
        reader = SignerReader(self.draft, self.now, roots, self._names("trustRoots"))
        return {name: reader.signer(("signers", name), entry) for name, entry in self.written.signers.items()}

    def _names(self, field: str) -> frozenset[str] | None:
        """All that the file gives, usable or not; None where they cannot be known."""
        raw = self.draft.document.values.get(field, {})
        return frozenset(raw) if isinstance(raw, dict) else None

    def _rules(self, voices: Voices) -> dict[int, Rule]:
        """By index in `images`, without those that could not be read."""
        reader = RuleReader(self.draft, self.written.mode, voices)
        read = {index: reader.rule(("images", index), entry) for index, entry in enumerate(self.written.images)}
        return {index: rule for index, rule in read.items() if rule is not None}

    def _grants(self, rules: Mapping[int, Rule]) -> tuple[ExceptionGrant, ...]:
        reader = GrantReader(self.draft, self.now, rules)
        read = [reader.grant(("exceptions", index), entry) for index, entry in enumerate(self.written.exceptions)]
        return tuple(grant for grant in read if grant is not None)

    def _based(self, rules: Mapping[int, Rule], grants: tuple[ExceptionGrant, ...], revoked: Revocations) -> list[Rule]:
        """The rules, each `base` with all that a Decision about a base image may rest on."""
        alone = [rule.fingerprint for rule in rules.values()]
        parts = [sorted(alone), sorted(each.fingerprint for each in grants), sorted(map(str, revoked.digests))]
        stands_on = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        everybody = frozenset(name for rule in rules.values() for name in rule.signer_names)
        known = {rule.match for rule in rules.values()}
        found = []
        for index, rule in rules.items():
            base = rule.base
            if base is not None:
                self._base_rule(("images", index, "base", "rule"), base, rule, known)
                signers = base.signers if base.require is not None else everybody
                found.append(replace(rule, base=replace(base, signers=signers, stands_on=stands_on)))
            else:
                found.append(rule)
        return found

    def _base_rule(self, path: Path, base: Base, rule: Rule, known: Collection[str]) -> None:
        if base.rule == rule.match:
            self.draft.blame(
                path, "this is the rule itself; name another, or write `own`: the rule of the base's own name"
            )
        elif base.rule is not None and base.rule not in known and self.draft.is_whole(("images",)):
            self.draft.blame(path, unknown(base.rule, known, "rule", "write the `match` of a rule, or `own`"))

    def _order(self, rules: Mapping[int, Rule]) -> None:
        """No two rules tie for a name, and none is hidden behind a more specific one."""
        for index, rule in rules.items():
            for earlier, other in rules.items():
                if earlier < index:
                    self._pair(("images", index, "match"), rule.glob, ("images", earlier, "match"), other.glob)

    def _pair(self, path: Path, mine: Glob, other_path: Path, theirs: Glob) -> None:
        if mine.is_apart_from(theirs):
            return
        if mine == theirs:
            there = self._line(other_path)
            self.draft.blame(path, f"{mine.text!r} has a rule already, in line {there}; make them one")
        elif mine.specificity == theirs.specificity:
            if mine.meets(theirs):
                text = f"some name matches this and {theirs.text!r} (line {self._line(other_path)}), and neither is more specific"
                self.draft.blame(path, f"{text}; change one so that they do not overlap")
        else:
            (hidden, path), (hiding, other_path) = sorted(
                [(mine, path), (theirs, other_path)], key=lambda each: each[0].specificity, reverse=True
            )
            if hiding.contains(hidden):
                text = (
                    f"unreachable: all that it matches is governed by {hiding.text!r} (line {self._line(other_path)})"
                )
                self.draft.blame(path, f"{text}; remove one of them")

    def _line(self, path: Path) -> str:
        return self.draft.document.where(self.draft.original(path)).rpartition(":")[2]

    def _warn(
        self, rules: Mapping[int, Rule], roots: Mapping[str, TrustRootSpec], revoked: Mapping[Digest, str]
    ) -> None:
        if not rules:
            self.draft.warn((), "there are no rules under images: every pull is refused")
        used = frozenset(name for rule in rules.values() for name in rule.signer_names)
        for name in self.written.signers:
            if name not in used:
                self.draft.warn(("signers", name), "no rule asks for this signer; remove it, or require its signature")
        named = {name for entry in self.written.signers.values() for name in (entry.trust_root, entry.x509)}
        for name in roots:
            if name not in named:
                self.draft.warn(("trustRoots", name), "no signer stands under it; remove it, or name it in a signer")
        for index, rule in rules.items():
            listed = [leaf.digests for leaf in rule.require.leaves if isinstance(leaf, DigestRequirement)]
            for digest in sorted(frozenset().union(*listed) & revoked.keys()):
                self.draft.warn(("images", index, "require"), f"it lists {digest}, which is revoked and stays refused")
