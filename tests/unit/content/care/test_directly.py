"""Reading for the hash alone: every byte, from the disk where that can be, and nobody's cache is the worse for it."""

import ctypes
import errno
import hashlib
import mmap
import os

import pytest

from proxy.content.care import directly
from proxy.content.care.directly import PIECE, DirectFile
from proxy.errors import ContentMismatch
from tests.fakes.disks import Faults

RAW = hashlib.shake_128(b"directly").digest(2 * PIECE + 12_345)


def whole(file: DirectFile) -> bytes:
    raw = b""
    while piece := bytes(file.piece(len(raw))):
        raw += piece
    file.close()
    return raw


@pytest.mark.parametrize("size", [0, 1, 4096, PIECE - 1, PIECE, PIECE + 1, len(RAW)])
@pytest.mark.parametrize("way", ["direct", "refused at open", "refused at read"])
def test_every_byte_is_read_whether_the_file_system_reads_directly_or_not(tmp_path, size, way):
    (tmp_path / "file").write_bytes(RAW[:size])
    with Faults(directly) as faults:
        if way == "refused at open":
            faults.fail("open", errno.EINVAL)
        elif way == "refused at read":
            faults.fail("preadv", errno.EINVAL, times=1)
        file = DirectFile.open(tmp_path / "file")
        assert file.size == size
        assert whole(file) == RAW[:size]


def test_there_is_nothing_where_nothing_is(tmp_path):
    assert DirectFile.open(tmp_path / "file") is None


def test_a_thread_that_comes_after_the_close_reads_nothing(tmp_path):
    """Its descriptor may be another file's by then."""
    (tmp_path / "file").write_bytes(RAW)
    file = DirectFile.open(tmp_path / "file")
    file.close()
    assert bytes(file.piece(0)) == b""


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_file_is_not_read(tmp_path, kind):
    path = tmp_path / "file"
    {"link": lambda: path.symlink_to("x"), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[kind]()
    with pytest.raises(ContentMismatch):
        DirectFile.open(path)


def test_what_the_disk_cannot_read_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(RAW)
    file = DirectFile.open(tmp_path / "file")
    with Faults(directly) as faults:
        faults.fail("preadv")
        with pytest.raises(OSError, match="Input/output"):
            file.piece(0)
    file.close()


def cached(path) -> int:
    """How many of the file's pages are in memory: mincore(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), len(RAW)) as region:
        pages = (ctypes.c_ubyte * (len(RAW) // mmap.PAGESIZE + 1))()
        start = (ctypes.c_char * len(RAW)).from_buffer(region)
        assert libc.mincore(ctypes.byref(start), ctypes.c_size_t(len(RAW)), pages) == 0
        del start
    return sum(each & 1 for each in pages)


def written(path) -> None:
    path.write_bytes(RAW)
    descriptor = os.open(path, os.O_RDWR)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


@pytest.mark.parametrize("way", ["direct", "through the cache"])
def test_what_nobody_reads_does_not_stay_in_memory_and_what_somebody_reads_does(tmp_path, way):
    cold, hot = tmp_path / "cold", tmp_path / "hot"
    written(cold)
    written(hot)
    if cached(cold):
        pytest.skip("this file system keeps everything in memory")
    hot.read_bytes()
    with Faults(directly) as faults:
        if way != "direct":
            faults.fail("open", errno.EINVAL)
        for path in (cold, hot):
            assert whole(DirectFile.open(path)) == RAW
    assert cached(hot) == len(RAW) // mmap.PAGESIZE + 1
    assert cached(cold) == 0
