"""Last use, beside a blob and never in it."""

import os
import time

import pytest

from proxy.content.keeping import marks

HOUR = 3600.0


@pytest.fixture
def blob(tmp_path):
    path = tmp_path / ("ab" * 32)
    path.write_bytes(b"bytes")
    aged(path)
    return path


def aged(path, hours=5.0):
    os.utime(path, (time.time() - hours * HOUR,) * 2)


def ago(blob):
    return time.time() - marks.last_use(blob)


def test_what_was_written_counts_as_used_then(blob):
    assert 4.9 * HOUR < ago(blob) < 5.1 * HOUR


def test_a_mark_stands_at_the_proof_where_there_is_one(blob):
    proof = marks.proof_of(blob)
    proof.write_text("proof")
    aged(proof)
    before = os.lstat(blob)
    marks.mark(blob)
    assert ago(blob) < 60
    assert (os.lstat(blob).st_ctime_ns, os.lstat(blob).st_mtime_ns) == (before.st_ctime_ns, before.st_mtime_ns)
    assert proof.read_text() == "proof"
    assert not marks.used_of(blob).exists()


def test_what_has_no_proof_gets_an_empty_file(blob):
    marks.mark(blob)
    assert ago(blob) < 60
    assert marks.used_of(blob).read_bytes() == b""


def test_a_mark_of_lately_is_not_made_again(blob):
    marks.mark(blob)
    aged(marks.used_of(blob), 0.05)
    before = os.lstat(marks.used_of(blob)).st_mtime_ns
    marks.mark(blob)
    assert os.lstat(marks.used_of(blob)).st_mtime_ns == before
    marks.mark(blob, every=0)
    assert os.lstat(marks.used_of(blob)).st_mtime_ns > before


def test_nothing_is_kept_of_what_is_not_here(tmp_path):
    marks.mark(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []
    assert marks.last_use(tmp_path / "absent") == 0.0


def test_after_a_clock_was_set_back_a_time_to_come_is_now_and_a_far_one_is_none(blob):
    marks.mark(blob)
    aged(marks.used_of(blob), -10)
    assert ago(blob) < 60
    aged(marks.used_of(blob), -100)
    assert ago(blob) > 4 * HOUR
    assert marks.believed(100.0, 200.0) == 100.0
