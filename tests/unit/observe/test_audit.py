import contextlib
import io
import json
import logging
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import structlog

from proxy import events
from proxy.errors import StorageError
from proxy.observe import logs
from proxy.observe.audit import Audit, read, restore_pins
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository

REPOSITORY = Repository("nvcr.io", "nvidia/x")
ONE, TWO, THREE = Digest.of(b"1"), Digest.of(b"2"), Digest.of(b"3")
KEY = ("nvcr.io", "nvidia/x", "24.10")


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "audit"


@pytest.fixture
def audit(folder, clock):
    made = Audit(folder, clock=clock)
    yield made
    made.close()


@pytest.fixture
def log():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def moved(new: Digest, *, tag: str = "24.10", old: Digest | None = None) -> events.PinMoved:
    return events.PinMoved(REPOSITORY, tag, old, new, "first", "node-7")


def judged(summary: str = "no signature") -> events.Judged:
    return events.Judged(REPOSITORY, ONE, "deny", "nvcr.io/**", 0.1, {"summary": summary})


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def seen(folder: Path) -> list[tuple[int, str]]:
    return [(record["seq"], record["kind"]) for record in read(folder)]


@contextlib.contextmanager
def no_file_beyond(size: int):
    """A disk that is full from `size` bytes on: the kernel writes what fits, then refuses (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_kept_is_a_line_each_and_the_rest_is_not(audit, folder):
    audit.record(judged())
    audit.record(events.Refused("r-1", events.Client("10.0.0.1"), "x:1", "pin", "no", {}))
    audit.record(moved(ONE))
    audit.record(events.PolicyLoaded("loaded", 3, ""))
    audit.record(events.StateLost(0, False))
    audit.record(events.DistrustLifted("ops"))
    audit.record(events.DriftSeen(REPOSITORY, "24.10", ONE, TWO, "rollback", "signed before"))
    audit.record(events.TrustRefreshed("corp", "failed", "it was rolled back"))
    audit.record(events.TrustRefreshed("corp", "failed", "it was rolled back", is_repeated=True))
    audit.record(events.UpstreamAsked("nvcr.io", "blob", 200, 1, 0.1))
    kinds = ["opened", "judged", "refused", "pinMoved", "policyLoaded", "stateLost", "distrustLifted"]
    assert seen(folder) == list(enumerate([*kinds, "driftSeen", "trustRefreshed"], 1))


def test_a_file_is_named_after_its_start_and_process_and_says_its_format(audit, folder):
    assert not folder.exists()
    audit.record(judged())
    path = only_file(folder)
    assert path.name == f"20231114T221320.000000Z-{os.getpid()}.jsonl"
    first = json.loads(path.read_bytes().splitlines()[0])
    assert (first["kind"], first["format"], first["process"]) == ("opened", 1, os.getpid())


def test_a_process_that_starts_in_the_same_instant_has_a_file_of_its_own(folder, clock):
    audits = [Audit(folder, clock=clock) for _ in range(3)]
    for each in audits:
        each.record(judged())
        each.close()
    assert len(list(folder.iterdir())) == 3


def test_a_secret_is_never_written(audit, folder):
    audit.record(judged("https://bob:hunter2@r.example answered Bearer abcd1234"))
    assert b"hunter2" not in only_file(folder).read_bytes()
    assert b"abcd1234" not in only_file(folder).read_bytes()


def test_the_last_move_of_each_tag_is_restored(audit, folder):
    audit.record(moved(ONE))
    audit.record(moved(TWO, tag="25.01"))
    audit.record(moved(THREE, old=ONE))
    assert restore_pins(folder) == {KEY: THREE, ("nvcr.io", "nvidia/x", "25.01"): TWO}


def test_moves_of_several_processes_are_ordered_by_time(folder, clock):
    late, early = Audit(folder, clock=clock), Audit(folder, clock=clock)
    clock.now += 10
    late.record(judged())
    clock.now -= 9
    early.record(moved(ONE))
    clock.now += 20
    late.record(moved(TWO))
    late.close()
    early.close()
    assert restore_pins(folder) == {KEY: TWO}


def test_a_clock_that_jumps_back_does_not_bring_an_old_pin_back(audit, folder, clock):
    audit.record(moved(ONE))
    clock.now -= 3600
    audit.record(moved(TWO))
    assert restore_pins(folder) == {KEY: TWO}


def test_no_audit_restores_nothing(folder):
    assert restore_pins(folder) == {}


def test_a_torn_last_line_is_left_out(audit, folder):
    audit.record(moved(ONE))
    audit.record(moved(TWO))
    path = only_file(folder)
    raw = path.read_bytes()
    whole = raw[: raw[:-1].rindex(b"\n") + 1]
    for length in range(len(whole), len(raw)):
        path.write_bytes(raw[:length])
        assert restore_pins(folder) == {KEY: ONE}


@pytest.mark.parametrize("broken", [b"\x00" * 40, b"{", b"[1]", b'{"seq":"1","at":"x","kind":"pinMoved"}'])
def test_a_broken_line_elsewhere_restores_nothing_and_says_what_to_do(audit, folder, broken):
    audit.record(moved(ONE))
    path = only_file(folder)
    path.write_bytes(broken + b"\n" + path.read_bytes())
    with pytest.raises(StorageError, match=r"line 1, is no record.*pin confirm"):
        restore_pins(folder)


@pytest.mark.parametrize("field", ["upstream", "repository", "tag", "new"])
@pytest.mark.parametrize("wrong", [None, "", "../x", 7])
def test_a_move_that_names_no_pin_restores_nothing(audit, folder, field, wrong):
    audit.record(moved(ONE))
    path = only_file(folder)
    first, second = path.read_bytes().splitlines()
    path.write_bytes(first + b"\n" + json.dumps({**json.loads(second), field: wrong}).encode() + b"\n")
    with pytest.raises(StorageError, match="pin confirm"):
        restore_pins(folder)


def test_a_pin_does_not_move_where_the_audit_cannot_be_written(tmp_path, clock):
    (tmp_path / "audit").write_text("a file where the folder should be")
    audit = Audit(tmp_path / "audit", clock=clock)
    with pytest.raises(StorageError, match="free some space or repair the disk"):
        audit.record(moved(ONE))
    audit.close()


def test_another_record_that_is_lost_is_logged_once_and_leaves_a_gap(tmp_path, clock, log):
    blocked = tmp_path / "audit"
    blocked.touch()
    audit = Audit(blocked, clock=clock)
    for _ in range(3):
        audit.record(judged())
    assert [json.loads(line)["event"] for line in log.getvalue().splitlines()] == ["audit-failing"]
    blocked.unlink()
    audit.record(judged())
    audit.close()
    assert json.loads(log.getvalue().splitlines()[-1])["lost"] == 3
    assert seen(blocked) == [(4, "opened"), (5, "judged")]


def test_a_full_disk_leaves_whole_lines_and_the_record_goes_on_when_there_is_space(audit, folder, log):
    audit.record(moved(ONE))
    before = only_file(folder).read_bytes()
    with no_file_beyond(len(before) + 20):
        with pytest.raises(StorageError):
            audit.record(moved(TWO))
        audit.record(judged())
        assert only_file(folder).read_bytes() == before
    audit.record(moved(THREE))
    assert seen(folder) == [(1, "opened"), (2, "pinMoved"), (4, "pinMoved")]
    assert restore_pins(folder) == {KEY: THREE}


def test_a_full_disk_at_the_start_makes_one_file_and_no_more(audit, folder, log):
    with no_file_beyond(5):
        for _ in range(5):
            audit.record(judged())
        assert only_file(folder).stat().st_size == 0
    audit.record(judged())
    assert seen(folder) == [(6, "opened"), (7, "judged")]


def test_a_line_that_cannot_be_taken_back_stays_the_last_of_its_file(audit, folder, clock, log):
    audit.record(moved(ONE))
    torn = only_file(folder)
    # A descriptor that can only be read refuses both the write and the cut.
    os.dup2(reading := os.open(torn, os.O_RDONLY), audit._fd)
    os.close(reading)
    with torn.open("ab") as file:
        file.write(b'{"seq":3,"at":"2023')
    clock.now += 1
    with pytest.raises(StorageError):
        audit.record(moved(TWO))
    audit.record(moved(THREE))
    assert len(list(folder.iterdir())) == 2
    assert restore_pins(folder) == {KEY: THREE}


def test_many_threads_leave_whole_lines_in_order(audit, folder):
    def write() -> None:
        for _ in range(50):
            audit.record(judged("x" * 5000))
            audit.flush()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [seq for seq, _ in seen(folder)] == list(range(1, 202))


def test_flush_and_close_may_be_called_at_any_time(folder, clock):
    audit = Audit(folder, clock=clock)
    audit.flush()
    audit.record(judged())
    audit.flush()
    audit.flush()
    audit.close()
    audit.close()
    assert seen(folder) == [(1, "opened"), (2, "judged")]


def test_a_flush_that_fails_is_logged_and_tried_again(audit, folder, log):
    audit.record(judged())
    kept = os.dup(audit._fd)
    reading, writing = os.pipe()
    os.dup2(writing, audit._fd)  # a pipe has no disk: fsync refuses it
    os.close(reading)
    os.close(writing)
    with pytest.raises(StorageError):
        audit.flush()
    assert "audit-failing" in log.getvalue()
    os.dup2(kept, audit._fd)
    os.close(kept)
    assert audit._has_unsynced
    audit.flush()
    assert not audit._has_unsynced


def test_a_move_that_is_not_on_the_disk_is_taken_back(audit, folder, log):
    audit.record(moved(ONE))
    reading, writing = os.pipe()
    os.dup2(writing, audit._fd)
    os.close(writing)
    with pytest.raises(StorageError):
        audit.record(moved(TWO))
    os.close(reading)
    audit.record(moved(THREE))
    assert len(list(folder.iterdir())) == 2
    assert restore_pins(folder) == {KEY: THREE}


KILLED = """
import os, pathlib, sys
from proxy import events
from proxy.observe.audit import Audit
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
audit = Audit(pathlib.Path(sys.argv[1]))
audit.record(events.PinMoved(Repository("nvcr.io", "nvidia/x"), "24.10", None, Digest.of(b"1"), "first", "me"))
os.kill(os.getpid(), 9)
"""


def test_a_move_survives_kill_9(folder):
    assert subprocess.run([sys.executable, "-c", KILLED, folder], check=False, timeout=60).returncode == -9
    assert restore_pins(folder) == {KEY: ONE}
