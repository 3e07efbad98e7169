"""Who has it open holds it; who removes it must have it alone. Also across processes, and after a kill."""

import fcntl
import os
import subprocess
import sys

import pytest

from proxy.content.keeping import leases


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(b"bytes")
    return path


@pytest.fixture
def opened():
    found = []

    def open_(path, flags=os.O_RDONLY):
        found.append(os.open(path, flags))
        return found[-1]

    yield open_
    for descriptor in found:
        os.close(descriptor)


def test_many_hold_it_and_nobody_takes_it_meanwhile(file, opened):
    assert leases.hold(opened(file))
    assert leases.hold(opened(file))
    assert not leases.take(opened(file, os.O_RDWR))


def test_a_lease_ends_with_its_descriptor(file, opened):
    descriptor = os.open(file, os.O_RDONLY)
    leases.hold(descriptor)
    os.close(descriptor)
    assert leases.take(opened(file, os.O_RDWR))


def test_what_is_being_removed_is_not_held_but_waited_for(file, opened, monkeypatch):
    monkeypatch.setattr(leases, "_PATIENCE", 0.01)
    assert leases.take(opened(file, os.O_RDWR))
    assert not leases.hold(opened(file))


def test_it_has_nothing_to_do_with_the_fillers_lock(file, opened):
    fcntl.flock(opened(file), fcntl.LOCK_EX)
    assert leases.hold(opened(file))


def test_a_lease_of_another_process_counts_until_it_is_killed(file, opened):
    held = (
        "import os, sys; from proxy.content.keeping import leases; "
        "leases.hold(os.open(sys.argv[1], os.O_RDONLY)); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", held, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        descriptor = opened(file, os.O_RDWR)
        assert not leases.take(descriptor)
        process.kill()
        process.wait()
        assert leases.take(descriptor)


def test_where_the_file_system_has_no_such_locks_time_is_the_only_lease(file, opened):
    lockless = opened(file, os.O_PATH)
    assert leases.hold(lockless)
    assert leases.take(lockless)
