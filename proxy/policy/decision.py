"""Decision and Check: what was judged, and why, as values that are kept, shown and judged again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.verify.evidence import Rejection


class Verdict(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer. `word` is bounded (metrics); `summary` is the sentence for a person.

    word: rule | tag | platform | revoked | digest | signature | at-least | pin | lock | exception | gathering
    """

    name: str
    word: str
    passed: bool
    summary: str
    is_waived: bool = False
    is_open: bool = False  # it could not be answered: some source was out of reach
    evidence: tuple[Digest, ...] = ()
    identities: tuple[str, ...] = ()
    checks: tuple["Check", ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What is looked up by (upstream, repository, digest, rule, mode, exceptions in force, trust fingerprint): `key`.

    `is_warned`: the rule's mode is `warn`, and only `require` failed: served, recorded, and never pinned.
    `evidence` are the digests of stored content that it rests on. Times are aware UTC.
    """

    key: str
    verdict: Verdict
    repository: Repository
    digest: Digest
    rule: str
    mode: str
    summary: str  # one line: what and why, without the reference
    reason: str  # the bounded word of PolicyError.reason, "allowed" or "inconclusive"
    checks: tuple[Check, ...]
    rejections: tuple[Rejection, ...]
    evidence: tuple[Digest, ...]
    identities: tuple[str, ...]
    made_at: datetime
    expires_at: datetime | None
    is_warned: bool = False
    exceptions: tuple[str, ...] = ()

    def holds(self, now: datetime) -> bool:
        """Whether it may still be repeated; an inconclusive one never is."""
        if self.verdict is Verdict.INCONCLUSIVE:
            return False
        return self.expires_at is None or now < self.expires_at

    @property
    def is_allow(self) -> bool:
        return self.verdict is Verdict.ALLOW

    @property
    def is_conclusive(self) -> bool:
        return self.verdict is not Verdict.INCONCLUSIVE

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON; `from_record` is its inverse."""
        return {
            "key": self.key,
            "verdict": str(self.verdict),
            "upstream": self.repository.upstream,
            "repository": self.repository.name,
            "digest": str(self.digest),
            "rule": self.rule,
            "mode": self.mode,
            "summary": self.summary,
            "reason": self.reason,
            "checks": [_check_record(check) for check in self.checks],
            "rejections": [_rejection_record(rejection) for rejection in self.rejections],
            "evidence": [str(digest) for digest in self.evidence],
            "identities": list(self.identities),
            "madeAt": self.made_at.isoformat(),
            "expiresAt": self.expires_at.isoformat() if self.expires_at else None,
            "isWarned": self.is_warned,
            "exceptions": list(self.exceptions),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Raise ValueError, KeyError, TypeError or a RequestError where it is not what `to_record` gave."""
        return cls(
            key=str(record["key"]),
            verdict=Verdict(record["verdict"]),
            repository=Repository(record["upstream"], record["repository"]),
            digest=Digest.parse(record["digest"]),
            rule=str(record["rule"]),
            mode=str(record["mode"]),
            summary=str(record["summary"]),
            reason=str(record["reason"]),
            checks=_checks(record["checks"]),
            rejections=tuple(_rejection(each) for each in record["rejections"]),
            evidence=_digests(record["evidence"]),
            identities=tuple(record["identities"]),
            made_at=datetime.fromisoformat(record["madeAt"]),
            expires_at=datetime.fromisoformat(record["expiresAt"]) if record["expiresAt"] else None,
            is_warned=bool(record["isWarned"]),
            exceptions=tuple(record["exceptions"]),
        )


def _check_record(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "word": check.word,
        "passed": check.passed,
        "summary": check.summary,
        "isWaived": check.is_waived,
        "isOpen": check.is_open,
        "evidence": [str(digest) for digest in check.evidence],
        "identities": list(check.identities),
        "checks": [_check_record(child) for child in check.checks],
    }


def _checks(records: Sequence[Mapping[str, Any]]) -> tuple[Check, ...]:
    return tuple(
        Check(
            name=each["name"],
            word=each["word"],
            passed=bool(each["passed"]),
            summary=each["summary"],
            is_waived=bool(each["isWaived"]),
            is_open=bool(each["isOpen"]),
            evidence=_digests(each["evidence"]),
            identities=tuple(each["identities"]),
            checks=_checks(each["checks"]),
        )
        for each in records
    )


def _rejection_record(rejection: Rejection) -> dict[str, Any]:
    return {
        "place": rejection.place,
        "source": str(rejection.source) if rejection.source else None,
        "reason": rejection.reason,
        "signer": rejection.signer,
    }


def _rejection(record: Mapping[str, Any]) -> Rejection:
    source = Digest.parse(record["source"]) if record["source"] else None
    return Rejection(record["place"], source, record["reason"], record["signer"])


def _digests(texts: Sequence[str]) -> tuple[Digest, ...]:
    return tuple(Digest.parse(text) for text in texts)
