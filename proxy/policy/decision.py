"""Decision and Check: what was judged, and why, as values that are kept, shown and judged again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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

    word: rule | tag | platform | revoked | digest | signature | attestation | image | base | at-least | pin | lock |
    exception | gathering. `is_alarm`: somebody must look, since it passes only by grace or since two verifiers disagree.
    `details` are what proved it, by camelCase names: identity, form, provedAt, logIndex, certificateSubject…
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
    is_alarm: bool = False
    details: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is looked up by (upstream, repository, digest, rule, mode, exceptions in force, trust fingerprint): `key`.

    `is_warned`: the rule's mode is `warn`, and only `require` failed: served, recorded, and never pinned.
    `evidence` are the digests of stored content that it rests on, of a denial of all that was proved; `rests_on` the
    items of trust material. Times are aware UTC. `proved_at` is the newest proved time of the signatures used, or where
    none was, of the attestations that
    do not age. `grace_from`: from then on it stands by grace alone, and that is an alarm. `bases` are the base images
    that were proved and admitted, as name@digest. `reason` may be `verifiers-disagree` too, or `condition`, where what
    is missing was proved but does not say what the rule asks.
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
    proved_at: datetime | None = None
    rests_on: tuple[str, ...] = ()
    opinions: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    grace_from: datetime | None = None
    index: Digest | None = None  # the admitted Index as whose child it was judged

    def holds(self, now: datetime) -> bool:
        """Whether it may still be repeated; an inconclusive one never is."""
        if self.verdict is Verdict.INCONCLUSIVE:
            return False
        return self.expires_at is None or now < self.expires_at

    def is_in_grace(self, now: datetime) -> bool:
        """Whether something that it rests on is older than the rule wants, and only an admitted image may use it."""
        return self.grace_from is not None and self.grace_from < now

    @property
    def newest_proof(self) -> datetime | None:
        """The newest time that was proved of anything it used, of attestations that age too; None: no time was."""
        return max(filter(None, (self.proved_at, *_proved_times(self.checks))), default=None)

    @property
    def is_alarm(self) -> bool:
        return bool(self.alarms)

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
            "provedAt": self.proved_at.isoformat() if self.proved_at else None,
            "restsOn": list(self.rests_on),
            "opinions": list(self.opinions),
            "bases": list(self.bases),
            "warnings": list(self.warnings),
            "alarms": list(self.alarms),
            "graceFrom": self.grace_from.isoformat() if self.grace_from else None,
            "index": str(self.index) if self.index else None,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Raise ValueError, KeyError, TypeError or a RequestError where it is not what `to_record` gave.

        What the first version did not record yet may be missing.
        """
        return cls(
            key=str(record["key"]),
            verdict=Verdict(record["verdict"]),
            repository=Repository(record["upstream"], record["repository"]),
            digest=Digest.parse(str(record["digest"])),
            rule=str(record["rule"]),
            mode=str(record["mode"]),
            summary=str(record["summary"]),
            reason=str(record["reason"]),
            checks=_checks(record["checks"]),
            rejections=tuple(_rejection(each) for each in record["rejections"]),
            evidence=_digests(record["evidence"]),
            identities=tuple(record["identities"]),
            made_at=datetime.fromisoformat(record["madeAt"]),
            expires_at=_moment(record["expiresAt"]),
            is_warned=bool(record["isWarned"]),
            exceptions=tuple(record["exceptions"]),
            proved_at=_moment(record.get("provedAt")),
            rests_on=tuple(record.get("restsOn", ())),
            opinions=tuple(record.get("opinions", ())),
            bases=tuple(record.get("bases", ())),
            warnings=tuple(record.get("warnings", ())),
            alarms=tuple(record.get("alarms", ())),
            grace_from=_moment(record.get("graceFrom")),
            index=Digest.parse(str(record["index"])) if record.get("index") else None,
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
        "isAlarm": check.is_alarm,
        "details": dict(check.details),
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
            is_alarm=bool(each.get("isAlarm", False)),
            details=dict(each.get("details", {})),
        )
        for each in records
    )


def _rejection_record(rejection: Rejection) -> dict[str, Any]:
    return {
        "place": rejection.place,
        "source": str(rejection.source) if rejection.source else None,
        "reason": rejection.reason,
        "signer": rejection.signer,
        "isAlarm": rejection.is_alarm,
    }


def _rejection(record: Mapping[str, Any]) -> Rejection:
    source = Digest.parse(record["source"]) if record["source"] else None
    is_alarm = bool(record.get("isAlarm", False))
    return Rejection(record["place"], source, record["reason"], record["signer"], is_alarm)


def _proved_times(checks: Sequence[Check]) -> Iterator[datetime]:
    for check in checks:
        if check.word in ("signature", "attestation") and check.details.get("provedAt"):
            yield datetime.fromisoformat(check.details["provedAt"])
        yield from _proved_times(check.checks)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _digests(texts: Sequence[str]) -> tuple[Digest, ...]:
    return tuple(Digest.parse(str(text)) for text in texts)
