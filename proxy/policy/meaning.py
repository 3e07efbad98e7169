"""From what is written to what it means. Law: a policy that contradicts itself, or has a part without effect, is refused."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.errors import ConfigError, RequestError
from proxy.oci.digest import Digest
from proxy.policy.draft import Draft
from proxy.policy.entries import NAME, NAME_HELP, RuleReader, not_a_digest, parse_match, unknown
from proxy.policy.exceptions import LONGEST, ExceptionGrant
from proxy.policy.match import Glob
from proxy.policy.requirements import AtLeast, DigestRequirement
from proxy.policy.rules import Policy, Rule, SignerSpec
from proxy.policy.written import ExceptionEntry, PolicyDocument, SignerEntry
from proxy.yamlfile import Path

_SPKI = re.compile(r"[0-9a-fA-F]{64}")
_WAIVABLE = (
    "only what `require` asks for can be waived: never tags, platforms, pins, a revocation or the bytes' own digest"
)


@dataclass(slots=True)
class Meaning:
    """Reads each entry alone, then what they say of one another. What is wrong goes into the draft."""

    draft: Draft
    written: PolicyDocument
    now: datetime

    def policy(self) -> Policy:
        """What the file means; of no worth where the draft has problems."""
        if self.written.version != 1:
            self.draft.blame(("version",), f"this program reads version 1, not {self.written.version}")
        signers = {name: self._signer(("signers", name), entry) for name, entry in self.written.signers.items()}
        rules = self._rules()
        self._order(rules)
        grants = [self._grant(("exceptions", at), each, rules) for at, each in enumerate(self.written.exceptions)]
        digests, keys = self._revoked()
        self._warn(rules, digests)
        return Policy(
            rules=tuple(sorted(rules.values(), key=lambda rule: rule.glob.specificity)),
            signers=signers,
            exceptions=tuple(grant for grant in grants if grant is not None),
            revoked_digests=digests,
            revoked_keys=keys,
            warnings=tuple(self.draft.warnings),
        )

    def _signer(self, path: Path, entry: SignerEntry) -> SignerSpec:
        name = str(path[-1])
        if not NAME.fullmatch(name):
            self.draft.blame(path, NAME_HELP)
        if not entry.key and not entry.preset and self.draft.is_whole(path):
            self.draft.blame(path, "it has no key; write `key: <file>` with `log: none`, or `preset: <name>`")
        if entry.preset:
            for word in ("key", "log", "hash", "valid_from", "valid_until"):
                if word in entry.model_fields_set:
                    alias = SignerEntry.model_fields[word].alias or word
                    self.draft.blame((*path, alias), f"a preset brings its own `{alias}`; remove one of them")
        elif entry.key and entry.log is None and self.draft.is_whole((*path, "log")):
            self.draft.blame(path, "say `log: none`: a signature by this key counts without a transparency log")
        if "-----BEGIN" in entry.key:
            self.draft.blame((*path, "key"), "name the file that holds the key, not the key itself")
        self._window(path, entry)
        return SignerSpec(
            name, entry.key or None, entry.preset or None, entry.hash, entry.valid_from, entry.valid_until
        )

    def _window(self, path: Path, entry: SignerEntry) -> None:
        if entry.valid_until is None:
            return
        if entry.valid_from is not None and entry.valid_from >= entry.valid_until:
            self.draft.blame((*path, "validUntil"), "the window ends before it begins; correct validFrom or validUntil")
        elif entry.valid_until <= self.now:
            self.draft.warn(
                (*path, "validUntil"), f"past since {entry.valid_until:%Y-%m-%d}; this signer proves nothing"
            )

    def _rules(self) -> dict[int, Rule]:
        """By index in `images`, without those that could not be read."""
        raw = self.draft.document.values.get("signers", {})
        names = frozenset(raw) if isinstance(raw, dict) else None
        reader = RuleReader(self.draft, self.written.mode, names)
        read = {index: reader.rule(("images", index), entry) for index, entry in enumerate(self.written.images)}
        rules = {index: rule for index, rule in read.items() if rule is not None}
        for index, rule in rules.items():
            self._distinct_keys(("images", index, "require"), rule)
        return rules

    def _distinct_keys(self, path: Path, rule: Rule) -> None:
        """Two signers with one key file count once, so `atLeast` over them may never pass (T30)."""
        for at, each in enumerate(rule.require.of):
            if not isinstance(each, AtLeast) or not self.draft.is_whole(path):
                continue
            speakers = [None if isinstance(leaf, DigestRequirement) else leaf.signer for leaf in each.of]
            entries = [self.written.signers.get(speaker) for speaker in speakers if speaker]
            voices = {entry.key or entry.preset for entry in entries if entry} | ({""} if None in speakers else set())
            if None not in entries and len(voices) < each.count <= len(each.of):
                text = (
                    f"these are {len(voices)} distinct keys, and one key counts once; {each.count} can never be reached"
                )
                self.draft.blame((*path, at, "atLeast"), text)

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

    def _grant(self, path: Path, entry: ExceptionEntry, rules: Mapping[int, Rule]) -> ExceptionGrant | None:
        wanted = ("match", "digest", "waive", "reason", "by", "until")
        missing = [
            f"`{word}`" for word in wanted if word not in entry.model_fields_set and self.draft.is_whole((*path, word))
        ]
        if missing:
            self.draft.blame(
                path, f"it must say {', '.join(missing)} too: an exception is for one digest, by somebody, and ends"
            )
        glob, digest = self._match((*path, "match"), entry.match), self._digest((*path, "digest"), entry.digest)
        for word, text in (("reason", entry.reason), ("by", entry.by)):
            self._one_line((*path, word), text)
        if entry.until is not None and entry.until > self.now + LONGEST:
            text = f"{entry.until:%Y-%m-%d} is more than {LONGEST.days} days away; write {self.now + LONGEST:%Y-%m-%d} or earlier"
            self.draft.blame((*path, "until"), text)
        elif entry.until is not None and entry.until <= self.now:
            self.draft.warn((*path, "until"), "past; the exception is ignored, and can be removed")
        waive = frozenset("at-least" if word == "atLeast" else word for word in entry.waive)
        if glob is None or digest is None or entry.until is None:
            return None
        self._waivable(path, glob, entry.waive, rules)
        return ExceptionGrant(glob, digest, waive, entry.reason, entry.by, entry.until)

    def _waivable(self, path: Path, glob: Glob, waive: Sequence[str], rules: Mapping[int, Rule]) -> None:
        if not self.draft.is_whole(("images",)):
            return
        governing = [rule for rule in rules.values() if rule.glob.meets(glob)]
        if not governing:
            self.draft.blame(
                (*path, "match"), "no rule is for these names; an exception widens a rule, it never replaces one"
            )
            return
        known = {each.name for rule in governing for each in rule.require.of}
        for index, word in enumerate(waive):
            name = "at-least" if word == "atLeast" else word
            if name not in known:
                text = unknown(word, known, "requirement", f"there are {', '.join(sorted(known))}")
                self.draft.blame((*path, "waive", index), f"{text} ({_WAIVABLE})")
            elif any(sum(each.name == name for each in rule.require.of) > 1 for rule in governing):
                self.draft.blame(
                    (*path, "waive", index), f"{word!r} is two requirements of one rule; give them a `name` each"
                )

    def _revoked(self) -> tuple[dict[Digest, str], tuple[tuple[str, str], ...]]:
        digests: dict[Digest, str] = {}
        keys: dict[str, str] = {}
        for index, entry in enumerate(self.written.revoked):
            path: Path = ("revoked", index)
            if bool(entry.digest) == bool(entry.key) and self.draft.is_whole(path):
                self.draft.blame(path, "write one of `digest` and `key`, with the `reason`")
            if not entry.reason and self.draft.is_whole((*path, "reason")):
                self.draft.blame(path, "`reason` is missing; who is refused is told it")
            self._one_line((*path, "reason"), entry.reason)
            digest = self._digest((*path, "digest"), entry.digest)
            key = entry.key.lower() if _SPKI.fullmatch(entry.key) else entry.key
            if (digest and digest in digests) or (key and key in keys):
                self.draft.blame(path, "it is revoked above already; remove one of them")
            digests |= {digest: entry.reason} if digest else {}
            keys |= {key: entry.reason} if key else {}
        return digests, tuple(keys.items())

    def _match(self, path: Path, text: str) -> Glob | None:
        try:
            return parse_match(text) if text else None
        except ConfigError as error:
            self.draft.blame(path, error.message)
            return None

    def _digest(self, path: Path, text: str) -> Digest | None:
        try:
            return Digest.parse(text) if text else None
        except RequestError:
            self.draft.blame(path, not_a_digest(text))
            return None

    def _one_line(self, path: Path, text: str) -> None:
        if text and not text.isprintable():
            self.draft.blame(path, "write it in one line, without control characters; clients are shown it")

    def _warn(self, rules: Mapping[int, Rule], revoked: Mapping[Digest, str]) -> None:
        if not rules:
            self.draft.warn((), "there are no rules under images: every pull is refused")
        used = frozenset(name for rule in rules.values() for name in rule.signer_names)
        for name in self.written.signers:
            if name not in used:
                self.draft.warn(("signers", name), "no rule asks for this signer; remove it, or require its signature")
        for index, rule in rules.items():
            listed = [leaf.digests for leaf in rule.require.leaves if isinstance(leaf, DigestRequirement)]
            for digest in sorted(frozenset().union(*listed) & revoked.keys()):
                self.draft.warn(("images", index, "require"), f"it lists {digest}, which is revoked and stays refused")
