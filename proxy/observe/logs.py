"""The log: one line a request and one for each event worth it, JSON or for a terminal, on stderr. Never a secret.

Whatever is logged, by us or by a library, passes `redaction` on its way out.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO, TypeAlias

import structlog

from proxy import events
from proxy.observe.redaction import cut, escape, redact_value

_LIMIT = 2000  # characters of one text in a line; the whole is in the audit
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# Their every request would be a second line for one that we log already.
_QUIET = ("aiohttp.access", "aiohttp.client", "asyncio")

Line: TypeAlias = tuple[str, str, dict[str, Any]]  # level, word, fields


def configure(
    format: str = "json",  # noqa: A002 - face.md's word
    level: str = "info",
    stream: TextIO | None = None,
    *,
    worker: int | None = None,
) -> None:
    """Set the log of this process up, libraries' records included. `format`: json | console; `level`: debug … error.

    `worker`: the number that stands in each line of one of several processes.
    """

    def of_worker(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return line if worker is None else {**line, "worker": worker}

    out = stream if stream is not None else sys.stderr
    shared: list[Any] = [
        structlog.processors.format_exc_info,
        without_secrets,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        of_worker,
    ]
    structlog.configure(
        processors=[*shared, _renderer(format, out)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(format, out)],
        )
    )
    logging.basicConfig(handlers=[handler], level=_LEVELS[level], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, _LEVELS[level]))


def say(word: str, *, level: str = "info", **fields: Any) -> None:
    """One line that is no event: `word` is a short name of what happened, such as `started`. Never raises for the stream."""
    # A log that went away (a closed terminal, a full pipe) must not fail a pull.
    with contextlib.suppress(OSError, ValueError):
        getattr(structlog.get_logger(), level)(word, **fields)


def log_event(event: events.Event) -> None:
    level, word, fields = _LINES[type(event)](event)
    say(word, level=level, **fields)


def without_secrets(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor that everything passes: secrets cut, control characters escaped, long texts shortened."""
    for name, value in list(line.items()):
        if name == "exception":
            line[name] = _traceback(str(value))
        elif not name.startswith("_"):  # structlog's own handles
            line[name] = _shortened(redact_value(value, name))
    return line


def _traceback(text: str) -> str:
    """Its lines stay lines, each marked, so that none of them can pass for a line of the log."""
    return "\n".join(f"  | {escape(line)}" for line in cut(text).split("\n"))


def _shortened(value: Any) -> Any:
    return f"{value[:_LIMIT]}…" if isinstance(value, str) and len(value) > _LIMIT else value


def _renderer(format: str, out: TextIO) -> Any:  # noqa: A002 - face.md's word
    if format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty() and "NO_COLOR" not in os.environ, event_key="event", timestamp_key="at", pad_event_to=0
    )


def _answered(event: events.Answered) -> Line:
    level = "error" if event.outcome == "storage" else "warning" if event.status >= 500 else "info"
    fields = {
        "request": event.request_id,
        "client": event.client.address,
        "client_name": event.client.name,
        "method": event.method,
        "kind": event.kind,
        "repository": event.repository and str(event.repository),
        "reference": event.reference,
        "status": event.status,
        "outcome": event.outcome,
        "seconds": round(event.seconds, 6),
        "bytes": event.body_bytes,
        "refusal": event.refusal,
        "message": event.message,
        "times": event.times if event.times > 1 else None,
    }
    return level, "answered", {name: value for name, value in fields.items() if value is not None}


_ENDINGS = {
    "total": "all places are taken; raise limits.connections, or see who holds them",
    "client": "one client has all the places that it may; raise limits.connectionsPerClient if it is a load balancer",
    "descriptors": "this process may hold no more files; raise its limit (ulimit -n, LimitNOFILE=)",
    "head": "clients began a request and did not end it within 30 s",
    "full": "clients took nothing of their answers for 5 minutes",
    "room": "idle connections were closed, since others asked for their places",
}


def _connections_ended(event: events.ConnectionsEnded) -> Line:
    level = "info" if event.why == "room" else "warning"
    message = _ENDINGS.get(event.why, event.why)
    return level, "connections", {"why": event.why, "times": event.times, "open": event.open, "message": message}


def _judged(event: events.Judged) -> Line:
    level = {"allow": "info"}.get(event.verdict, "warning")
    return (
        level,
        "judged",
        {
            "repository": str(event.repository),
            "digest": str(event.digest),
            "verdict": event.verdict,
            "rule": event.rule,
            "seconds": round(event.seconds, 6),
            "summary": event.record.get("summary"),
        },
    )


def _refused(event: events.Refused) -> Line:
    return (
        "warning",
        "refused",
        {
            "refusal": event.refusal,
            "client": str(event.client),
            "asked": event.asked,
            "reason": event.reason,
            "message": event.message,
        },
    )


def _alarmed(event: events.Alarmed) -> Line:
    return (
        "error",
        "alarm",
        {
            "repository": str(event.repository),
            "digest": str(event.digest),
            "alarm": event.alarm,
            "message": event.message,
        },
    )


def _pin_moved(event: events.PinMoved) -> Line:
    return (
        "info",
        "pin-moved",
        {
            "repository": str(event.repository),
            "tag": event.tag,
            "old": event.old and str(event.old),
            "new": str(event.new),
            "cause": event.cause,
            "by": event.by,
        },
    )


def _drift_seen(event: events.DriftSeen) -> Line:
    return (
        "warning",
        "drift-seen",
        {
            "repository": str(event.repository),
            "tag": event.tag,
            "pinned": str(event.pinned),
            "offered": str(event.offered),
            "kind": event.kind,
            **({"message": event.message} if event.message else {}),
        },
    )


def _fill_ended(event: events.FillEnded) -> Line:
    level = {"stored": "info", "unkept": "info", "mismatch": "error"}.get(event.outcome, "warning")
    return (
        level,
        "fill-ended",
        {
            "digest": str(event.digest),
            "outcome": event.outcome,
            "bytes": event.transferred,
            "seconds": round(event.seconds, 6),
            "resumed": event.resumed,
        },
    )


def _upstream_asked(event: events.UpstreamAsked) -> Line:
    # 401 begins every token's life and 404 is an answer; what an operator must know is the rest.
    is_usual = 200 <= event.status < 400 or event.status in (401, 404)
    return (
        "debug" if is_usual else "warning",
        "upstream-asked",
        {
            "upstream": event.upstream,
            "what": event.what,
            "status": event.status,
            "bytes": event.received,
            "seconds": round(event.seconds, 6),
            **({} if event.remaining is None else {"remaining": event.remaining, "limit": event.limit}),
        },
    )


def _upstream_spared(event: events.UpstreamSpared) -> Line:
    return "debug", "upstream-spared", {"upstream": event.upstream, "what": event.what, "why": event.why}


def _upstream_held(event: events.UpstreamHeld) -> Line:
    return "warning", "upstream-held", {"upstream": event.upstream, "cause": event.cause, "seconds": event.seconds}


def _breaker_moved(event: events.BreakerMoved) -> Line:
    level = {"open": "error", "closed": "info"}.get(event.state, "debug")
    return level, "breaker", {"upstream": event.upstream, "state": event.state}


def _clock_jumped(event: events.ClockJumped) -> Line:
    message = "the machine's clock was set; what ends by it is asked anew"
    return "warning", "clock-jumped", {"seconds": event.seconds, "message": message}


def _policy_loaded(event: events.PolicyLoaded) -> Line:
    level = "error" if event.outcome != "loaded" else "info" if event.rules else "warning"
    return level, "policy-loaded", {"outcome": event.outcome, "rules": event.rules, "message": event.message}


def _worker_ended(event: events.WorkerEnded) -> Line:
    fields = {"worker": event.number, "pid": event.pid, "cause": event.cause, "code": event.code}
    return "error" if event.cause == "signal" or event.code else "warning", "worker-ended", fields


def _content_rotted(event: events.ContentRotted) -> Line:
    return "error", "content-rotted", {"digest": str(event.digest), "what": event.what}


def _evicted(event: events.Evicted) -> Line:
    fields = {name: getattr(event, name) for name in ("images", "blobs", "freed", "wanted", "pinned", "leased")}
    if event.freed >= event.wanted:
        return "info", "evicted", fields
    message = (
        "the content store cannot be brought below its limit: what is left is pinned, or was used within the last hour; "
        "give it more room, or unpin what no node needs"
    )
    return "warning", "evicted", {**fields, "message": message}


def _content_scrubbed(event: events.ContentScrubbed) -> Line:
    fields = {"files": event.files, "bytes": event.bytes, "wrong": event.wrong, "seconds": round(event.seconds, 3)}
    return "warning" if event.wrong else "info", "content-scrubbed", fields


def _storage_changed(event: events.StorageChanged) -> Line:
    level = "info" if event.state == "ok" else "error"
    return level, "storage-changed", {"state": event.state, "message": event.message}


def _state_lost(event: events.StateLost) -> Line:
    message = f"the state was lost; {event.restored} pins came back from the audit"
    if event.distrusted:
        message = (
            "the state was lost and pins with it; look at each tag with `pratique verify`, then `pratique pin confirm`"
        )
    return "error", "state-lost", {"restored": event.restored, "distrusted": event.distrusted, "message": message}


def _distrust_lifted(event: events.DistrustLifted) -> Line:
    return "warning", "distrust-lifted", {"by": event.by}


def _trust_refreshed(event: events.TrustRefreshed) -> Line:
    level = {"refreshed": "info", "unchanged": "debug", "stale": "error"}.get(event.outcome, "warning")
    fields = {"root": event.root, "outcome": event.outcome, **({"message": event.message} if event.message else {})}
    return "debug" if event.is_repeated else level, "trust-refreshed", fields


_LINES: dict[type, Callable[[Any], Line]] = {
    events.Answered: _answered,
    events.ConnectionsEnded: _connections_ended,
    events.Judged: _judged,
    events.Refused: _refused,
    events.Alarmed: _alarmed,
    events.PinMoved: _pin_moved,
    events.DriftSeen: _drift_seen,
    events.FillEnded: _fill_ended,
    events.UpstreamAsked: _upstream_asked,
    events.UpstreamSpared: _upstream_spared,
    events.UpstreamHeld: _upstream_held,
    events.BreakerMoved: _breaker_moved,
    events.ClockJumped: _clock_jumped,
    events.PolicyLoaded: _policy_loaded,
    events.WorkerEnded: _worker_ended,
    events.ContentRotted: _content_rotted,
    events.ContentScrubbed: _content_scrubbed,
    events.StorageChanged: _storage_changed,
    events.Evicted: _evicted,
    events.StateLost: _state_lost,
    events.DistrustLifted: _distrust_lifted,
    events.TrustRefreshed: _trust_refreshed,
}
