"""A Decision made again from its case file: no disk, no network, no clock. The same bytes give the same Decision.

Law: whatever is in the file, what comes out is a Replay or a ConfigError.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from proxy.config.policy import load_snapshot
from proxy.config.snapshot import snapshot_of
from proxy.config.text import MAX_TEXT
from proxy.errors import ConfigError, PratiqueError
from proxy.pipeline.court.cases import unseal
from proxy.policy.briefs import from_record
from proxy.policy.decision import Decision
from proxy.policy.hearing import Brief, hear


@dataclass(frozen=True, slots=True)
class Other:
    """Another Decision that this one was made with: `what` is a platform of an Index, or a base image.

    It is taken as it was recorded; its own case file, under `key`, says what it was made of.
    """

    what: str
    verdict: str
    key: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What was recorded and what comes out now, as `Decision.to_record` gives them. `seal`: SHA-256 over the record."""

    recorded: dict[str, Any]
    made: dict[str, Any]
    made_by: str
    seal: str
    others: tuple[Other, ...] = ()

    @property
    def is_same(self) -> bool:
        """Bit for bit."""
        return json.dumps(self.recorded, sort_keys=True) == json.dumps(self.made, sort_keys=True)


def replay(raw: bytes) -> Replay:
    """Judge a case file again. Raise ConfigError for one that is not whole, or that another version wrote."""
    record = unseal(raw)
    seal = raw.partition(b"\n")[0].decode().rpartition(" ")[2]
    try:
        recorded = dict(record["decision"])
        Decision.from_record(recorded)
        brief, made = _judged(record)
        return Replay(recorded, made, str(record["madeBy"])[:40], seal, tuple(_others(brief)))
    except PratiqueError as error:
        raise ConfigError(f"this case file cannot be judged again: {error.message}") from error
    except Exception as error:  # who made this file may have put anything anywhere in it
        raise ConfigError(
            f"this case file cannot be judged again: some part of it has another form ({type(error).__name__})"
        ) from error


def _judged(record: dict[str, Any]) -> tuple[Brief, dict[str, Any]]:
    if len(record["snapshot"]["policy"]) > MAX_TEXT:
        raise ConfigError(f"its policy is longer than {MAX_TEXT} characters, which none is")
    loaded = load_snapshot(snapshot_of(record["snapshot"]))
    brief = from_record(record["brief"])
    made = hear(brief, loaded.policy, loaded.material)
    if not isinstance(made, Decision):
        raise ConfigError(f"it lacks {made.kind}, without which there is no Decision")
    return brief, made.to_record()


def _others(brief: Brief) -> Iterator[Other]:
    for child in brief.children or ():
        if child.decision is not None:
            what = str(child.descriptor.platform or child.descriptor.digest)
            yield Other(what, str(child.decision.verdict), child.decision.key)
    for base in brief.bases or ():
        if base.decision is not None:
            yield Other(f"base {base.reference}", str(base.decision.verdict), base.decision.key)
