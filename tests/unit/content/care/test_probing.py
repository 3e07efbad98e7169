"""A probe asks the disk for what was wanted, and leaves nothing behind."""

import errno

import pytest

from proxy.content.care import probing
from proxy.content.care.probing import probe
from tests.fakes.disks import Faults, fill_up, needs_mounts, remount, small_disk

MIB = 1024 * 1024


def test_a_disk_that_is_well_takes_it_and_nothing_is_left(tmp_path):
    probe(tmp_path / "partial", 0)
    probe(tmp_path / "partial", 100 * MIB)
    assert list((tmp_path / "partial").iterdir()) == []


@pytest.mark.parametrize("call", ["open", "posix_fallocate", "fsync"])
def test_whatever_fails_is_told_and_nothing_is_left(tmp_path, call):
    with Faults(probing) as faults:
        faults.fail(call, errno.EDQUOT)
        with pytest.raises(OSError, match="quota"):
            probe(tmp_path, 5)
    assert list(tmp_path.iterdir()) == []


@needs_mounts
def test_a_disk_has_room_only_for_what_fits(tmp_path):
    with small_disk(tmp_path / "disk", 8 * MIB) as folder:
        probe(folder, 4 * MIB)
        with pytest.raises(OSError, match="No space"):
            probe(folder, 9 * MIB)
        ballast = fill_up(folder)
        with pytest.raises(OSError, match="No space"):
            probe(folder, 0)
        ballast.unlink()
        remount(folder, "ro")
        with pytest.raises(OSError, match="Read-only"):
            probe(folder, 0)
        remount(folder, "rw")
        probe(folder, 4 * MIB)
