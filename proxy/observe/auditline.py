"""One line of the audit: {"seq":…,"at":…,"kind":…, then the event's fields in camelCase}. Pure.

`seq` counts within one process, `at` is UTC with microseconds. A line is compact UTF-8 JSON and ends with a line feed; whoever
chains lines later hashes these bytes as they stand.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from proxy import events
from proxy.observe.redaction import redact, redact_value
from proxy.oci.reference import Repository

FORMAT = 1  # of the lines; stands in each file's first

KINDS: Mapping[type, str] = {
    events.Judged: "judged",
    events.Refused: "refused",
    events.Alarmed: "alarmed",
    events.PinMoved: "pinMoved",
    events.DriftSeen: "driftSeen",
    events.ClockJumped: "clockJumped",
    events.PolicyLoaded: "policyLoaded",
    events.StateLost: "stateLost",
    events.DistrustLifted: "distrustLifted",
    events.TrustRefreshed: "trustRefreshed",
}

_RENAMED = {"kind": "drift"}  # `kind` is the line's own word


def write_line(seq: int, at: float, kind: str, record: Mapping[str, Any]) -> bytes:
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    whole = {"seq": seq, "at": moment, "kind": kind, **record}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def parse_line(line: bytes) -> dict[str, Any]:
    """Raise ValueError for what `write_line` did not write."""
    try:
        record = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    has_head = isinstance(record, dict) and isinstance(record.get("at"), str) and isinstance(record.get("kind"), str)
    if not has_head or type(record.get("seq")) is not int:
        raise ValueError("it has no seq, at and kind")
    return dict(record)


def plain_fields(event: events.Event) -> dict[str, Any]:
    """The event's fields in camelCase, secrets cut; a Repository is `upstream` and `repository`, a drift's kind `drift`.

    What pins are restored from is written as it is: names were parsed, and hold no secret.
    """
    record: dict[str, Any] = {}
    for each in fields(event):
        value = getattr(event, each.name)
        head, *rest = each.name.split("_")
        name = _RENAMED.get(each.name) or head + "".join(part.capitalize() for part in rest)
        if isinstance(value, Repository):
            record |= {"upstream": value.upstream, "repository": value.name}
        elif isinstance(value, events.Client):
            record[name] = {"address": redact(value.address), "name": value.name and redact(value.name)}
        elif isinstance(event, events.PinMoved) and name == "tag":
            record[name] = event.tag
        else:
            record[name] = redact_value(value, name)
    return record
