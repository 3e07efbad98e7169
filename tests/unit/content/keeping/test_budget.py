"""Capacity and reservations: every process counts those of all, and each ends with its owner."""

import subprocess
import sys

import pytest

from proxy.content.keeping.budget import Budget, Reservation
from proxy.content.settings import ContentSettings
from proxy.oci.digest import Digest

A, B, C = (Digest.of(name) for name in (b"a", b"b", b"c"))


def budget(root, most="1000", high=0.9, low=0.8):
    settings = {"highWater": high, "lowWater": low} | ({} if most is None else {"maxBytes": most})
    return Budget(root, ContentSettings.model_validate(settings))


def put(root, count):
    folder = root / "blobs" / "sha256" / "00"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0".zfill(64)).write_bytes(b"x" * count)


def test_the_marks_are_shares_of_what_it_may_hold(tmp_path):
    put(tmp_path, 850)
    standing = budget(tmp_path).look()
    assert (standing.capacity, standing.high, standing.low, standing.room) == (1000, 900, 800, 150)
    assert standing.excess == 0
    put(tmp_path, 950)
    standing = budget(tmp_path).look()
    assert (standing.excess, standing.beyond(500)) == (150, 450)


def test_without_a_budget_the_disk_is_the_limit(tmp_path):
    put(tmp_path, 850)
    standing = budget(tmp_path, most=None).look()
    assert standing.capacity > 1_000_000
    assert standing.excess == 0


def test_room_is_reserved_once_and_released(tmp_path):
    limited = budget(tmp_path)
    first = limited.reserve(A, 600)
    assert isinstance(first, Reservation)
    assert limited.reserve(B, 500) == 100
    assert budget(tmp_path).look().holding.promised == 600  # as another process sees it
    first.release()
    first.release()
    second = limited.reserve(B, 500)
    assert isinstance(second, Reservation)
    second.release()
    assert limited.look().holding.spoken_for == 0


def test_what_came_already_of_a_blob_is_not_wanted_twice(tmp_path):
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / A.dashed).write_bytes(b"x" * 700)
    limited = budget(tmp_path)
    assert limited.reserve(B, 400) == 100
    reserved = limited.reserve(A, 1000)
    assert isinstance(reserved, Reservation)
    assert limited.look().holding.spoken_for == 1000
    reserved.release()


def test_two_who_want_the_same_blob_reserve_once(tmp_path):
    one, other = budget(tmp_path), budget(tmp_path)
    first, second = one.reserve(A, 900), other.reserve(A, 900)
    assert isinstance(first, Reservation)
    assert isinstance(second, Reservation)
    second.release()
    assert one.look().holding.promised == 900
    first.release()


def test_a_reservation_ends_with_its_process(tmp_path):
    work = (
        "import sys, pathlib; from proxy.content.keeping.budget import Budget; "
        "from proxy.content.settings import ContentSettings; from proxy.oci.digest import Digest; "
        "held = Budget(pathlib.Path(sys.argv[1]), ContentSettings()).reserve(Digest.of(b'a'), 900); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", work, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        assert budget(tmp_path).look().holding.promised == 900
        process.kill()
        process.wait()
    assert budget(tmp_path).look().holding.promised == 0


@pytest.mark.parametrize("size", [0, 1000])
def test_what_fits_exactly_fits(tmp_path, size):
    reserved = budget(tmp_path).reserve(C, size)
    assert isinstance(reserved, Reservation)
    reserved.release()
