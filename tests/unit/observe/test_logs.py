import io
import json
import logging
from typing import get_args

import pytest
import structlog

from proxy import events
from proxy.observe import logs
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository

DIGEST = Digest.of(b"x")
REPOSITORY = Repository("nvcr.io", "nvidia/x")
CLIENT = events.Client("10.0.0.1", "node-7")
SECRETS = ("hunter2", "dXNlcjpodW50ZXIy", "tok-1234")
LEAKY = "Authorization: Basic dXNlcjpodW50ZXIy\nhttps://bob:hunter2@r.example/x?token=tok-1234"


@pytest.fixture(autouse=True)
def put_back():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def out():
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    return stream


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def answered(**changes) -> events.Answered:
    plain = {
        "request_id": "q-1",
        "client": CLIENT,
        "method": "GET",
        "kind": "manifest",
        "repository": REPOSITORY,
        "reference": "24.10",
        "status": 200,
        "outcome": "hit",
        "seconds": 0.0123456789,
        "body_bytes": 1500,
    }
    return events.Answered(**{**plain, **changes})


def fail(message: str) -> None:
    raise ValueError(message)


EXAMPLES = [
    (answered(), "info", "answered"),
    (answered(status=403, outcome="denied", refusal="r-1"), "info", "answered"),
    (answered(status=502, outcome="upstream"), "warning", "answered"),
    (answered(status=503, outcome="storage"), "error", "answered"),
    (events.Judged(REPOSITORY, DIGEST, "allow", "nvcr.io/**", 0.1, {"summary": "ok"}), "info", "judged"),
    (events.Judged(REPOSITORY, DIGEST, "deny", "nvcr.io/**", 0.1, {}), "warning", "judged"),
    (events.Refused("r-1", CLIENT, "nvcr.io/nvidia/x:24.10", "unverified", "no signature", {}), "warning", "refused"),
    (events.Alarmed(REPOSITORY, DIGEST, "grace", "the scanner is silent"), "error", "alarm"),
    (events.PinMoved(REPOSITORY, "24.10", None, DIGEST, "first", "node-7"), "info", "pin-moved"),
    (events.DriftSeen(REPOSITORY, "24.10", DIGEST, Digest.of(b"y")), "warning", "drift-seen"),
    (events.FillEnded(DIGEST, "stored", 5, 0.1, 0), "info", "fill-ended"),
    (events.FillEnded(DIGEST, "failed", 5, 0.1, 0), "warning", "fill-ended"),
    (events.FillEnded(DIGEST, "mismatch", 5, 0.1, 0), "error", "fill-ended"),
    (events.UpstreamAsked("nvcr.io", "manifest", 401, 5, 0.1), "debug", "upstream-asked"),
    (events.UpstreamAsked("nvcr.io", "manifest", 0, 5, 0.1), "warning", "upstream-asked"),
    (events.UpstreamSpared("nvcr.io", "manifest", "breaker"), "debug", "upstream-spared"),
    (events.UpstreamHeld("nvcr.io", "429", 30), "warning", "upstream-held"),
    (events.BreakerMoved("nvcr.io", "open"), "error", "breaker"),
    (events.BreakerMoved("nvcr.io", "half-open"), "debug", "breaker"),
    (events.BreakerMoved("nvcr.io", "closed"), "info", "breaker"),
    (events.ConnectionsEnded("total", 3, 4096), "warning", "connections"),
    (events.ConnectionsEnded("room", 3, 4096), "info", "connections"),
    (events.ClockJumped(-3600.0), "warning", "clock-jumped"),
    (events.PolicyLoaded("loaded", 3, ""), "info", "policy-loaded"),
    (events.PolicyLoaded("kept", 3, "policy.yaml:7: no"), "error", "policy-loaded"),
    (events.WorkerEnded(1, 4711, "signal", 9), "error", "worker-ended"),
    (events.WorkerEnded(1, 4711, "exit", 0), "warning", "worker-ended"),
    (events.ContentRotted(DIGEST, "size"), "error", "content-rotted"),
    (events.Evicted(2, 12, 500, wanted=500, pinned=70, leased=30), "info", "evicted"),
    (events.Evicted(0, 0, 0, wanted=500, pinned=70, leased=30), "warning", "evicted"),
    (events.ContentScrubbed(9, 100, 0, 1.5), "info", "content-scrubbed"),
    (events.ContentScrubbed(9, 100, 1, 1.5), "warning", "content-scrubbed"),
    (events.StorageChanged("full", "free space"), "error", "storage-changed"),
    (events.StorageChanged("ok", "it is well"), "info", "storage-changed"),
    (events.StateLost(3, True), "error", "state-lost"),
    (events.DistrustLifted("ops"), "warning", "distrust-lifted"),
    (events.TrustRefreshed("corp", "refreshed", ""), "info", "trust-refreshed"),
    (events.TrustRefreshed("corp", "unchanged", ""), "debug", "trust-refreshed"),
    (events.TrustRefreshed("corp", "failed", "it was rolled back"), "warning", "trust-refreshed"),
    (events.TrustRefreshed("corp", "failed", "it was rolled back", is_repeated=True), "debug", "trust-refreshed"),
    (events.TrustRefreshed("corp", "stale", "30 days ago"), "error", "trust-refreshed"),
]


@pytest.mark.parametrize(("event", "level", "word"), EXAMPLES)
def test_an_event_is_one_line_of_json(out, event, level, word):
    logs.log_event(event)
    (line,) = lines(out)
    assert (line["level"], line["event"]) == (level, word)
    assert line["at"].endswith("Z")


def test_every_event_has_an_example_here():
    assert {type(event) for event, _, _ in EXAMPLES} == set(get_args(events.Event))


def test_the_line_of_a_request_says_who_asked_for_what_and_what_became_of_it(out):
    logs.log_event(answered(status=403, outcome="denied", refusal="r-1", message="no signature by nvidia"))
    (line,) = lines(out)
    del line["at"]
    assert line == {
        "level": "info",
        "event": "answered",
        "request": "q-1",
        "client": "10.0.0.1",
        "client_name": "node-7",
        "method": "GET",
        "kind": "manifest",
        "repository": "nvcr.io/nvidia/x",
        "reference": "24.10",
        "status": 403,
        "outcome": "denied",
        "seconds": 0.012346,
        "bytes": 1500,
        "refusal": "r-1",
        "message": "no signature by nvidia",
    }


def test_what_moved_is_said_with_its_kind_and_why(out):
    logs.log_event(events.DriftSeen(REPOSITORY, "24.10", DIGEST, Digest.of(b"y"), "rollback", "signed 3 days before"))
    logs.log_event(events.DriftSeen(REPOSITORY, "24.10", DIGEST, Digest.of(b"y")))
    first, second = lines(out)
    assert (first["kind"], first["message"]) == ("rollback", "signed 3 days before")
    assert second["kind"] == "digest"
    assert "message" not in second


def test_a_refresh_says_which_root_and_why_it_failed(out):
    logs.log_event(events.TrustRefreshed("corp", "failed", "its metadata has expired"))
    (line,) = lines(out)
    assert (line["root"], line["outcome"], line["message"]) == ("corp", "failed", "its metadata has expired")


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_and_no_line_of_a_strangers_making_reaches_the_log(form):
    out = io.StringIO()
    logs.configure(form, "debug", out)
    logs.log_event(answered(reference=LEAKY, message=LEAKY, client=events.Client(LEAKY, LEAKY)))
    logs.log_event(events.Refused("r-1", CLIENT, LEAKY, "unverified", LEAKY, {"x": LEAKY}))
    logs.log_event(events.PolicyLoaded("kept", 0, LEAKY))
    logs.say("started", password="hunter2", nested={"headers": {"Authorization": "tok-1234"}}, text=LEAKY)
    for secret in SECRETS:
        assert secret not in out.getvalue()
    assert len(out.getvalue().splitlines()) == 4


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_libraries_log_passes_the_same_gate(form):
    out = io.StringIO()
    logs.configure(form, "info", out)
    logging.getLogger("some.library").warning("could not reach %s", LEAKY)
    try:
        fail(LEAKY)
    except ValueError:
        logging.getLogger("some.library").exception("it failed")
    for secret in SECRETS:
        assert secret not in out.getvalue()
    assert "could not reach" in out.getvalue()
    assert "ValueError" in out.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_is_kept_without_secrets_and_cannot_forge_a_line(form):
    out = io.StringIO()
    logs.configure(form, "info", out)
    try:
        fail('x\n{"event": "answered"}\npassword=hunter2')
    except ValueError:
        logs.say("failed", level="error", exc_info=True)
    text = out.getvalue()
    assert "hunter2" not in text
    assert "test_a_traceback_is_kept" in text
    assert not any(line.startswith('{"event": "answered"') for line in text.splitlines())


def test_a_level_silences_what_stands_below_it():
    out = io.StringIO()
    logs.configure("json", "warning", out)
    logs.say("started")
    logging.getLogger("some.library").info("chatter")
    logs.say("trouble", level="error")
    assert [line["event"] for line in lines(out)] == ["trouble"]


def test_a_long_text_is_shortened(out):
    logs.say("long", text="x" * 100_000)
    assert len(out.getvalue()) < 3000


def test_a_log_that_went_away_fails_no_pull(tmp_path):
    gone = (tmp_path / "log").open("w")
    logs.configure("json", "info", gone)
    gone.close()
    logs.log_event(answered())
    assert (tmp_path / "log").read_text() == ""


def test_the_console_is_plain_where_there_is_no_terminal():
    out = io.StringIO()
    logs.configure("console", "info", out)
    logs.log_event(answered())
    assert "\x1b" not in out.getvalue()
    assert "nvcr.io/nvidia/x" in out.getvalue()


def test_a_line_of_one_of_several_processes_says_which():
    stream = io.StringIO()
    logs.configure(stream=stream, worker=2)
    logs.say("started")
    logging.getLogger("aiohttp.server").warning("a library's")
    assert [json.loads(line)["worker"] for line in stream.getvalue().splitlines()] == [2, 2]
