"""One entry of `images`, from what is written to a Rule. Law: it asks for something, and nothing in it is without effect."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from proxy.errors import ConfigError, RequestError
from proxy.oci.descriptor import Platform
from proxy.oci.reference import Repository
from proxy.policy.match import Glob
from proxy.policy.requirements import HUB
from proxy.policy.rules import BASE, Base, Mode, Rule
from proxy.policy.who.voices import Voices
from proxy.policy.words.asking import RequirementReader
from proxy.policy.words.draft import Draft
from proxy.policy.words.wording import not_a_digest
from proxy.policy.words.written import BaseEntry, RequirementEntry, RuleEntry
from proxy.yamlfile import Path

__all__ = ["RuleReader", "not_a_digest", "parse_match"]

TTL = timedelta(minutes=5)  # face.md: how long `follow` answers without asking the upstream
_SHORTEST = timedelta(minutes=1)
_OWN = "own"
# GitHub's attestation API (evidence.md 1.7), a tenant's too: of a repository, an organisation or a user.
_API = re.compile(r"api\.github\.com|api\.[a-z0-9-]{1,63}\.ghe\.com")
_API_PATH = re.compile(r"repos/[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}|(?:orgs|users)/[A-Za-z0-9-]{1,39}")
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class RuleReader:
    draft: Draft
    mode: Mode
    voices: Voices

    def rule(self, path: Path, entry: RuleEntry) -> Rule | None:
        """The rule, or None where it has no pattern; what is wrong goes into the draft."""
        glob = self._glob(path, entry.match)
        self._follow(path, entry)
        self._span((*path, "recheck"), entry.recheck)
        asking = RequirementReader(self.draft, self.voices, entry.covers)
        rule = Rule(
            glob=glob or Glob.parse("**"),
            mode=entry.mode or self.mode,
            tags=self._each((*path, "tags"), entry.tags, Glob.parse_tag) or None,
            pinning=entry.pinning,
            ttl=entry.ttl or TTL,
            platforms=self._each((*path, "platforms"), entry.platforms, _platform),
            require=asking.require((*path, "require"), entry.require, whose="an image"),
            signed_as=self._each((*path, "signedAs"), entry.signed_as, _signed_as),
            covers=entry.covers,
            rollback=entry.rollback,
            regression=entry.regression,
            recheck=entry.recheck,
            after=entry.after,
            evidence_from=self._elsewhere((*path, "evidenceFrom"), entry.evidence_from),
            base=self._base((*path, "base"), entry.base, asking, entry.require) if entry.base is not None else None,
        )
        self._rollback(path, rule)
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

    def _follow(self, path: Path, entry: RuleEntry) -> None:
        for word, span in (("ttl", entry.ttl), ("after", entry.after)):
            if span is not None and entry.pinning != "follow" and self.draft.is_whole((*path, "pinning")):
                self.draft.blame((*path, word), "only `pinning: follow` asks again; remove it, or follow")
        if entry.ttl == timedelta(0):
            self.draft.blame((*path, "ttl"), "zero would ask the upstream at every pull; write a span, such as 5m")
        self._span((*path, "after"), entry.after)

    def _span(self, path: Path, span: timedelta | None) -> None:
        if span is not None and span < _SHORTEST:
            self.draft.blame(path, "less than a minute has no use; write a span, such as 24h")

    def _rollback(self, path: Path, rule: Rule) -> None:
        """A time that nothing proves cannot be older than another."""
        if rule.rollback == "allow" or not self.draft.is_whole((*path, "require")):
            return
        if rule.require.of and not any(self.voices.always_tell_time(each) for each in rule.require.of):
            self.draft.blame(
                (*path, "rollback"),
                "nothing that this rule requires proves when it was signed, so no tag can be seen to go back; "
                "write `allow`, or require a signer with a log or timestamps",
            )

    def _elsewhere(self, path: Path, texts: Sequence[str]) -> tuple[str, ...]:
        found = self._each(path, texts, _place)
        for index, text in enumerate(texts):
            if text in texts[:index]:
                self.draft.blame((*path, index), "it stands above already; remove it")
        return found

    def _base(
        self, path: Path, entry: BaseEntry, asking: RequirementReader, beside: Sequence[RequirementEntry]
    ) -> Base:
        asked = entry.model_fields_set
        for index, each in enumerate(beside):
            if each.name == BASE:
                text = f"{BASE!r} is what the base image's own requirement is called; write another name"
                self.draft.blame((*path[:-1], "require", index, "name"), text)
        if len(asked) > 1:
            self.draft.blame(path, "`require` and `rule` are two answers; write one of them")
        if not asked and self.draft.is_whole(path):
            self.draft.blame(path, "write `require`, or `rule: own`: what the base image must satisfy")
        if "require" in asked:
            require = asking.require((*path, "require"), entry.require, whose="a base image")
            return Base(require=require, signers=require.signer_names)
        return Base(rule=entry.rule if entry.rule not in ("", _OWN) else None)

    def _each(self, path: Path, texts: Sequence[str], read: Callable[[str], _Read]) -> tuple[_Read, ...]:
        """Each text as it is read; blame those that cannot be."""
        found = []
        for index, text in enumerate(texts):
            try:
                found.append(read(text))
            except (ConfigError, RequestError) as error:
                self.draft.blame((*path, index), error.message)
        return tuple(found)


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


def _platform(text: str) -> Platform:
    platform = Platform.parse(text)
    if platform.is_unknown:
        raise ConfigError("unknown/unknown marks attestations, which are never the image; remove it")
    return platform


def _signed_as(text: str) -> Glob:
    spelling = next((hub for hub in HUB if text.startswith(hub)), None)
    return Glob.parse(f"docker.io/{text.removeprefix(spelling)}" if spelling else text)


def _place(text: str) -> str:
    """Where else evidence is looked for: a repository of a registry, or GitHub's attestation API."""
    host, _, rest = text.partition("/")
    if _API.fullmatch(host):
        if not _API_PATH.fullmatch(rest):
            raise ConfigError(
                f"{text[:80]!r}: write {host}/repos/<owner>/<repository>, {host}/orgs/<name> or {host}/users/<name>"
            )
        return text
    if not rest or "*" in text:
        raise ConfigError(
            f"{text[:80]!r} is not one repository; write host/repository, such as registry.corp.example/approvals"
        )
    if host == "docker.io" and "/" not in rest:
        raise ConfigError(f"{text!r} is docker.io/library/{rest}; write that")
    return str(Repository(host, rest))
