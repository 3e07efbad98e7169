"""A Decision made again from its case file: no disk, no network, no clock. The same bytes give the same Decision."""

import json
from typing import Any

from proxy.config.policy import load_snapshot
from proxy.config.snapshot import snapshot_of
from proxy.errors import ConfigError, PratiqueError
from proxy.pipeline.court.cases import SCHEMA_VERSION, unseal
from proxy.policy.briefs import from_record
from proxy.policy.decision import Decision
from proxy.policy.hearing import hear


def replay(raw: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (what was recorded, what comes out now), both as `Decision.to_record` gives them.

    Raise ConfigError for a file that is not whole, or that another version wrote.
    """
    record = unseal(raw)
    if not isinstance(record, dict) or record.get("schemaVersion") != SCHEMA_VERSION:
        raise ConfigError("this case file was written by another version of pratique; replay it with that one")
    try:
        loaded = load_snapshot(snapshot_of(record["snapshot"]))
        made = hear(from_record(record["brief"]), loaded.policy, loaded.material)
        recorded = dict(record["decision"])
        Decision.from_record(recorded)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, PratiqueError) as error:
        said = error.message if isinstance(error, PratiqueError) else type(error).__name__
        raise ConfigError(f"this case file cannot be judged again: {said}") from error
    if not isinstance(made, Decision):
        raise ConfigError(f"this case file cannot be judged again: it lacks {made.kind}")
    return recorded, made.to_record()


def is_same(recorded: dict[str, Any], made: dict[str, Any]) -> bool:
    """Bit for bit."""
    return json.dumps(recorded, sort_keys=True) == json.dumps(made, sort_keys=True)


def made_by(raw: bytes) -> str:
    """The program's version that wrote this file; raise ConfigError where it is not whole."""
    record = unseal(raw)
    return str(record.get("madeBy", "")) if isinstance(record, dict) else ""
